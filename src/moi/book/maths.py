"""Mathematics set at build time by KaTeX, with its style sheet and fonts served from the book itself."""

from __future__ import annotations

import functools
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

from moi.node import NODE

_KATEX = Path(__file__).parents[3] / "node_modules" / "katex" / "dist"
_STYLE_SHEET = "katex/katex.min.css"
_log = logging.getLogger(__name__)


class FormulaError(ValueError):
    """A formula that KaTeX cannot set; ``str(error)`` is its message."""


@functools.cache
def _setter() -> subprocess.Popen[str]:
    """The one Node process that sets every formula of a build; it ends when its input is closed."""
    return subprocess.Popen(
        [NODE, Path(__file__).with_suffix(".mjs"), _KATEX / "katex.mjs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


@functools.cache
def typeset(latex: str, display: bool) -> str:
    """``latex`` as HTML with MathML for screen readers; raises :class:`FormulaError` where it cannot be set."""
    process = _setter()
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps({"latex": latex, "display": display}) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"KaTeX stopped; is it installed in {_KATEX.parent}?")
    answer = json.loads(line)
    if "fault" in answer:
        raise FormulaError(answer["fault"])
    return answer["html"]


def _set(node: nodes.math | nodes.math_block, display: bool) -> str:
    try:
        return typeset(node.astext(), display)
    except FormulaError as fault:
        _log.warning("a formula cannot be set: %s", fault, location=node)
        return f"<code>{html.escape(node.astext())}</code>"


def _inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(f'<span class="math">{_set(node, display=False)}</span>')
    raise nodes.SkipNode


def _block(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math"))
    self.body.append(_set(node, display=True))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})</span>')
    self.body.append("</div>\n")
    raise nodes.SkipNode


def _offer_style_sheet(app: Sphinx) -> None:
    """Put KaTeX's style sheet and fonts, in the one format that every present browser reads, among the static files."""
    served = Path(app.doctreedir) / "static"
    folder = served / Path(_STYLE_SHEET).parent
    (folder / "fonts").mkdir(parents=True, exist_ok=True)
    css = (_KATEX / "katex.min.css").read_text(encoding="utf-8")
    (served / _STYLE_SHEET).write_text(
        re.sub(r',url\([^)]*\) format\("(?:woff|truetype)"\)', "", css), encoding="utf-8"
    )
    for font in (_KATEX / "fonts").glob("*.woff2"):
        shutil.copy(font, folder / "fonts")
    app.config.html_static_path.append(str(served))


def _style_where_needed(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    if 'class="katex' in context.get("body", ""):
        app.add_css_file(_STYLE_SHEET)


def _stop(app: Sphinx, exception: Exception | None) -> None:
    if _setter.cache_info().currsize:
        _setter().communicate()
        _setter.cache_clear()


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("katex", inline_renderers=(_inline, None), block_renderers=(_block, None))
    app.connect("builder-inited", _offer_style_sheet)
    app.connect("html-page-context", _style_where_needed)
    app.connect("build-finished", _stop)
