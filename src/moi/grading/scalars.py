"""Values that have no parts, other than MessagePack's own, as plain data, and back."""

from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
import uuid
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class CannotCross(TypeError):
    """A value that cannot cross, or bytes that are no value; ``str(error)`` says which."""


@dataclass(frozen=True)
class Scalar:
    """How the values of a class cross: as ``form(value)``, of which ``value`` makes them anew."""

    kind: str
    form: Callable[[Any], Any]
    value: Callable[[Any], Any]


def whole(digits: str, most: int) -> int:
    """The number of these hexadecimal digits, of which there are not too many to work with."""
    if len(digits) > most:
        raise CannotCross("a number that is too long")
    return int(digits, 16)


def zone_form(zone: datetime.tzinfo | None) -> Any:
    if zone is None:
        return None
    if isinstance(zone, zoneinfo.ZoneInfo) and zone.key:
        return zone.key
    offset = zone.utcoffset(None)
    if offset is None:
        raise CannotCross("a time zone of a kind that is not known")
    return offset.total_seconds()


def zone_value(form: Any) -> datetime.tzinfo | None:
    if isinstance(form, str):
        return zoneinfo.ZoneInfo(form)
    return None if form is None else datetime.timezone(datetime.timedelta(seconds=form))


def _time_form(time: Any) -> Any:
    return [time.replace(tzinfo=None).isoformat(), time.fold, zone_form(time.tzinfo)]


def _time_of(kind: Any) -> Callable[[Any], Any]:
    return lambda form: kind.fromisoformat(form[0]).replace(fold=form[1], tzinfo=zone_value(form[2]))


SCALARS: dict[type, Scalar] = {
    complex: Scalar("complex", lambda v: [v.real, v.imag], lambda f: complex(*f)),
    bytearray: Scalar("bytearray", bytes, bytearray),
    range: Scalar(
        "range", lambda v: [hex(v.start), hex(v.stop), hex(v.step)], lambda f: range(*(whole(part, 40) for part in f))
    ),
    decimal.Decimal: Scalar("decimal", str, decimal.Decimal),
    fractions.Fraction: Scalar(
        "fraction",
        lambda v: [hex(v.numerator), hex(v.denominator)],
        lambda f: fractions.Fraction(*(whole(part, 1 << 14) for part in f)),
    ),
    datetime.date: Scalar("date", datetime.date.isoformat, datetime.date.fromisoformat),
    datetime.timedelta: Scalar(
        "timedelta", lambda v: [v.days, v.seconds, v.microseconds], lambda f: datetime.timedelta(*f)
    ),
    datetime.time: Scalar("time", _time_form, _time_of(datetime.time)),
    datetime.datetime: Scalar("datetime", _time_form, _time_of(datetime.datetime)),
    uuid.UUID: Scalar("uuid", str, uuid.UUID),
    pathlib.PosixPath: Scalar("path", str, pathlib.Path),
    pathlib.PurePosixPath: Scalar("pure path", str, pathlib.PurePosixPath),
}
OF_KIND: dict[str, Callable[[Any], Any]] = {scalar.kind: scalar.value for scalar in SCALARS.values()} | {
    "int": lambda form: whole(form, 1 << 21)  # one that is too large for MessagePack
}
