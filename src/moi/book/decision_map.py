"""The map of the decisions, each box leading to its chapter: ``decision-map`` and ``decision-levels``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from moi.book.notes import changed, notes
from moi.decisions import ACROSS, BEFORE, LEVELS, WIDER, Area, areas

_NOTED = "decision-map"
_log = logging.getLogger(__name__)


class decision_map(nodes.General, nodes.Element):
    """The place of a map. Attribute: ``show`` (``framework`` or ``wider``). Drawn when the page is written."""


class DecisionMap(SphinxDirective):
    """``decision-map``: the framework, or with ``:wider:`` the list that later work adds.

    A chapter that is in the book is linked; a box without one says so. A chapter with outcomes that no box leads to
    is a warning, which stops the build.
    """

    option_spec = {"wider": directives.flag}

    def run(self) -> list[nodes.Node]:
        """The map's place in the page."""
        notes(self.env, _NOTED)[self.env.docname] = True
        return [decision_map(show="wider" if "wider" in self.options else "framework")]


class DecisionLevels(SphinxDirective):
    """``decision-levels``: a table of the areas, with what marketing and operations bring to each."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        lines = [
            ":::{list-table} What each function brings, by decision area",
            ":header-rows: 1",
            ":widths: auto",
            "",
            "* - Level",
            "  - Decision area",
            "  - Marketing brings",
            "  - Operations brings",
        ]
        for level in LEVELS:
            for area in level.areas:
                lines += [f"* - {level.name}", f"  - {area.title}", f"  - {area.marketing}", f"  - {area.operations}"]
        return self.parse_text_to_nodes("\n".join([*lines, ":::"]))


def drawn(show: str, builder: Builder, page: str) -> str:
    """The HTML of a map as it stands on ``page``, with links to the chapters that are in the book."""
    if show == "wider":
        items = "".join(_box(area, builder, page) for area in WIDER)
        return f'<ul class="map-boxes map-wider" role="list">{items}</ul>\n'
    parts = [_band(BEFORE, builder, page)]
    for level in LEVELS:
        boxes = "".join(_box(area, builder, page) for area in level.areas)
        parts.append(
            f'<div class="map-level" role="group" aria-labelledby="level-{level.name}">'
            f'<p class="map-name" id="level-{level.name}"><strong>{escape(level.title)}</strong> '
            f"<span>{escape(level.reach)} ahead</span></p>"
            f'<ul class="map-boxes" role="list">{boxes}</ul></div>'
        )
    parts.append(_band(ACROSS, builder, page))
    return (
        f'<figure class="decision-map" id="decision-map">{"".join(parts)}'
        f"<figcaption><p>{escape(in_words(builder.env))}</p></figcaption></figure>\n"
    )


def in_words(env: BuildEnvironment) -> str:
    """What the map shows, in sentences, for those who cannot see how it is laid out."""
    levels = [f"the {level.name} level ({_listed([area.title.lower() for area in level.areas])})" for level in LEVELS]
    without = [area.title.lower() for level in LEVELS for area in level.areas if not _written(area, env)]
    state = f"No chapter yet: {_listed(without)}." if without else "Every area has its chapter."
    return f"From the longest reach to the shortest: {'; '.join(levels)}. {state}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _written(area: Area, env: BuildEnvironment) -> list[str]:
    return [page for page in area.pages if page in env.found_docs]


def _box(area: Area, builder: Builder, page: str) -> str:
    links = list(_links(area, builder, page))
    ways = "".join(links) or '<p class="map-none">No chapter yet</p>'
    state = {0: "map-box map-empty", 1: "map-box map-one"}.get(len(links), "map-box")
    return (
        f'<li class="{state}"><p class="map-area">{escape(area.title)}</p>'
        f'<p class="map-question">{escape(area.question)}</p>{ways}</li>'
    )


def _band(area: Area, builder: Builder, page: str) -> str:
    ways = "".join(_links(area, builder, page)) or '<p class="map-none">No chapter yet</p>'
    return f'<div class="map-band"><p><strong>{escape(area.title)}</strong> {escape(area.question)}</p>{ways}</div>'


def _links(area: Area, builder: Builder, page: str) -> Iterator[str]:
    for chapter in _written(area, builder.env):
        address = escape(builder.get_relative_uri(page, chapter), quote=True)
        title = escape(builder.env.titles[chapter].astext())
        yield f'<p class="map-go"><a href="{address}"><span class="visually-hidden">Chapter: </span>{title}</a></p>'


def _draw(self: HTML5Translator, node: decision_map) -> None:
    self.body.append(drawn(node["show"], self.builder, self.builder.current_docname))
    raise nodes.SkipNode


def _redraw(app: Sphinx, env: BuildEnvironment) -> list[str]:
    # A page added, removed or renamed elsewhere changes the map.
    linked = {page: env.titles[page].astext() for area in areas() for page in _written(area, env)}
    return list(notes(env, _NOTED)) if changed(env, _NOTED, linked) else []


def _check(app: Sphinx, env: BuildEnvironment) -> None:
    maps = notes(env, _NOTED)
    known = {page for area in areas() for page in area.pages} | set(maps)
    for page in sorted(set(notes(env, "outcomes")) - known) if maps else ():
        _log.warning("no box of the decision map leads to this chapter: name it in moi/decisions.py", location=page)


def setup(app: Sphinx) -> None:
    app.add_node(decision_map, html=(_draw, None))
    app.add_directive("decision-map", DecisionMap)
    app.add_directive("decision-levels", DecisionLevels)
    app.connect("env-updated", _redraw)
    app.connect("env-check-consistency", _check)
