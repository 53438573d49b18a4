"""How the test's objects and data are when a question begins: to see what changes with it, and to set that back."""

from __future__ import annotations

import array
import collections
import contextlib
import copy
import functools
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

VIEWS = (KeysView, ValuesView, ItemsView)
_HOLDERS = ("collections", "queue", "weakref")  # of Python's, whose classes are written in it
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
            parts, fields = _parts(each), _fields(each)
            waiting += [(other, f"what {name} names" if name else place) for name, other in _used_by(each, fields)]
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
                    _fill(known.thing, known.parts)
                if known.fields is not None:
                    _set_fields(known.thing, known.fields)
                if _is_memory(known.thing):
                    known.thing[... if _is_array(known.thing) else slice(None)] = known.copy
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
        return _has_fields(thing) or isinstance(thing, kinds) or _is_memory(thing) or self._codec.is_mutable(thing)

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
        return _are_alike(_parts(known.thing), known.parts) and _are_alike(_fields(known.thing), known.fields)


def _is_there(thing: Any) -> bool:
    return issubclass(type(thing), There) or (issubclass(type(thing), type) and issubclass(thing, There))


def _frame(frame: types.FrameType | None) -> Any:
    """Where a generator is; none has ended."""
    if frame is None:
        return None
    names = {name: each if type(each) in ATOMS else id(each) for name, each in frame.f_locals.items()}
    return frame.f_lasti, names


def _is_array(thing: Any) -> bool:
    return "numpy" in sys.modules and isinstance(thing, sys.modules["numpy"].ndarray)


def _is_memory(thing: Any) -> bool:
    """Whether it is memory of a kind that is no data, such as an array with a mask, or of a class of one's own."""
    if _is_array(thing):
        return type(thing) is not sys.modules["numpy"].ndarray and thing.dtype.kind != "O"
    return isinstance(thing, (bytearray, array.array)) and type(thing) is not bytearray


def _used_by(thing: Any, fields: dict[str, Any] | None) -> list[tuple[str, Any]]:
    """What can be changed by a use of a thing whose code stands in the author's cells, and by what name it is."""
    match thing:
        case types.FunctionType(__module__="__main__"):
            return [(thing.__qualname__, each) for each in (fields or {}).values()]
        case types.MethodType():
            return [("", thing.__self__), ("", thing.__func__)]
        case property():
            return [("", thing.fget), ("", thing.fset)]
        case staticmethod() | classmethod():
            return [("", thing.__func__)]
        case type(__module__="__main__"):
            return [(thing.__qualname__, each) for each in (*vars(thing).values(), *thing.__bases__)]
    return [(type(thing).__qualname__, type(thing))] if type(thing).__module__ == "__main__" else []


@functools.lru_cache(1000)
def _names_in(code: types.CodeType) -> frozenset[str]:
    inner = [_names_in(each) for each in code.co_consts if isinstance(each, types.CodeType)]
    return frozenset(code.co_names).union(*inner)


def _parts(thing: Any) -> Any:
    """What is in a list or the like, by the methods of Python's own, whatever its class does instead."""
    match thing:
        case collections.OrderedDict():
            return dict(collections.OrderedDict.items(thing))
        case dict():
            return dict(dict.items(thing))
        case list():
            return list.copy(thing)
        case set():
            return set.copy(thing)
        case collections.deque():
            return list(collections.deque.__iter__(thing))
    return list(thing.flat) if _is_array(thing) and thing.dtype.kind == "O" else None


def _fill(thing: Any, parts: Any) -> None:
    """Have that in it again."""
    match thing:
        case collections.OrderedDict():
            collections.OrderedDict.clear(thing)
            collections.OrderedDict.update(thing, parts)
        case dict():
            dict.clear(thing)
            dict.update(thing, parts)
        case list():
            list.__setitem__(thing, slice(None), parts)
        case set():
            set.clear(thing)
            set.update(thing, parts)
        case collections.deque():
            collections.deque.clear(thing)
            collections.deque.extend(thing, parts)
        case _:
            for place, part in enumerate(parts):
                thing.flat[place] = part


def module_of(thing: Any) -> str:
    """Where a class, or that of an object, is defined: ``__main__`` if by the author's cells."""
    return (thing if isinstance(thing, type) else type(thing)).__module__


def _has_fields(thing: Any) -> bool:
    if isinstance(thing, types.ModuleType):  # one that a test has made
        return thing.__name__ not in sys.modules
    return module_of(thing) in ("__main__", *_HOLDERS)


def _fields(thing: Any) -> dict[str, Any] | None:
    """The attributes of an object or a class; of a function, what its names stand for."""
    if isinstance(thing, types.FunctionType):
        space, cells = thing.__globals__, zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True)
        found = {f"global {name}": space[name] for name in _names_in(thing.__code__) if name in space}
        found |= {f"cell {name}": cell.cell_contents for name, cell in cells if cell != types.CellType()}
        return found | vars(thing)
    if not _has_fields(thing):
        return None
    if isinstance(thing, type):
        return {key: each for key, each in vars(thing).items() if not key.startswith(("__", "_abc_"))}
    slots = [name for kind in type(thing).__mro__ for name in _of_slots(kind)]
    found = {name: getattr(thing, name) for name in slots if hasattr(thing, name)}
    return found | vars(thing) if hasattr(thing, "__dict__") else found


def _set_fields(thing: Any, fields: dict[str, Any]) -> None:
    now, cells = _fields(thing) or {}, {}
    if isinstance(thing, types.FunctionType):
        cells = dict(zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True))
    by = type if isinstance(thing, type) else object
    for name in now.keys() - fields.keys():
        by.__delattr__(thing, name)
    for name, value in fields.items():
        if name in now and now[name] is value:
            continue
        kind, _, bare = name.partition(" ")
        if kind == "global":
            thing.__globals__[bare] = value
        elif kind == "cell":
            cells[bare].cell_contents = value
        elif not isinstance(thing, type) and name in getattr(thing, "__dict__", ()):
            vars(thing)[name] = value  # whatever a descriptor of the class would do
        else:
            by.__setattr__(thing, name, value)


def _of_slots(kind: type) -> list[str]:
    slots: Any = vars(kind).get("__slots__", ())
    names = [slots] if isinstance(slots, str) else list(slots)
    hidden = f"_{kind.__name__.lstrip('_')}"  # as Python writes a name with two underscores
    names = [f"{hidden}{name}" if name.startswith("__") and not name.endswith("__") else name for name in names]
    return [name for name in names if name not in ("__dict__", "__weakref__")]


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
