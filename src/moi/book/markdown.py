"""A page as plain Markdown that any notebook shows: what directives and roles say, in place of how they are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from docutils import nodes
from sphinx import addnodes

from moi.book.asking import answer
from moi.book.quiz import choice, question, quiz, reason, reasons
from moi.model import written

_SPECIAL = re.compile(r"([\\`*_$<\[\]])")


def inline(node: nodes.Node) -> str:
    """The text of ``node`` as Markdown on one line: emphasis, code, formulas and links out of the book stay."""
    if isinstance(node, nodes.Text):
        return _SPECIAL.sub(r"\\\1", " ".join(node.astext().split("\n")))
    if isinstance(node, nodes.math):
        return f"${node.astext()}$"
    if isinstance(node, nodes.literal):
        return f"`{node.astext()}`"
    if isinstance(node, nodes.raw):
        return re.sub(r"<[^>]+>", "", node.astext())
    if isinstance(node, nodes.Element) and "outcome-where" in node["classes"]:
        return ""  # links within the page
    text = "".join(inline(child) for child in node.children)
    if isinstance(node, nodes.emphasis) and text:
        return f"*{text}*"
    if isinstance(node, nodes.strong) and text:
        return f"**{text}**"
    if isinstance(node, nodes.reference) and "://" in node.get("refuri", ""):
        return f"[{text}]({node['refuri']})"
    return text


def blocks(node: nodes.Node, level: int = 1) -> list[str]:
    """``node`` as blocks of Markdown, to be joined by empty lines; ``level`` is that of the headings in it."""
    write = _WRITERS.get(type(node))
    if write is not None:
        return write(node, level)
    if isinstance(node, nodes.TextElement):
        return [inline(node)] if node.astext().strip() else []
    return _all(node.children, level + isinstance(node, nodes.section))


def _all(children: Iterable[nodes.Node], level: int) -> list[str]:
    return [block for child in children for block in blocks(child, level)]


def _paragraph(node: nodes.Node, level: int) -> list[str]:
    text = inline(node).strip()
    heads = [name for name in node["classes"] if name.endswith("-title")]
    ask = "First ask yourself: " if "ask-title" in heads else ""
    return [f"**{ask}{text}**" if heads else text] if text else []


def _title(node: nodes.Node, level: int) -> list[str]:
    if isinstance(node.parent, nodes.section):
        return [f"{'#' * min(level - 1, 6)} {inline(node)}"]
    return [f"**{inline(node)}**"]


def _items(node: nodes.Node, level: int) -> list[str]:
    numbered = isinstance(node, nodes.enumerated_list)
    marks = [f"{number}." if numbered else "-" for number in range(1, len(node.children) + 1)]
    items = [_hung(f"{mark} ", _all(item.children, level)) for mark, item in zip(marks, node.children, strict=True)]
    return ["\n".join(items)]


def _hung(mark: str, inside: list[str]) -> str:
    """Blocks that hang below a list's mark."""
    indented = "\n\n".join(inside).replace("\n", "\n" + " " * len(mark))
    return mark + "\n".join(line.rstrip() for line in indented.split("\n"))


def _definition(node: nodes.Node, level: int) -> list[str]:
    term, *rest = node.children
    return [f"**{inline(term)}**", *_all(rest, level)]


def _quotation(node: nodes.Node, level: int) -> list[str]:
    return ["\n".join(f"> {line}".rstrip() for line in "\n\n".join(_all(node.children, level)).split("\n"))]


def _table(node: nodes.Node, level: int) -> list[str]:
    rows = [[" ".join(_all(entry.children, level)) for entry in row.children] for row in node.findall(nodes.row)]
    head, *body = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    captions = [f"*{inline(title)}*" for title in node.children if isinstance(title, nodes.title)]
    return [*captions, "\n".join([head, "|" + " --- |" * len(rows[0]), *body])]


def _folded(summary: str, inside: list[str]) -> list[str]:
    # The empty lines keep what is folded Markdown.
    return [f"<details><summary>{summary}</summary>", *inside, "</details>"]


def _quiz(node: nodes.Node, level: int) -> list[str]:
    asked, told = [], []
    choices = "\n".join(f"- {inline(child)}" for child in node.children if isinstance(child, choice))
    for child in node.children:
        if isinstance(child, question):
            asked.append(f"**Check yourself.** {inline(child)}")
        elif isinstance(child, reasons):
            told = ["\n".join(_hung("- ", _all([told], level)) for told in child.children)]
        elif not isinstance(child, choice):
            asked += blocks(child, level)
    if choices:
        asked.append(choices)
    if node["kind"] == "number":
        told.insert(0, f"Answer: {written(node['answer'], node['decimals'])} {node['unit']}".rstrip())
    return [*asked, *_folded("Answer and reasons", told)]


def _reason(node: nodes.Node, level: int) -> list[str]:
    first, *rest = _all(node.children, level) or [""]
    return [f"**{'Right' if node['right'] else 'Not right'}:** {first}".rstrip(), *rest]


def _nothing(node: nodes.Node, level: int) -> list[str]:
    return []


_WRITERS: dict[type[nodes.Node], Callable[[nodes.Node, int], list[str]]] = {
    nodes.paragraph: _paragraph,
    nodes.title: _title,
    nodes.rubric: lambda node, level: [f"**{inline(node)}**"],
    nodes.bullet_list: _items,
    nodes.enumerated_list: _items,
    nodes.definition_list_item: _definition,
    nodes.block_quote: _quotation,
    nodes.admonition: _quotation,
    nodes.table: _table,
    nodes.math_block: lambda node, level: [f"$$\n{node.astext().strip()}\n$$"],
    nodes.literal_block: lambda node, level: [f"```{node.get('language', '')}\n{node.astext().rstrip()}\n```"],
    nodes.transition: lambda node, level: ["---"],
    nodes.comment: _nothing,
    nodes.target: _nothing,
    nodes.raw: _nothing,
    nodes.citation: lambda node, level: [f"- {' '.join(_all(node.children[1:], level))}"],
    addnodes.glossary: lambda node, level: _all(node.children, level),
    quiz: _quiz,
    reason: _reason,
    answer: lambda node, level: _folded("Show the answer", _all(node.children, level)),
}
