"""What the tests share: the command line in this process, and states of a model drawn from its own declaration."""

import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import hypothesis
import pytest
from hypothesis import strategies

from moi import cli

# The same draws on every run: a failure seen once is seen again.
hypothesis.settings.register_profile("moi", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("moi")


REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def moi():
    """Run the command line: arguments and standard input in; exit status, standard output and error out."""

    def run(*arguments, stdin=""):
        out, err = io.StringIO(), io.StringIO()
        given = mock.patch("sys.stdin", io.StringIO(stdin))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), given:
            try:
                status = cli.main(list(arguments))
            except SystemExit as end:
                status = end.code
        return status, out.getvalue(), err.getvalue()

    return run


@pytest.fixture(scope="session")
def html():
    """The folder of the built book: the one that ``make html`` makes, or the one that ``MOI_HTML`` names."""
    folder = Path(os.environ.get("MOI_HTML", REPOSITORY / "_build" / "html")).resolve()
    if not (folder / "index.html").is_file():
        pytest.fail("The book is not built: run `make html` first.")
    return folder


@pytest.fixture(scope="session")
def build_book(tmp_path_factory):
    """Build a small book with the course's own configuration: page name to text in, a :class:`Built` out."""

    def build(**pages):
        root = tmp_path_factory.mktemp("trial")
        source = root / "book"
        source.mkdir()
        for name, text in pages.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / f"{name}.md").write_text(text, "utf-8")
        (source / "references.bib").write_text((REPOSITORY / "book" / "references.bib").read_text("utf-8"), "utf-8")
        first, *others = pages
        chapters = "".join(f"\n  - file: {name}" for name in others)
        toc = source / "_toc.yml"
        toc.write_text(f"format: jb-book\nroot: {first}\n" + (f"chapters:{chapters}\n" if others else ""), "utf-8")
        # The whole course but the page's own Python, which takes long to prepare and has tests of its own.
        config = (REPOSITORY / "_config.yml").read_text("utf-8").replace("moi.explore.page, ", "")
        (root / "_config.yml").write_text(config.replace("moi.book: src", f"moi.book: {REPOSITORY / 'src'}"), "utf-8")
        command = [Path(sys.executable).parent / "jupyter-book", "build", source, "--path-output", root]
        options = ["--config", root / "_config.yml", "--toc", toc, "-W", "-n", "--keep-going"]
        ended = subprocess.run([*command, *options], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return Built(ended.returncode, ended.stdout + ended.stderr, root / "_build" / "html")

    return build


@dataclass(frozen=True)
class Built:
    """A small book: the exit status of its build, what the build said, and the folder of its pages."""

    status: int
    said: str
    folder: Path

    def page(self, name):
        """The HTML of a page."""
        return (self.folder / f"{name}.html").read_text("utf-8")


@pytest.fixture(scope="session")
def states():
    """A strategy for values of a model class: a few parameters moved within their own bounds, the rest at default."""
    return _states


@strategies.composite
def _states(draw, model, most=4, only=None):
    """At most ``most`` parameters are moved, and only those named in ``only`` where it is given."""
    names = draw(
        strategies.lists(strategies.sampled_from(sorted(only or model.parameters)), unique=True, max_size=most)
    )
    values = model.values_by_default()
    changed = {}
    for parameter in sorted((model.parameters[name] for name in names), key=lambda p: p.depends()):
        changed[parameter.name] = values[parameter.name] = draw(_inside(parameter, SimpleNamespace(**values)))
    return changed


def _inside(parameter, model):
    if parameter.kind == "choice":
        return strategies.sampled_from(parameter.choices)
    if parameter.kind == "flag":
        return strategies.booleans()
    low, high = parameter.limits(model)
    if parameter.kind == "whole":
        near = strategies.integers(int(low), int(min(high, max(low, 20))))
        drawn = near | strategies.integers(int(low), int(high))
    else:
        ends = {"exclude_min": low == parameter.above, "exclude_max": high == parameter.below}
        drawn = strategies.floats(low, high, **ends)
        centre = parameter.default if isinstance(parameter.default, float) else 100.0
        if low < centre < high:
            drawn |= strategies.floats(max(low, centre / 5), min(high, centre * 5), **ends)
    if parameter.kind == "numbers":
        drawn = strategies.lists(drawn, min_size=parameter.shortest, max_size=60)
    if parameter.words is not None:
        drawn |= strategies.sampled_from(list(parameter.words()))
    return strategies.none() | drawn if parameter.optional else drawn
