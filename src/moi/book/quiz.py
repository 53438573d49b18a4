"""Self-check questions: ``quiz``. Native inputs, a reason for every answer, readable without a script."""

from __future__ import annotations

import html
import re
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from moi.model import written

_MARK = re.compile(r"\[(?P<mark>[^\]]*)\]\s*")
_GLUE = re.compile(r"\{glue\}`?(?P<key>[\w.-]+)`?")
_REPR_OF_A_NUMPY_NUMBER = re.compile(r"np\.\w+\((?P<number>[^()]*)\)")


class quiz(nodes.General, nodes.Element):
    """One question. Attributes: ``kind`` (one, several, number), ``answer``, ``tolerance``, ``decimals``, ``unit``."""


class question(nodes.General, nodes.TextElement):
    """The legend: what is asked, as inline nodes."""


class choice(nodes.General, nodes.Element):
    """One answer that can be chosen, as inline nodes. Attributes: ``number`` (from 1)."""


class reasons(nodes.General, nodes.Element):
    """The answers with their reasons, folded where no script runs; the script takes its feedback from here."""


class reason(nodes.General, nodes.Element):
    """Why one answer is right or wrong. Attributes: ``right``, ``value`` (a foreseen wrong number, else ``None``)."""


class Quiz(SphinxDirective):
    """``quiz``: a question, then one list of answers, each with its reason.

    An answer begins with ``[x]`` (right) or ``[ ]`` (wrong) and holds its reason as a quotation. With ``:multiple:``
    any number of answers may be right. With ``:answer:`` the learner types a number: the items of the list are then
    the reasons themselves, ``[x]`` for the right number, ``[12.5]`` for a foreseen wrong one, ``[ ]`` for any other.
    A number may be taken from the run of the page: ``{glue}key``.
    """

    has_content = True
    option_spec = {
        "name": directives.unchanged_required,
        "multiple": directives.flag,
        "answer": directives.unchanged_required,
        "tolerance": float,
        "decimals": directives.nonnegative_int,
        "unit": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        """The question; a directive error says which rule of a good question it breaks."""
        body = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, body)
        if len(body) < 2 or not isinstance(body[0], nodes.paragraph) or not isinstance(body[-1], nodes.bullet_list):
            raise self.error("a quiz is a paragraph that asks, then whatever explains it, then one list of answers")
        items = [self._item(item) for item in body[-1]]
        node = quiz(kind=self._kind(items), classes=["quiz"])
        self.set_source_info(node)
        if "name" in self.options:
            self.add_name(node)
        else:
            node["ids"].append(f"quiz-{self.env.new_serialno('moi-quiz') + 1}")
        node += question("", *body[0].children)
        node += body[1:-1]
        if node["kind"] == "number":
            self._numeric(node, items)
        else:
            for number, (_, shown, _) in enumerate(items, start=1):
                node += choice("", *[n.deepcopy() for n in shown], number=number)
        node += self._reasons(node, items)
        return [node]

    def _item(self, item: nodes.Node) -> tuple[str, list[nodes.Node], list[nodes.Node]]:
        """The mark in the brackets, the answer as inline nodes, and the reason as blocks."""
        first = item[0] if len(item) and isinstance(item[0], nodes.paragraph) else None
        found = _MARK.match(first[0].astext()) if first is not None and isinstance(first[0], nodes.Text) else None
        if first is None or not found:
            raise self.error("every answer of a quiz begins with [x], [ ] or a number in brackets")
        inline = [nodes.Text(first[0].astext()[found.end() :]), *first.children[1:]]
        blocks = [
            b for child in item[1:] for b in (child.children if isinstance(child, nodes.block_quote) else [child])
        ]
        return found["mark"].strip(), inline, blocks

    def _kind(self, items: list[tuple[str, list[nodes.Node], list[nodes.Node]]]) -> str:
        right = sum(mark == "x" for mark, _, _ in items)
        if "answer" in self.options:
            if right != 1 or sum(mark == "" for mark, _, _ in items) != 1:
                raise self.error("a numeric quiz has one reason marked [x] and one marked [ ], for any other number")
            return "number"
        if any(mark not in ("", "x") for mark, _, _ in items) or len(items) < 2:
            raise self.error("a quiz has two answers or more, each marked [x] or [ ]")
        if any(not blocks for _, _, blocks in items):
            raise self.error("every answer needs its reason, as a quotation (>) below it")
        if "multiple" in self.options:
            return "several"
        if right != 1:
            raise self.error("a quiz without :multiple: has one right answer")
        return "one"

    def _numeric(self, node: quiz, items: list[tuple[str, list[nodes.Node], list[nodes.Node]]]) -> None:
        decimals = self.options.get("decimals", 0)
        node["answer"] = self._number(self.options["answer"])
        node["tolerance"] = self.options.get("tolerance", 0.5 * 10.0**-decimals)
        node["decimals"], node["unit"] = decimals, self.options.get("unit", "")
        for mark, _, _ in items:
            if mark not in ("", "x") and abs(self._number(mark) - node["answer"]) <= node["tolerance"]:
                raise self.error(f"the foreseen wrong number [{mark}] would be taken for the right one")

    def _number(self, text: str) -> float:
        found = _GLUE.fullmatch(text.strip())
        if found:
            text = self._glued(found["key"])
        try:
            return float(text)
        except ValueError:
            raise self.error(f"a quiz needs a number here, not {text!r}") from None

    def _glued(self, key: str) -> str:
        renderer: Any = self.state.document.get("nb_renderer")
        glued = renderer.renderer.nb_client.glue_data if renderer is not None else {}
        if key not in glued:
            raise self.error(
                f"nothing is glued as {key!r} on this page; there is {', '.join(sorted(glued)) or 'nothing'}"
            )
        shown = glued[key]["data"].get("text/plain", "")
        numpy = _REPR_OF_A_NUMPY_NUMBER.fullmatch(shown)
        return numpy["number"] if numpy else shown

    def _reasons(self, node: quiz, items: list[tuple[str, list[nodes.Node], list[nodes.Node]]]) -> reasons:
        numeric = node["kind"] == "number"
        folded = reasons()
        for mark, inline, blocks in items:
            value = self._number(mark) if numeric and mark not in ("", "x") else None
            lead = [] if numeric else [nodes.inline("", "", *inline, classes=["quiz-answer"])]
            first = nodes.paragraph("", "", *(inline if numeric else lead))
            folded += reason("", first, *blocks, right=mark == "x", value=value)
        return folded


def _open_quiz(self: HTML5Translator, node: quiz) -> None:
    data = f'data-kind="{node["kind"]}"'
    if node["kind"] == "number":
        data += f' data-answer="{node["answer"]!r}" data-tolerance="{node["tolerance"]!r}"'
        data += f' data-unit="{html.escape(node["unit"])}"'
    self.body.append(
        self.starttag(node, "form", "", CLASS="quiz").rstrip()[:-1] + f' {data} autocomplete="off">\n<fieldset>\n'
    )


def _close_quiz(self: HTML5Translator, node: quiz) -> None:
    self.body.append("</fieldset>\n</form>\n")


def _open_question(self: HTML5Translator, node: question) -> None:
    hint = {"one": "", "several": "Choose all that apply.", "number": ""}[node.parent["kind"]]
    self.body.append('<legend><span class="quiz-label">Check yourself</span> ')
    node["hint"] = f' <span class="quiz-hint">{hint}</span>' if hint else ""


def _close_question(self: HTML5Translator, node: question) -> None:
    self.body.append(f"{node['hint']}</legend>\n")


def _open_choice(self: HTML5Translator, node: choice) -> None:
    name = node.parent["ids"][0]
    kind = "radio" if node.parent["kind"] == "one" else "checkbox"
    self.body.append(f'<label class="quiz-choice"><input type="{kind}" name="{name}" value="{node["number"]}"><span>')


def _close_choice(self: HTML5Translator, node: choice) -> None:
    self.body.append("</span></label>\n")


def _open_reasons(self: HTML5Translator, node: reasons) -> None:
    parent = node.parent
    if parent["kind"] == "number":
        unit = html.escape(parent["unit"])
        label = f"Your answer{f', in {unit}' if unit else ''}"
        self.body.append(
            f'<label class="quiz-number"><span>{label}</span> <input type="text" inputmode="decimal"></label>\n'
        )
    # Hidden until a script can act on it: a button that does nothing would mislead.
    self.body.append(
        '<p class="quiz-check" hidden><button type="submit">Check</button></p>\n'
        '<div class="quiz-feedback" role="status"></div>\n'
        '<details class="fold quiz-reasons"><summary>Answer and reasons</summary>\n'
    )
    if parent["kind"] == "number":
        shown = written(parent["answer"], parent["decimals"])
        self.body.append(f'<p class="quiz-right-number">Answer: {shown} {html.escape(parent["unit"])}</p>\n')
    self.body.append("<ul>\n")


def _close_reasons(self: HTML5Translator, node: reasons) -> None:
    self.body.append("</ul>\n</details>\n")


def _open_reason(self: HTML5Translator, node: reason) -> None:
    value = "" if node["value"] is None else f' data-value="{node["value"]!r}"'
    verdict = "Right" if node["right"] else "Not right"
    lead = f'<span class="quiz-verdict">{verdict}:</span> ' if node.parent.parent["kind"] != "number" else ""
    self.body.append(f'<li data-right="{str(node["right"]).lower()}"{value}>{lead}')


def _close_reason(self: HTML5Translator, node: reason) -> None:
    self.body.append("</li>\n")


def _script_where_needed(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document) -> None:
    if doctree is not None and next(doctree.findall(quiz), None) is not None:
        app.add_js_file("quiz.js", loading_method="defer")


def setup(app: Sphinx) -> None:
    app.add_node(quiz, html=(_open_quiz, _close_quiz))
    app.add_node(question, html=(_open_question, _close_question))
    app.add_node(choice, html=(_open_choice, _close_choice))
    app.add_node(reasons, html=(_open_reasons, _close_reasons))
    app.add_node(reason, html=(_open_reason, _close_reason))
    app.add_directive("quiz", Quiz)
    app.connect("html-page-context", _script_where_needed)
