"""Running the pages: every page runs again when what its cells compute with has changed."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

_PACKAGE = Path(__file__).parents[1]
_REPOSITORY = _PACKAGE.parents[1]
# What no cell of a page computes with, but for what it shows: a change there need not run the pages again.
_NOT_COMPUTED_WITH = ("book", "grading")
_SHOWN = ("src/moi/grading/rewrites.py", "tests/grading/kinds.toml")


def fingerprint(package: Path = _PACKAGE, data: Path = _REPOSITORY / "data") -> str:
    """A short hash of what the cells of a page compute with: the package's sources, the data, the assignments, …"""
    sources = [p for p in package.rglob("*.py") if p.relative_to(package).parts[0] not in _NOT_COMPUTED_WITH]
    assignments = data.parent.glob("solutions/*/*.ipynb")
    shown = [file for name in _SHOWN for file in data.parent.glob(name)]
    files = [*sources, *package.glob("*.mplstyle"), *data.glob("*.csv"), *assignments, *shown]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def machinery(folder: Path = Path(__file__).parent) -> str:
    """A short hash of this extension: pages are read again, but not run again, when it changes."""
    return hashlib.sha256(b"".join(p.read_bytes() for p in sorted(folder.glob("*.py")))).hexdigest()[:12]


def _key_the_cache(app: Sphinx, config: Config) -> None:
    # MyST-NB's cache looks at the page alone; without this a changed model would leave old numbers in the book.
    caches = Path(app.outdir).parent / ".jupyter_cache"
    present = caches / config.moi_fingerprint
    for old in caches.glob("*"):
        if old != present:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    config.nb_execution_cache_path = str(present)


def setup(app: Sphinx) -> None:
    # Read by moi.explore in the kernels: in a page it returns plain HTML and makes no widget.
    os.environ["MOI_BOOK"] = "1"
    # Jupyter Book always sets this value, which belongs to an extension that the course does not use.
    app.add_config_value("comments_config", {}, "")
    app.add_config_value("moi_fingerprint", fingerprint(), "env", str)
    app.add_config_value("moi_machinery", machinery(), "env", str)
    app.connect("config-inited", _key_the_cache)
