"""What lies in a thing, read and set by Python's own methods, whatever its class does instead."""

from __future__ import annotations

import collections
import functools
import sys
import types
from typing import Any

_HOLDERS = ("collections", "queue", "weakref")  # of Python's, whose classes are written in it


def used_by(thing: Any, fields: dict[str, Any] | None) -> list[tuple[str, Any]]:
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


def parts_of(thing: Any) -> Any:
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
    return list(thing.flat) if is_array(thing) and thing.dtype.kind == "O" else None


def fill(thing: Any, parts: Any) -> None:
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


def has_fields(thing: Any) -> bool:
    if isinstance(thing, types.ModuleType):  # one that a test has made
        return thing.__name__ not in sys.modules
    return module_of(thing) in ("__main__", *_HOLDERS)


def fields_of(thing: Any) -> dict[str, Any] | None:
    """The attributes of an object or a class; of a function, what its names stand for."""
    if isinstance(thing, types.FunctionType):
        space, cells = thing.__globals__, zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True)
        found = {f"global {name}": space[name] for name in _names_in(thing.__code__) if name in space}
        found |= {f"cell {name}": cell.cell_contents for name, cell in cells if cell != types.CellType()}
        return found | vars(thing)
    if not has_fields(thing):
        return None
    if isinstance(thing, type):
        return {key: each for key, each in vars(thing).items() if not key.startswith(("__", "_abc_"))}
    slots = [name for kind in type(thing).__mro__ for name in _of_slots(kind)]
    found = {name: getattr(thing, name) for name in slots if hasattr(thing, name)}
    return found | vars(thing) if hasattr(thing, "__dict__") else found


def set_fields(thing: Any, fields: dict[str, Any]) -> None:
    now, cells = fields_of(thing) or {}, {}
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


def is_array(thing: Any) -> bool:
    return "numpy" in sys.modules and isinstance(thing, sys.modules["numpy"].ndarray)
