"""Charts: a model's Vega-Lite specification in the course's style, compiled for the page or drawn at build time."""

from __future__ import annotations

import copy
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
    "axisX": {"grid": False},
    "axisY": {
        "titleAngle": 0,
        "titleAlign": "left",
        "titleAnchor": "start",
        "titleX": 0,
        "titleY": -12,
        "titleBaseline": "bottom",
    },
    "legend": {
        "orient": "top",
        "direction": "horizontal",
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "labelFontSize": 13,
        "symbolStrokeWidth": 3,
        "labelLimit": 240,
        "symbolSize": 140,
        "columnPadding": 14,
        "columns": {"expr": "width < 420 ? 2 : 4"},
        "offset": 26,
    },
    "rule": {"stroke": "currentColor"},
    "point": {"fill": "currentColor"},
    "line": {"stroke": "currentColor"},
    "text": {"fill": "currentColor", "fontSize": 13},
}
WIDTHS = {"wide": 680, "narrow": 330}


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
    return vl_convert.vegalite_to_vega(specification(model, "container") | {"data": {"name": "none"}})


def drawn(model: type[MiniModel], outcome: Outcome, width: int) -> str:
    """The chart of ``outcome`` as SVG, ``width`` pixels wide; its colours come from the page."""
    return vl_convert.vegalite_to_svg(specification(model, width) | {"datasets": outcome.tables})


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
