"""A line between two processes over which each may ask the other, and be asked back before it is answered."""

from __future__ import annotations

import contextlib
import gc
import select
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

from moi.grading.codec import LARGEST, CannotCross, Codec, packed, unpacked
from moi.grading.crossing import Crossing

_HEAD = struct.Struct("!I")
_AT_ONCE = 1 << 16  # bytes
_MOST_LOOKED = 5_000_000  # bytes, in one call: then its things are looked at only in the end
MOST_TOGETHER = 100  # things
_OWN_REFERENCES = 3  # of what nobody else here holds: in what has crossed, by its name, and as an argument
_Kind = TypeVar("_Kind")


class Gone(Exception):
    """The process at the other end has ended, or was ended because it did not answer in time."""

    def __init__(self, words: str, slow: bool = False) -> None:
        super().__init__(words)
        self.slow = slow


class Failed(Exception):
    """What was asked for ended in an error over there; ``form`` describes it as that side sees it."""

    def __init__(self, form: Any) -> None:
        super().__init__("failed")
        self.form = form


@dataclass
class _Open:
    """A question that this end has asked, or ``answers``, and is not done with."""

    answers: bool
    thread: int
    crossing: Crossing


class Line:
    """One end. A subclass says what it answers to (:meth:`answer`) and how it describes an error.

    ``deadline`` (of :func:`time.monotonic`) is when waiting for the other end is over.
    """

    follows = True  # whether changes are brought over also while a question is open

    def __init__(self, end: socket.socket) -> None:
        self.end: socket.socket | None = end
        self.deadline: float | None = None
        self.codec = Codec(self.export, self.resolve)
        self.descriptors: list[int] = []
        self.together: Crossing | None = None  # things that both ends have from now on, by the same numbers
        self.begin()

    def begin(self) -> None:
        """Be at the beginning: nothing is asked or answered."""
        # Each end answers first what it was asked last. So must threads, of which the one on top has the line.
        self._open: list[_Open] = []
        self._turn = threading.Condition()
        self._come = bytearray()  # what has come and is not read yet

    def may_ask_now(self) -> None:
        """Raise an error if the other end does not expect a question."""

    def export(self, value: Any) -> Any:
        """The form under which the other end knows ``value``, which is no data."""
        raise CannotCross(f"a {type(value).__name__} is no data")

    def resolve(self, form: Any) -> Any:
        """The object for a form that the other end has given."""
        raise CannotCross("no such object")

    def answer(self, what: str, given: tuple[Any, ...]) -> Any:
        """Do what the other end asks for."""
        raise CannotCross(f"nothing is known of {what[:20]!r}")

    def describe(self, failure: BaseException) -> Any:
        """The error of an answer, for the other end, as data."""
        return [type(failure).__name__, str(failure)]

    def attach(self) -> Any:
        """What goes along with each message, as plain data."""
        return None

    def detach(self, attached: Any) -> None:
        """Take what came along with a message."""

    def ask(self, what: str, *given: Any, descriptors: Sequence[int] = ()) -> Any:
        """Ask the other end, and answer it while waiting. Raises :class:`Gone` or :class:`Failed`."""
        with self._turn:
            own = threading.get_ident()
            self._turn.wait_for(lambda: not self._open or self._open[-1].answers or self._open[-1].thread == own)
            self.may_ask_now()
            outer = self._outer() if self.follows else None
            known, states = (set(outer.things), dict(outer.states)) if outer is not None else (set(), {})
            try:
                changes = self._changes(outer) if self.follows else None
                if changes is None:  # the numbers of what is asked now are none of those
                    outer = None
                crossing = Crossing.within(outer)
                self._send(["ask", what, self.codec.encode(given, crossing), self.attach(), changes], descriptors)
            except CannotCross:
                if outer is not None:  # the other end has not heard of what is new in it
                    outer.forget(outer.things.keys() - known)
                    outer.states = states
                raise
            self._open.append(_Open(False, own, crossing))
        try:
            while True:
                message = self._receive()
                self.detach(message[3])
                if message[0] != "ask":
                    break
                self._serve(message)
        finally:
            self._close()
        _, form, changed, _, held = message
        try:
            if changed:
                self._take_changes(changed, crossing, outer)
            if message[0] == "answer":
                result = self.codec.decode(form, crossing)
                self._hold(held, crossing)
                self.crossed(what, crossing)
        except CannotCross:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as failure:
            raise CannotCross(f"no answer ({type(failure).__name__})") from None
        if message[0] == "answer":
            return result
        raise Failed(form)

    def _outer(self) -> Crossing | None:
        """What both ends have already: of the call that is open, or together."""
        return self._open[-1].crossing if self._open else self.together

    def _changes(self, outer: Crossing | None) -> Any:
        """What this end has changed in it, for the other; None if that is not looked at."""
        if outer is None:
            return []
        # What is together has its numbers for good: who left it out would give it another.
        if self.together is None and (not outer.states or outer.looked > _MOST_LOOKED):
            return None
        return self.codec.changed(outer)

    def _take_changes(self, changed: Any, crossing: Crossing, outer: Crossing | None) -> None:
        """Make the changes of the other end here; those of things of ``outer`` are none of this end's."""
        changes = self.codec.changes(changed, crossing)
        self.change(changes, crossing)
        for number, _ in changes:
            if outer is not None and number in outer.states:
                self.codec.note_state(outer, number)
        if crossing is outer:
            self.codec.note_new(outer)

    def _hold(self, numbers: Any, crossing: Crossing) -> None:
        """Have things of ``crossing`` together."""
        found = [crossing.things[number] for number in plain(numbers, list) if number in crossing.things]
        if self.together is not None:
            new = [thing for thing in found if id(thing) not in self.together.numbers]
            for each in (self.together, *(one.crossing for one in self._open)):
                added = [each.add(thing) for thing in new if id(thing) not in each.numbers]
                for number in added:  # when all have one, as each is noted with the numbers of its parts
                    self.codec.note_state(each, number)

    def crossed(self, what: str, crossing: Crossing) -> None:
        """What has crossed with a question for ``what`` and its answer, at the end that has asked."""

    def change(self, changes: Any, crossing: Crossing) -> None:
        """Make the changes in what was given along with a question."""
        self.codec.bring_back(changes, crossing)

    def serve(self) -> None:
        """Answer until the other end closes."""
        with contextlib.suppress(Gone):
            while True:
                message = self._receive()
                self.detach(message[3])
                self._serve(message)

    def held(self, crossing: Crossing, outer: Crossing | None) -> list[int]:
        """Which things of ``crossing`` that are not in ``outer`` this end holds, for the other to know."""
        return []

    def held_here(self, crossing: Crossing, outer: Crossing | None) -> list[int]:
        """The numbers of those that something here holds, and of what lies in these; as many as can be together."""
        known = self.together.numbers if self.together is not None else {}
        before = outer.things.keys() if outer is not None else ()
        things, inside = crossing.things, dict[int, list[int]]()
        for number in things:
            if number not in before and self.codec.is_mutable(things[number]):
                inside[number] = list(map(id, gc.get_referents(things[number])))
        counted = Counter(each for parts in inside.values() for each in parts)
        held = set[int]()
        for number in inside:
            thing = things[number]
            if id(thing) in known or sys.getrefcount(thing) - _OWN_REFERENCES > counted[id(thing)]:
                held.add(number)
        waiting = [*held]
        while waiting:
            parts = {crossing.numbers.get(part) for part in inside[waiting.pop()]}
            new = [part for part in parts if part in inside and part not in held]
            waiting += new
            held.update(new)
        found = [number for number in inside if number in held and id(things[number]) not in known]
        return found[: max(MOST_TOGETHER - len(known), 0)]

    def _serve(self, message: list[Any]) -> None:
        with self._turn:
            outer, crossing = self._outer(), Crossing()
            answering = _Open(True, threading.get_ident(), crossing)
            self._open.append(answering)
        result, failed, held = None, None, list[int]()
        try:
            if message[4] is None:
                outer = None
            if outer is not None:
                self._take_changes(message[4], outer, outer)
                answering.crossing = crossing = Crossing.within(outer)
            given = self.codec.decode(message[2], crossing)
            self.codec.note_states(crossing)
            result = self.answer(message[1], given)
        except Gone:
            self._close()
            raise
        except BaseException as failure:
            failed = failure
        with self._turn:
            try:
                self._turn.wait_for(lambda: self._open[-1] is answering)
                changes = self.codec.changed(crossing)  # before the answer, which may hold what is new in them
                try:
                    form = self.codec.encode(result, crossing) if failed is None else self.describe(failed)
                except Gone:
                    raise
                except BaseException as failure:
                    failed, form = failure, self.describe(failure)
                given = result = None  # whoever counts references to what has crossed is not to find these
                held = self.held(crossing, outer) if failed is None else []
                self._send(["answer" if failed is None else "failed", form, changes, self.attach(), held])
                if outer is not None:  # what was sent, the other end knows
                    outer.states |= {
                        number: crossing.states[number] for number in outer.states.keys() & crossing.states.keys()
                    }
                self._hold(held, crossing)  # after that, as in what is together a thing may have another number
            except CannotCross as failure:
                self._send(["failed", self.describe(failure), [], None, []])
            finally:
                self._close()

    def _close(self) -> None:
        """Have the last question answered."""
        with self._turn:
            self._open.pop()
            self._turn.notify_all()

    def _send(self, message: list[Any], descriptors: Sequence[int] = ()) -> None:
        data = packed(message)
        data = _HEAD.pack(len(data)) + data
        if self.end is None:
            raise Gone("it has ended before")
        try:
            if descriptors:  # with so little that it does not wait
                data = data[socket.send_fds(self.end, [data[: _HEAD.size]], list(descriptors)) :]
            self._write(data)
        except OSError:
            raise self._lost("it has ended") from None

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            assert self.end is not None
            try:
                view = view[self.end.send(view, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                self._wait(writing=True)

    def _receive(self) -> list[Any]:
        if self.end is None:
            raise Gone("it has ended before")
        try:
            (size,) = _HEAD.unpack(self._read(_HEAD.size))
            if size > LARGEST:
                raise self._lost("it sent more than can be taken")
            message = unpacked(self._read(size))
        except (OSError, CannotCross):
            raise self._lost("it has ended") from None
        if not (isinstance(message, list) and len(message) == 5 and message[0] in ("ask", "answer", "failed")):
            raise self._lost("it sent what is no message")
        return message

    def _read(self, size: int) -> bytes:
        while len(self._come) < size:
            if self.deadline is not None:
                self._wait(writing=False)
            part, descriptors = self._take(_AT_ONCE)
            self.descriptors += descriptors
            if not part:
                raise self._lost("it has ended")
            self._come += part
        data = bytes(self._come[:size])
        del self._come[:size]
        return data

    def _take(self, most: int) -> tuple[bytes, list[int]]:
        assert self.end is not None
        return self.end.recv(most), []  # descriptors that came along unasked are closed by the system

    def _wait(self, writing: bool) -> None:
        assert self.end is not None
        remaining = None if self.deadline is None else self.deadline - monotonic()
        ends = [self.end]
        in_time = remaining is None or remaining > 0
        if not in_time or not any(select.select([] if writing else ends, ends if writing else [], [], remaining)):
            raise self._lost("it took too long", slow=True)

    def _lost(self, words: str, slow: bool = False) -> Gone:
        self.close()
        return Gone(words, slow)

    def close(self) -> None:
        """Give the line up. The other end sees it as ended."""
        if self.end is not None:
            self.end.close()
            self.end = None


def plain(value: Any, kind: type[_Kind]) -> _Kind:
    """``value``, which is to be data of this kind: to go through an object of the learner's could take all memory."""
    if type(value) is not kind:
        raise CannotCross(f"no {kind.__name__}")
    return value
