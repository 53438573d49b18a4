"""Charts: a model's Vega-Lite specification in the course's style, compiled for the page or drawn at build time."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import vl_convert

from moi.model import MiniModel, Outcome

# A colour in a specification names a side; the page's style sheet says what it looks like in light and dark.
COLOURS = {side: f"var(--moi-{side})" for side in ("marketing", "operations", "firm", "gap")}
CONFIG: dict[str, Any] = {
    "aria": False,  # the figure as a whole carries the text alternative
    "background": None,
    # Named, not inherited: Vega measures text with it to place labels.
    "font": "system-ui, -apple-system, 'Segoe UI', sans-serif",
    "locale": {"number": {"decimal": ".", "thousands": "\N{NO-BREAK SPACE}", "grouping": [3], "currency": ["£", ""]}},
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "tickColor": "var(--moi-line)",
        "domainColor": "var(--moi-line)",
        "gridColor": "var(--moi-grid)",
        "labelFontSize": 13,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
        "labelPadding": 6,
        "tickSize": 4,
    },
    "axisX": {"grid": False, "labelFlush": False},
    "axisY": {
        "titleAngle": 0,
        "titleAlign": "left",
        "titleAnchor": "start",
        "titleX": 0,
        "titleY": -12,
        "titleBaseline": "bottom",
    },
    "legend": {"disable": True},  # the page sets it, so that it wraps and can be read at any width
    "rule": {"stroke": "currentColor"},
    "point": {"fill": "currentColor"},
    "line": {"stroke": "currentColor"},
    "text": {"fill": "currentColor", "fontSize": 13},
}
WIDTHS = {"wide": 680, "narrow": 330}


@dataclass(frozen=True)
class Entry:
    """One line of a legend: what is drawn, as which Vega-Lite mark, in which colour, with which dashes."""

    label: str
    mark: str
    colour: str
    dashes: tuple[float, ...] = ()


def legend(model: type[MiniModel]) -> list[Entry]:
    """The colours of the chart in words, from the specification's own colour scale; empty where there is none."""
    layers = [layer for layer in model.chart.get("layer", [model.chart]) if "color" in layer.get("encoding", {})]
    encodings = [model.chart.get("encoding", {}), *(layer["encoding"] for layer in layers)]
    scale = next((e["color"]["scale"] for e in encodings if "scale" in e.get("color", {})), None)
    if scale is None:
        return []
    found = []
    for label, colour in zip(scale["domain"], scale["range"], strict=True):
        # A layer that is coloured by its rows draws whatever no layer has to itself.
        own = [layer for layer in layers if layer["encoding"]["color"].get("datum") == label]
        mark = (own or [layer for layer in layers if "field" in layer["encoding"]["color"]])[0]["mark"]
        mark = {"type": mark} if isinstance(mark, str) else mark
        dashes = tuple(mark.get("strokeDash", ()))
        found.append(Entry(label, mark["type"], COLOURS.get(colour, colour), () if dashes == (1, 0) else dashes))
    return found


def specification(model: type[MiniModel], width: int | str) -> dict[str, Any]:
    """The model's Vega-Lite specification, ``width`` in pixels or ``"container"``, in the course's style."""
    chart = _coloured(copy.deepcopy(model.chart))
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "autosize": {"type": "fit-x", "contains": "padding"},
        **chart,
        "width": width,
        "config": CONFIG,
    }


def compiled(model: type[MiniModel]) -> dict[str, Any]:
    """The specification compiled to Vega, without data, as wide as its container."""
    # Vega-Lite wants data at the top, and most charts name theirs in their layers.
    return vl_convert.vegalite_to_vega({"data": {"name": "none"}} | specification(model, "container"))


def drawn(model: type[MiniModel], outcome: Outcome, width: int) -> str:
    """The chart of ``outcome`` as SVG, ``width`` pixels wide; its colours come from the page."""
    # The reader's font may be wider than the one that is measured here.
    room = {"left": 16, "right": 16, "top": 4, "bottom": 4}
    return vl_convert.vegalite_to_svg(specification(model, width) | {"datasets": outcome.tables, "padding": room})


def _coloured(part: Any) -> Any:
    """Replace the name of a side by its colour wherever the specification names colours."""
    if isinstance(part, dict):
        return {
            key: [COLOURS.get(c, c) if isinstance(c, str) else c for c in value]
            if key == "range" and isinstance(value, list)
            else COLOURS.get(value, value)
            if key in ("color", "fill", "stroke", "value") and isinstance(value, str)
            else _coloured(value)
            for key, value in part.items()
        }
    return [_coloured(item) for item in part] if isinstance(part, list) else part
