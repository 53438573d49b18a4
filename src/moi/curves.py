"""What the charts of curves share: a line for each side, and where the levers stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Layer = dict[str, Any]


def lines(
    table: str, y: Mapping[str, Any], curves: Mapping[str, tuple[str, str]], legend: bool = True
) -> tuple[Layer, ...]:
    """A layer for each of ``curves``, label to field and side; that of operations is dashed.

    ``y`` is what all say of their axis. Without ``legend`` the chart itself says which label has which colour.
    """
    fields, sides = zip(*curves.values(), strict=True)
    scale = {"title": None, "scale": {"domain": list(curves), "range": list(sides)}} if legend else {}
    return tuple(
        {
            "data": {"name": table},
            "mark": {"type": "line", "strokeWidth": 2.5, "strokeDash": [7, 3] if side == "operations" else [1, 0]},
            "encoding": {"y": {"field": field, "type": "quantitative", **y}, "color": {"datum": label, **scale}},
        }
        for label, field, side in zip(curves, fields, sides, strict=True)
    )


def here(field: str) -> tuple[Layer, ...]:
    """A rule where the lever stands in the table ``now``, and a point at ``field``."""
    point = {"type": "point", "filled": True, "size": 90, "opacity": 1}
    return (
        {"data": {"name": "now"}, "mark": {"type": "rule", "strokeDash": [2, 3]}},
        {"data": {"name": "now"}, "mark": point, "encoding": {"y": {"field": field, "type": "quantitative"}}},
    )
