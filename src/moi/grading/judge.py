"""The trusted process: has the learner's cells run over there, then runs the test cells here, and says what they gave.

First all cells of the learner run, in order, and at each test cell the learner's process parks a fork of itself. Then
the test cells run here, each against its own fork. So no cell of the learner runs after a hidden test has shown its
cases, no test disturbs another, and a fork that is lost takes nothing with it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import json
import os
import re
import signal
import socket
import sys
import tempfile
import types
import typing
import unittest
import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

from moi.grading import chance, checks, told, zygote
from moi.grading.codec import CannotCross, packed
from moi.grading.copies import Copies, Watched
from moi.grading.folder import Folder
from moi.grading.guard import Guard
from moi.grading.line import Failed, Gone, Line
from moi.grading.patches import Patches
from moi.grading.remote import is_remote, known
from moi.grading.session import Session
from moi.grading.shell import Shell, Stream
from moi.grading.sources import definitions
from moi.grading.trial import Trial

MOST_CULPRITS = 4
_LONGEST_KEPT = 50_000  # characters of a cell that is gone through for what it defines
MOST_OUTPUT = 24 << 20  # bytes that a submission's cells may show


_ANNOTATED = (type, types.ModuleType, types.FunctionType)


def serve(end: socket.socket, learners: socket.socket) -> None:
    """Do the work that comes along the line ``end``; ``learners`` leads to the parent of learners' processes."""
    _Desk(end, learners).serve()


class _Desk(Line):
    follows = False

    def __init__(self, end: socket.socket, learners: socket.socket) -> None:
        super().__init__(end)
        self.learners = learners

    def answer(self, what: str, given: tuple[Any, ...]) -> Any:
        return Judge(given[0], self.learners, self.ask).judge()


class Judge:
    """One submission's judging. ``work`` is made by :mod:`moi.grading.run`."""

    def __init__(self, work: dict[str, Any], learners: socket.socket, say: Callable[..., Any]) -> None:
        self.work = work
        self.learners = learners
        self.say = say
        self.timeout: float = work["timeout"]
        self.steps: list[dict[str, Any]] = work["steps"]  # by cell of the author
        self.staged: list[list[Any]] = work["staged"]  # kind, source, cell of the author or None
        self.shell = Shell.instance()
        self.shell.transformed = {step["source"]: step["text"] for step in self.steps if step["trusted"]}
        self.folder = Folder(work["files"], keep=True)
        modules = {name: content for name, content in work["files"].items() if name.endswith(".py")}
        place = Path(tempfile.mkdtemp())  # of the author's own: those in the working folder may be the learner's
        for name, content in modules.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        sys.path.insert(0, str(place))
        self.outputs: list[list[Any]] = [[] for _ in self.staged]
        self.notes: list[str] = []
        self.left_out: dict[int, str] = work["left_out"]  # why, by place
        self.kept: dict[int, str] = work["kept"]  # what is run of such a cell all the same
        self.parked: dict[int, Session] = {}
        self.apart: dict[int, tuple[Session, dict[str, Any]]] | None = None  # by test cell, see at_home
        self.mains: list[Session] = []
        self.shown: list[str] = []
        self.changed: list[int] = []
        self.ways: dict[int, str] = work["ways"]  # of tests at these places, see Trial
        self.earned: dict[int, float] = {}  # by place
        self.twice: dict[str, list[int]] = {"held": [], "unchanged": []}  # places of tests to be tried so as well
        self.following: list[int] = []  # those that earn something and have asked the learner's earlier functions
        self.seen: dict[int, Any] = {}  # by test cell
        self.not_right: set[int] = set()  # test cells
        self.asked: set[str] = set()  # uses of objects, by the test that is running
        self.copies: Copies | None = None  # of the test that is running, with the reference
        self.mistaken: list[int] = []  # test cells that take copies for what they are copies of
        self.again: list[int] = []  # places of tests whose words are to be the learner's, but of a new process
        self.revealed = False  # whether the learner's code has seen a hidden case
        self.imported: dict[str, Any] = {}
        self.room = MOST_OUTPUT
        self.seconds = {"fork": 0.0, "cells": 0.0, "judging": 0.0}
        self.lost: float = work["lost"]
        self.slow: set[int] = set()  # tests in which time was lost
        self.culprits = 0
        self.testing = False  # whether a test cell is running
        self.patches = Patches()
        self.environment = dict(os.environ)  # as it is before any test
        self.shell.user_ns["issubclass"] = _derives
        self.shell.ast_transformers.append(Watched())
        for name in ("assertLogs", "assertNoLogs"):
            setattr(unittest.TestCase, name, _of_name(getattr(unittest.TestCase, name)))
        chance.watch_seeds()
        setattr(typing, "get_type_hints", _at_home(typing.get_type_hints))  # noqa: B010
        setattr(inspect, "get_annotations", _at_home(inspect.get_annotations, "eval_str"))  # noqa: B010
        setattr(inspect, "getmembers", _members(inspect.getmembers))  # noqa: B010
        setattr(inspect, "getsource", _source(inspect.getsource))  # noqa: B010
        setattr(json.JSONEncoder, "default", _as_json(json.JSONEncoder.default))  # noqa: B010
        warnings.showwarning = self._show_warning
        self.until = 10 * self.timeout  # many slow cells are one slow submission
        trusted = "\n".join(step["source"] for step in self.steps if step["trusted"])
        self.lines = frozenset(line.strip() for cell in self.staged for line in str(cell[1]).splitlines())
        self.secret = hashlib.sha256(trusted.encode("utf-8", "surrogatepass")).digest()
        self.words = frozenset(re.findall(r"\w+", trusted))
        written = [
            step[kind]
            for step in self.steps
            for kind in ("source", "text", "release")
            if step["trusted"] and kind in step
        ]
        self.guard = Guard(written, [text.decode("utf-8", "replace") for text in modules.values()], self.folder.root)

    def judge(self) -> dict[str, Any]:
        """Run everything. Returns outputs for each staged cell, notes, seconds and where the learner changed things.

        With ``ways``, only as far as to the last of these tests; so what comes before is as it was the first time.
        What a learner is told of the tests at the places ``again`` is to be told by another judge, in which, as in the
        processes that it asks, nothing is left of any hidden line: it does ``told``, and gives what is ``visible``.
        """
        if self.work["told"] is not None:
            return {"visible": self._visible(**self.work["told"]), "seconds": self.seconds, "notes": []}
        last = max(self.ways, default=len(self.staged))
        self.run_cells([place for place in range(last + 1) if self._role(place) == "test"] if self.ways else None)
        checks.tell_instructor = self.shown.append
        for place, (_, _, cell) in enumerate(self.staged[: last + 1]):
            if cell is not None:
                with self._timed("judging"):
                    if self._role(place) == "test":
                        self.outputs[place] = self._judge_cell(place, cell)
                    else:
                        self._have(cell)
        return {
            "outputs": self.outputs, "notes": self.notes, "seconds": self.seconds, "changed": self.changed,
            "seen": self.seen if self.work["seen"] is None else {}, "mistaken": self.mistaken, "again": self.again,
            "left_out": self.left_out, "kept": self.kept, "slow": sorted(self.slow), "lost": self.lost,
            "earned": self.earned, "twice": self.twice, "following": self.following, "ways": {},
        }  # fmt: skip

    def _import(self, statements: list[tuple[str, list[str]]]) -> None:
        """What the reference imports is the library's own for its tests, whatever the learner has under that name."""
        for source, bound in statements:
            with contextlib.suppress(Exception):
                exec(source, {}, self.imported)
            for name in bound:
                self.imported.pop(name, None)

    def _visible(self, again: list[int], without: list[int]) -> dict[int, list[Any]]:
        """What the visible lines of the tests at the places ``again`` give; those at ``without`` took too long."""
        last = max(again)
        tests = [place for place in range(last + 1) if self._role(place) == "test" and place not in without]
        if tests:
            self.run_cells(tests)
        visible = {}
        for place in range(last + 1):
            if place in tests and self.lost <= 3 * self.timeout:
                step = self.steps[self.staged[place][2]]
                public = step | {"source": step["release"], "hidden": []}
                visible[place] = self._trial(place, public).run()
            elif self._role(place) not in ("", "test"):
                self._have(self.staged[place][2])
        return visible

    def _role(self, place: int) -> str:
        """Of the author's cell at this place; nothing if it is a cell of the learner's."""
        cell = self.staged[place][2]
        return "" if cell is None else str(self.steps[cell]["role"])

    def _have(self, cell: int) -> None:
        """Have for the tests what a cell gives them."""
        with self.guard.looking():
            if self.steps[cell]["trusted"]:
                self.shell.run(self.steps[cell]["source"], silent=True)
            else:
                self._import(self.steps[cell]["imports"])

    # The learner's cells

    def run_cells(self, tests: Collection[int] | None = None, parked: dict[int, Session] | None = None) -> None:
        """Run the cells in a new process, again without those that end it; park a fork at each test.

        With ``tests`` only at these places, and no further than the last; then what the cells show is not kept.
        The forks come to ``parked``, or to those of the tests.
        """
        parked = self.parked if parked is None else parked
        last = len(self.staged) if tests is None else max(tests)
        while True:
            main = self._launch()
            try:
                for place, (_, _, cell) in enumerate(self.staged[: last + 1]):
                    is_test = cell is not None and self.steps[cell]["role"] == "test"
                    if is_test and (tests is None or place in tests):
                        parked[place] = self.park(main)
                    if place == last:
                        return
                    source = self.source(place)
                    if not source.strip():
                        continue
                    outputs = self._run_cell(main, place, source)
                    if tests is None and not is_test and place not in self.left_out:
                        self.outputs[place] = outputs
                return
            except _Culprit:
                self.culprits += 1
                if self.culprits > MOST_CULPRITS:
                    for later in range(place + 1, len(self.staged)):
                        if self.staged[later][0] == "code":
                            self.left_out[later] = "too many cells before it had ended Python"
                self._request({"do": "end"})
                for place in list(parked) if tests is None else tests:
                    parked.pop(place, None)

    def at_home(self, home: int) -> tuple[Session, dict[str, Any]]:
        """A process as it was at the test ``home``, of another run of the cells, and what is known of its names.

        But for what it is asked, a function there cannot tell that this is not that test: there is no file, no memory
        that forks share and no count of processes that the calls of another could have changed.
        """
        places = {cell: place for place, (_, _, cell) in enumerate(self.staged) if cell is not None}
        if self.apart is None:
            last = max(places[each] for step in self.steps for each in step["homes"].values())
            parked = dict[int, Session]()
            self.apart = {}
            self.run_cells([place for place in range(last + 1) if self._role(place) == "test"], parked)
            self.apart = {cell: (parked[place], {}) for cell, place in places.items() if place in parked}
        return self.apart[home]

    def wanted(self, test: int) -> list[str]:
        """The learner's names that a test may ask for."""
        return [name for name in self.steps[test]["wanted"] if name in self.words]

    def source(self, place: int) -> str:
        """What runs over there of a cell."""
        kind, source, cell = self.staged[place]
        if place in self.left_out:
            return self.kept.get(place, "")
        if kind == "code" and cell is not None and self.steps[cell]["role"] in ("test", "given"):
            source = self.steps[cell]["public"]
        return str(source) if kind == "code" else ""

    def _run_cell(self, main: Session, place: int, source: str) -> list[Any]:
        self.say("at", place)
        left = self.until - self.seconds["cells"]
        main.deadline = monotonic() + min(self.timeout, max(left, 0))
        try:
            with self._timed("cells"), self.limited():
                outputs, _ = main.ask("run", source)
            return list(self._fitting(outputs))
        except Gone as gone:
            why = f"it ran for more than {self.timeout:g} seconds" if gone.slow else "it ended Python"
            if left < self.timeout and gone.slow:
                why = f"all cells together ran for more than {10 * self.timeout:g} seconds"
                self.until = self.seconds["cells"] + 10 * self.timeout  # once more, with less to run
                for later in range(place + 1, len(self.staged)):
                    if self.staged[later][2] is None:
                        self.left_out[later] = why
        except (CannotCross, Exception):
            why = "what it shows cannot be shown"
        if place in self.left_out:  # not even what it defines can be had
            self.kept[place] = ""
            raise _Culprit
        self.left_out[place] = why
        with contextlib.suppress(Gone), self.limited():
            self.kept[place] = definitions(source) if len(source) < _LONGEST_KEPT else ""
        of_it = (
            "only what it defines was run"
            if self.kept.get(place, "").strip()
            else "the other cells were run without it"
        )
        self.notes.append(f"{self.called(place)} was left out: {why}. {_sentence(of_it)}")
        words = f"this cell was left out: {why}; {of_it}"
        self.outputs[place] = [
            {"output_type": "error", "ename": "LeftOut", "evalue": words, "traceback": [_sentence(words)]}
        ]
        raise _Culprit

    def why_not_there(self, name: str, before: int) -> str:
        """Why nothing of this name may be there at a test, if it is that a cell was left out; else nothing."""
        for place, why in self.left_out.items():
            if place < before and name in re.findall(r"\w+", str(self.staged[place][1])):
                return f"{self.called(place)} was left out: {why}"
        return ""

    def _fitting(self, outputs: list[Any]) -> Iterator[dict[str, Any]]:
        """What a cell has shown, as far as it is plain and not too much."""
        for output in outputs:
            if not isinstance(output, dict):
                continue
            try:
                size = len(packed(output))
            except (CannotCross, TypeError, ValueError, OverflowError):
                continue
            self.room -= size
            if self.room > 0:
                yield output
            else:
                self.room += size
                yield {
                    "output_type": "stream",
                    "name": "stderr",
                    "text": "what was shown here is too large to be kept\n",
                }

    def _launch(self) -> Session:
        with self._timed("fork"):
            main = self._session(lambda end: self._request({"do": "fork", **self.work["fork"]}, end))
            main.deadline = monotonic() + self.timeout
            settings = {
                "shared": self.work["shared"],
                "files": {**self.work["files"], **self.work["their_files"]},
            }
            with contextlib.suppress(Gone, Failed):
                main.ask("start", settings)
            self.mains.append(main)  # as long as it stands, so do its forks
            return main

    def park(self, main: Session) -> Session:
        """A fork of a learner's process as it is now."""
        with self._timed("fork"):
            main.deadline = monotonic() + self.timeout

            def fork(end: int) -> None:
                with contextlib.suppress(Exception):
                    main.ask("fork", int(self.timeout) + 2, descriptors=[end])

            return self._session(fork)

    def _session(self, start: Any) -> Session:
        ours, theirs = socket.socketpair()
        with theirs:
            start(theirs.fileno())
        session = Session(
            ours, frozenset(self.work["shared"]), frozenset(self.work["special"]), self.words.__contains__, self.folder
        )
        session.secret = self.secret
        session.guarded = lambda: self.testing and self.guard.on
        session.lines = self.lines
        return session

    def _request(self, request: dict[str, Any], *descriptors: int) -> None:
        socket.send_fds(self.learners, [json.dumps(request).encode()], list(descriptors))
        self.learners.recv(zygote.LARGEST)

    def called(self, place: int) -> str:
        cell = self.staged[place][2]
        if cell is not None and self.steps[cell]["name"]:
            return f"the cell {self.steps[cell]['name']!r}"
        before = [self.staged[p][2] for p in range(place) if self.staged[p][2] is not None]
        names = [self.steps[c]["name"] for c in before if self.steps[c]["name"]]
        return f"a cell that the learner added after {names[-1]!r}" if names else "a cell that the learner added"

    # The tests

    def _judge_cell(self, place: int, cell: int) -> list[Any]:
        step = self.steps[cell]
        if place in self.work["given_up"]:
            return _given_up(self.timeout)
        self.revealed = self.revealed or bool(step["hidden"])
        self.asked = set()
        trial = self._trial(place, step)
        outputs = trial.run()
        self.earned[place] = earned = _score(outputs, step["points"])
        if self.copies is not None and self.copies.mistaken():
            of_its_own = trial.shares and not step["held"]
            if trial.held or step["together"] or of_its_own:  # what is not held is well judged by copies
                self.mistaken.append(cell)
        right = earned >= step["points"]
        if not right:
            self.not_right.add(cell)
        self.seen[cell] = [sorted(self.asked) if right else None, told.mark(outputs)]
        known = (self.work["seen"] or self.seen).get(cell)
        as_known = known is not None and self.seen[cell][1] == known[1]
        if self.revealed and not as_known and not told.settled(outputs, step):
            self.again.append(place)
        # What holds something and looks for it by `is` does not find a copy.
        if step["held"] and not step["together"] and (trial.shares or (trial.both_hold and not right)):
            self.twice["held"].append(place)
        if trial.follows and earned > 0:
            self.following.append(place)
        if trial.changed:
            self.changed.append(cell)
            self._give_again(place)
            if earned > 0:  # what was changed may be what the test then compares with
                self.twice["unchanged"].append(place)
        return outputs

    def _give_again(self, before: int) -> None:
        """Run the author's given cells anew: a learner's function may have changed what they have made."""
        for place in range(before):
            if self._role(place) not in ("", "test"):
                self._have(self.staged[place][2])

    def _trial(self, place: int, step: dict[str, Any]) -> Trial:
        self.copies = Copies() if self.work["seen"] is None else None
        return Trial(self, place, step, self.ways.get(place, ""))

    def show(self, outputs: list[Any]) -> None:
        """What the learner's code has shown during a test goes where the test wants it, or to the instructor."""
        for output in outputs:
            if output.get("output_type") == "stream":
                stream = sys.stderr if output.get("name") == "stderr" else sys.stdout
                if not isinstance(stream, Stream):
                    stream.write(str(output.get("text", "")))
                    continue
                self.shown.append(f"printed by the learner's code: {str(output.get('text', ''))[:500]}")
            elif isinstance(output.get("data"), dict):
                publisher = self.shell.display_pub
                if "recorder" not in type(publisher).class_trait_names() or "publish" in vars(publisher):
                    publisher.publish(output["data"], {})

    def _show_warning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: Any = None,
        line: str | None = None,
    ) -> None:
        """Show a warning that no test records. What one of the learner's says could be a hidden case."""
        shown = warnings.formatwarning(message, category, filename, lineno, line)
        if hasattr(message, "learners_trace"):
            self.show([{"output_type": "stream", "name": "stderr", "text": shown}])
        else:
            (file or sys.stderr).write(shown)

    @contextlib.contextmanager
    def limited(self) -> Iterator[None]:
        """End a test cell that goes on by itself: whatever it waits for, a learner may have arranged."""

        def over(*_: Any) -> None:
            raise Gone(f"the test took more than {4 * self.timeout:g} seconds", slow=True)

        signal.signal(signal.SIGALRM, over)
        before = signal.setitimer(signal.ITIMER_REAL, 4 * self.timeout, 1)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, *before)

    @contextlib.contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        started, inside = perf_counter(), sum(self.seconds.values())
        try:
            yield
        finally:
            other = sum(self.seconds.values()) - inside
            self.seconds[part] += perf_counter() - started - other


def _at_home(function: Callable[..., Any], option: str = "") -> Callable[..., Any]:
    """``function``, which runs annotations that are texts; those of a learner's object only over there."""

    @functools.wraps(function)
    def at_home(thing: Any, *given: Any, **named: Any) -> Any:
        if is_remote(thing) and (not option or named.get(option)):
            return known(thing).session.ask("apply", "typing", "get_type_hints", (thing,))
        if not isinstance(thing, _ANNOTATED) and "__annotations__" in getattr(thing, "__dict__", ()):  # as data may
            raise TypeError(f"{type(thing).__name__} has no annotations")
        return function(thing, *given, **named)

    return at_home


def _members(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, which would look at what a learner's class has here."""

    @functools.wraps(function)
    def members(thing: Any, predicate: Any = None) -> Any:
        if not is_remote(thing):
            return function(thing, predicate)
        found = []
        for name in sorted(dir(thing)):
            with contextlib.suppress(AttributeError):
                found.append((name, known(thing).session.ask("get", thing, name)))
        return [(name, value) for name, value in found if predicate is None or predicate(value)]

    return members


def _derives(kind: Any, others: Any) -> bool:
    """``issubclass``, which says yes also to a learner's class that is a list or dictionary over there."""
    looks: Any = getattr(kind, "_moi_looks", None) if is_remote(kind) else None
    return issubclass(kind, others) or (looks is not None and issubclass(looks, others))


def _as_json(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, which writes what is no data, for a learner's object whose class is a list or dictionary."""

    @functools.wraps(function)
    def default(encoder: Any, thing: Any) -> Any:
        if is_remote(thing) and isinstance(thing, (list, dict)):
            return list(thing) if isinstance(thing, list) else {key: thing[key] for key in thing}
        return function(encoder, thing)

    return default


def _of_name(method: Callable[..., Any]) -> Callable[..., Any]:
    """``method`` of a test case, which listens to a logger: of a learner's, to the one that has its name here."""

    @functools.wraps(method)
    def asserted(case: Any, logger: Any = None, *given: Any, **named: Any) -> Any:
        return method(case, str(logger.name) if is_remote(logger) else logger, *given, **named)

    return asserted


def _source(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, which finds the source of a function by its code, and of a class by its file."""

    @functools.wraps(function)
    def source(thing: Any) -> Any:
        of_learners = is_remote(thing) and isinstance(thing, type)
        return known(thing).session.source_of(thing) if of_learners else function(thing)

    return source


def _given_up(timeout: float) -> list[Any]:
    words = (
        f"this test was given up: what your code has given it keeps it busy for more than {4 * timeout:g} seconds. "
        "Is there a very large number or range?"
    )
    return [{"output_type": "error", "ename": "GivenUp", "evalue": words, "traceback": [words]}]


class _Culprit(Exception):
    """A cell has ended the learner's process."""


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _score(outputs: list[Any], points: float) -> float:
    """What nbgrader will make of the outputs of a test cell."""
    for output in outputs:
        if output["output_type"] == "error":
            return 0
        if output["output_type"] == "execute_result":
            with contextlib.suppress(ValueError):
                return min(points, float(output["data"].get("text/plain", "")))
    return points
