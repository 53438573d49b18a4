"""The classes of a learner's objects, as the judge has them: made here by what is said of them, or Python's own."""

from __future__ import annotations

import builtins
import contextlib
import importlib
import sys
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from moi.grading import errors
from moi.grading.codec import can_change_kind, data_classes
from moi.grading.content import BY_NAME
from moi.grading.crossing import There
from moi.grading.remote import (
    PROTOCOLS,
    AttributeThere,
    CannotJudge,
    DerivingClass,
    Known,
    Remote,
    RemoteClass,
    RemoteCoroutine,
    body_of_class,
    body_of_data,
    dict_here,
    is_remote,
    known,
    of_library,
    special_of,
)

if TYPE_CHECKING:
    from moi.grading.session import Session

_OF_PYTHON: dict[str, type] = {
    str(kind.__name__): kind
    for kind in (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.GeneratorType,
                 types.CoroutineType, types.AsyncGeneratorType)
}  # fmt: skip


_OF_STATEMENT = ("__module__", "__qualname__", "__classcell__", "__firstlineno__", "__static_attributes__")


class LearnersError(Exception):
    """An error of the learner's code of a kind that the judge does not have; ``str(error)`` names it."""


class Classes:
    """Those of one learner's process."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.made: dict[int, Any] = {}  # by handle
        self.derived_here: set[int] = set()  # handles of what a test has derived: the learner's code may give it more

    def of(self, form: Any) -> Any:
        """The class of this form, always the same one."""
        _, handle, module, name, words, bases, special, above_it, base, abstract = form
        made = self.made.get(handle)
        if handle in self.derived_here:
            own = body_of_class(special, self.session.special, None)
            for each in [each for each in own.keys() & special if each not in dict_here(made)]:
                type.__setattr__(made, each, own[each])
        if made is None:
            last = str(name).rpartition(".")[2]
            if above_it:
                made = self._error_class(handle, module, name, words, bases, above_it)
            elif module == "__main__":
                words = str(words or "") or None
                there = [self.of(each) if each[2] == "__main__" else at(str(each[2]), str(each[3])) for each in bases]
                above = [here for here in there if is_remote(here) and "_moi_class" in dict_here(here)]
                data = BY_NAME.get(base)
                derives = self._shared_among(bases, data)
                special = special_of(derives, data).union(special)
                if data is None:
                    body = body_of_class(special, self.session.special, words)
                else:
                    body = body_of_data(data, special, self.session.special, words)
                    above = [own for own in above if issubclass(own, data)] or [data, Remote]
                bases_here = tuple(above or [Remote])
                with contextlib.suppress(TypeError):  # one with slots
                    made = (
                        DerivingClass(last, bases_here, DerivingClass.body(derives, data) | body) if derives else None
                    )
                made = made or RemoteClass(last, bases_here, body)
                type.__setattr__(made, "_moi_class", Known(self.session, handle, set()))
                type.__setattr__(made, "_moi_bases", tuple(there) or (object,))
                if data is None and (looks := [each for base in there for each in _passes_for(base)]):
                    type.__setattr__(made, "_moi_looks", type(last, tuple(looks[:1]), {}))
                    if issubclass(looks[0], list) and "__radd__" not in special:
                        type.__setattr__(made, "__radd__", _after)
                if abstract:
                    type.__setattr__(made, "__abstractmethods__", frozenset(map(str, abstract)))
            else:
                made = self._library_class(str(module), str(name), special, BY_NAME.get(base))
            self.made[handle] = made
        return made

    def _library_class(self, module: str, name: str, special: Sequence[str], data: type | None) -> Any:
        """The class of learners' objects of a class of Python's or a library's; these may be ``data`` at bottom."""
        last, bases = name.rpartition(".")[2], (Remote,)
        if data is not None:
            body = body_of_data(data, special, frozenset(), None)
            bases = (data, Remote)  # type: ignore[assignment]
        elif module == "builtins":
            body = body_of_class(special, frozenset(), None)
            if name == "function":  # as a method of a class of the test's
                body["__get__"] = _as_method
            elif name == "generator":  # nobody can copy one
                body["__copy__"] = property()
            elif name == "coroutine":
                bases = (RemoteCoroutine,)
        else:
            body = body_of_class(special, frozenset(("__str__",)), None) | of_library()
        return type(last, bases, body | {"_moi_looks": self._looks(module, name)})

    def derived(self, name: str, bases: tuple[Any, ...], body: dict[str, Any], options: dict[str, Any]) -> Any:
        """A class that a test derives from learners' classes: it is made over there, its functions stay here."""
        learners = {base for base in bases if is_remote(base) and "_moi_class" in dict_here(base)}
        if any(base.__module__ == "__main__" for base in bases if base not in learners):
            raise CannotJudge("a class that a test derives from a learner's class can have no base of the test's here")
        parts = [(key, *_part(value)) for key, value in body.items() if key not in _OF_STATEMENT]
        made, attributes = self.session.ask("derive", name, bases, parts, options)
        if not is_remote(made) or made in bases or not learners.issubset(type.mro(made)):
            raise CannotJudge("no class can be derived from the learner's")
        self.derived_here.add(known(made).handle)
        if cell := body.get("__classcell__"):  # it has functions that ask `super`
            cell.cell_contents = made
            for each, names in attributes:
                if known(each).session is self.session and "_moi_class" in dict_here(each):
                    for one in names:
                        ours = one.startswith(("__", *PROTOCOLS)) or hasattr(Remote, one) or hasattr(RemoteClass, one)
                        if not ours:
                            type.__setattr__(each, one, AttributeThere(one, each))
        return made

    def _shared_among(self, bases: Sequence[Any], data: type | None) -> tuple[type, ...]:
        """Those of the ``bases`` of a learner's class that are here too; no data but ``data``, if it is such."""
        found = [
            at(str(base[2]), str(base[3]))
            for base in bases
            if base[2] != "__main__" or base[3] in self.session.codec.shared
        ]
        never = There, type, *(kind for kind in data_classes() if kind is not data)
        return tuple(
            base for base in found if isinstance(base, type) and base is not data and not issubclass(base, never)
        )

    def _looks(self, module: str, name: str) -> type | None:
        """What an object may pass for in ``isinstance``: never for data, which it would be if it were what it says."""
        found = _trusted_class(module, name, self.session.named)
        # No object says of its class that it is, say, `types.ModuleType`.
        if found is None or found in data_classes() or (found.__module__, found.__qualname__) != (module, name):
            return None
        return found if not issubclass(found, data_classes()) or self.session.named(name.rpartition(".")[2]) else None

    def _error_class(
        self, handle: int, module: str, name: str, words: Any, bases: list[Any], above_it: list[str]
    ) -> type:
        """An exception's class: the same one where it is Python's, or one that the tests name; else one made here."""
        trusted = _trusted_class(module, name, self.session.named)
        here = module in ("builtins", "moi.grading.checks") or self.session.named(str(name))
        here = here and (module != "__main__" or name in self.session.codec.shared)
        if trusted is not None and here and issubclass(trusted, BaseException) and "remote" not in vars(trusted):
            return trusted
        if module == "__main__":
            above = [base for base in map(self.session.resolve, bases) if isinstance(base, type)]
            above = [base for base in above if issubclass(base, BaseException)] or [Exception]
            body = {"remote": handle, "_moi_session": self.session, "__module__": "__main__", "__str__": _said,
                    "__doc__": str(words or "") or None, "__new__": _made_there, "__init__": _made_already,
                    "__getattr__": _asked_for}  # fmt: skip
            return ErrorClass(name, tuple(above), body)
        kinds = (getattr(builtins, str(error), None) for error in above_it)
        return next((k for k in kinds if isinstance(k, type) and issubclass(k, Exception)), LearnersError)


def _passes_for(base: Any) -> list[type]:
    """What objects of a class derived from ``base`` pass for in ``isinstance``, if they are a list or the like."""
    if is_remote(base):
        return [base._moi_looks] if base._moi_looks else []
    return [base] if base in data_classes() and can_change_kind(base) else []


def _after(self: Any, other: Any) -> Any:
    """What a list gives with a learner's object after it whose class is a list."""
    return other + list(self) if isinstance(other, list) else NotImplemented


def _as_method(function: Any, owner: Any, kind: Any = None) -> Any:
    return function if owner is None else types.MethodType(function, owner)


def _part(value: Any) -> tuple[str, Any]:
    """An entry of a class's body, as what it is and what is in it."""
    match value:
        case staticmethod() | classmethod():
            return type(value).__name__, value.__func__
        case property():
            return "property", (value.fget, value.fset)
    return "", value


class ErrorClass(type):
    """The class of learners' classes of errors. What a test has of such an error is a copy, with a line to itself."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith(("_", *PROTOCOLS)) or "remote" not in vars(cls):
            raise AttributeError(name)
        return vars(cls)["_moi_session"].ask("get", cls, name)


def _made_there(kind: Any, *given: Any, **named: Any) -> Any:
    """An error that a test makes: by the learner's class, if the test has not derived another from it."""
    if "remote" in vars(kind):
        made = vars(kind)["_moi_session"].ask("call", kind, given, tuple(named.items()))
        if type(made) is kind:
            return made
        raise LearnersError(f"{kind.__name__} has made no error")
    python: Any = next(base for base in kind.__mro__ if base.__module__ == "builtins")
    return python.__new__(kind, *given)


def _made_already(error: Any, *given: Any, **named: Any) -> None:
    """What its ``__init__`` does has been done over there."""


def _asked_for(error: Any, name: str) -> Any:
    if name.startswith(("_", *PROTOCOLS)) or name in errors.RESERVED:
        raise AttributeError(name)
    session = next(vars(kind)["_moi_session"] for kind in type(error).__mro__ if "_moi_session" in vars(kind))
    if session.errors.handle_of(error) is None:
        raise AttributeError(name)
    return session.ask("get", error, name)


def _said(error: Any) -> str:
    """What an error of a learner's class says: what it has said over there, or where it is raised here, as of old."""
    python: Any = next(kind for kind in type(error).__mro__ if "remote" not in vars(kind))
    return str(vars(error).get("moi_text", python.__str__(error)))


def at(module: str, name: str) -> Any:
    """What stands under this name in a module, if it is imported."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _trusted_class(module: str, name: str, named: Callable[[str], bool]) -> type | None:
    """The class of this name that is here too; imported for it only if the tests have a word for it."""
    if module == "builtins" and name in _OF_PYTHON:
        return _OF_PYTHON[name]
    in_a_library = module.partition(".")[0] in sys.modules and not module.startswith("moi.")
    if module not in sys.modules and in_a_library and "__main__" not in module and named(name.rpartition(".")[2]):
        with contextlib.suppress(BaseException):  # a part of a library that is imported only when it is used
            importlib.import_module(module)
    found = at(module, name)
    return found if isinstance(found, type) else None
