"""What an object of a class of one's own is at bottom, where that is data: a tuple, a float, a dictionary."""

from __future__ import annotations

import collections
import functools
import types
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

# Of data that never change, a class: its objects can be made anew from their content.
FIXED: dict[type, Callable[[Any], Any]] = {
    int: int.__pos__,
    float: float.__pos__,
    complex: complex.__pos__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    date: lambda value: date.fromordinal(date.toordinal(value)),
    datetime: lambda value: datetime.combine(datetime.date(value), datetime.timetz(value)),
    timedelta: timedelta.__pos__,
}
_CHANGING: dict[type, Callable[[Any], Any]] = {
    list: lambda value: list(list.__iter__(value)),
    set: lambda value: set(set.__iter__(value)),
    collections.Counter: lambda value: collections.Counter(dict(dict.items(value))),
    collections.OrderedDict: lambda value: collections.OrderedDict(collections.OrderedDict.items(value)),
    dict: lambda value: dict(dict.items(value)),
    collections.UserDict: lambda value: dict(value.data),
    collections.UserList: lambda value: list(value.data),
    collections.UserString: lambda value: str(value.data),
    collections.ChainMap: dict,
    types.MappingProxyType: dict,
}
BY_NAME = {kind.__name__: kind for kind in FIXED}


def anew(kind: Any, base: Any, value: Any) -> Any:
    """An object of ``kind``, which derives from ``base``, with the content ``value``."""
    plain = FIXED[base](value)
    parts = plain.__reduce__()[1] if base.__module__ == "datetime" else (plain,)
    return base.__new__(kind, *parts)


def fixed_base(kind: type) -> type | None:
    """The class of data from which ``kind`` derives and whose objects never change."""
    return next((base for base in kind.__mro__ if base in FIXED), None)


def content(value: Any) -> Any:
    """The data that ``value`` is at bottom. Raises :class:`LookupError` if it is none."""
    if isinstance(value, tuple) and (fields := getattr(type(value), "_fields", None)):
        return _named(type(value).__name__, tuple(fields))(*tuple.__iter__(value))
    for base in type(value).__mro__:
        if take := FIXED.get(base) or _CHANGING.get(base):
            return take(value)
    raise LookupError


@functools.lru_cache(100)
def _named(name: str, fields: tuple[str, ...]) -> Any:
    return collections.namedtuple(name, fields, rename=True, module="collections")  # type: ignore[misc]
