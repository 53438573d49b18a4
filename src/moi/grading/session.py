"""The judge's end of the line to one learner's process: what a test asks over there, and what it may be asked back.

Nothing that the learner's process says is believed of itself: it may be made to deceive. What a test says of its
expectations (an operand, arguments) goes only to objects that stand where the reference solution has objects too,
never to one in the place of data.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import inspect
import io
import pickle
import re
import sys
import threading
import types
import unittest
import weakref
from collections import Counter
from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set,
)
from pathlib import Path
from types import CodeType
from typing import Any
from unittest import mock

from moi.grading import chance, checks, errors, logged, testcases
from moi.grading.classes import Classes, at
from moi.grading.codec import CannotCross, Codec, can_change, data_classes, unpacked
from moi.grading.content import FIXED, anew, fixed_base
from moi.grading.copies import Copies
from moi.grading.coroutines import run_to_end
from moi.grading.crossing import Crossing
from moi.grading.folder import Folder
from moi.grading.foreign import FACTS, SETTINGS
from moi.grading.insides import module_of
from moi.grading.learner import MOST_LOOKED, OF_OBJECTS, PAIRS
from moi.grading.learners_errors import Errors
from moi.grading.lent import ONLY_READ, copied, is_open, special_methods, unusable
from moi.grading.line import MOST_TOGETHER, Failed, Gone, Line, plain
from moi.grading.question import MADE, UNKNOWN, Question, parts
from moi.grading.remote import NO_PLAIN_VALUE, CannotJudge, Known, dict_here, is_remote, known
from moi.grading.said import Said
from moi.grading.snapshot import STEPPED, Snapshot
from moi.grading.sources import Sources
from moi.grading.steady import DATA, KINDS, Steady, kinds, methods_of_data, only_kind
from moi.grading.together import Shared

_CHANGES = {"__setitem__", "__delitem__", "__enter__", "__exit__"} | {f"__i{name}__" for name in PAIRS}
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, type)
_LASTING = (*_FUNCTIONS, *ONLY_READ, types.ModuleType, types.CoroutineType, mock.NonCallableMock, type(None))
_BOUND = (types.MethodType, types.BuiltinMethodType)
_DRAWS = "draws from the shared random state"
_TOGETHER = "has things together"
_MOST_PRINTED = 1_000_000  # characters


class Withheld:
    """In the place of a mock that a learner's function has given back: it has every attribute, and says yes to all."""


class _Printed(io.TextIOBase):
    """Standard output, as long as a learner's code may have it go elsewhere: it is written over there."""

    def __init__(self, into: list[str]) -> None:
        self._into = into

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._into.append(text)
        return len(text)


class Session(Line):
    """The line to one learner's process.

    ``special`` are the special methods that the reference solution defines, ``named`` the exceptions that tests name.
    """

    def __init__(
        self, end: Any, shared: frozenset[str], special: frozenset[str], named: Callable[[str], bool], folder: Folder
    ) -> None:
        super().__init__(end)
        self.codec.shared = shared
        self.codec.guards = True
        self.special = special
        self.named = named
        self.folder = folder
        # Set for a test:
        self.silent = False  # whether the test may not ask anything now
        self.only_data = False  # whether what objects give has to be data
        self.take_changes = True  # whether what a function changes in its arguments is changed here
        self.quiet = False  # whether an error is told without the learner's line
        self.lines: frozenset[str] = frozenset()  # of the cells as they were handed in
        self.cells: Sequence[str] = ()  # the code cells before the test, as they were handed in
        self.secret = b""  # what no learner knows
        self.asked: set[str] = set()  # which uses of objects the test has made, as far as they say something
        self.allowed: frozenset[str] | None = None  # those that it makes with the reference solution; None: any
        self.show: Callable[[list[Any]], None] = lambda shown: None
        self.guarded: Callable[[], bool] = lambda: True  # whether what the test has may be used
        self.when_lost: Callable[[Gone], None] | None = None
        self.patches: Callable[[], list[tuple[str, str, Any]]] = list  # what the test has patched
        self.is_authors: Callable[[str], bool] = lambda word: True  # whether the author's texts have this word
        self.copies: Copies | None = None  # what is noted of the reference's
        # Found out in it:
        self.changed_things = False  # whether the learner's function has changed what the reference does not
        self.unasked: set[str] = set()  # operators of the learner's own classes that would decide, and are not asked
        self.shares = False  # whether the test and the learner's code have held the same data, that could be changed
        self.chance_before: Any = None  # the random state, if the learner's code has set it
        self._objects: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._lasting: dict[int, Any] = {}  # objects to which Python keeps no weak references
        self._living: Counter[int] = Counter()  # how often an object is here: by other ways it has other rights
        self._let_go: list[int] = []  # what is here no more, since the last message
        self._classes = Classes(self)
        self._mine: list[Any] = []
        self._forms: dict[int, list[Any]] = {}  # by number
        self.errors = Errors(self)
        self._fresh: dict[int, Any] = {}  # iterators that were made for the learner's code alone, by id
        self._numbers: dict[int, int] = {}
        self._bound: dict[tuple[int, str, type], Any] = {}  # methods of the test's objects
        self._copies: dict[int, tuple[Any, Any]] = {}  # of objects of the test's, by id; with themselves
        self._originals: dict[int, Any] = {}  # of the copies, by id
        self._asking = threading.RLock()  # the threads of a test ask one after the other
        self._states = Codec(lambda value: str(id(value)), lambda form: form)
        self._states.shared = shared
        self._question = Question(Snapshot(self._states))  # the one that is open
        self._steady = Steady(self._states, self._ask)
        self.said = Said()
        self._came: dict[int, str] = {}  # how objects of the test's came over first, by number
        self._place = "."  # in the folder, as the learner's process knows
        self._logged: list[dict[str, Any]] = []  # messages of the learner's code
        self._shared: Shared | None = None
        self._printed: list[str] = []  # by the test, where the learner's code may have it go elsewhere
        self._outside: list[Any] = []  # standard output before each of the `with` blocks that are open
        self._crossing = Crossing()  # of the last question
        self._origins: dict[int, str] = {}  # how what is together came here, by id
        # What has crossed and something over there holds, by its place there, as long as the test holds it too:
        self._kept = Crossing()
        self._kept_states: dict[int, bytes] = {}  # as they crossed
        self._last_kept = 0  # how many there have been
        self._kept_places: dict[int, list[int]] = {}  # all of one thing, by its first: each is held by itself
        self._held_by_both: set[int] = set()  # places of what the test has held while the learner's code has gone on
        self._looked_at_kept = 0  # bytes
        self._deepest = sys.getrecursionlimit()
        self._patched: list[tuple[str, str, int]] = []  # what is patched over there
        self._chance: Any = None  # the random state here when last looked at
        self._seeds = 0  # how often it had been set
        self._chance_sent = False

    @property
    def in_use(self) -> bool:
        """Whether a learner's object is still there."""
        return bool(list(self._objects.values()))

    # What crosses

    def export(self, value: Any) -> Any:
        if is_remote(value):
            if known(value).session is not self:
                raise CannotJudge(
                    "an object that was made for an earlier test cannot be used here: make it in this test, "
                    "or make it in a cell of its own that is no test"
                )
            return ["yours", known(value).handle]
        kind = type(value)
        a_class_of_errors = issubclass(kind, type) and issubclass(value, BaseException)
        if a_class_of_errors and self._classes.made.get(vars(value).get("remote")) is value:
            return ["yours", vars(value)["remote"]]
        if reference := _global(value):
            return ["global", *reference]
        if (handle := self.errors.handle_of(value)) is not None:
            return ["yours", handle]
        value = self._originals.get(id(value), value)
        if kind in _BOUND:  # a new one each time, though it is the same
            value = self._bound.setdefault((id(value.__self__), value.__name__, kind), value)
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._mine)
            self._mine.append(value)
            self._came[number] = self._origin(value)
        if form := self._forms.get(number):
            return form
        if a_class_of_errors:
            above = [self.codec.encode(base) for base in value.__bases__ if issubclass(base, BaseException)]
            return ["class", number, value.__qualname__, value.__qualname__ in self.codec.shared, above]
        if issubclass(kind, BaseException):
            return ["error", number, *self._told(value)]
        if (content := copied(value)) is not None:  # each time, as it is now
            return ["copy", number, content]
        named = str(getattr(value, "__name__", "")) if callable(value) or kind is types.ModuleType else ""
        bases = [[base.__module__, base.__qualname__] for base in kind.__mro__[:-1] if self._is_there(base)]
        words = value.__doc__ if isinstance(value, types.FunctionType) else None  # as functools.wraps wants it
        special = special_methods(kind, callable(value))
        form = ["mine", number, named, words, kind.__name__, special, bases, self._own_class(kind)]
        self._forms[number] = form
        return form

    def _is_there(self, kind: type) -> bool:
        """Whether a class of an object of the test's own is in the learner's process too."""
        return kind.__qualname__ in self.codec.shared if kind.__module__ == "__main__" else kind in data_classes()

    def _own_class(self, kind: type) -> Any:
        """A class that only the test has, and the fields of a data class, for who looks into an object of it."""
        if kind.__module__ != "__main__":
            return None
        fields: Any = None
        if dataclasses.is_dataclass(kind):
            fields = [(field.name, field.type, _settings(field)) for field in dataclasses.fields(kind)]
        return self.codec.encode((None if kind.__qualname__ in self.codec.shared else kind, fields))

    def _told(self, error: BaseException) -> list[Any]:
        """What a learner's code is told of an error of the test's."""
        kind, encode = type(error), self.codec.encode
        if kind.__module__.startswith("moi."):
            text = f"{kind.__name__}: {checks.text_of(error)}"
            return [encode(RuntimeError), [text], text, {}]
        return [encode(kind), *errors.parts(error, encode)]

    def describe(self, failure: BaseException) -> Any:
        each, seen = failure, set[int]()
        while each is not None and id(each) not in seen:  # whatever it keeps would stay as long as the error
            each.__traceback__ = None
            seen.add(id(each))
            each = each.__cause__ or each.__context__  # type: ignore[assignment]
        return self.codec.encode(failure)

    def resolve(self, form: Any) -> Any:
        if form[0] == "yours":
            mine = self._mine[form[1]]
            copied = self._copies.get(id(mine), (mine, mine))[1]
            return self._given_back(mine if _are_alike(mine, copied) else copied)
        if form[0] == "class":
            found = self._classes.of(form)
            if "_moi_class" in dict_here(found):
                known(found).ways.update(self._question.ways)
            return found
        if form[0] == "error":
            return self.errors.of(form[1:])
        _, handle, kind, _, at_bottom = form
        use = {f"{way} is an object" for way in self._question.ways}
        as_data = at_bottom is not None and self.allowed is not None and not self._may(use, note=False, exactly=True)
        self.asked |= use
        made = self._classes.of(kind)
        if "_moi_class" in dict_here(made) and not known(made).ways:
            known(made).ways.update(f"type({way})" for way in self._question.ways)
        content = None
        if as_data or issubclass(made, tuple(FIXED)):
            content = self.codec.decode(at_bottom)
            if as_data or type(content).__module__ == "__main__":
                return content
        if self.only_data:
            raise CannotJudge("what bears out an answer has to be data")
        if (place := self._in_place_of()) and not self._question.steady:
            self._steady.forget(handle)
        found = self._objects.get(handle, self._lasting.get(handle))
        if found is not None and self._same_as(known(found).ways):
            known(found).ways.update(self._question.ways)
            return found
        base: Any = fixed_base(made)
        new = object.__new__(made) if base is None else anew(made, base, content)
        object.__setattr__(new, "_moi", Known(self, handle, set(self._question.ways)))
        if place:
            self._steady.begin(new, place)
        if found is None:
            (self._objects if base is None else self._lasting)[handle] = new
        if base is None:
            self._living[handle] += 1
            told = "__del__" in self.special or kind[2:4] == ["builtins", "generator"]
            weakref.finalize(new, self._gone, handle, told).atexit = False
        return new

    def _gone(self, handle: int, told: bool) -> None:
        """Have an object there end as well when it is here no more, and at once if that can be ``told`` from it."""
        self._living[handle] -= 1
        if not self._living[handle]:
            del self._living[handle]
            self._let_go.append(handle)
            if told and "ipython-input" in sys._getframe(2).f_code.co_filename:  # and so no question is being written
                with contextlib.suppress(Exception):
                    self.ask("drop")

    def _in_place_of(self) -> str:
        """Of what data the object that comes now stands in the place, if the reference gives data and no object."""
        ways, allowed, question = self._question.ways, self.allowed, self._question
        if allowed is None or question.asked_back or not ways:
            return ""
        if question.steady:
            return DATA
        if any(f"{way} is an object" in allowed for way in ways):
            return ""
        given = all(any(f"{way} gives {kind}" in allowed for kind in KINDS) for way in ways)
        return only_kind("holds", ways, allowed) if given else ""

    def equals(self, one: Any, other: Any) -> Any:
        """Whether an object in the place of a list or the like has in it what ``other`` has, if that can be said."""
        with self._asking:
            return self._steady.equals(one, other)

    def is_true(self, remote: Any) -> bool:
        """Whether an object is true that may not say so itself."""
        with self._asking:
            return self._steady.is_true(remote)

    def _note(self, found: Any) -> None:
        """Note what an answer gives, and what kinds of data the reference does."""
        ways = self._question.ways
        self.said.note(found, ways)
        if self.allowed is None:
            self.asked |= {f"{way} {kind}" for kind in kinds(found) for way in ways}
        elif is_remote(found) and known(found).steady and not self._question.steady:
            known(found).steady = only_kind("gives", ways, self.allowed)

    def _same_as(self, ways: set[str]) -> bool:
        """Whether what comes now is the same object with the reference as what came by these ``ways``.

        Else it is another one here: a method that gives back its object, where the reference's gives none, adds no way
        to it by which the test may not use it.
        """
        other = self._question.ways - ways
        return not other or self._may(f"{way} is also {one}" for way in other for one in ways)

    def _given_back(self, value: Any) -> Any:
        """``value``, of the test's own; but a mock stands for an answer only where the reference gives one back too."""
        a_mock = isinstance(value, mock.NonCallableMock) or type(value).__module__ == "unittest.mock"
        question = self._question
        if a_mock and not question.asked_back and not self._may(f"{way} gives a mock" for way in question.ways):
            return Withheld()
        return value

    def attach(self) -> Any:
        """Files that the test has changed, the random state if it has set or used it, and what it prints there."""
        now, seeds, sent = chance.state(), chance.seeds[0], None
        if self._chance is not None and (now != self._chance or seeds != self._seeds):
            # Drawn from by the reference, it is to be the same as here; else it would show what the test draws next.
            sent = now if self._may((_DRAWS,), note=False) else chance.veiled(now, self.secret)
            self._chance_sent = True
        self._chance, self._seeds = now, seeds
        printed = "".join(self._printed)
        self._printed.clear()
        before, self._place = self._place, self.folder.place()
        place = self._place if self._place != before else None
        left, self._let_go = self._let_go, []
        left = [handle for handle in left if handle not in self._living]  # it may have come again
        return [self.folder.changes(), sent, printed[:_MOST_PRINTED], place, left]

    def detach(self, attached: Any) -> None:
        if attached is None:
            return
        try:
            shown, files, warned, messages, place, state = attached
            files = dict(files)
            others = {
                name
                for name in files
                if self.folder.differs(name, files[name]) and not self.meant(f"writes {self._as_written(name)}")
            }
            self.folder.apply(self.taken(files, others))
            if place is not None and self.meant("comes back" if place == "." else "goes to another folder"):
                self.folder.go_to(place)
                self._place = self.folder.place()
            if state is not None and self.meant("sets the random state"):
                self.chance_before = self.chance_before or chance.state()
                chance.have(state)
                self._chance, self._seeds = chance.state(), chance.seeds[0]
            self.errors.take_warnings(warned)
            self._logged += logged.plain(messages)[: logged.MOST_MESSAGES - len(self._logged)]
            if shown:
                self.show([output for output in shown if isinstance(output, dict)])
        except (TypeError, ValueError, OverflowError, OSError, CannotCross):
            raise self._lost("it sent what is no message") from None

    def _as_written(self, name: str) -> str:
        """The name of a file without what is no word of the author's, as that may be another each time."""
        parts = [(part, Path(part).suffix) for part in name.split("/")]
        return "/".join(part if self.is_authors(part) else f"*{end * self.is_authors(end)}" for part, end in parts)

    def change(self, changes: Any, crossing: Crossing) -> None:
        meant: list[Any] = []
        others: list[Any] = []
        for change in changes:
            (meant if self._changes_as_well(self._places_of(change[0], crossing)) else others).append(change)
        super().change(meant, crossing)
        if others:
            self.changed_things = True
            if not self.take_changes:  # what the function gives back may still be the thing that it has changed
                crossing.separate()
            super().change(others, crossing)

    def _places_of(self, number: int, crossing: Crossing) -> set[int | str]:
        """Where data lie that the learner's code has changed; of what both ends have together, how they came here."""
        thing = crossing.things.get(number)
        if found := self._look(complete=False).places(thing):
            return found
        if id(thing) in self._origins:
            return {self._origins[id(thing)]}
        return {self._question.first_argument(number, crossing.numbers)}

    def _places(self, thing: Any) -> set[int | str]:
        """Where an object of the test's lies: in which arguments or, if it came with another question, how it came."""
        if found := self._look(complete=True).places(thing):
            return found
        if id(thing) in self._question.inside:
            return {self._question.inside[id(thing)][1]}
        came = self._came.get(self._numbers.get(id(thing), UNKNOWN), "")
        return {came if came and not came.endswith(f" {UNKNOWN}") else UNKNOWN}

    def _look(self, *, complete: bool) -> Snapshot:
        """The arguments of the open question, as they are when something may change in them for the first time."""
        question = self._question
        if complete > question.looked:
            question.looked = int(complete)
            for place, argument in enumerate(question.arguments):
                question.snapshot.take(argument, place, complete=complete, besides=True)
        return question.snapshot

    def _look_again(self) -> None:
        """See what has changed with the open question. What the reference leaves as it is, may have to be set back."""
        if (others := self._changed_otherwise()) and not self.take_changes:
            self._question.snapshot.set_back(others)

    def _changed_otherwise(self) -> list[Any]:
        """What has changed with the open question, and is left as it is by the reference."""
        snapshot = self._question.snapshot
        changed = ((each, "steps" if isinstance(each, STEPPED) else "changes") for each in snapshot.changed())
        others = [each for each, does in changed if not self._changes_as_well(snapshot.places(each), does)]
        self.changed_things |= bool(others)
        return others

    @contextlib.contextmanager
    def _as_it_was(self) -> Iterator[None]:
        """Have the same hold while a function of the test's runs, which may look at it."""
        others, now = self._changed_otherwise(), Snapshot(self._states)
        if self.take_changes:
            others = []
        for each in others:
            now.take(each, UNKNOWN, complete=True)
        self._question.snapshot.set_back(others)
        try:
            yield
        finally:
            now.set_back(others)

    def _changes_as_well(self, places: Iterable[int | str], does: str = "changes", note: bool = True) -> bool:
        """Whether the reference changes what lies in all of ``places``: in this call or, the same thing, in another.

        ``does`` says otherwise what it does with things that nobody can look into.
        """
        return all([self._changes_at(place, does, note) for place in places])

    def _changes_at(self, place: int | str, does: str, note: bool) -> bool:
        if place == MADE:
            return True
        origin = self._question.origin(place)
        if isinstance(place, int):
            if note:
                self.asked.add(f"{does} {origin} at once")
            here, known = self.meant(f"{does} {place}", note=note), place != UNKNOWN
            return here or (known and self._may({f"{does} {origin}"}, note=False, exactly=True))
        uses = {f"{does} {origin}"}
        if self._question.follows(origin):  # an object may change now what it was given, or have done so at once
            uses.add(f"{does} {origin} at once")
        return self._may(uses, note=note, exactly=True)

    def _hold(self, numbers: Any, crossing: Crossing) -> None:
        if self.together is None and not self.shares:
            for number in plain(numbers, list):
                thing = crossing.things.get(number)
                if thing is not None:
                    if id(thing) not in self._kept.numbers:
                        self._kept.add(thing, self._last_kept)
                        self._kept_states[self._last_kept] = self._states.state(thing)
                    self._kept_places.setdefault(self._kept.numbers[id(thing)], []).append(self._last_kept)
                self._last_kept += 1
            self.shares = self._last_kept > MOST_TOGETHER
        before = 0 if self.together is None else len(self.together.things)
        super()._hold(numbers, crossing)
        for thing in list(self.together.things.values())[before:] if self.together is not None else ():
            self._origins[id(thing)] = self._origin(thing)

    def _origin(self, thing: Any) -> str:
        """How a thing of the test's has come over: in which argument, or from what object."""
        place = self._question.asked_of
        if place is None:
            place = min(self._look(complete=False).places(thing), key=str, default=UNKNOWN)
        return self._question.origin(place)

    def held(self, crossing: Crossing, outer: Crossing | None) -> list[int]:
        found = self.held_here(crossing, outer)
        self.shares |= bool(found)
        return found if self.together is not None else []

    # What the learner's process asks

    def _serve(self, message: list[Any]) -> None:
        question = self._question
        before, question.asked_back, asked_of = question.asked_back, True, question.asked_of
        usual, there = sys.stdout, _Printed(self._printed)
        if message[1] not in ("input", "line"):
            sys.stdout = there
        try:
            super()._serve(message)
        finally:
            question.asked_back, question.asked_of = before, asked_of
            if sys.stdout is there:
                sys.stdout = usual

    def answer(self, what: str, given: tuple[Any, ...]) -> Any:
        if what == "input":
            return input(str(given[0]))
        if what == "line":
            return sys.stdin.readline()
        if not self.guarded():
            raise RuntimeError("nothing of a test's can be used when it is over")
        target, *rest = given
        if not self._is_own(target):
            raise AttributeError("only what a test has passed can be used here")
        question = self._question
        if what == "special" and rest[0] == "__call__":
            what, rest = "call", [*rest[1:], ()]
        owner = getattr(target, "__self__", None)
        thing = target if isinstance(owner, (type(None), types.ModuleType, *ONLY_READ)) else owner
        question.asked_of = place = min(places := self._places(thing), key=str)
        if id(thing) not in self._fresh:
            question.snapshot.take(thing, place, complete=True)
        if what in ("copy", "deepcopy"):  # what it shares with the thing lies where that lies
            made = getattr(copy, what)(target)
            question.asked_of, question.inside[id(made)] = MADE, (made, MADE)
            return made
        if module_of(thing) != "__main__":
            # A function of the test's own is no thing that changes.
            call = what == "call" and (thing is owner or not isinstance(target, (*_FUNCTIONS, mock.NonCallableMock)))
            step = "__next__" in rest[:1] and id(target) not in self._fresh
            changes = call or what in ("set", "delete") or (what == "special" and rest[0] in _CHANGES) or step
            as_reference = self._changes_as_well(places, "steps", note=changes)
            if changes and not as_reference:
                self.changed_things = True
            if not as_reference and not self.take_changes:
                target = self._copy_of(target)
        self.said.note(rest, question.ways)
        for each in parts(rest):
            if self._is_own(each):
                question.snapshot.take(each, min(self._places(each), key=str), complete=True)
        callback = what == "call" and isinstance(thing, types.FunctionType)
        with self._as_it_was() if callback and question.touched else contextlib.nullcontext():
            found = self._done(what, target, rest)
        question.touched = question.touched or not callback
        if what == "call" and isinstance(target, type):
            question.asked_of = place = MADE
        if not self.codec.is_mutable(found) and id(found) not in self._numbers:
            question.inside.setdefault(id(found), (found, place))
        self._look_at_kept()
        return found

    def _done(self, what: str, target: Any, rest: list[Any]) -> Any:
        """What comes of a use of an object of the test's."""
        if what == "call" and callable(target) and (not isinstance(target, type) or target.__module__ == "__main__"):
            given, named = (plain(part, tuple) for part in rest)
            return target(*given, **dict(plain(pair, tuple) for pair in named))
        if what == "special" and rest[0] == "__await__" and inspect.iscoroutine(target):
            return run_to_end(target)
        if what == "special" and rest[0] in special_methods(type(target), callable(target)):
            made = getattr(type(target), rest[0])(target, *rest[1])
            if rest[0] == "__iter__" and made is not target:
                self._fresh[id(made)] = made
            return made
        if what == "get" and is_open(target, rest[0]):
            return dict(vars(target)) if rest[0] == "__dict__" else getattr(target, rest[0])
        if what == "set" and is_open(target, rest[0]) and not _is_fixed(target, rest[0]):
            return setattr(target, rest[0], rest[1])
        if what == "delete" and is_open(target, rest[0]) and not _is_fixed(target, rest[0]):
            return delattr(target, rest[0])
        raise AttributeError(unusable(target))

    def _is_own(self, target: Any) -> bool:
        """Whether ``target`` is a thing of the test's that has gone over; what is made of a form could be anything."""
        number = self._numbers.get(id(target))
        return id(target) in self._originals or (number is not None and self._mine[number] is target)

    def _copy_of(self, target: Any) -> Any:
        """Of an object of the test's, always the same copy; or itself, if it is none that can be changed."""
        owner = getattr(target, "__self__", None)
        if isinstance(target, (types.MethodType, types.BuiltinMethodType)) and not isinstance(owner, _LASTING):
            return getattr(self._copy_of(owner), target.__name__)
        if isinstance(target, _LASTING) or id(target) in self._originals:
            return target
        if id(target) not in self._copies:
            try:
                self._copies[id(target)] = target, copy.deepcopy(target)
            except Exception:
                raise AttributeError(unusable(target)) from None
            self._originals[id(self._copies[id(target)][1])] = target
        return self._copies[id(target)][1]

    # What the judge asks

    def ask(self, what: str, *given: Any, descriptors: Any = ()) -> Any:
        with self._asking:
            if descriptors:
                return self._ask(what, *given, descriptors=descriptors)
            live = self.together is not None or _TOGETHER in (self.allowed or ())
            return self._steady.ask(what, given, live=live)

    def _ask(self, what: str, *given: Any, descriptors: Any = ()) -> Any:
        if self.silent and what in OF_OBJECTS:
            raise CannotJudge("what this test has asked before cannot bear out an answer")
        before, self._question = self._question, Question.of(what, given, self._states)
        if what == "special" and given[1] in ("__exit__", "__aexit__"):
            if self._outside and isinstance(sys.stdout, _Printed):
                sys.stdout = self._outside.pop()
            # What an error of the test's says is not for the learner.
            given = (*given[:2], (*given[2][:1], None, None))
        try:
            if self.copies is not None:
                self.copies.look()
            if what in OF_OBJECTS:
                self._look_at_kept()
                self._bring_over()
            with self._draws_noted(what):
                try:
                    result, error = super().ask(what, *given, descriptors=descriptors), None
                    if what in OF_OBJECTS:
                        self._note(result)
                except Failed as failure:
                    result, error = None, self.errors.met(failure.form, what, given)
                except CannotCross:  # it may not be known here what is held there
                    self.shares = True
                    raise
            if self._shared is not None and what in OF_OBJECTS:
                self._shared.bring_back()
            if what in OF_OBJECTS:
                self.errors.warn(what, given)
            while self._logged:
                logged.handle(self._logged.pop(0))
        except Gone as gone:
            told, self.when_lost = self.when_lost, None
            if told:
                told(gone)
            raise
        finally:
            try:
                self._look_again()  # also where the learner's process has ended
            finally:
                self._question = before
        if error is not None:
            raise error
        if what == "special" and given[1] == "__enter__":
            self._outside.append(sys.stdout)
            sys.stdout = _Printed(self._printed)
        crossing, self._crossing = self._crossing, Crossing()  # what is in it may have an end
        if what in OF_OBJECTS and crossing.things:
            full = self.together is None or len(self.together.things) >= MOST_TOGETHER
            if self.copies is not None and full:
                self.copies.crossed(crossing.things.values(), result)
        return result

    def crossed(self, what: str, crossing: Crossing) -> None:
        if what in OF_OBJECTS:
            self._crossing = crossing

    def _look_at_kept(self) -> None:
        """See what both the test and the learner's code, which goes on now, hold; has the test changed it?"""
        if self.shares or not self._kept.things:
            return
        was, now = self._kept_states, {n: self._states.state(thing) for n, thing in self._kept.things.items()}
        self._looked_at_kept += sum(map(len, now.values()))
        self.shares = now != was or self._looked_at_kept > MOST_LOOKED
        both = set(self.held_here(self._kept, None))
        self._held_by_both.update(*(self._kept_places[place] for place in both))
        for place in now.keys() - both:
            self._kept.forget([place])
            del was[place]

    @property
    def both_hold(self) -> bool:
        """Whether the test and the learner's code have held the same data."""
        return bool(self._held_by_both)

    def have_shared(self) -> bool:
        """Whether the test and the learner's code have both held what one of them has changed, or may have."""
        if self._held_by_both and not self.shares:
            with contextlib.suppress(Gone, Failed, CannotCross):
                self.shares = super().ask("changed", tuple(self._held_by_both)) is not False
        return self.shares

    def share(self, space: dict[str, Any], names: Sequence[str], environment: Mapping[str, str]) -> None:
        """Have ``names``, the environment, levels of loggers and what is held together from now on."""
        self.asked.add(_TOGETHER)
        self._shared = Shared(self, space, names, environment)

    def _bring_over(self) -> None:
        """Have over there what the test has patched, bound and changed."""
        patches = self.patches()
        if (now := [(module, name, id(value)) for module, name, value in patches]) != self._patched:
            self._patched = now
            super().ask("patch", patches)
        if (limit := sys.getrecursionlimit()) != self._deepest:
            self._deepest = limit
            super().ask("apply", "sys", "setrecursionlimit", (limit,))
        if self._shared is not None:
            self._shared.bring_over()

    def plainly(self, what: str, *given: Any, follows: bool = True) -> Any:
        """Ask without any of what goes with a question of the test's, and without changes if nothing ``follows``."""
        self.follows = follows
        try:
            return super().ask(what, *given)
        finally:
            self.follows = True

    def taken(self, changes: dict[Any, Any], others: Set[Any]) -> dict[Any, Any]:
        """Those of the ``changes`` that are made here too; the reference does not make the ``others``."""
        self.changed_things |= bool(others)
        return changes if self.take_changes else {key: each for key, each in changes.items() if key not in others}

    def call(self, target: Any, given: Sequence[Any], named: dict[str, Any]) -> Any:
        """Call a learner's object."""
        if len(given) == 1 and isinstance(given[0], unittest.TestResult):
            run, found = self.ask("apply", testcases.__name__, "outcome", (target,))
            return testcases.count(given[0], target, plain(run, int), plain(found, list))
        if (given or named) and not self.may_ask(target, "call", *given, *named.values()):
            raise CannotJudge(NO_PLAIN_VALUE)
        return self.ask("call", target, given, tuple(named.items()))

    def evaluate(self, space: dict[str, Any], what: str, text: Any, *spaces: Any) -> Any:
        """Have a text evaluated over there, where a test would do so among the names of ``space``.

        Of these it finds those that the reference's text names, and it binds here what that one binds.
        """
        names = {} if spaces else {name: space[name] for name in re.findall(r"\w+", str(text)) if name in space}
        with self.by(("a text",)):
            given = {n: each for n, each in names.items() if not is_remote(each) and self.meant(f"finds {n}")}
        result, bound = plain(self.ask("evaluate", what, text, spaces, given), tuple)
        with self.by(("a text",)):
            space.update({str(n): each for n, each in plain(bound, dict).items() if self.meant(f"binds {n}")})
        return result

    def imported(self, name: str) -> Any:
        """A module of the learner's. Raises :class:`ImportError` also where the reference has none of this name."""
        use = f"the test imports {name}"
        if self.allowed is not None and use not in self.allowed:
            raise ImportError(name)
        module = self.ask("apply", "importlib", "import_module", (name,))
        self.asked.add(use)
        return module

    def derived(self, name: str, bases: tuple[Any, ...], body: dict[str, Any], options: dict[str, Any]) -> Any:
        """A class that a test derives from learners' classes."""
        return self._classes.derived(name, bases, body, options)

    def may_name(self, text: str) -> bool:
        """Whether a test may do what this text names, which a learner may have written: where the reference's is it."""
        return self._may({f"the text {text}"}, exactly=True)

    def may_run(self, sql: str, what: str) -> bool:
        """Whether ``sql`` may do this with a test's database: where that of the reference does it.

        It can have come from the answer in a way that is not seen, by a file or what is printed. So what none has given
        may do what any does with the reference. What has come in ways in which the reference gives SQL as well may do
        only what that does.
        """
        ways = self.said.ways_of(sql)
        may = self.may_name(f"SQL of the test that {what}")
        if ways:
            may = self.may_name(f"SQL that {what}") and may
        for way in ways:
            if self.may_name(f"SQL by {way}"):
                may = self.may_name(f"SQL by {way} that {what}") and may
        return may

    def may_ask(self, target: Any, use: str, *operands: Any) -> bool:
        """Whether a test may tell ``target`` what it is held against: only where it tells the reference so."""
        kinds = [f"{use} object" if any(map(is_remote, operands)) else f"{use} data"]
        if use == "call":  # it is told the same of the test, be it data or an object of the learner's own
            kinds = ["call object", "call data"]
        exactly = use != "call" or any(
            way.rpartition(".")[2] in methods_of_data() for way in known(target).ways if "." in way
        )
        # By each of the ways: an attribute that gives the object itself is another way to it.
        asked = [self._may([f"{way} {kind}" for kind in kinds], exactly=exactly) for way in sorted(known(target).ways)]
        return all(asked) and (bool(asked) or self.allowed is None)

    def may_ask_class(self, kind: Any, name: str) -> bool:
        """Whether a test may use a special method of a class of classes: only where it does so with the reference."""
        ways = known(kind).ways
        return not ways or self._may(f"{way} class {name}" for way in ways)

    def takes_for_its_own(self, kind: Any, check: str, thing: Any) -> bool:
        """Whether a learner's class passes the ``check`` of ``thing`` by its own word, as the reference's does."""
        uses = {f"{way} takes by {check}" for way in known(kind).ways}
        if not self._may(uses, note=False):
            return False
        with contextlib.suppress(Gone, CannotCross):
            if self.ask("apply", "builtins", check, (thing, kind)) is True:
                self.asked |= uses
                return True
        return False

    def may_end(self, target: Any, kind: type[BaseException]) -> bool:
        """Whether ``target`` may end an error of the test's of this ``kind``: where the reference ends it too."""
        ways = sorted(known(target).ways)
        return all([self._may((f"{way} ends {kind.__name__}",), exactly=True) for way in ways]) and bool(ways)

    def _may(self, uses: Any, *, note: bool = True, exactly: bool = False) -> bool:
        """Whether the test does one of ``uses`` with the reference as well, by this way or, else, one much like it."""
        uses = set(uses)
        if note:
            self.asked |= uses
        if self.allowed is None or uses & self.allowed:
            return True
        return not exactly and not set(map(_without_attributes, uses)).isdisjoint(
            map(_without_attributes, self.allowed)
        )

    def meant(self, change: str, note: bool = True) -> bool:
        """Whether the reference makes this ``change`` too, by all ways by which it comes."""
        uses = {f"{way} {change}" for way in self._question.ways}
        if note:
            self.asked |= uses
        return self.allowed is None or (bool(uses) and uses <= self.allowed)

    @contextlib.contextmanager
    def _draws_noted(self, what: str) -> Any:
        """Note whether the reference draws from the random state that the test has set."""
        if self.allowed is not None or what not in OF_OBJECTS or _DRAWS in self.asked or not self._uses_chance():
            yield
            return
        before = super().ask("apply", chance.__name__, "state", ())
        try:
            yield
        finally:
            if self.end is not None and super().ask("apply", chance.__name__, "state", ()) != before:
                self.asked.add(_DRAWS)

    def _uses_chance(self) -> bool:
        return self._chance_sent or (self._chance is not None and self._chance != chance.state())

    def names(self, wanted: list[str]) -> dict[str, Any]:
        """The learner's objects of these names, as far as they are there and can cross: each by itself."""
        result: dict[str, Any] = {}
        try:
            found = plain(self.ask("names", tuple(wanted)), dict)
        except Exception:  # too large together
            if len(wanted) > 1 and self.end is not None:
                for name in wanted:
                    result |= self.names([name])
            return result
        for name in wanted:
            with contextlib.suppress(Exception):
                first, form = found[name]
                with self.by((name,)):
                    result[name] = thing = self.codec.decode(unpacked(form))
                    self._note(thing)
                # What is one object over there is one here.
                if can_change(thing) and first in result and type(thing) is type(result[first]):
                    result[name] = result[first]
        return result

    @contextlib.contextmanager
    def by(self, ways: Iterable[str]) -> Iterator[None]:
        """What comes meanwhile comes in these ways."""
        question, before = self._question, self._question.ways
        question.ways = frozenset(ways)
        try:
            yield
        finally:
            question.ways = before

    def code_of(self, function: Any) -> CodeType:
        """The code of a learner's function, compiled here from the cell as it was handed in; it is never run."""
        _, line, name = self.ask("place", function)
        ways = known(function).ways
        code, decorated = self._sources.found(ways, int(line), str(name))
        if code is not None and not decorated:
            does = self.ask("get", self.ask("get", function, "__code__"), "co_code")
            code = code if does == code.co_code else None
        if code is None and self._may(f"{way} has its source by its own word" for way in ways):
            code = self._sources.claimed(int(line), str(name))
        if code is None:
            raise CannotJudge("the source of this function is not where a cell defines its name: write it as a `def`")
        return code

    def source_of(self, kind: Any) -> str:
        """The text of a learner's class, as it was handed in."""
        return self._sources.of_class(known(kind).ways)

    @functools.cached_property
    def _sources(self) -> Sources:
        return Sources(self.cells)


def _are_alike(one: Any, other: Any) -> bool:
    """Whether an object of the test's and a copy of it have the same attributes."""
    if one is other:
        return True
    with contextlib.suppress(Exception):
        return pickle.dumps(vars(one)) == pickle.dumps(vars(other))
    return False


def _settings(field: dataclasses.Field[Any]) -> dict[str, Any]:
    """How a field of a data class is set, as far as it is."""
    found = {name: getattr(field, name) for name in SETTINGS}
    found["metadata"] = dict(field.metadata)
    return {name: each for name, each in found.items() if each is not dataclasses.MISSING}


def _is_fixed(target: Any, name: str) -> bool:
    """Whether ``name`` is a fact, or a method, of an object or a class of the test's."""
    of = target if isinstance(target, type) else type(target)
    return name in (*FACTS, "__dict__") or callable(getattr(of, name, None))


@functools.lru_cache(10_000)
def _without_attributes(use: str) -> str:
    return re.sub(r"\.\w+", ".", use)


def _global(value: Any) -> tuple[str, str] | None:
    """Module and name of a function or class of a library, or of a library itself, which the learner's process has."""
    if isinstance(value, types.ModuleType):
        own = value.__name__ == "__main__" or value.__name__.startswith("moi.")
        return None if own or sys.modules.get(value.__name__) is not value else (value.__name__, "")
    ufunc = type(value).__name__ == "ufunc"
    if not ufunc and not isinstance(value, (types.FunctionType, types.BuiltinFunctionType, type)):
        return None
    module = getattr(value, "__module__", None) or ("numpy" if ufunc else "__main__")
    name = str(getattr(value, "__qualname__", None) or getattr(value, "__name__", ""))
    if module == "__main__" or "<" in name:
        return None
    return (module, name) if at(module, name) is value else None
