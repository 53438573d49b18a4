"""The data sets of the course, by name: described in ``datapackage.json``, read from CSV, checked on the way in.

``series`` gives a model plain numbers and needs the standard library alone, so that it also works in a web page;
``load`` gives a learner a pandas frame. Units, sources and licences are in :func:`describe`.
"""

from __future__ import annotations

import csv
import functools
import io
import json
import math
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

# In a wheel the files lie inside the package; in a checkout they lie in the top folder.
FOLDERS = (Path(__file__).parent / "datasets", Path(__file__).parent.parent.parent / "data")


class DataError(LookupError):
    """A data set that is unknown, missing or damaged; ``str(error)`` is one sentence for the reader."""


def names() -> tuple[str, ...]:
    """The names of all data sets."""
    return tuple(_resources())


def series_names(at_least: int = 1) -> tuple[str, ...]:
    """The names of the data sets that are one time series of ``at_least`` that many values."""
    return tuple(name for name, found in _resources().items() if "moi" in found and len(series(name)) >= at_least)


def series(name: str) -> tuple[float, ...]:
    """The values of a time series, oldest first, in the unit that ``describe(name)["unit"]`` states.

    Raises :class:`DataError` for an unknown name, for a data set that is not one time series, and for a missing or
    damaged file.

    >>> series("air_passengers")[:3]
    (112.0, 118.0, 132.0)
    """
    resource = _resource(name)
    if "moi" not in resource:
        raise DataError(f"{name} is not one time series; those that are: {', '.join(series_names())}.")
    return tuple(float(value) for value in _columns(name)[resource["moi"]["series"]])


def describe(name: str) -> dict[str, Any]:
    """What is known about a data set, in plain words.

    Keys: ``name``, ``title``, ``description``, ``units`` (column to unit, ``"none"`` for a column without one),
    ``source``, ``citation``, ``licence``, ``basis`` (why it may be passed on) and ``made_up``. A time series also has
    ``series`` (the column of its values), ``unit`` (theirs) and ``period`` (how many periods make a season).
    """
    resource = _resource(name)
    units = {field["name"]: field["unit"] for field in resource["schema"]["fields"]}
    described = {
        "name": name,
        "title": resource["title"],
        "description": resource["description"],
        "units": units,
        "source": "; ".join(source["title"] for source in resource["sources"]),
        "citation": resource["citation"],
        "licence": "; ".join(licence["title"] for licence in resource.get("licenses", ())) or "none stated",
        "basis": resource["basis"],
        "made_up": resource["made_up"],
    }
    if "moi" in resource:
        column = resource["moi"]["series"]
        described |= {"series": column, "unit": units[column], "period": resource["moi"]["period"]}
    return described


def load(name: str) -> pandas.DataFrame:
    """The data set as a new, tidy pandas frame: one row an observation, one column a variable.

    Days and months are ``datetime64`` (a month is its first day), whole numbers ``int64``, other numbers ``float64``.
    Raises :class:`DataError` as :func:`series` does.
    """
    import pandas

    fields = _resource(name)["schema"]["fields"]
    frame = pandas.DataFrame(dict(_columns(name)))
    for field in fields:
        if field["type"] in ("date", "yearmonth"):
            frame[field["name"]] = pandas.to_datetime(frame[field["name"]])
    return frame


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _month(text: str) -> date:
    return date.fromisoformat(f"{text}-01")


# The field types of the description that are in use: what a cell must be, and how it is read.
READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "integer": ("a whole number", int),
    "number": ("a number", _number),
    "date": ("a date such as 1951-03-18", date.fromisoformat),
    "yearmonth": ("a month such as 1951-03", _month),
}


@functools.cache
def _resources() -> dict[str, dict[str, Any]]:
    try:
        package = json.loads(_text("datapackage.json"))
    except json.JSONDecodeError as failure:
        raise DataError(f"datapackage.json, line {failure.lineno}: {failure.msg}.") from None
    return {resource["name"]: resource for resource in package["resources"]}


def _resource(name: str) -> dict[str, Any]:
    try:
        return _resources()[name]
    except (KeyError, TypeError):
        raise DataError(f"There is no data set called {name!r}; there are {', '.join(names())}.") from None


@functools.cache
def _columns(name: str) -> MappingProxyType[str, tuple[Any, ...]]:
    """Column name to values, each cell read and checked as the description says."""
    resource = _resource(name)
    file, fields = resource["path"], resource["schema"]["fields"]
    rows = list(csv.reader(io.StringIO(_text(file), newline="")))
    expected = [field["name"] for field in fields]
    if not rows or rows[0] != expected:
        found = rows[0] if rows else []
        odd = [column for column in expected if column not in found] or found or expected
        raise DataError(f"{file} must have the columns {', '.join(expected)}; look at {', '.join(odd)}.")
    if len(rows) == 1:
        raise DataError(f"{file} has no rows below its columns {', '.join(expected)}.")
    columns: dict[str, list[Any]] = {column: [] for column in expected}
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(fields):
            raise DataError(
                f"{file}, line {line}: {len(fields)} values expected ({', '.join(expected)}), {len(row)} found."
            )
        for field, cell in zip(fields, row, strict=True):
            kind, read = READERS[field["type"]]
            try:
                columns[field["name"]].append(read(cell))
            except ValueError:
                raise DataError(
                    f"{file}, line {line}, column {field['name']}: {kind} expected, {cell!r} found."
                ) from None
    return MappingProxyType({column: tuple(values) for column, values in columns.items()})


def folder() -> Path:
    """The folder that holds the data files: in the wheel inside the package, in a checkout at its top."""
    found = next((place for place in FOLDERS if (place / "datapackage.json").is_file()), None)
    if found is None:
        raise DataError(f"The data folder is missing: datapackage.json is in none of {', '.join(map(str, FOLDERS))}.")
    return found


def _text(file: str) -> str:
    """The text of one file of the data folder."""
    try:
        return (folder() / file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise DataError(f"The data file {file} in {folder()} cannot be read: {failure}") from failure
