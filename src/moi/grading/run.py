"""Runs submissions of one notebook: keeps two warmed parents, and lets each submission have a fork of both.

A :class:`Bench` belongs to one worker process and runs one submission at a time.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import itertools
import json
import os
import re
import select
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import moi.data
from moi.grading import told
from moi.grading.assignment import Notebook
from moi.grading.codec import CannotCross
from moi.grading.line import Failed, Gone, Line
from moi.grading.nursery import Nursery, ask
from moi.grading.patches import set_by
from moi.grading.reference import Code
from moi.grading.sandbox import Limits, NoIsolation, why_not
from moi.grading.stage import Staged, StagedCell
from moi.grading.watch import end, watched
from moi.grading.zygote import LARGEST

_MOST_GIVEN_UP = 3  # tests of a submission
_RIGHT_BY_ITSELF = 1 / 6  # of all points, so that more may count because it follows from earlier answers
# What may have to be one, or over there, for a test to be judged well; tried one after the other.
_WAYS: tuple[tuple[str, ...], ...] = (
    (), ("together",), ("opens",), ("together", "opens"), ("classes",), ("together", "classes"),
)  # fmt: skip
_SLOWEST = 60  # seconds in which a warmed parent forks, or ends what it has forked


@dataclass(frozen=True)
class Run:
    """What came of one notebook of a submission."""

    outputs: tuple[tuple[dict[str, Any], ...], ...]  # for each staged cell, harmless to look at
    notes: tuple[str, ...]  # what a person should know
    seconds: dict[str, float]
    changed: tuple[int, ...] = ()  # test cells in which something of the test was changed that the reference leaves
    failed: str = ""  # why it could not be graded at all, if it could not
    seen: Mapping[int, Any] = field(default_factory=dict)  # by test cell: which uses of objects it made, what it told
    mistaken: tuple[int, ...] = ()  # with the reference: test cells that take copies for what they are copies of


class Bench:
    """Everything that is made once for a notebook, and used for each submission of it.

    ``timeout`` is in seconds a cell. Without ``isolate`` the learner's code runs with all rights of this process.
    ``nursery`` is the address of a :class:`~moi.grading.nursery.Nursery` for several benches; else it has its own.
    Raises :class:`~moi.grading.sandbox.NoIsolation` where it cannot be shut in.
    """

    def __init__(
        self,
        notebook: Notebook,
        files: Mapping[str, bytes] | None = None,
        *,
        timeout: float = 30,
        isolate: bool = True,
        limits: Limits | None = None,
        nursery: str | None = None,
    ) -> None:
        if isolate and (reason := why_not()):
            raise NoIsolation(f"Learners' code cannot be isolated here: {reason}.")
        self.notebook = notebook
        self.files = dict(files or {})
        self.timeout = timeout
        self.isolate = isolate
        self.limits = limits or Limits()
        self.nursery = nursery
        self.steps = steps_of(notebook)
        # A class that an answer extends is the learner's.
        self.shared = sorted(_classes_of(notebook).difference(notebook.learner_names))
        self._parents = contextlib.ExitStack()
        self._folders: list[str] = []
        self.seen: Mapping[int, Any] | None = None
        try:
            self._start()
            # The author's own answers show what tests do with objects, and what functions are meant to change.
            self.reference = self._reference()
            self.seen = self.reference.seen
        except BaseException:
            self.close()
            raise

    def _reference(self) -> Run:
        """The reference, with what answers and tests have together only in those tests that need it."""
        found = self.run(as_written(self.notebook))
        doubtful, reached = _not_judged_well(found), dict[int, tuple[str, ...]]()

        def judged(ways: Mapping[int, tuple[str, ...]]) -> Run:
            for cell, its_ways in ways.items():
                self.steps[cell].update({way: way in its_ways for way in ("held", "together", "opens", "classes")})
            return self.run(as_written(self.notebook))

        for ways in _WAYS:
            if doubtful and ("classes" not in ways or any(self.steps[cell]["mixed"] for cell in doubtful)):
                found = judged(dict.fromkeys(doubtful, ways))
                doubtful &= _not_judged_well(found)
                for cell in doubtful:  # what an `assert` of the author's says tells them more than what has no way here
                    if any(output.get("ename") == "AssertionError" for output in found.outputs[cell]):
                        reached.setdefault(cell, ways)
        return judged({cell: reached.get(cell, ()) for cell in doubtful}) if doubtful else found

    def run(self, staged: Staged, files: Mapping[str, bytes] | None = None) -> Run:
        """Run one submission. Whatever its code does, this returns; it raises only if the machine itself fails."""
        from moi.grading.clean import Canvas, clean_outputs

        started, failed = time.perf_counter(), ""
        if self._ended():  # by something else
            self._restart()
        try:
            made = self._made(staged, files or {})
        except (Gone, Failed, CannotCross, OSError, ValueError) as failure:
            # Something that no defence has caught. The parents may be damaged: they are made anew.
            detail = failure.form if isinstance(failure, Failed) else failure
            self._restart()
            failed = f"this could not be graded; look at it by hand ({detail})"
            made = {"outputs": [_not_judged(self.notebook, cell) for cell in staged.cells], "notes": [failed],
                    "seconds": {}, "changed": [], "seen": {}, "mistaken": []}  # fmt: skip
        cleaning = time.perf_counter()
        judged = [c.cell is not None and self.notebook.cells[c.cell].role == "test" for c in staged.cells]
        for output in itertools.chain.from_iterable(made["outputs"]):
            output.pop("ideas", None)
            output.pop("settled", None)
        canvas, each = Canvas(), zip(made["outputs"], judged, strict=True)
        outputs = tuple(clean_outputs(shown, ours=ours, canvas=canvas) for shown, ours in each)
        seconds = dict(made["seconds"])
        seconds["cleaning"] = time.perf_counter() - cleaning
        seconds["all"] = time.perf_counter() - started
        return Run(outputs, tuple(made["notes"]), seconds, tuple(made["changed"]), failed, made["seen"],
                   tuple(made["mistaken"]))  # fmt: skip

    def _made(self, staged: Staged, files: Mapping[str, bytes]) -> Any:
        """What the judge makes of it. A test that nothing there can end is given up, and the rest judged anew."""
        given_up: list[int] = []
        while True:
            ours, theirs = socket.socketpair()
            line = _ToJudge(ours, 5 + 6 * self.timeout)
            try:
                made = self._judged(line, theirs, staged, files, given_up)
                again = functools.partial(self._judged_again, made, staged, files, given_up)
                for way, places in made["twice"].items():
                    if places:
                        self._try_again(made, staged, dict.fromkeys(places, way), again)
                self._alone(made, again)
                if made["again"]:
                    self._tell_again(made, staged, given_up, again)
                return made
            except Gone as gone:
                if not gone.slow or line.at is None or line.at in given_up or len(given_up) == _MOST_GIVEN_UP:
                    raise
                given_up.append(line.at)

    def _try_again(self, made: Any, staged: Staged, ways: Mapping[int, str], again: Callable[..., Any]) -> None:
        """Have tests tried in other ``ways`` too, all from the start; what they earn least counts.

        But where one side holds what has crossed, what it earns with that as one thing on both sides, as it would be in
        one process; unless something was changed in it that the reference leaves.
        """
        other = again(ways=ways) or _not_tried(made, ways)
        made["mistaken"] += other["mistaken"]
        taken = False
        for place, way in ways.items():
            if seen := made["seen"].get(staged.cells[place].cell):
                uses = other["seen"].get(staged.cells[place].cell, [None])[0]
                seen[0] = None if uses is None else sorted({*(seen[0] or ()), *uses})
            before, after = made["earned"][place], other["earned"][place]
            # What is changed could be what is compared with.
            may_rise = way == "held" and staged.cells[place].cell not in other["changed"]
            if after < before or (after > before and may_rise):
                _take(made, other, place, way)
                taken = True
        if taken:
            made["notes"] += [note for note in other.get("notes", ()) if note not in made["notes"]]

    def _alone(self, made: Any, again: Callable[..., Any]) -> None:
        """Have nothing count because it only follows from earlier answers, where too little is right by itself.

        A slip is not to be charged twice; but a row of constants, and what follows from these, is no work.
        """
        enough = sum(step["points"] for step in self.steps if step["role"] == "test") * _RIGHT_BY_ITSELF
        earned, following = made["earned"], made["following"]
        if not following or sum(earned.values()) - sum(earned[place] for place in following) >= enough:
            return
        ways = {place: f"{made['ways'].get(place, '')} alone".strip() for place in following}
        other = again(ways=ways) or _not_tried(made, ways)
        lost = {place: earned[place] - other["earned"][place] for place in ways}
        if sum(earned.values()) - sum(lost.values()) < enough and any(each > 0 for each in lost.values()):
            words = "too little is right by itself, so that nothing counts because it follows from earlier answers"
            made["notes"].append(words)
            for place in (place for place in ways if lost[place] > 0):
                _take(made, other, place, ways[place])

    def _tell_again(self, made: Any, staged: Staged, given_up: list[int], again: Callable[..., Any]) -> None:
        """Have the learner's words on visible lines from a judge and processes that no hidden line has reached."""
        task = {"again": made["again"], "without": [*made["slow"], *given_up]}
        other = again(told=task, ways=made["ways"])
        visible = other["visible"] if other else {}  # then less is told, and nothing else is lost
        for place in made["again"]:
            step = self.steps[staged.cells[place].cell or 0]
            made["outputs"][place] = told.merged(made["outputs"][place], visible.get(place), step)

    def _judged_again(
        self, made: Any, staged: Staged, files: Mapping[str, bytes], given_up: list[int], **task: Any
    ) -> Any:
        """What another judge makes of a ``task``, knowing what cells were left out; nothing if none can."""
        ours, theirs = socket.socketpair()
        before = {**task, **{key: made[key] for key in ("left_out", "kept", "lost")}}
        try:
            other = self._judged(_ToJudge(ours, 5 + 6 * self.timeout), theirs, staged, files, given_up, before)
        except (Gone, Failed, CannotCross, OSError, ValueError):
            self._restart()
            return None
        for part, seconds in other["seconds"].items():
            made["seconds"][part] += seconds
        made["notes"] += [note for note in other.get("notes", ()) if note not in made["notes"]]
        return other

    def _judged(
        self,
        line: Line,
        theirs: socket.socket,
        staged: Staged,
        files: Mapping[str, bytes],
        given_up: list[int],
        before: Mapping[str, Any] | None = None,
    ) -> Any:
        parked = 2 * sum(step["role"] == "test" for step in self.steps)  # the learner's processes that wait for a test
        theirs_limits = replace(self.limits, processes=self.limits.processes and self.limits.processes + parked)
        try:
            with theirs:
                request: dict[str, Any] = {"do": "fork", "as": "judge", "folder": self._folder()}
                request["limits"] = asdict(replace(self.limits, memory=8192, address_space=16384, open_files=4096))
                descriptors = [theirs.fileno(), self._learners.fileno()]
                socket.send_fds(self._judges, [json.dumps(request).encode()], descriptors)
                _reply(self._judges)
            work = {
                "steps": self.steps,
                "staged": [[cell.kind, cell.source, cell.cell] for cell in staged.cells],
                "files": self.files,
                "their_files": {name: data for name, data in files.items() if name not in self.files},
                "shared": self.shared,
                "special": list(self.notebook.special_methods),
                "timeout": float(self.timeout),
                "seen": self.seen,
                "given_up": given_up,
                "fork": {"as": "learner", "folder": self._folder(), "limits": asdict(theirs_limits)},
                "told": None, "ways": {}, "left_out": {}, "kept": {}, "lost": 0.0,
            } | dict(before or {})  # fmt: skip
            with watched(self._pids[1], self.limits.memory) as notes:
                made: Any = line.ask("judge", work)
            made["notes"] += dict.fromkeys(notes)
            return made
        finally:
            line.close()
            try:
                for parent in (self._judges, self._learners):
                    parent.send(b'{"do": "end"}')
                for parent in (self._judges, self._learners):
                    _reply(parent)
            except OSError:  # new ones are made for the next run
                self._kill()
            while self._folders:
                shutil.rmtree(self._folders.pop(), ignore_errors=True)

    def _folder(self) -> str | None:
        if self.isolate:
            return None
        self._folders.append(tempfile.mkdtemp())
        return self._folders[-1]

    def _start(self) -> None:
        """Get both parents: forks of one process, which ends when either of them does."""
        (self._judges, one), (self._learners, other), (self._alive, kept) = (
            socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(3)
        )
        self._warmed = 0
        with one, other, kept:
            if not self._from_nursery(one, other, kept):
                own = self._parents.enter_context(Nursery(isolate=self.isolate))
                own.warm(self.notebook.imports, [str(moi.data.folder())])
                ask(own.address, one, other, kept)
        self._parents.callback(self._stop)
        parents = [_introduced(parent) for parent in (self._judges, self._learners)]
        self._warmed, self._pids = parents[0]["warmed"], [each["pid"] for each in parents]
        with contextlib.suppress(OSError, AttributeError):  # it only makes them faster, where there is such a thing
            for pid in self._pids:
                os.sched_setaffinity(pid, os.sched_getaffinity(0))

    def _from_nursery(self, *lines: socket.socket) -> bool:
        """Whether the nursery of all benches makes the parents. There may be none, or it may have ended."""
        if self.nursery is None:
            return False
        with contextlib.suppress(OSError):
            ask(self.nursery, *lines)
            return True
        return False

    def _ended(self) -> bool:
        """Whether the process that both parents are forks of is no more."""
        with contextlib.suppress(BlockingIOError):
            return not self._alive.recv(1, socket.MSG_DONTWAIT)
        return False

    def _kill(self) -> None:
        if self._warmed and not self._ended():
            end(self._warmed)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._warmed, signal.SIGKILL)
            select.select([self._alive], [], [], _SLOWEST)

    def _stop(self) -> None:
        for line in (self._judges, self._learners):
            line.close()
        if not select.select([self._alive], [], [], 5)[0]:
            self._kill()
        self._alive.close()

    def _restart(self) -> None:
        self.close()
        self._start()

    def close(self) -> None:
        """End both parents."""
        self._parents.close()
        self._parents = contextlib.ExitStack()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _ToJudge(Line):
    """The line to a judge, which says ``at`` which place it is. From then on it has ``patience`` seconds."""

    follows = False

    def __init__(self, end: socket.socket, patience: float) -> None:
        super().__init__(end)
        self.at: int | None = None
        self.patience = patience
        self.deadline = time.monotonic() + patience

    def answer(self, what: str, given: tuple[Any, ...]) -> None:
        self.at, self.deadline = given[0], time.monotonic() + self.patience


def _not_tried(made: Any, places: Iterable[int]) -> Any:
    """What is made of tests that should be tried a second time, and cannot be."""
    words = "this test had to be tried a second time, and could not be"
    made["notes"].append(f"{words}: look at it by hand")
    error = {"output_type": "error", "ename": "NotTried", "evalue": words, "traceback": [words]}
    outputs = {place: [dict(error)] for place in places}
    return {"outputs": outputs, "earned": dict.fromkeys(places, 0), "seen": {},
            "again": [], "following": [], "mistaken": [], "changed": []}  # fmt: skip


def _take(made: Any, other: Any, place: int, way: str) -> None:
    """Have what ``other`` has made of the test at this place."""
    for part in ("outputs", "earned"):
        made[part][place] = other[part][place]
    made["ways"][place] = way
    for part in ("again", "following"):
        made[part] = [each for each in made[part] if each != place] + [each for each in other[part] if each == place]


def as_written(notebook: Notebook) -> Staged:
    """The reference solution, as if it had been handed in."""
    return Staged(tuple(StagedCell(c.kind, c.source, place) for place, c in enumerate(notebook.cells)), (), True)


def as_released(notebook: Notebook) -> Staged:
    """The release, as if it had been handed in untouched."""
    return Staged(tuple(StagedCell(c.kind, c.release, place) for place, c in enumerate(notebook.cells)), (), True)


def steps_of(notebook: Notebook) -> list[dict[str, Any]]:
    """What the judge has to do at each cell of the author.

    A given cell that uses what the learner writes can run only over there: what it binds is then the learner's too.
    """
    learners: set[str] = set()
    homes: dict[str, int] = {}  # of the learner's names the first test after the cell that binds or changes it
    runs_texts = False  # whether a function of an earlier cell runs what it is given
    theirs: set[str] = set()  # what may stand for something that a learner has written
    mentioned: set[str] = set()  # in answers, given and free cells
    steps = []
    for place, cell in enumerate(notebook.cells):
        step: dict[str, Any] = {
            "role": cell.role, "name": cell.name, "source": cell.source, "points": cell.points, "text": cell.source,
            "hidden": [list(lines) for lines in cell.hidden], "trusted": False, "public": cell.release,
            "wanted": [], "calls": [], "imports": [], "sentences": [], "held": True, "together": False, "opens": False,
            "classes": False, "mixed": [],
            "homes": {}, "sets": [], "binds": [], "evaluates": False,
        }  # fmt: skip
        if cell.kind == "code":
            code = Code(cell.source) if cell.role != "free" else _code(cell.source)
            bound = set(code.bound()) if code else set()
            if code:
                step["text"] = code.text
                # IPython leaves out empty lines at the top: the lines of errors are counted without them.
                above = len(list(itertools.takewhile(lambda line: not line.strip(), cell.source.splitlines())))
                step["hidden"] = [[line - above for line in lines] for lines in cell.hidden]
            if cell.role == "answer":
                learners |= {name for name in notebook.learner_names if name in bound or name in _changed(code)}
                step["imports"] = [list(each) for each in code.imports()] if code else []
            elif cell.role == "test":
                homes |= {name: place for name in learners if name not in homes}
                if code and re.search(r"\b(or_else|own)\b", cell.source):
                    step["homes"] = {name: homes[name] for name in learners & code.mentioned()}
                calls = code.called() if code else set()
                step["sets"] = sorted(set(set_by(code.tree))) if code else []
                step["mixed"] = sorted(code.classes_with(learners)) if code else []
                step["evaluates"] = runs_texts or (code is not None and code.evaluates(learners | theirs))
                runs_texts, theirs = step["evaluates"], theirs | (code.from_learners(learners) if code else set())
                step["binds"] = sorted((bound & mentioned) - learners)
                step |= {"trusted": True, "wanted": sorted(learners), "calls": sorted(learners & calls),
                         "release": cell.release, "public": _public(cell.release, learners),
                         "sentences": told.sentences(step["text"], learners, step["hidden"])}  # fmt: skip
                learners -= bound
            elif learners.isdisjoint(code.mentioned() if code else re.findall(r"\w+", cell.source)):
                step["trusted"] = True
                runs_texts = runs_texts or (code is not None and code.evaluates(learners | theirs))
                theirs |= code.from_learners(learners) if code else set()
                learners -= bound
            else:
                learners |= bound
            if cell.role != "test":
                mentioned |= code.mentioned() if code else set()
                homes = {name: home for name, home in homes.items() if name not in bound | _changed(code)}
        steps.append(step)
    return steps


def _not_judged_well(reference: Run) -> set[int]:
    """The test cells that the reference does not pass, or in which it would pass whatever it is."""
    return {cell for cell, (uses, _) in reference.seen.items() if uses is None}.union(reference.mistaken)


def _code(source: str) -> Code | None:
    with contextlib.suppress(SyntaxError, ValueError, RecursionError):
        return Code(source)
    return None


def _changed(code: Code | None) -> set[str]:
    return set(code.changed()) if code else set()


def _public(release: str, learners: set[str]) -> str:
    """What a learner's later cells may rely on of a test cell that they can see: its imports and definitions."""
    code = _code(release)
    if code is None:
        return ""
    kept, learners = [], set(learners)
    deleted = {n.id for n in ast.walk(code.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Del)}
    for statement in code.tree.body:
        simple = isinstance(statement, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef))
        simple = simple and getattr(statement, "name", "") not in deleted
        used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)) and not learners.isdisjoint(used):
            learners.add(statement.name)  # what comes of it is made anew by each test
        if isinstance(statement, ast.Assign):
            # What it sets of a module or an object, as in `builtins.input = typed`, it may set back in another way.
            of_objects = any(isinstance(n, ast.Attribute) for t in statement.targets for n in ast.walk(t))
            simple = learners.isdisjoint(used) and not of_objects
        if simple:
            kept.append(ast.unparse(statement))
    return "\n".join(kept)


def _classes_of(notebook: Notebook) -> set[str]:
    codes = [_code(cell.source) for cell in notebook.cells if cell.kind == "code" and cell.role in ("given", "free")]
    return {node.name for code in codes if code for node in code.tree.body if isinstance(node, ast.ClassDef)}


def _not_judged(notebook: Notebook, cell: StagedCell) -> list[Any]:
    if cell.cell is None or notebook.cells[cell.cell].role != "test":
        return []
    words = "this could not be graded; a person will look at it"
    return [{"output_type": "error", "ename": "NotGraded", "evalue": words, "traceback": [words]}]


def _introduced(parent: socket.socket) -> dict[str, Any]:
    """What a parent says once it is warm."""
    answer: dict[str, Any] = json.loads(parent.recv(LARGEST) or '{"refused": "the warmed parent did not start"}')
    if "refused" in answer:
        raise NoIsolation(answer["refused"])
    return answer


def _reply(parent: socket.socket) -> None:
    """Wait for a warmed parent to have done what it was told."""
    if not select.select([parent], [], [], _SLOWEST)[0] or not parent.recv(LARGEST):
        raise OSError("a warmed parent does not answer")
