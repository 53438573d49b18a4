"""What contributors and instructors are shown: the example model, the chapter template, the list of assignments."""

import doctest
import re
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from bs4 import BeautifulSoup

from moi.grading.exercises import ROOT, assignments
from moi.interface import compare
from moi.model import MiniModel

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> type[MiniModel]:
    """The model of CONTRIBUTING.md, from a module of its own."""
    (source,) = re.findall(r"^```python\n(.*?)^```$", CONTRIBUTING, re.DOTALL | re.MULTILINE)
    module = ModuleType("example_model")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, "CONTRIBUTING.md", "exec"), vars(module))
    return module.OpeningHours


def test_example_model_computes_what_its_docstring_says(example):
    (found,) = doctest.DocTestFinder().find(example, globs=vars(sys.modules[example.__module__]))[:1]
    results = doctest.DocTestRunner().run(found)
    assert (results.attempted, results.failed) == (2, 0)
    assert example.name == "opening_hours"


def test_example_model_can_be_compared(example):
    comparison = compare(example())
    assert comparison.marketing.values["hours"] == 16
    assert comparison.operations.values["staff"] == 1
    assert comparison.gap > 0


def test_chapter_template_builds(build_book):
    (template,) = re.findall(r"^````md\n(.*?)^````$", CONTRIBUTING, re.DOTALL | re.MULTILINE)
    built = build_book(chapter=template)
    assert built.status == 0, built.said
    page = BeautifulSoup(built.page("chapter"), "html.parser")
    assert page.select_one(".moi-explorer") and page.select_one(".outcomes")


def test_files_and_commands_named_for_contributors_exist():
    paths = re.findall(r"`((?:src|tests|data|book|solutions|exercises)/[\w./-]*)`", CONTRIBUTING)
    real = {path for path in paths if not re.search(r"NAME|LEVEL", path)}
    assert len(real) > 10
    assert [path for path in sorted(real) if not Path(ROOT, path).exists()] == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)", CONTRIBUTING)) - targets == set()


@pytest.mark.parametrize("name", assignments())
def test_instructors_find_every_task_with_its_points(html, name):
    page = BeautifulSoup((html / "teach" / "index.html").read_text("utf-8"), "html.parser")
    (file,) = (ROOT / "solutions" / name).glob("*.ipynb")
    cells = nbformat.read(file, as_version=4).cells
    graded = [cell.metadata.nbgrader.points for cell in cells if cell.metadata.get("nbgrader", {}).get("grade")]
    heads = [p for p in page.select("p") if p.find("code", string=name) and "points by tests" in p.get_text()]
    assert len(heads) == 1, f"{name} must stand once on the page"
    rows = heads[0].find_next("table").select("tbody tr")
    assert [float(row.select("td")[1].get_text()) for row in rows] == graded
    by_hand = [row.get_text() for row in rows if "by the rubric" in row.get_text()]
    assert by_hand
    for row in by_hand:
        (rubric,) = re.findall(r"in cell\s+([\w-]+)", row)
        assert any(cell.id == rubric and "How this is marked" in cell.source for cell in cells)
