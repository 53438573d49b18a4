"""Types as values, ``list[int]`` or ``typing.Optional[str]``, in the terms of MessagePack, and back.

A form is a list that begins with its kind; ``of`` makes the form of a part, or the part of a form.
"""

from __future__ import annotations

import collections.abc
import functools
import operator
import types
import typing
from collections.abc import Callable
from typing import Any

from moi.grading.scalars import CannotCross

Of = Callable[[Any], Any]
KINDS = ("alias", "union", "abc", "typing", "of typing", "forward", "variable")
_CALLABLE: type = type(collections.abc.Callable[[int], int])
TYPE_CLASSES = (types.GenericAlias, types.UnionType, _CALLABLE, typing.ForwardRef)
_TYPING: Any = vars(typing)
_GENERIC: type = type(typing.List[int])  # noqa: UP006


def type_form(value: Any, of: Of) -> Any:
    kind = type(value)
    if kind is types.GenericAlias or kind is _CALLABLE:
        # As `*tuple[int]` it is another value; that is rare, and no data.
        return None if getattr(value, "__unpacked__", False) else ["alias", of(value.__origin__), _parts(value, of)]
    if kind is types.UnionType:
        return ["union", _parts(value, of)]
    if issubclass(kind, type) and value.__module__ == "collections.abc" and _is_of_abc(value):
        return ["abc", value.__name__]
    if kind.__module__ != "typing":
        return None
    if kind is typing.TypeVar:
        return ["variable", value.__name__]
    if kind is typing.ForwardRef and _is_name(value.__forward_arg__):
        return ["forward", value.__forward_arg__]
    name = getattr(value, "_name", None) or getattr(value, "__name__", None)
    if isinstance(name, str) and _TYPING.get(name) is value:
        return ["typing", name]
    origin = getattr(value, "__origin__", None)
    if origin is typing.Union or origin is typing.Literal:
        name = "Union" if origin is typing.Union else "Literal"
    if isinstance(name, str) and isinstance(_TYPING.get(name), _SUBSCRIPTED) and isinstance(value, _GENERIC):
        return ["of typing", name, _parts(value, of)]
    return None


def type_value(form: list[Any], of: Of) -> Any:
    kind, *rest = form
    if kind == "abc":
        found = getattr(collections.abc, rest[0])
        if isinstance(found, type) and _is_of_abc(found):
            return found
    if kind == "variable" and _is_name(rest[0]):
        return _type_variable(rest[0])
    if kind == "forward" and _is_name(rest[0]):  # other code in it could be run by who looks it up
        return typing.ForwardRef(rest[0])
    if kind == "typing":
        found = _TYPING[rest[0]]
        if type(found).__module__ == "typing" and not rest[0].startswith("_"):
            return found
    if kind in ("alias", "union", "of typing"):
        parts = tuple(map(of, rest[-1]))
        literal = kind == "of typing" and rest[0] == "Literal"
        if not all(_is_literal(part) if literal else _is_type(part) for part in parts):
            raise CannotCross("a type of what is no type")
        if kind == "union":
            return functools.reduce(operator.or_, parts)
        base = of(rest[0]) if kind == "alias" else _TYPING[rest[0]]
        if base is collections.abc.Callable or base is typing.Callable:
            *given, result = parts
            return base[... if given == [...] else given, result]
        if kind == "alias" and issubclass(type(base), type):
            return types.GenericAlias(base, parts)
        if kind == "of typing" and isinstance(base, _SUBSCRIPTED):
            return base[parts[0] if len(parts) == 1 else parts]
    raise CannotCross("no type")


@functools.lru_cache(1000)
def _type_variable(name: str) -> Any:
    return typing.TypeVar(name)  # type: ignore[misc]


_SUBSCRIPTED = tuple({type(special) for special in (typing.Union, typing.Literal, typing.List, typing.Tuple,  # noqa: UP006
                                                    typing.Callable)})  # fmt: skip


def _parts(value: Any, of: Of) -> list[Any]:
    return [of(part) for part in value.__args__]


def _is_of_abc(value: type) -> bool:
    return vars(collections.abc).get(value.__name__) is value


def _is_name(text: Any) -> bool:
    return isinstance(text, str) and len(text) < 200 and all(part.isidentifier() for part in text.split("."))


def _is_type(value: Any) -> bool:
    kind = type(value)  # and not what it says of itself
    return (
        value is None or value is ... or issubclass(kind, type) or kind in TYPE_CLASSES or kind.__module__ == "typing"
    )


def _is_literal(value: Any) -> bool:
    return value is None or type(value) in (bool, int, str, bytes)
