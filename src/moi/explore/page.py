"""Sphinx extension: gives pages that hold an explorer its module, its style and a self-hosted Python."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from moi import data
from moi.node import run_node

PACKAGE = Path(__file__).parents[1]
STATIC = Path(__file__).parent / "static"
PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
HIGHS = ("highs.mjs", "highs.wasm")
PLACE = "_static/moi"


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", _add_module)
    app.connect("build-finished", _add_python)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _add_module(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if 'class="moi-explorer"' in context.get("body", ""):
        app.add_js_file("moi/page.js", type="module")
        app.add_css_file("moi/explorer.css")


def _add_python(app: Sphinx, failure: Exception | None) -> None:
    if failure is None and app.builder.format == "html":
        assets(Path(app.outdir) / PLACE, PACKAGE.parents[1])


def assets(place: Path, root: Path) -> None:
    """Put what the page's worker loads into ``place``: bundle, Pyodide, models, memory snapshot.

    HiGHS lies there too, and is fetched only when a model asks for a solver.

    ``root`` is the folder that holds ``node_modules``. The snapshot is made anew only if what it holds has changed.
    """
    pyodide = root / "node_modules" / "pyodide"
    if not pyodide.is_dir() or not (STATIC / "page.js").exists():
        raise ExtensionError("The explorer's front end is not built: run `make html`, which builds it first.")
    modules = root / "node_modules"
    for folder, source, names in (("pyodide", pyodide, PYODIDE), ("highs", modules / "highs" / "build", HIGHS)):
        (place / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            if not _same_size(source / name, place / folder / name):
                shutil.copyfile(source / name, place / folder / name)
    for name in ("page.js", "worker.js", "explorer.css"):
        shutil.copyfile(STATIC / name, place / name)
    models = _zipped_models()
    mark = hashlib.sha256(models + (pyodide / "package.json").read_bytes()).hexdigest()
    made = place / "snapshot.sha256"
    (place / "models.zip").write_bytes(models)
    if made.exists() and made.read_text() == mark and (place / "snapshot.bin.gz").exists():
        return
    run_node([STATIC.parent / "frontend" / "snapshot.mjs", place / "models.zip", place / "snapshot.bin.gz"], root)
    made.write_text(mark)


def _zipped_models() -> bytes:
    """The part of the package that the page computes with, and the data, as a zip that is the same each time."""
    files = sorted(
        path
        for path in PACKAGE.rglob("*.py")
        if path.parent in (PACKAGE, PACKAGE / "models")
        or path.parent.name == "explore"
        and path.stem in ("__init__", "answering", "tables")
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            _add(archive, f"moi/{path.relative_to(PACKAGE).as_posix()}", path)
        for path in sorted(data.folder().iterdir()):
            if path.suffix in (".csv", ".json"):
                _add(archive, f"moi/datasets/{path.name}", path)
    return packed.getvalue()


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), path.read_bytes(), zipfile.ZIP_DEFLATED)


def _same_size(a: Path, b: Path) -> bool:
    return b.exists() and a.stat().st_size == b.stat().st_size
