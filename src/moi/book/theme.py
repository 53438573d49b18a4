"""The look of the book: its theme, what a page does without, and HTML of other tools that needs mending."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

_FOLDER = Path(__file__).parent / "theme"
# Sphinx and MyST-NB add these to every page. The course's pages need none of them (the search page brings its own).
_UNUSED = ("documentation_options.js", "doctools.js", "sphinx_highlight.js", "pygments.css", "basic.css", "mystnb.")
# Each breaks a rule of WAI-ARIA or of WCAG 2.2: an empty header cell (pandas), a heading without a level (Sphinx),
# a list of what are not list items and a role that is no longer one (docutils).
_MENDED = {
    "<th></th>": "<td></td>",
    '<p class="caption" role="heading">': '<p class="caption">',
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' role="doc-biblioentry"': "",
}


def mended(body: str) -> str:
    """The HTML of a page without the known faults of the tools that wrote it."""
    for fault, mend in _MENDED.items():
        body = body.replace(fault, mend)
    return body


def _used(asset: Any) -> bool:
    return not str(getattr(asset, "filename", asset)).removeprefix("_static/").startswith(_UNUSED)


def _prepare(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    context["css_files"] = list(filter(_used, context["css_files"]))
    context["script_files"] = list(filter(_used, context["script_files"]))
    context["mended"] = mended
    if "body" in context:
        context["body"] = mended(context["body"])


def _box_tables(app: Sphinx, doctree: nodes.document) -> None:
    """Put every table in a box of its own, which scrolls where the table is wider than the page."""
    for table in list(doctree.findall(nodes.table)):
        box = nodes.container(classes=["table-box"])
        table.replace_self(box)
        box += table


def _open_folded(self: HTML5Translator, node: HideCodeCellNode) -> None:
    # MyST-NB's own fold names itself otherwise than it reads.
    what = "result" if "below-input" in node["classes"] else "code"
    self.body.append(f'<details class="fold"><summary>Show the {what}</summary>\n')


def _close_folded(self: HTML5Translator, node: HideCodeCellNode) -> None:
    self.body.append("</details>\n")


def setup(app: Sphinx) -> None:
    app.add_html_theme("moi", str(_FOLDER))
    app.add_js_file("book.js", loading_method="defer")
    app.add_node(HideCodeCellNode, override=True, html=(_open_folded, _close_folded))
    app.connect("doctree-read", _box_tables)
    # After MyST-NB and the others have added theirs.
    app.connect("html-page-context", _prepare, priority=900)
