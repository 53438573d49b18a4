"""Every page with code as a notebook to take away, and a Binder link once the course has a public address."""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jupytext
import nbformat
from docutils import nodes
from sphinx.application import Sphinx

from moi.book.markdown import blocks

_REPOSITORY = Path(__file__).parents[3]
_FOLDER = "notebooks"
_FOLDED = ("hide-input", "remove-input", "remove-cell")  # tags of cells whose code the page does not show at once


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


def as_notebook(page: Path, doctree: nodes.document) -> nbformat.NotebookNode | None:
    """``page`` (MyST) as a notebook without outputs, or ``None`` where it holds no code.

    Its code is that of the page, all of it; its text is that of ``doctree``, in which references, citations and
    numbers from the run are resolved, since a notebook shows Markdown and no directives.
    """
    notebook = jupytext.read(page, fmt="md:myst")
    if not any(cell.cell_type == "code" for cell in notebook.cells):
        return None
    written = [cell for cell in enumerate(notebook.cells) if cell[1].cell_type == "code"]
    cells: list[nbformat.NotebookNode] = []
    text: list[str] = []

    def end_text() -> None:
        if text:
            cells.append(nbformat.v4.new_markdown_cell("\n\n".join(text), id=f"text-{len(cells)}"))
            text.clear()

    def take_code(until: float) -> None:
        while written and written[0][0] <= until:
            cell = written.pop(0)[1]
            if any(tag in _FOLDED for tag in cell.metadata.get("tags", ())):
                cell.metadata["jupyter"] = {"source_hidden": True}
            cells.append(cell)

    def take(node: nodes.Node, level: int) -> None:
        if _is_code(node):
            end_text()
            take_code(node["cell_index"])
        elif any(_is_code(inside) for inside in node.findall(nodes.container)):
            for child in node.children:
                take(child, level + isinstance(node, nodes.section))
        else:
            text.extend(blocks(node, level))

    take(doctree, 1)
    end_text()
    take_code(math.inf)
    notebook.cells = cells
    notebook.metadata.pop("jupytext", None)
    return notebook


def _is_code(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def _write(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    if doctree is None:
        return
    page = Path(app.env.doc2path(pagename))
    notebook = as_notebook(page, doctree)
    if notebook is None:
        return
    target = Path(app.outdir, _FOLDER, f"{pagename}.ipynb")
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    context["notebook_link"] = context["pathto"](f"{_FOLDER}/{pagename}.ipynb", 1)
    context["binder_link"] = binder_link(public_address(), f"book/{pagename}.md")


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", _write)
