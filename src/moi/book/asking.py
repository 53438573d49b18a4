"""A question asked before its answer is shown: ``ask``."""

from __future__ import annotations

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator


class answer(nodes.General, nodes.Element):
    """The folded answer to a question; opens by the browser's own means, with or without a script."""


class Ask(SphinxDirective):
    """``ask``: the argument is the question; the body says what to try, then ``---``, then the answer."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The question in a box with its answer folded."""
        lines = list(self.content)
        if "---" not in lines:
            raise self.error("ask needs a line of three dashes between what to try and the answer")
        cut = lines.index("---")
        box = nodes.container(classes=["ask"])
        title, messages = self.parse_inline(self.arguments[0])
        box += nodes.paragraph("", "", *title, *messages, classes=["ask-title"])
        self._parse(self.content[:cut], self.content_offset, box)
        folded = answer()
        self._parse(self.content[cut + 1 :], self.content_offset + cut + 1, folded)
        if not folded.children:
            raise self.error("ask needs an answer after the three dashes")
        box += folded
        return [box]

    def _parse(self, lines: StringList, offset: int, into: nodes.Element) -> None:
        self.state.nested_parse(lines, offset, into)


def _open(self: HTML5Translator, node: answer) -> None:
    self.body.append('<details class="fold"><summary>Show the answer</summary>\n')


def _close(self: HTML5Translator, node: answer) -> None:
    self.body.append("</details>\n")


def setup(app: Sphinx) -> None:
    app.add_node(answer, html=(_open, _close))
    app.add_directive("ask", Ask)
