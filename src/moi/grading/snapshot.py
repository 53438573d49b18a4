"""How the test's objects and data are when a question begins: to see what changes with it, and to set that back."""

from __future__ import annotations

import array
import collections
import contextlib
import copy
import gc
import itertools
import operator
import pickle
import sys
import types
from collections.abc import ItemsView, Iterable, KeysView, ValuesView
from dataclasses import dataclass
from typing import Any

from moi.grading.checks import ErrorEnded
from moi.grading.codec import ATOMS, Codec
from moi.grading.crossing import There, assign
from moi.grading.insides import fields_of, fill, has_fields, is_array, parts_of, set_fields, used_by

VIEWS = (KeysView, ValuesView, ItemsView)
_HAVE_PARTS = (list, dict, set, collections.deque)
# Iterators: those that say how far they are, and those that go through others.
_OF_DATA: Any = ([], (), "", b"", set(), {}, {}.values(), {}.items(), range(0))
STEPPED: Any = (types.GeneratorType, itertools.count, type(reversed([])), *(type(iter(each)) for each in _OF_DATA))
_GO_THROUGH = (map, filter, zip, enumerate, itertools.chain, itertools.islice, itertools.takewhile, itertools.dropwhile)


class CannotSetBack(ErrorEnded):
    """Something of the test's has changed for good, such as an iterator that has been stepped."""


@dataclass
class _Known:
    thing: Any
    places: set[int | str]
    parts: Any = None  # of a list or the like
    fields: dict[str, Any] | None = None  # of an object, or a class
    state: bytes = b""  # of data that have no parts
    copy: Any = None  # of the same
    complete: bool = False  # whether it is known how it was, and not only where it lies


class Snapshot:
    """What is in the ``places`` of one question. ``codec`` says what are data."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._known: dict[int, _Known] = {}

    def take(self, thing: Any, place: int | str, *, complete: bool, besides: bool = False) -> None:
        """Remember where ``thing`` lies and all that is in it, and if ``complete`` how it is.

        What is known already lies where it did, or there ``besides``.
        """
        waiting, met = [(thing, place)], set[int]()
        while waiting:
            each, place = waiting.pop()
            if type(each) in ATOMS or id(each) in met or _is_there(each):
                continue
            met.add(id(each))
            known = self._known.get(id(each))
            if known is not None and not besides and (known.complete or not complete):
                continue
            parts, fields = parts_of(each), fields_of(each)
            waiting += [(other, f"what {name} names" if name else place) for name, other in used_by(each, fields)]
            if isinstance(each, _GO_THROUGH):
                waiting += [(part, place) for part in gc.get_referents(each)]
                continue
            if isinstance(each, (tuple, frozenset, *VIEWS)):
                waiting += [(part, place) for part in each]
                if not hasattr(each, "__dict__"):
                    continue
            if known is None:
                if not self._can_change(each):
                    continue
                known = self._known[id(each)] = _Known(each, {place})
            elif besides:
                known.places.add(place)
            if complete and not known.complete:
                known.complete, known.parts, known.fields = True, parts, fields
                if (parts is None and fields is None) or _is_memory(each):
                    known.state, known.copy = self._state(each), _copy(each)
            if isinstance(parts, dict):
                parts = [*parts, *parts.values()]
            if not isinstance(each, types.FunctionType):
                parts = [*(parts or ()), *(fields or {}).values()]
            waiting += [(part, place) for part in parts or () if type(part) not in ATOMS]

    def places(self, thing: Any) -> set[int | str]:
        """Where it lies; nowhere if that is not known."""
        known = self._known.get(id(thing))
        return known.places if known is not None else set()

    def changed(self) -> list[Any]:
        """What is no longer as it was."""
        return [known.thing for known in self._known.values() if known.complete and not self._is_as_it_was(known)]

    def set_back(self, things: Iterable[Any]) -> None:
        """Have these be as they were. Raises :class:`CannotSetBack` if one cannot be."""
        failed = None
        for known in (self._known[id(thing)] for thing in things):
            try:
                if known.parts is not None:
                    fill(known.thing, known.parts)
                if known.fields is not None:
                    set_fields(known.thing, known.fields)
                if _is_memory(known.thing):
                    known.thing[... if is_array(known.thing) else slice(None)] = known.copy
                elif known.parts is None and known.fields is None:
                    assign(known.thing, known.copy)
            except Exception as failure:
                failed = failure
        if failed is not None:
            raise CannotSetBack("your code changes something of the test's that it was to leave as it is") from None

    def _can_change(self, thing: Any) -> bool:
        if isinstance(thing, types.FunctionType):
            return thing.__module__ == "__main__"
        kinds = (*_HAVE_PARTS, *STEPPED)
        return has_fields(thing) or isinstance(thing, kinds) or _is_memory(thing) or self._codec.is_mutable(thing)

    def _state(self, thing: Any) -> bytes:
        if isinstance(thing, types.GeneratorType):
            inner = self._state(thing.gi_yieldfrom) if isinstance(thing.gi_yieldfrom, STEPPED) else b""
            return repr(_frame(thing.gi_frame)).encode() + inner
        if isinstance(thing, STEPPED):
            return f"{operator.length_hint(thing, -1)} {thing if isinstance(thing, itertools.count) else ''}".encode()
        if _is_memory(thing):
            with contextlib.suppress(Exception):
                return pickle.dumps(thing)
        return self._codec.state(thing)

    def _is_as_it_was(self, known: _Known) -> bool:
        if known.state and self._state(known.thing) != known.state:
            return False
        return _are_alike(parts_of(known.thing), known.parts) and _are_alike(fields_of(known.thing), known.fields)


def _is_there(thing: Any) -> bool:
    return issubclass(type(thing), There) or (issubclass(type(thing), type) and issubclass(thing, There))


def _frame(frame: types.FrameType | None) -> Any:
    """Where a generator is; none has ended."""
    if frame is None:
        return None
    names = {name: each if type(each) in ATOMS else id(each) for name, each in frame.f_locals.items()}
    return frame.f_lasti, names


def _is_memory(thing: Any) -> bool:
    """Whether it is memory of a kind that is no data, such as an array with a mask, or of a class of one's own."""
    if is_array(thing):
        return type(thing) is not sys.modules["numpy"].ndarray and thing.dtype.kind != "O"
    return isinstance(thing, (bytearray, array.array)) and type(thing) is not bytearray


def _copy(thing: Any) -> Any:
    try:
        return copy.deepcopy(thing)
    except Exception:
        return None


def _are_alike(now: Any, before: Any) -> bool:
    if now is None or before is None:
        return now is before
    if len(now) != len(before):
        return False
    if isinstance(now, set):
        return {each if type(each) in ATOMS else id(each) for each in now} == {
            each if type(each) in ATOMS else id(each) for each in before
        }
    if isinstance(now, dict):
        return _are_alike([*now], [*before]) and _are_alike([*now.values()], [*before.values()])
    if all(map(operator.is_, now, before)):
        return True
    return all(
        one is other or (type(one) is type(other) and type(one) in ATOMS and one == other)
        for one, other in zip(now, before, strict=True)
    )
