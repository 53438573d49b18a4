"""What the explorer asks and how it is answered: the same function in a kernel and in the page's worker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moi import interface, models
from moi.explore import tables
from moi.model import InputError, MiniModel, NoComparison, Outcome

STATES = ("marketing", "operations", "apart", "together")


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one request of the front end.

    ``request`` has ``model``, ``values`` and, on request, ``compare``, ``programme`` or ``written`` (each ``true``).
    The answer holds either ``error`` (``message`` and, where one parameter is to blame, ``parameter``) or what
    :func:`present` gives, with ``comparison``, ``programme`` or ``written`` (the tables as texts) as asked for.
    """
    kind = models.get(request["model"])
    try:
        model = kind.of(request["values"])
        outcome = model.outcome()
        shown = present(model, outcome)
        if request.get("written"):
            shown["written"] = tables.in_words(model, outcome)
        if request.get("programme"):
            shown["programme"] = model.programme()
        if request.get("compare"):
            shown["comparison"] = present_comparison(interface.compare(model))
        return shown
    except InputError as error:
        # A reader of the figure knows the label of a control, not its name in Python.
        parameter = kind.parameters.get(error.parameter)
        message = str(error).replace(error.parameter, parameter.label, 1) if parameter else str(error)
        return {"error": {"message": message, "parameter": error.parameter}}
    except NoComparison as error:
        return {"error": {"message": str(error), "parameter": None}}


def answer_json(request: str) -> str:
    """:func:`answer` for callers that hold JSON text, as the page's worker does."""
    return json.dumps(answer(json.loads(request)), allow_nan=False)


def present(model: MiniModel, outcome: Outcome) -> dict[str, Any]:
    """Everything the front end shows of ``model``: numbers as they are and as a reader would write them."""
    return {
        "values": model.values,
        "measures": outcome.measures,
        "texts": {m.name: m.text(outcome.measures[m.name]) for m in model.measures},
        "tables": outcome.tables,
        "problems": list(outcome.problems),
        "summary": outcome.summary,
        "ranges": {p.name: p.slider_limits(model) for p in model.parameters.values() if p.depends()},
        "python": as_python(model),
    }


def present_comparison(found: interface.Comparison) -> dict[str, Any]:
    """A comparison as rows of texts, with the values that each row would set."""
    goals = [found.together.goal(judge) for judge in ("marketing", "operations", "firm")]  # type: ignore[arg-type]
    rows = []
    for state in STATES:
        model = found.apart[0] if state == "apart" else getattr(found, state)
        measures = found.apart_measures() if state == "apart" else model.outcome().measures
        rows.append(
            {"state": state, "values": model.values, "texts": [goal.text(measures[goal.name]) for goal in goals]}
        )
    return {
        "rows": rows,
        "goals": [{"label": goal.label, "side": goal.side, "better": goal.better} for goal in goals],
        "ended": found.how_it_ended(),
        "gap": goals[2].text(found.gap, with_unit=True),
    }


def as_python(model: MiniModel) -> str:
    """The cell that opens the explorer in the state of ``model``."""
    defaults = model.values_by_default()
    changed = {name: value for name, value in model.values.items() if value != defaults[name]}
    arguments = [f'"{model.name}"', *(f"{name}={value!r}" for name, value in changed.items())]
    return f"from moi.explore import explore\n\nexplore({', '.join(arguments)})"
