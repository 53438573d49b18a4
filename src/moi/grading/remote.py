"""The judge's side of the line: objects of the learner's process, as far as a test may use them.

A function, an object or a class of the learner is here a :class:`Remote` (or a class of such), and each use of it is
a question to the learner's process. What comes back is data, judged here. What decides truth is never asked over
there (``==``, ``<``, ``in``, ``bool``, ``hash``), unless the reference solution itself defines it: then it is what
the learner was asked to write. What a test says of its expectations (an operand, arguments) goes only to objects that
stand where the reference solution has objects too, never to one in the place of data.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import importlib
import linecache
import random
import re
import sys
import types
import weakref
from collections.abc import Callable
from types import CodeType
from typing import Any
from unittest import mock

from moi.grading import checks
from moi.grading.codec import CannotCross, Crossing, There, data_classes
from moi.grading.folder import Folder
from moi.grading.learner import PAIRS as _PAIRS
from moi.grading.learner import SPECIAL
from moi.grading.line import Failed, Gone, Line

_TRUTH = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__", "__contains__", "__hash__")
_EXACT = {"__str__": str, "__repr__": str, "__format__": str, "__bytes__": bytes, "__len__": int, "__index__": int,
          "__int__": int, "__float__": float, "__complex__": complex}  # fmt: skip
_PAIRED = {f"__{prefix}{name}__": name for name in _PAIRS for prefix in ("", "r", "i")} | {
    name: name.strip("_") for name in _TRUTH if name not in ("__bool__", "__hash__")
}  # special methods that are given what the object is held against
# By these a library asks an object to take its part in a comparison, or where in memory it lies.
_PROTOCOLS = ("__array_", "__arrow", "__dlpack", "__dataframe", "__cuda", "__buffer", "_typ", "_moi")
_PARTS = ("__iter__", "__next__", "__reversed__", "__getitem__", "__enter__", "__await__")
_FORBIDDEN_OF_MOCKS = ("method_calls",)
# What a learner's function may do with an object that the test has passed to it.
_ALLOWED = ("__call__", "__bool__", "__iter__", "__next__", "__len__", "__getitem__", "__setitem__", "__contains__")


class CannotJudge(TypeError):
    """A test asks what cannot be judged from outside the learner's process; ``str(error)`` says how to ask it."""


class LearnersError(Exception):
    """An error of the learner's code of a kind that the judge does not have; ``str(error)`` names it."""


class Session(Line):
    """The line to one learner's process.

    ``special`` are the special methods that the reference solution defines, ``named`` the exceptions that tests name.
    """

    def __init__(
        self, end: Any, shared: frozenset[str], special: frozenset[str], named: Callable[[str], bool], folder: Folder
    ) -> None:
        super().__init__(end)
        self.codec.shared = shared
        self.special = special
        self.named = named
        self.folder = folder
        self.changed_things = False  # whether the learner's function has changed what it was given
        self.take_changes = True
        self.show: Callable[[list[Any]], None] = lambda shown: None
        self.lines: frozenset[str] = frozenset()  # of the cells as they were handed in
        self.source_of: Callable[[str, int, str], CodeType | None] = lambda file, line, name: None
        self._objects: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._classes: dict[int, type] = {}
        self._mine: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._random: Any = None
        self.when_lost: Callable[[Gone], None] | None = None
        self.asked: set[str] = set()  # which uses of objects this test has made, as far as they say something
        self.allowed: frozenset[str] | None = None  # those that it makes with the reference solution; None: any
        self.quiet = False  # whether an error is told without the learner's line
        self.codec.guards = True
        self._ways: frozenset[str] = frozenset()

    def change(self, changes: Any, crossing: Crossing) -> None:
        self.changed_things = True
        if self.take_changes:
            super().change(changes, crossing)

    # What crosses

    def export(self, value: Any) -> Any:
        if isinstance(value, (Remote, _RemoteClass)):
            if vars_of(value)["session"] is not self:
                raise CannotJudge(
                    "an object that was made for an earlier test cannot be used here: make it in this test, "
                    "or make it in a cell of its own that is no test"
                )
            return ["yours", vars_of(value)["handle"]]
        if isinstance(value, type) and issubclass(value, BaseException) and "remote" in vars(value):
            return ["yours", vars(value)["remote"]]
        if reference := _global(value):
            return ["global", *reference]
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._mine)
            self._mine.append(value)
        return ["mine", number, callable(value), str(getattr(value, "__name__", ""))]

    def resolve(self, form: Any) -> Any:
        if form[0] == "yours":
            return self._mine[form[1]]
        if form[0] == "class":
            return self._class(form)
        _, handle, kind, name = form
        found = self._objects.get(handle)
        if found is None:
            found = object.__new__(self._class(kind))
            object.__setattr__(found, "_moi", {"session": self, "handle": handle, "name": name, "ways": set()})
            self._objects[handle] = found
        vars_of(found)["ways"].update(self._ways)
        return found

    def _class(self, form: Any) -> Any:
        _, handle, module, name, words, bases, special, errors = form
        made = self._classes.get(handle)
        if made is not None and isinstance(made, _RemoteClass) and "_moi_class" in vars(made):
            vars_of(made)["ways"].update(self._ways)
        if made is None:
            last = str(name).rpartition(".")[2]
            if errors:
                made = self._error_class(handle, module, name, bases, errors)
            elif module == "__main__":
                above = tuple(base for base in (self.resolve(b) for b in bases) if isinstance(base, _RemoteClass))
                made = _RemoteClass(last, above or (Remote,), _methods(special, self.special, str(words or "") or None))
                known = {"session": self, "handle": handle, "name": last, "ways": set(self._ways)}
                type.__setattr__(made, "_moi_class", known)
            else:
                body = _methods(special, frozenset(), None) | {"_moi_looks": self._looks(str(module), str(name))}
                made = type(last, (Remote,), body)
            self._classes[handle] = made
        return made

    def _looks(self, module: str, name: str) -> type | None:
        """What an object may pass for in ``isinstance``: never for data, which it would be if it were what it says."""
        found = _trusted_class(module, name, self.named)
        if found is None or found in data_classes():
            return None
        return found if not issubclass(found, data_classes()) or self.named(name.rpartition(".")[2]) else None

    def _error_class(self, handle: int, module: str, name: str, bases: list[Any], errors: list[str]) -> type:
        """An exception's class: the same one where it is Python's, or one that the tests name; else one made here."""
        trusted = _trusted_class(module, name, self.named)
        known = module in ("builtins", "moi.grading.checks") or self.named(str(name))
        if trusted is not None and known and issubclass(trusted, BaseException):
            return trusted
        if module == "__main__":
            above = [base for base in (self.resolve(b) for b in bases) if isinstance(base, type)]
            above = [base for base in above if issubclass(base, BaseException)] or [Exception]
            return type(name, tuple(above), {"remote": handle})
        kinds = (getattr(builtins, str(error), None) for error in errors)
        return next((k for k in kinds if isinstance(k, type) and issubclass(k, Exception)), LearnersError)

    def attach(self) -> Any:
        states = None
        now: list[Any] = [random.getstate()]
        if "numpy" in sys.modules:
            legacy = sys.modules["numpy"].random.get_state()
            now.append((legacy[1].tobytes(), *legacy[2:]))
        if self._random is not None and now != self._random:  # the test has set a seed: it holds over there as well
            version, words, gauss = now[0]
            states = [[version, list(words), gauss]]
            if len(now) > 1:
                states.append([[int(w) for w in legacy[1]], list(legacy[2:])])
        self._random = now
        return [self.folder.changes(), states]

    def detach(self, attached: Any) -> None:
        if attached is None:
            return
        try:
            shown, files = attached
            self.folder.apply(dict(files))
            if shown:
                self.show([output for output in shown if isinstance(output, dict)])
        except (TypeError, ValueError, OSError):
            raise self._lost("it sent what is no message") from None

    # What the learner's process asks

    def answer(self, what: str, given: list[Any]) -> Any:
        if what == "input":
            return input(str(given[0]))
        if what == "line":
            return sys.stdin.readline()
        target, *rest = given
        if what == "call" and callable(target) and not isinstance(target, type):
            return target(*rest[0], **rest[1])
        open_to_learners = type(target).__module__ == "__main__" or isinstance(target, mock.NonCallableMock)
        if what == "special" and rest[0] in _ALLOWED and not isinstance(target, (type, types.ModuleType)):
            return getattr(type(target), rest[0])(target, *rest[1])
        if what in ("get", "set") and open_to_learners and not str(rest[0]).startswith("_"):
            of_class = getattr(type(target), rest[0], None)
            # What a mock has recorded, and what the test's own objects do, is no learner's to change.
            own = isinstance(target, mock.NonCallableMock) and (
                hasattr(type(target), rest[0]) or rest[0] in _FORBIDDEN_OF_MOCKS
            )
            if not own and (what == "get" or not callable(of_class)):
                return getattr(target, rest[0]) if what == "get" else setattr(target, rest[0], rest[1])
        raise AttributeError("the object that the test has passed cannot be used in this way")

    # What the judge asks

    def ask(self, what: str, *given: Any, descriptors: Any = ()) -> Any:
        before, self._ways = self._ways, _ways(what, given)
        try:
            return super().ask(what, *given, descriptors=descriptors)
        except Failed as failure:
            error = self._error(failure.form)
            if isinstance(error, SystemExit) and what in ("run", "fork", "start", "names", "place"):
                error = LearnersError("SystemExit")  # of the agent itself, and none that a test could wait for
            elif isinstance(error, (StopIteration, StopAsyncIteration)) and not self._may_stop(what, given):
                error = LearnersError(f"{type(error).__name__}: {error}")  # it would end a loop of the test's
            elif isinstance(error, checks.Wrong):
                # Only the functions of checks say this, in words of their own, of the object that they are given.
                error = checks.Wrong(str(error)[:200]) if what == "apply" else LearnersError(f"Wrong: {error}")
        except Gone as gone:
            told, self.when_lost = self.when_lost, None
            if told:
                told(gone)
            raise
        finally:
            self._ways = before
        raise error

    def _may_stop(self, what: str, given: Any) -> bool:
        if what == "special":
            return bool(given[1] in ("__next__", "__await__"))
        return self.named("StopIteration") or any(
            way.endswith((".send", ".__next__", ".throw")) for way in _ways_of(given[0])
        )

    def may_ask(self, target: Any, use: str, *operands: Any) -> bool:
        """Whether a test may tell ``target`` what it is held against: only where it tells the reference so."""
        kind = "object" if any(isinstance(o, (Remote, _RemoteClass)) for o in operands) else "data"
        uses = {f"{way} {use} {kind}" for way in _ways_of(target)}
        self.asked |= uses
        if self.allowed is None or uses & self.allowed:
            return True
        attributes = {way.rpartition(".")[2] for way in _ways_of(target) if "." in way}
        if use == "call" and attributes & _methods_of_data():
            return False
        return not {_without_attributes(use) for use in uses}.isdisjoint(map(_without_attributes, self.allowed))

    def _error(self, form: Any) -> BaseException:
        try:
            kind = self.codec.decode(form[0]) if form[0] is not None else None
            given = self.codec.decode(form[1])
            text, line, trace = str(form[2]), form[3], str(form[4])
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                kind = CannotJudge if form[0] is None else LearnersError
            if not issubclass(kind, (Exception, SystemExit)):
                kind, given = LearnersError, [f"{kind.__name__}: {text}"]
            elif kind in (LearnersError, CannotJudge):
                given = [text]
            error: Any = kind.__new__(kind, *given)
            error.args = tuple(given)
            str(error)
        except Exception:
            error, line, trace = LearnersError("an error that cannot be told"), None, ""
        # Only a line that stands in a cell: anything else could carry out what the hidden tests asked.
        error.learners_line = line if isinstance(line, str) and line in self.lines and not self.quiet else None
        error.learners_trace = trace
        return error  # type: ignore[no-any-return]

    def names(self, wanted: list[str]) -> dict[str, Any]:
        """The learner's objects of these names, as far as they are there and can cross."""
        result = {}
        for name in wanted:
            with contextlib.suppress(Exception):
                found = self.ask("names", [name])
                if isinstance(found, dict) and isinstance(found.get(name), list) and len(found[name]) == 1:
                    result[name] = found[name][0]
            if self.end is None:
                break
        return result


def _ways(what: str, given: Any) -> frozenset[str]:
    """How a test comes by what it asks for: ``cart.items()`` for the answer of the method of ``cart``."""
    if what == "names":
        return frozenset(given[0])
    if what not in ("call", "get", "special"):
        return frozenset((f"{what}!",))
    step = "()" if what == "call" else f".{given[1]}" if what == "get" else ""
    if what == "special" and given[1] not in _PARTS:
        step = "!"
    return frozenset((way + step)[-200:] for way in sorted(_ways_of(given[0]))[:8])


def _ways_of(target: Any) -> Any:
    return vars_of(target)["ways"] if isinstance(target, (Remote, _RemoteClass)) else ()


def _without_attributes(use: str) -> str:
    return re.sub(r"\.\w+", "", use)


@functools.cache
def _methods_of_data() -> frozenset[str]:
    return frozenset(name for kind in data_classes() for name in dir(kind) if not name.startswith("_")) - {"get"}


class _RemoteClass(type):
    """The class of the learner's own classes: to call one makes an object over there."""

    def __call__(cls, *given: Any, **named: Any) -> Any:
        if "_moi_class" not in vars(cls):
            return super().__call__(*given, **named)
        return _called(cls, given, named)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith(_PROTOCOLS):
            raise AttributeError(name)
        for base in cls.__mro__:
            if "_moi_class" in vars(base):
                return vars(base)["_moi_class"]["session"].ask("get", base, name)
        raise AttributeError(name)

    def __setattr__(cls, name: str, value: Any) -> None:
        vars(cls)["_moi_class"]["session"].ask("set", cls, name, value)


class Remote(There, metaclass=_RemoteClass):
    """An object of the learner's process."""

    __slots__ = ("__weakref__", "_moi")
    _moi_looks: type | None = None

    def __getattr__(self, name: str) -> Any:
        if name == "__code__":
            return _code(self)
        if name.startswith(_PROTOCOLS):
            raise AttributeError(name)
        return vars_of(self)["session"].ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        vars_of(self)["session"].ask("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        vars_of(self)["session"].ask("delete", self, name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self)._moi_looks or type(self)

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        return vars_of(self)["session"].ask("get", self, "__doc__")

    def _moi_home(self, function: Callable[..., Any], *rest: Any) -> Any:
        """Have ``function``, of a module that both sides have, done over there, with this object first."""
        given = (self, *rest)
        return vars_of(self)["session"].ask("apply", function.__module__, function.__qualname__, given)

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


def vars_of(remote: Any) -> dict[str, Any]:
    """What is known here of a learner's object or class: its ``session``, ``handle`` and ``name``."""
    if isinstance(type(remote), type) and issubclass(type(remote), _RemoteClass):
        known: dict[str, Any] = next(vars(base)["_moi_class"] for base in remote.__mro__ if "_moi_class" in vars(base))
        return known
    return object.__getattribute__(remote, "_moi")  # type: ignore[no-any-return]


def _methods(special: list[str], defined: frozenset[str], words: str | None) -> dict[str, Any]:
    """The special methods of a class whose objects can do ``special``."""
    able = {name for name in special if name in SPECIAL}
    body: dict[str, Any] = {"__slots__": ()}
    body["__doc__"] = vars(Remote)["__doc__"] if words is None else words
    for name in able:
        if name in _TRUTH:
            if name in defined or (name == "__ne__" and "__eq__" in defined):
                body[name] = _asks_truth(name)
        elif name in ("__str__", "__repr__", "__format__") and not defined & {"__str__", "__repr__", "__format__"}:
            continue
        else:
            body[name] = _asks(name)
    if "__contains__" in able and "__contains__" not in body:
        body["__contains__"] = _contains
    if "__eq__" in body and "__hash__" not in body:
        body["__hash__"] = Remote.__hash__
    if "__len__" in able and "__bool__" not in able:
        body["__bool__"] = lambda self: len(self) > 0
    if "__lt__" not in body:
        body["__lt__"] = body["__le__"] = body["__gt__"] = body["__ge__"] = _no_order
    return body


def _asks(name: str) -> Callable[..., Any]:
    if name == "__call__":

        def call(self: Any, *given: Any, **named: Any) -> Any:
            return _called(self, given, named)

        return call
    if name == "__await__":

        def wait(self: Any) -> Any:
            return vars_of(self)["session"].ask("special", self, name, ())
            yield

        return wait

    def method(self: Any, *given: Any) -> Any:
        session = vars_of(self)["session"]
        if name in _PAIRED and not session.may_ask(self, _PAIRED[name], *given):
            return NotImplemented
        result = session.ask("special", self, name, given)
        exact = _EXACT.get(name)
        if exact is not None and type(result) is not exact:
            raise TypeError(f"{name} returned non-{exact.__name__}")
        return result

    method.__name__ = name
    return method


def _asks_truth(name: str) -> Callable[..., Any]:
    exact = int if name == "__hash__" else bool

    def method(self: Any, *given: Any) -> Any:
        session = vars_of(self)["session"]
        if name == "__eq__" and given and given[0] is self:
            return True
        if not session.may_ask(self, _PAIRED.get(name, name), *given):
            return _UNASKED[name](self, *given)
        result = session.ask("special", self, name, given)
        if result is not NotImplemented and type(result) is not exact:
            raise TypeError(f"{name} returned non-{exact.__name__}")
        return result

    method.__name__ = name
    return method


def _called(target: Any, given: Any, named: Any) -> Any:
    session = vars_of(target)["session"]
    if (given or named) and not session.may_ask(target, "call", *given, *named.values()):
        raise CannotJudge(
            "there is an object of your own where a plain value is needed: a number, a text, a list, an array, a table"
        )
    return session.ask("call", target, given, named)


def _no_order(self: Any, other: Any) -> Any:
    return NotImplemented


def _contains(self: Any, item: Any) -> bool:
    return any(item is there or item == there for there in self)


# What holds of an object whose class is not asked.
_UNASKED: dict[str, Callable[..., Any]] = dict.fromkeys(_TRUTH, _no_order) | {
    "__bool__": lambda self: True, "__hash__": Remote.__hash__, "__contains__": _contains,
}  # fmt: skip


def _code(function: Any) -> CodeType:
    """The code of a learner's function, compiled here from the cell as it was handed in; it is never run."""
    session = vars_of(function)["session"]
    file, line, name = session.ask("place", function)
    code = session.source_of(str(file), int(line), str(name))
    if code is None:
        raise CannotJudge("the source of this function is not in a cell")
    return code  # type: ignore[no-any-return]


def code_in(source: str, file: str, line: int, name: str) -> CodeType | None:
    """The code object of the function ``name`` at ``line`` of a cell's ``source``."""
    try:
        found = [compile(source, file, "exec", dont_inherit=True)]
    except (SyntaxError, ValueError):
        return None
    if "ipython-input" in file:
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    while found:
        code = found.pop()
        if code.co_name == name and code.co_firstlineno == line:
            return code
        found += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return None


def _global(value: Any) -> tuple[str, str] | None:
    """Module and name of a function or class of a library, which the learner's process has as well."""
    if not isinstance(value, (types.FunctionType, types.BuiltinFunctionType, type)) and type(value).__name__ != "ufunc":
        return None
    module = getattr(value, "__module__", None) or ("numpy" if type(value).__name__ == "ufunc" else "__main__")
    name = str(getattr(value, "__qualname__", None) or getattr(value, "__name__", ""))
    if module == "__main__" or "<" in name:
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return (module, name) if found is value else None


def _trusted_class(module: str, name: str, named: Callable[[str], bool]) -> type | None:
    """The class of this name that is here too; imported for it only if the tests have a word for it."""
    if module == "builtins" and name in ("function", "generator", "coroutine", "method", "builtin_function_or_method"):
        return {"function": types.FunctionType, "generator": types.GeneratorType, "coroutine": types.CoroutineType,
                "method": types.MethodType}.get(name, types.BuiltinFunctionType)  # fmt: skip
    in_a_library = module.partition(".")[0] in sys.modules and not module.startswith("moi.")
    if module not in sys.modules and in_a_library and "__main__" not in module and named(name.rpartition(".")[2]):
        with contextlib.suppress(BaseException):  # a part of a library that is imported only when it is used
            importlib.import_module(module)
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None


__all__ = ["CannotCross", "CannotJudge", "Gone", "LearnersError", "Remote", "Session", "code_in"]
