"""Things of the judge's in the learner's process: each use of one is a question to the judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from moi.grading.coroutines import Deferred
from moi.grading.crossing import There
from moi.grading.line import Failed

if TYPE_CHECKING:
    from moi.grading.learner import Agent

# What a function of the test's says of itself.
FACTS = ("__annotations__", "__qualname__")
# What is told of each field of a data class of the test's, beside its name and type.
SETTINGS = ("init", "repr", "hash", "compare", "kw_only", "default", "metadata")


class Foreign(There):
    """A thing of the judge's, of which it is the object ``number`` there."""

    def __init__(self, agent: Agent, number: int, name: str, words: str | None) -> None:
        facts(self).update(_moi_agent=agent, _moi_number=number, __doc__=words)
        if name:
            facts(self)["__name__"] = name

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        return asked(self._moi_agent, "get", self, "__dict__")

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "_moi")) and name not in FACTS:
            raise AttributeError(name)
        return asked(self._moi_agent, "get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        asked(self._moi_agent, "set", self, name, value)

    def __delattr__(self, name: str) -> None:
        asked(self._moi_agent, "delete", self, name)

    def __copy__(self) -> Any:
        return asked(self._moi_agent, "copy", self)

    def __deepcopy__(self, _: Any) -> Any:
        return asked(self._moi_agent, "deepcopy", self)


class ForeignCoroutine(Deferred, Foreign):
    """One that can be awaited."""

    def _moi_end(self) -> Any:
        return asked(self._moi_agent, "special", self, "__await__", ())

    def __next__(self) -> Any:  # asyncio takes this for what steps a coroutine
        self.send(None)


class OfTest(type):
    """A class that the test defines, of which there are objects here."""

    _moi_own: Any = None  # itself, or the given class that it is here as well

    def __call__(cls, *given: Any, **named: Any) -> Any:
        if cls._moi_own is None:
            raise TypeError(f"no {cls.__name__} can be made here: the test would have to pass the class")
        return cls._moi_own(*given, **named)

    def __getattr__(cls, name: str) -> Any:
        if cls._moi_own is None or name.startswith(("__", "_moi")):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        return getattr(cls._moi_own, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        if cls._moi_own is None or name.startswith(("__", "_moi")):
            super().__setattr__(name, value)
        else:
            setattr(cls._moi_own, name, value)

    def of(cls, agent: Agent, number: int, name: str, words: str | None) -> Foreign:
        """The object ``number`` of it."""
        made = object.__new__(cast(type[Foreign], cls))
        Foreign.__init__(made, agent, number, name, words)
        return made


def facts(thing: Foreign) -> dict[str, Any]:
    """What is known here of a thing of the judge's: to look into it is to ask the judge."""
    known: dict[str, Any] = vars(There)["__dict__"].__get__(thing)
    return known


def class_of_foreign(
    name: str, special: Sequence[str], passes_for: type | None, own: Any, fields: Sequence[Any] | None
) -> OfTest:
    """The class of things of the judge's that can do ``special``.

    ``passes_for`` is what they are in `isinstance`, ``own`` the class over there if a test defines it, with its
    ``fields`` if it is a data class.
    """
    body: dict[str, Any] = {each: _forwarded(each) for each in special} | {"__module__": "__main__"}
    if "__eq__" in special:
        body.setdefault("__hash__", None)
    if passes_for is not None:
        body["__class__"] = property(lambda self: passes_for)
    if fields is not None:
        body["__dataclass_fields__"] = _fields(name, fields)
    made = OfTest(name, (Foreign,), body)
    made._moi_own = own if own is not None else passes_for
    return made


def _fields(name: str, fields: Sequence[Any]) -> Mapping[str, Any]:
    """The fields of a data class, for the functions of :mod:`dataclasses`."""
    described = [(field, kind, dataclasses.field(**settings)) for field, kind, settings in fields]
    made: Any = dataclasses.make_dataclass(name, described, init=False)
    found: Mapping[str, Any] = made.__dataclass_fields__
    return found


def _forwarded(name: str) -> Any:
    def call(self: Foreign, *given: Any, **named: Any) -> Any:
        return asked(self._moi_agent, "call", self, given, tuple(named.items()))

    def method(self: Foreign, *given: Any) -> Any:
        if name == "__exit__":
            given = (*given[:2], None)
        return asked(self._moi_agent, "special", self, name, given)

    return call if name == "__call__" else method


def error_class(agent: Agent, number: int, name: str, above: tuple[type, ...]) -> type:
    """A class of errors of the judge's, whose errors are made there."""
    body = {"_moi_number": number, "_moi_agent": agent, "__module__": "__main__", "__new__": _made_there,
            "__init__": _made_already, "__getattr__": _asked_for, "__str__": _said}  # fmt: skip
    return type(name, above, body)


def _made_there(kind: Any, *given: Any, **named: Any) -> Any:
    """An error of a class of the judge's, or of one that derives from it over here."""
    if "_moi_number" in vars(kind):
        return asked(kind._moi_agent, "call", kind, given, tuple(named.items()))
    return super(next(k for k in kind.__mro__ if "_moi_number" in vars(k)), kind).__new__(kind, *given)


def _made_already(self: BaseException, *given: Any, **named: Any) -> None:
    if "_moi_number" not in vars(self):
        self.args = given


def _asked_for(self: Any, name: str) -> Any:
    if name.startswith("_") or "_moi_number" not in vars(self):
        raise AttributeError(name)
    return asked(self._moi_agent, "get", self, name)


def _said(self: Any) -> str:
    return str(vars(self).get("_moi_text", ", ".join(map(str, self.args))))


def asked(agent: Agent, what: str, *given: Any) -> Any:
    """What the judge answers; an error of it is raised here."""
    try:
        return agent.ask(what, *given)
    except Failed as failure:
        error: BaseException = agent.codec.decode(failure.form)
    raise error.with_traceback(None)
