"""Every page with code as a notebook to take away, and a Binder link once the course has a public address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jupytext
import nbformat
from sphinx.application import Sphinx

_REPOSITORY = Path(__file__).parents[3]
_FOLDER = "notebooks"


def public_address(pyproject: Path = _REPOSITORY / "pyproject.toml") -> str:
    """The repository's public address, the one setting ``[tool.moi] repository``; empty while there is none."""
    settings = tomllib.loads(pyproject.read_text(encoding="utf-8")) if pyproject.exists() else {}
    return settings.get("tool", {}).get("moi", {}).get("repository", "").rstrip("/")


def binder_link(address: str, page: str) -> str | None:
    """The address that opens ``page`` (path from the top of the repository) on Binder; ``None`` if there is none.

    Binder names a repository by host, owner and name: only GitHub and GitLab addresses are turned into a link.
    """
    found = re.fullmatch(r"https://(github|gitlab)\.com/([^/]+)/([^/]+?)(?:\.git)?", address)
    if not found:
        return None
    host, owner, name = found.groups()
    where = f"gh/{owner}/{name}" if host == "github" else f"gl/{quote(f'{owner}/{name}', safe='')}"
    return f"https://mybinder.org/v2/{where}/HEAD?urlpath={quote(f'lab/tree/{page}', safe='')}"


def as_notebook(page: Path) -> nbformat.NotebookNode | None:
    """``page`` (MyST) as a notebook without outputs, or ``None`` where it holds no code."""
    notebook = jupytext.read(page, fmt="md:myst")
    if not any(cell.cell_type == "code" for cell in notebook.cells):
        return None
    notebook.metadata.pop("jupytext", None)
    return notebook


def _write(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    if doctree is None:
        return
    page = Path(app.env.doc2path(pagename))
    notebook = as_notebook(page)
    if notebook is None:
        return
    target = Path(app.outdir, _FOLDER, f"{pagename}.ipynb")
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    context["notebook_link"] = context["pathto"](f"{_FOLDER}/{pagename}.ipynb", 1)
    context["binder_link"] = binder_link(public_address(), f"book/{pagename}.md")


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", _write)
