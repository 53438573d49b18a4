"""Objects of the learner's process, as a test has them.

A function, an object or a class of the learner is here a :class:`Remote` (or a class of such), and each use of it is
a question of :class:`~moi.grading.session.Session` to the learner's process. What comes back is data, judged here.
What decides truth is never asked over there (``==``, ``<``, ``in``, ``bool``, ``hash``), unless the reference solution
itself defines it: then it is what the learner was asked to write.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from typing import Any

from moi.grading.codec import There
from moi.grading.learner import PAIRS, SPECIAL

_TRUTH = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__", "__contains__", "__hash__")
_ORDER = frozenset(("__lt__", "__le__", "__gt__", "__ge__"))
_EXACT = {"__str__": str, "__repr__": str, "__format__": str, "__bytes__": bytes, "__len__": int, "__index__": int,
          "__int__": int, "__float__": float, "__complex__": complex, "__hash__": int}  # fmt: skip
_CONVERTED: dict[type, Callable[[Any], Any]] = {bool: bool, int: operator.index, float: float}
# Special methods that decide what is true, or are given what the object is held against; and what such a use is called.
_DECIDES = {f"__{prefix}{name}__": name for name in PAIRS for prefix in ("", "r", "i")} | {
    name: name if name in ("__bool__", "__hash__") else name.strip("_").replace("g", "l") for name in _TRUTH
}
# By these a library asks an object to take its part in a comparison, or where in memory it lies.
_PROTOCOLS = ("__array_", "__arrow", "__dlpack", "__dataframe", "__cuda", "__buffer", "_typ", "_moi")


class CannotJudge(TypeError):
    """A test asks what cannot be judged from outside the learner's process; ``str(error)`` says how to ask it."""


@dataclasses.dataclass
class Known:
    """What is known here of a learner's object: its ``handle`` over there, and by which ``ways`` tests come by it."""

    session: Any
    handle: int
    ways: set[str]


def known(remote: Any) -> Known:
    """Of a :class:`Remote`, or of a class of the learner's."""
    found: Known | None
    if issubclass(type(remote), RemoteClass):
        found = next((vars(base)["_moi_class"] for base in remote.__mro__ if "_moi_class" in vars(base)), None)
    else:
        found = object.__getattribute__(remote, "_moi")
    if found is None:
        raise TypeError(f"{remote.__name__} is no class of the learner's")
    return found


def is_remote(value: Any) -> bool:
    """Whether ``value`` is a learner's object or class."""
    return issubclass(type(value), (Remote, RemoteClass))


class RemoteClass(type):
    """The class of the learner's own classes: to call one makes an object over there."""

    def __call__(cls, *given: Any, **named: Any) -> Any:
        if "_moi_class" not in vars(cls):
            return super().__call__(*given, **named)
        return known(cls).session.call(cls, given, named)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith(_PROTOCOLS) or not any("_moi_class" in vars(base) for base in cls.__mro__):
            raise AttributeError(name)
        return known(cls).session.ask("get", cls, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        known(cls).session.ask("set", cls, name, value)


class Remote(There, metaclass=RemoteClass):
    """An object of the learner's process."""

    __slots__ = ("__weakref__", "_moi")
    _moi_looks: type | None = None

    def __getattr__(self, name: str) -> Any:
        if name == "__code__":
            return known(self).session.code_of(self)
        if name.startswith(_PROTOCOLS):
            raise AttributeError(name)
        return known(self).session.ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        known(self).session.ask("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        known(self).session.ask("delete", self, name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self)._moi_looks or type(self)

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        return known(self).session.ask("get", self, "__doc__")

    def _moi_home(self, function: Callable[..., Any], *rest: Any) -> Any:
        """Have ``function``, of a module that both sides have, done over there, with this object first."""
        return known(self).session.ask("apply", function.__module__, function.__qualname__, (self, *rest))

    def __eq__(self, other: object) -> Any:
        return True if self is other else NotImplemented

    def __hash__(self) -> int:
        return id(self)

    def __str__(self) -> str:
        return f"<{type(self).__name__} of the learner>"

    __repr__ = __str__

    def __format__(self, how: str) -> str:
        return format(str(self), how)

    def __bool__(self) -> bool:
        return True

    def __dir__(self) -> list[str]:
        return []

    def __reduce__(self) -> Any:
        raise CannotJudge("an object of the learner cannot be copied or pickled here")


def body_of_class(special: list[str], defined: frozenset[str], words: str | None) -> dict[str, Any]:
    """The body of a class whose objects can do ``special``, where the reference solution has ``defined`` such methods.

    ``words`` are the class's own docstring.
    """
    able = SPECIAL.intersection(special)
    body: dict[str, Any] = {"__slots__": (), "__doc__": vars(Remote)["__doc__"] if words is None else words}
    for name in able:
        if name in _TRUTH:
            alike = name in _ORDER and not _ORDER.isdisjoint(defined)  # Python asks one for the other
            if name in defined or alike or (name == "__ne__" and "__eq__" in defined):
                body[name] = _method(name)
        elif name == "__call__":
            body[name] = _call
        elif name == "__await__":
            body[name] = _await
        elif name not in ("__str__", "__repr__", "__format__") or defined & {"__str__", "__repr__", "__format__"}:
            body[name] = _method(name)
    if "__contains__" in able:
        body.setdefault("__contains__", _contains)
    if "__eq__" in body:
        body.setdefault("__hash__", Remote.__hash__)
    if "__len__" in able and "__bool__" not in able:
        body["__bool__"] = lambda self: len(self) > 0
    if "__lt__" not in body:
        body |= dict.fromkeys(("__lt__", "__le__", "__gt__", "__ge__"), _not_implemented)
    return body


def _method(name: str) -> Callable[..., Any]:
    """A special method that asks over there, where the test may say what the object is held against."""
    exact = bool if name in _TRUTH and name != "__hash__" else _EXACT.get(name)

    def method(self: Any, *given: Any) -> Any:
        session = known(self).session
        if name == "__eq__" and given and given[0] is self:
            return True
        if name in _DECIDES and not session.may_ask(self, _DECIDES[name], *given):
            return _UNASKED.get(name, _not_implemented)(self, *given)
        result = session.ask("special", self, name, given)
        declined = result is NotImplemented and name in _TRUTH
        if exact is not None and type(result) is not exact and not declined:
            try:  # of data, as Python has it: numpy's numbers, and what stands for true or false
                if is_remote(result) or exact not in _CONVERTED:
                    raise TypeError
                result = _CONVERTED[exact](result)
            except Exception:
                raise TypeError(f"{name} returned non-{exact.__name__}") from None
        return result

    method.__name__ = name
    return method


def _call(self: Any, *given: Any, **named: Any) -> Any:
    return known(self).session.call(self, given, named)


def _await(self: Any) -> Any:
    return known(self).session.ask("special", self, "__await__", ())
    yield


def _not_implemented(self: Any, other: Any) -> Any:
    return NotImplemented


def _contains(self: Any, item: Any) -> bool:
    return any(item is there or item == there for there in self)


# What holds of an object that may not be asked.
_UNASKED: dict[str, Callable[..., Any]] = {
    "__bool__": lambda self: True, "__hash__": Remote.__hash__, "__contains__": _contains,
}  # fmt: skip
