"""The tables of an outcome in the reader's words: the one rule for a figure on a page, without a script, and in Lab."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypedDict

from moi.model import Measure, MiniModel, Outcome, percent, pounds, written

SIGNIFICANT = 3  # digits of a column's largest number
FEW_POUNDS = 100  # amounts from here up are written without pence


class Table(TypedDict):
    """A table as texts. ``title`` is empty for an only table; ``head`` and each of ``rows`` have one text a column."""

    title: str
    head: list[str]
    rows: list[list[str]]


def in_words(model: MiniModel, outcome: Outcome) -> list[Table]:
    """The tables of ``outcome`` that have more than one row: a single row is among the measures already."""
    shown = {name: rows for name, rows in outcome.tables.items() if len(rows) > 1}
    return [_table(type(model), _as_words(name) if len(shown) > 1 else "", rows) for name, rows in shown.items()]


def column(model: type[MiniModel], name: str) -> Measure:
    """What the column ``name`` holds: as the model declares it, else as its lever or measure of that name."""
    for declared in model.columns:
        if declared.name == name:
            return declared
    lever = model.parameters.get(name)
    if lever is not None and lever.side != "setting":  # a setting does not vary from row to row
        return Measure(name, lever.label, lever.unit, form="money" if "£" in lever.unit else "count")
    return next((measure for measure in model.measures if measure.name == name), Measure(name, _as_words(name)))


def _table(model: type[MiniModel], title: str, rows: Sequence[dict[str, Any]]) -> Table:
    columns = [column(model, name) for name in rows[0]]
    texts = [_column_of_texts(c, [row[c.name] for row in rows]) for c in columns]
    return Table(title=title, head=[_heading(c) for c in columns], rows=[list(row) for row in zip(*texts, strict=True)])


def _heading(measure: Measure) -> str:
    said = measure.form == "share" or not measure.unit or measure.unit.lower() in measure.label.lower()
    return measure.label if said else f"{measure.label}, {measure.unit}"


def _column_of_texts(measure: Measure, values: Sequence[Any]) -> list[str]:
    numbers = [abs(v) for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    digits = _digits(measure, numbers)
    return [_text(measure, value, digits) for value in values]


def _digits(measure: Measure, numbers: Sequence[float]) -> int:
    """As many decimals as the largest number of the column deserves, and none where all of them are whole."""
    largest = max(numbers, default=0)
    if measure.form == "share":
        return measure.digits
    if all(number == int(number) for number in numbers):
        return 0
    if measure.form == "money":
        return 0 if largest >= FEW_POUNDS else 2
    return max(0, SIGNIFICANT - 1 - math.floor(math.log10(largest)))


def _text(measure: Measure, value: Any, digits: int) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return _as_words(str(value))
    if measure.form == "share":
        return percent(value, digits)
    return pounds(value, digits) if measure.form == "money" else written(value, digits)


def _as_words(name: str) -> str:
    return (name[:1].upper() + name[1:]).replace("_", " ")
