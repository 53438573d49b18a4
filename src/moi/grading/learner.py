"""The learner's process: runs the cells, and does with the objects in it what the judge asks for.

Everything here is in the learner's hands as soon as a cell has run: the judge believes nothing that it says of itself.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import inspect
import io
import os
import pickle
import resource
import socket
import sys
import traceback
import types
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moi.grading import chance, errors, logged
from moi.grading.checks import text_of
from moi.grading.codec import CannotCross, packed
from moi.grading.content import content, fixed_base
from moi.grading.coroutines import run_to_end
from moi.grading.crossing import Crossing
from moi.grading.folder import Folder
from moi.grading.foreign import Foreign, ForeignCoroutine, OfTest, asked, class_of_foreign, error_class, facts
from moi.grading.line import MOST_TOGETHER, Line
from moi.grading.patches import Patched
from moi.grading.sandbox import patient_fork
from moi.grading.shell import Shell, Stream
from moi.grading.together import Environment, Names

PAIRS = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift divmod".split()  # noqa: SIM905
# What an object can do beyond attributes: these of its class are known to the judge.
SPECIAL = frozenset(
    """
    __call__ __len__ __getitem__ __setitem__ __delitem__ __iter__ __next__ __reversed__ __contains__ __str__ __repr__
    __format__ __bytes__ __int__ __float__ __complex__ __index__ __bool__ __hash__ __eq__ __ne__ __lt__ __le__ __gt__
    __ge__ __neg__ __pos__ __abs__ __invert__ __round__ __trunc__ __floor__ __ceil__ __enter__ __exit__ __await__
    __aiter__ __anext__ __aenter__ __aexit__ __fspath__
    """.split()  # noqa: SIM905
) | {f"__{prefix}{name}__" for name in PAIRS for prefix in ("", "r", "i")}
# Asks that the learner's code answers.
OF_OBJECTS = ("call", "get", "set", "delete", "special", "apply", "super", "derive", "evaluate", "drop")
# How many warnings go along with one message, and how many bytes of one.
MOST_WARNINGS = 1000
LARGEST_WARNING = 10_000
_DEEPEST = 5  # of errors that were made from others
MOST_LOOKED = 1_000_000  # bytes of what both sides hold


def serve(end: socket.socket) -> None:
    """Answer the judge at the other end of the line until it closes."""
    Agent(end).serve()


class Agent(Line):
    """The learner's end of the line."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__(end)
        self.codec.own_tuples = False
        self.shell = Shell.instance()
        self.objects: list[Any] = []
        self.handles: dict[int, int] = {}
        self.classes: dict[int, Any] = {}  # their forms, by handle
        self.derived: set[int] = set()  # handles of those that a test has derived: they may come to have more
        self.foreign: dict[int, Any] = {}
        self.foreign_classes: dict[str, Any] = {}
        # Of objects of the judge's, by id of the copy: number, copy, content when it came, and as it is written here.
        self.copies: dict[int, tuple[int, Any, bytes, bytes]] = {}
        self._telling = 0  # errors within each other
        self.folder = Folder()
        self.place = "."  # in it, as the judge knows
        self.seeds = 0  # see chance.seeds
        chance.watch_seeds()
        self.warned: list[Any] = []
        self.logged: list[dict[str, Any]] = []
        self.patched = Patched()
        self.names = Names({}, (), self.codec)
        self.used = False  # whether an object has been used, or names are together
        # What has crossed and is held here, as it was; and what of it has since been otherwise, by place.
        self.kept: list[tuple[Any, bytes]] = []
        self.changed: set[int] = set()
        self.looked_at_kept = 0  # bytes
        self.environment = Environment(os.environ)
        self.levels = logged.Levels()

    def _take(self, most: int) -> tuple[bytes, list[int]]:
        assert self.end is not None
        data, descriptors, _, _ = socket.recv_fds(self.end, most, 4)
        return data, list(descriptors)

    def start(self, settings: dict[str, Any]) -> None:
        self.codec.shared = frozenset(settings["shared"])
        self.folder = Folder(settings["files"])
        sys.path.insert(0, "")  # a module beside the notebook
        builtins.input = self._input
        sys.stdin = _Typed(self)

    def answer(self, what: str, given: tuple[Any, ...]) -> Any:
        if what == "run":
            outputs, failure = self.shell.run(given[0])
            return [[_sendable(output) for output in outputs], failure is not None]
        before = self.patched.swap(what in OF_OBJECTS)
        try:
            result = getattr(self, f"do_{what}")(*given)
            self.used = what in OF_OBJECTS or what == "share"
        finally:
            self.patched.swap(before)
            if what in OF_OBJECTS:
                self._look_at_kept()
        return result

    def ask(self, what: str, *given: Any, descriptors: Sequence[int] = ()) -> Any:
        before = self.patched.swap(False)  # what a test has patched is for the learner's code alone
        self._look_at_kept()
        try:
            return super().ask(what, *given, descriptors=descriptors)
        finally:
            self.patched.swap(before)

    do_start = start

    def do_fork(self, most_seconds: int) -> int:
        """Park a fork of this process as it is now; it answers at the other end of the descriptor that came along."""
        descriptor = self.descriptors.pop()
        child = -1
        try:
            child = patient_fork()
        finally:
            if child:
                os.close(descriptor)
        if child:
            return child
        assert self.end is not None
        self.end.close()
        self.end = socket.socket(fileno=descriptor)
        self.begin()
        self.place, self.seeds = ".", chance.seeds[0]
        recorder = self.shell.recorder
        sys.stdout, sys.stderr = Stream("stdout", recorder), Stream("stderr", recorder)
        used = sum(os.times()[:2])
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + most_seconds, int(used) + most_seconds))
        # What is done here is done for a test, which may wait for a warning, be it the second of its kind.
        always = [(each[0] if each[0] == "error" else "always", *each[1:]) for each in warnings.filters]
        warnings.filters = always
        warnings.simplefilter("always", append=True)
        warnings.showwarning = self._warn  # type: ignore[assignment]
        logged.watch(self._log)
        self.serve()
        os._exit(0)

    def do_names(self, names: tuple[str, ...]) -> dict[str, tuple[str, bytes]]:
        """Of each that is there and can cross, the first name of the same object, and its form, packed."""
        space, first, found = self.shell.user_ns, dict[int, str](), {}
        for name in names:
            if name in space:
                with contextlib.suppress(Exception):
                    form = packed(self.codec.encode(space[name]))
                    found[name] = first.setdefault(id(space[name]), name), form
        return found

    def do_share(self, names: list[str]) -> tuple[dict[str, Any], dict[str, str | None]]:
        """Have these names, the environment and what is held here together with the test from now on."""
        self.names, self.together = Names(self.shell.user_ns, names, self.codec), Crossing()
        bound = {name: self.shell.user_ns[name] for name in names if name in self.shell.user_ns}
        data = {name: value for name, value in bound.items() if self.codec.is_mutable(value)}
        return {name: value for name, value in data.items() if self.codec.state(value)}, self.environment.changes()

    def held(self, crossing: Crossing, outer: Crossing | None) -> list[int]:
        return self.held_here(crossing, outer) if self.used else []

    def _hold(self, numbers: Any, crossing: Crossing) -> None:
        if self.together is None and len(self.kept) <= MOST_TOGETHER:
            things = [crossing.things[number] for number in numbers]
            self.kept += [(thing, self.codec.state(thing)) for thing in things]
        super()._hold(numbers, crossing)

    def _look_at_kept(self) -> None:
        """See what has changed of it, as the test goes on now; it may be as before when the test is over."""
        if self.looked_at_kept > MOST_LOOKED:
            return
        for place, (thing, was) in enumerate(self.kept):
            if place not in self.changed:
                now = self.codec.state(thing)
                self.looked_at_kept += len(now)
                if now != was:
                    self.changed.add(place)

    def do_changed(self, places: tuple[int, ...]) -> bool:
        """Whether any of what is kept at these places has been otherwise than it was, or may have been."""
        return self.looked_at_kept > MOST_LOOKED or not self.changed.isdisjoint(places)

    def do_take(self, names: Any, environment: dict[str, str | None], levels: dict[str, int]) -> None:
        self.names.take(names)
        self.environment.take(environment)
        self.levels.have(levels)

    def do_changes(self) -> tuple[dict[str, list[Any]], dict[str, str | None]]:
        return self.names.changes(), self.environment.changes()

    def do_patch(self, patches: list[tuple[str, str, Any]]) -> None:
        self.patched.have(patches, importlib.import_module, _of_class)

    def do_call(self, target: Any, given: tuple[Any, ...], named: tuple[tuple[str, Any], ...]) -> Any:
        return target(*given, **dict(named))

    def do_get(self, target: Any, name: str) -> Any:
        return getattr(target, name)

    def do_set(self, target: Any, name: str, value: Any) -> None:
        setattr(target, name, _of_class(value) if isinstance(target, type) else value)

    def do_delete(self, target: Any, name: str) -> None:
        delattr(target, name)

    def do_special(self, target: Any, name: str, given: tuple[Any, ...]) -> Any:
        if name == "__await__":
            return run_to_end(target)
        if name in ("__exit__", "__aexit__") and given[0] is not None:
            # An error of the test's does not cross, but its kind does.
            kind: Any = given[0] if isinstance(given[0], type) else Exception
            given = (kind, errors.made(kind, [], {}), None)
        return getattr(type(target), name)(target, *given)

    def do_super(self, owner: type, name: str, target: Any) -> Any:
        """The attribute as ``super`` finds it: in ``owner`` or a class after it."""
        after = type(target).__mro__[type(target).__mro__.index(owner) :]
        found: Any = next((vars(base)[name] for base in after if name in vars(base)), None)
        return found.__get__(target, type(target)) if hasattr(found, "__get__") else found

    def do_derive(self, name: str, bases: tuple[type, ...], parts: list[Any], options: dict[str, Any]) -> Any:
        """A class that derives from learners' classes, and the names in each of the classes it has then."""
        kinds = {"staticmethod": staticmethod, "classmethod": classmethod}
        body: dict[str, Any] = {"__module__": "__main__", "__qualname__": name}
        for key, kind, value in parts:
            if kind == "property":
                body[key] = property(*map(_of_class, value))
            else:
                body[key] = kinds[kind](_of_class(value)) if kind else _of_class(value)
        made = types.new_class(name, bases, options, lambda space: space.update(body))
        own = [base for base in made.__mro__ if base.__module__ == "__main__"]
        self.export(made)
        self.derived.add(self.handles[id(made)])
        return made, [(each, [str(key) for key in vars(each)]) for each in own]

    def do_place(self, target: Any) -> Any:
        """Where a function was written: its cell's file, its line and name."""
        code = inspect.unwrap(target).__code__
        return [code.co_filename, code.co_firstlineno, code.co_name]

    def do_apply(self, module: str, function: str, given: tuple[Any, ...], named: tuple[Any, ...] = ()) -> Any:
        return getattr(importlib.import_module(module), function)(*given, **dict(named))

    def do_evaluate(self, what: str, text: str, spaces: tuple[dict[str, Any], ...], names: dict[str, Any]) -> Any:
        """What ``eval`` or ``exec`` of a text gives, and what it binds.

        It finds the names of the cells and these, unless the test says in which ``spaces`` to look.
        """
        cells = self.shell.user_ns
        space = {**cells, **names}
        done = getattr(builtins, what)(text, *(spaces or (space,)))
        for each in spaces:
            each.pop("__builtins__", None)
        known = {**cells, **names, "__builtins__": space.get("__builtins__")}
        return done, {name: value for name, value in space.items() if known.get(name, space) is not value}

    # What crosses

    def export(self, value: Any) -> Any:
        if issubclass(type(value), Foreign):
            return ["yours", facts(value)["_moi_number"]]
        if type(value) is OfTest and value._moi_own is not None:
            return self.export(value._moi_own)
        if issubclass(type(value), (type, BaseException)) and "_moi_number" in vars(value):
            return ["yours", vars(value)["_moi_number"]]
        if id(value) in self.copies:
            number, _, _, usual = self.copies[id(value)]
            if pickle.dumps(value) == usual:  # what has changed is another thing
                return ["yours", number]
        handle = self.handles.get(id(value))
        if handle is None:
            handle = len(self.objects)
            self.objects.append(value)
            self.handles[id(value)] = handle
        if isinstance(value, type):
            return self._class(value, handle)
        if isinstance(value, BaseException):
            return self._error(value, handle)
        at_bottom = None
        with contextlib.suppress(LookupError, CannotCross):
            at_bottom = self.codec.encode(content(value), Crossing())
        called = getattr(value, "__name__", "") if callable(value) else ""
        return ["object", handle, self._class(type(value), None), called, at_bottom]

    def _class(self, kind: type, handle: int | None) -> Any:
        if handle is None:
            return self.export(kind)
        if handle not in self.classes or handle in self.derived:  # as first seen, but what may come to have more
            self.classes[handle] = self._class_form(kind, handle)
        return self.classes[handle]

    def _class_form(self, kind: type, handle: int) -> Any:
        own = kind.__module__ == "__main__"
        base = fixed_base(kind)
        special = []
        for name in SPECIAL:
            method = _method(kind, name)
            as_base = (base or name == "__eq__") and method is _method(base or object, name)
            if method is not None and not as_base:
                special.append(name)
        return [
            "class",
            handle,
            kind.__module__,
            kind.__qualname__,
            kind.__doc__ if own else None,
            [self.export(base) for base in kind.__bases__ if base is not object] if own else [],
            sorted(special),
            [base.__name__ for base in kind.__mro__ if issubclass(base, BaseException)],
            base.__name__ if base else None,
            sorted(getattr(kind, "__abstractmethods__", ())) if own else [],
        ]

    def resolve(self, form: Any) -> Any:
        if form[0] == "yours":
            return self.objects[form[1]]
        if form[0] == "global":
            found: Any = importlib.import_module(form[1])
            for part in filter(None, form[2].split(".")):
                found = getattr(found, part)
            return found
        number = form[1]
        if form[0] == "error":  # each time another: one that was raised keeps all that was in use
            return self._foreign_error(*form[1:])
        if form[0] == "copy":
            return self._copy(*form[1:])
        if number not in self.foreign:
            self.foreign[number] = (self._foreign_class if form[0] == "class" else self._foreign)(*form[1:])
        return self.foreign[number]

    def _foreign(
        self,
        number: int,
        named: str,
        words: str | None,
        name: str,
        special: list[str],
        bases: list[list[str]],
        own: Any,
    ) -> Foreign:
        """A thing of the judge's."""
        if "__await__" in special:
            return ForeignCoroutine(self, number, named, words)
        key = repr((name, special, bases, own))
        if key not in self.foreign_classes:
            passes_for = next(filter(None, (_found(*base) for base in bases)), None)
            kind, fields = self.codec.decode(own) if own is not None else (None, None)
            self.foreign_classes[key] = class_of_foreign(name, special, passes_for, kind, fields)
        return self.foreign_classes[key].of(self, number, named, words)

    def _copy(self, number: int, content: bytes) -> Any:
        """An object of a library, of which the judge has sent a copy: the same as long as that one stays as it is."""
        for known, thing, last, _ in reversed(self.copies.values()):
            if known == number and content == last:
                return thing
        made = pickle.loads(content)
        self.copies[id(made)] = number, made, content, pickle.dumps(made)
        return made

    def _foreign_class(self, number: int, name: str, shared: bool, bases: list[Any]) -> type:
        """A class of errors of the judge's, whose errors are made there."""
        if shared and (own := _found("__main__", name)) and issubclass(own, BaseException):
            return own
        above = tuple(self.codec.decode(base) for base in bases)
        return error_class(self, number, name.rpartition(".")[2], above)

    def _foreign_error(self, number: int, kind: Any, given: list[Any], text: str, fields: dict[str, Any]) -> Any:
        """An error of the judge's, which is the same one when it comes back."""
        try:
            decoded = {name: self.codec.decode(value) for name, value in fields.items()}
            error = errors.made(self.codec.decode(kind), [self.codec.decode(one) for one in given], decoded)
        except Exception:
            error = RuntimeError(text)
        vars(error).update(_moi_number=number, _moi_text=text)
        return error

    def attach(self) -> Any:
        shown = [_sendable(output) for output in self.shell.recorder.take()] if self.shell.recorder.outputs else []
        warned, self.warned, messages, self.logged = self.warned, [], self.logged, []
        before, self.place = self.place, self.folder.place()
        place = self.place if self.place != before else None
        seeds, self.seeds = self.seeds, chance.seeds[0]
        state = chance.state() if self.seeds != seeds else None  # set, and so may be what the test goes on from
        return [shown, self.folder.changes(), warned, messages, place, state]

    def detach(self, attached: Any) -> None:
        if attached is None:
            return
        files, state, printed, place, left = attached
        if printed:
            with contextlib.suppress(Exception):
                sys.stdout.write(printed)
        self.folder.apply(files)
        if place is not None:
            self.folder.go_to(place)
            self.place = self.folder.place()
        if state:
            chance.have(state)
            self.seeds = chance.seeds[0]
        for handle in left:
            self.handles.pop(id(self.objects[handle]), None)
            self.objects[handle] = None

    def do_drop(self) -> None:
        """What the test holds no more has come along, and is gone."""

    def may_ask_now(self) -> None:
        if not self._open:
            raise RuntimeError("what a test has passed can be used only as long as the function runs that was given it")

    def describe(self, failure: BaseException) -> Any:
        frames = traceback.extract_tb(failure.__traceback__)
        line = next((frame.line for frame in reversed(frames) if "ipython-input" in frame.filename), None)
        trace = "".join(traceback.format_exception(failure))[-20_000:]
        if isinstance(failure, CannotCross):
            return [None, text_of(failure), line, trace, []]
        form: Any = "an error that cannot cross"
        notes: list[str] = []
        with contextlib.suppress(Exception):
            notes = [note for note in getattr(failure, "__notes__", ()) if isinstance(note, str)]
            number = vars(failure).get("_moi_number")
            if number is not None:
                form = ["there", ["yours", number]]
            elif type(failure).__module__ == "__main__":
                form = ["there", self.export(failure)]
                failure.__traceback__ = None  # it is kept, but not what was in use
            else:
                form = ["there", self._error(failure, None)]
        return [form, text_of(failure), line, trace, notes]

    def _error(self, error: BaseException, handle: int | None) -> Any:
        """An error as a copy, with those that it was made from. Only one that is a value has a ``handle``."""
        if self._telling > _DEEPEST:
            raise CannotCross("it is nested too deeply")
        self._telling += 1
        try:
            cause, context = error.__cause__, error.__context__
            others = [self._other(cause), self._other(context if context is not cause else None)]
            notes = [note for note in getattr(error, "__notes__", ()) if isinstance(note, str)]
            return ["error", handle, self.codec.encode(type(error)), *errors.parts(error, self.codec.encode),
                    *others, error.__suppress_context__, notes]  # fmt: skip
        finally:
            self._telling -= 1

    def _other(self, error: BaseException | None) -> Any:
        with contextlib.suppress(CannotCross):
            return None if error is None else ["there", self._error(error, None)]
        return None

    def _warn(self, message: Warning | str, category: type[Warning], filename: str, *_: Any, **__: Any) -> None:
        """Keep a warning for the judge, which has it shown, or caught, as the test wants it."""
        # As Python has it for the caller, a test's cell if nothing of the learner's is.
        by_a_cell = "ipython-input" in filename or Path(filename).parent == Path(__file__).parent
        with contextlib.suppress(Exception):
            assert isinstance(message, Warning)
            form = ["__main__" if by_a_cell else filename, self.describe(message)]
            if len(self.warned) < MOST_WARNINGS and len(packed(form)) <= LARGEST_WARNING:
                self.warned.append(form)

    def _log(self, message: dict[str, Any]) -> None:
        if len(self.logged) < logged.MOST_MESSAGES:
            self.logged.append(message)

    def _input(self, prompt: object = "", /) -> str:
        return str(asked(self, "input", str(prompt)))


def _of_class(value: Any) -> Any:
    """``value`` as it is an attribute of a class: a function of the test's is then a method."""
    kind = type(value).__name__ if issubclass(type(value), Foreign) else ""
    if kind == "function":

        def method(*given: Any, **named: Any) -> Any:
            return value(*given, **named)

        method.__name__, method.__doc__ = facts(value).get("__name__", "method"), value.__doc__
        return method
    return property(lambda _: value()) if kind == "PropertyMock" else value


def _found(module: str, name: str) -> type | None:
    """The class of this name, if there is one here too."""
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) else None


class _Typed(io.TextIOBase):
    """Standard input: what the test lets the learner type."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def readable(self) -> bool:
        return True

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        return str(asked(self._agent, "line"))


def _method(kind: type, name: str) -> Any:
    """A special method as Python finds it, which is not that of the class's own class."""
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)


def _sendable(output: dict[str, Any]) -> Any:
    """An output as plain data, whatever the learner's classes say of themselves in it."""

    def plain(value: Any, depth: int = 0) -> Any:
        if value is None or type(value) in (bool, float, str, bytes) or (type(value) is int and abs(value) < 2**63):
            return value
        if depth < 20 and isinstance(value, (list, tuple)):
            return [plain(item, depth + 1) for item in value]
        if depth < 20 and isinstance(value, dict):
            return {str(key): plain(item, depth + 1) for key, item in value.items()}
        return str(value) if isinstance(value, str) else None

    return plain(output)
