"""Grades a class: finds what is to be done, has workers grade it, and alone writes ``autograded/`` and gradebook."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import fnmatch
import glob
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from dask.system import CPU_COUNT
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import moi.data
from moi.grading.assignment import Assignment, AssignmentError, read_assignment
from moi.grading.autograded import Autograded, Record
from moi.grading.course import Course, CourseError, nearest
from moi.grading.fanout import Answer, CannotFanOut, Failure, Job, Pool, Terms, versions
from moi.grading.gradebook import Book, GradebookFull, Marks, Moved, timestamp
from moi.grading.graded import limits
from moi.grading.nursery import Nursery
from moi.grading.stage import learner_files, read_submission

BENCH = "moi.grading.run:Bench"
LOCK = ".moi-grade.lock"
MOST_NAMED = 30  # of those who have handed in nothing
_FULL = (errno.ENOSPC, errno.EDQUOT)


class GradeError(Exception):
    """What was asked cannot be done, and nothing was; ``str(error)`` says why, for the instructor."""


class Stopped(Exception):
    """The run ended early; what is graded is safe, and the same command does the rest."""


@dataclass(frozen=True)
class Asked:
    """What ``moi grade`` was asked for."""

    assignment: str
    course: Path | None = None
    students: Sequence[str] = ()
    notebook: str = "*"
    force: bool = False
    workers: int | None = None
    scheduler: str | None = None
    db: str | None = None
    timeout: float | None = None
    unsafe: bool = False
    bench: str = BENCH
    nursery: Nursery | None = None  # for workers of this machine, if there is one already


@dataclass(frozen=True)
class Result:
    """A submission as it was graded."""

    student: str
    points: float
    out_of: float
    by_hand: int
    late: float  # seconds
    notes: tuple[str, ...]
    penalty: float = 0.0  # points taken for being late, which are not in ``points``

    def line(self) -> str:
        parts = [f"{self.student}  {self.points:g}/{self.out_of:g}"]
        if self.by_hand:
            parts.append(f"{self.by_hand} to grade by hand")
        if self.late:
            taken = f", for which {self.penalty:g} points are taken off" if self.penalty else ""
            parts.append(f"late by {_span(self.late)}{taken}")
        return "\n".join([", ".join(parts), *(f"    {note}" for note in self.notes)])


@dataclass
class Summary:
    """What came of a run."""

    assignment: str
    graded: list[Result] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)  # student to what a person has to see to
    moved: list[Moved] = field(default_factory=list)
    unsafe: list[str] = field(default_factory=list)  # whose grades were made without isolation, now or before
    empty: list[str] = field(default_factory=list)  # who handed in nothing that could be read
    unknown: list[str] = field(default_factory=list)  # who is new to a gradebook that had a class
    unearned: list[str] = field(default_factory=list)  # test cells whose points the author's own solution does not earn
    absent: list[str] = field(default_factory=list)  # who is in the class list and has handed in nothing
    misplaced: list[str] = field(default_factory=list)  # what lies where no submission belongs
    settings: list[str] = field(default_factory=list)  # which nbgrader does not have
    waiting: int = 0  # submissions of the class that wait for marks by hand
    seconds: dict[str, float] = field(default_factory=dict)  # summed over submissions, "total" and "start" apart

    def spent(self, seconds: Mapping[str, float]) -> None:
        for name, value in seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + value

    @property
    def status(self) -> int:
        """The exit status: 0 all graded, 1 some need a person because of a failure."""
        return 1 if self.problems else 0

    def text(self) -> str:
        parts = [f"{len(self.graded)} graded"]
        if self.skipped:
            parts.append(f"{len(self.skipped)} skipped as done")
        if self.waiting:
            parts.append(f"{self.waiting} waiting for marks by hand")
        if self.problems:
            parts.append(f"{len(self.problems)} with problems")
        lines = [f"{self.assignment}: {', '.join(parts)}; {self.seconds['total']:.1f} s."]
        if self.unearned:
            cells = ", ".join(self.unearned)
            lines.append(
                f"Your own solution does not earn all points in {cells}: moi check {self.assignment} says why."
            )
        if self.problems:
            lines += ["Not graded, for a person to look at:", *(f"  {s}: {why}" for s, why in self.problems.items())]
        if self.empty:
            names = ", ".join(sorted(self.empty))
            lines.append(f"Handed in no notebook of the assignment that could be read, so without points: {names}.")
        if self.unknown:
            lines.append(f"Not in the class list before, and now added: {', '.join(self.unknown)}.")
        if self.absent:
            named = ", ".join(self.absent[:MOST_NAMED]) + ", …" * (len(self.absent) > MOST_NAMED)
            lines.append(f"In the class list, but handed in nothing ({len(self.absent)}; exports give 0): {named}")
        if self.misplaced:
            lines.append(
                f"No student's folder for an assignment holds these, so not graded: {', '.join(self.misplaced)}."
            )
        if self.settings:
            lines += [f"nbgrader_config.py has a setting that nbgrader does not: {name}." for name in self.settings]
        if self.moved:
            lines.append("Grades that moved:")
            lines += [
                f"  {m.student}: {m.cell} in {m.notebook} from {_score(m.before)} to {_score(m.after)}"
                + (f", where the {m.by_hand:g} given by hand stays" if m.by_hand is not None else "")
                for m in self.moved
            ]
        if self.unsafe:
            lines.append(f"Graded without isolation (--unsafe), so not to be trusted: {', '.join(self.unsafe)}.")
        return _shown("\n".join(lines))

    def as_json(self) -> str:
        data = asdict(self)
        data["seconds"] = {name: round(value, 4) for name, value in self.seconds.items()}
        return json.dumps(data | {"status": self.status}, ensure_ascii=False)


@dataclass(frozen=True)
class Handed:
    """What a student has handed in, and what is to be done with it."""

    notebooks: dict[str, bytes | None]
    files: dict[str, bytes]  # the learner's that count
    when: datetime | None
    notes: tuple[str, ...]
    digests: dict[str, str]  # notebook to digest of all that its grades depend on


class Reporter:
    """Tells how far a run is: a bar on a terminal, a line for each submission otherwise, or nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(quiet=quiet, markup=False, highlight=False, emoji=False, soft_wrap=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("grading", total=None)

    def __enter__(self) -> Reporter:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def expect(self, count: int) -> None:
        self._bar.update(self._task, total=count)

    def told(self, line: str, important: bool) -> None:
        self._bar.advance(self._task)
        if important or not self._console.is_terminal:
            self._console.print(_shown(line))


def grade(asked: Asked, reporter: Reporter | None = None) -> Summary:
    """Grade an assignment of a class. Raises :class:`GradeError` (nothing done) or :class:`Stopped` (not all done)."""
    started = time.perf_counter()
    try:
        course = Course.find(asked.course, asked.db)
        if not (source := course.folder(course.directory.source_directory, ".", "")).is_dir():
            raise CourseError(
                f"{course.root} is no course folder: there is no {source.name}/ in it. "
                "Go to the folder of nbgrader_config.py, or name it with --course"
            )
        with contextlib.chdir(course.root), _alone(course.root), reporter or Reporter(quiet=True) as told:
            run = _Run(asked, course, told)
            run.all()
    except (CourseError, AssignmentError, CannotFanOut) as failure:
        raise GradeError(str(failure)) from failure
    run.summary.seconds["total"] = time.perf_counter() - started
    return run.summary


class _Run:
    """One run of the coordinator."""

    def __init__(self, asked: Asked, course: Course, told: Reporter) -> None:
        self.asked, self.course, self.told = asked, course, told
        if ignored := course.ignored():
            raise CourseError(
                f"nbgrader_config.py sets {' and '.join(ignored)}, which `moi grade` does not run: submissions are "
                "staged and run in another way. Do that work in a command of its own, before or after, and take the "
                "setting out"
            )
        self.summary = Summary(asked.assignment)
        course.must_have(asked.assignment)
        self.assignment: Assignment = read_assignment(course.root, asked.assignment, course.config)
        names = [notebook.name for notebook in self.assignment.notebooks]
        self.names = fnmatch.filter(names, asked.notebook)
        if not self.names:
            raise CourseError(f"{asked.assignment} has no notebook {asked.notebook!r}{nearest(asked.notebook, names)}")
        self.students = self._students()
        self.summary.misplaced, self.summary.settings = course.misplaced(names), course.unknown()
        self.versions = versions()
        self.timeout = course.timeout if asked.timeout is None else asked.timeout
        left = course.autograde.exclude_overwriting.get(asked.assignment, [])
        self.own_files = {name: data for name, data in self.assignment.files.items() if name not in left}

    def all(self) -> None:
        with contextlib.ExitStack() as closing, self._stopping():
            # Workers take a second or two to start, in which there is other work; none are needed if all is done.
            pool = None
            if any(self._may_need_grading(student) for student in self.students):
                pool = self._open_pool(closing)
            self.book = closing.enter_context(Book(self.course, self.asked.assignment))
            self.book.follow(self.assignment)
            self.held = self.book.submissions()
            if there := self.book.class_list():
                self.summary.unknown = [student for student in self.students if student not in there]
            if not self.asked.students:
                self.summary.absent = sorted(there - self.course.left_out - self.held.keys() - set(self.students))
            to_run, at_once = self._sorted_out()
            self.told.expect(len(to_run) + len(at_once))
            for student in at_once:
                with self._problem_of(student):
                    self._write(student, self._read(student), {})
            if to_run:
                workers = pool.result() if pool else self._open_pool(closing).result()
                self.summary.unearned = workers.unearned
                self.summary.seconds["start"] = time.perf_counter() - self._began
                self._fan_out(workers, to_run)
            self.summary.waiting = self.book.waiting()

    _began = 0.0

    def _open_pool(self, closing: contextlib.ExitStack) -> Future[Pool]:
        self._began = time.perf_counter()
        asked = self.asked
        marks = {"by": f"moi {self.versions['moi']}"} | ({"unsafe": True} if asked.unsafe else {})
        config = limits(self.course.config)
        name = hashlib.sha256(f"{os.uname().nodename} {self.course.root} {asked.assignment}".encode()).hexdigest()
        address = None
        if asked.scheduler is None and sys.platform == "linux":
            try:
                nursery = asked.nursery or closing.enter_context(Nursery(isolate=not asked.unsafe))
            except OSError as failure:
                if failure.errno in _FULL:
                    raise
                raise CannotFanOut(f"no process can be started for learners' code: {failure}") from failure
            imports = [module for notebook in self.assignment.notebooks for module in notebook.imports]
            nursery.warm(imports, [str(moi.data.folder())])
            address = nursery.address
        terms = Terms(
            self.assignment, config, asked.bench, self.own_files, self.timeout, asked.unsafe, address, marks, name[:16]
        )
        count = min(asked.workers or CPU_COUNT, max(1, len(self.students)))
        starter = closing.enter_context(ThreadPoolExecutor(1))
        pool = starter.submit(Pool, terms, count, asked.scheduler)

        def close() -> None:
            if pool.exception() is None:
                pool.result().__exit__(None, None, None)

        closing.callback(close)
        return pool

    def _students(self) -> list[str]:
        there = self.course.students(self.asked.assignment)
        where = self.course.directory.submitted_directory
        if not self.asked.students:
            if not there:
                raise CourseError(f"nobody has handed in {self.asked.assignment}: {where}/ holds no submission of it")
            return there
        for student in self.asked.students:
            if student not in there:
                raise CourseError(
                    f"there is no submission of {self.asked.assignment} by {student!r} in {where}/"
                    f"{nearest(student, there)}"
                )
        return list(dict.fromkeys(self.asked.students))

    def _may_need_grading(self, student: str) -> bool:
        """A quick look, which may be wrong: it only decides when the workers start."""
        record = Autograded(self.course, student, self.asked.assignment).record()
        return self.asked.force or record.assignment != self.assignment.digest or not record.done

    def _sorted_out(self) -> tuple[list[str], list[str]]:
        """Whose work has to be run, and whose only written down; what is done and what cannot be read is left out."""
        to_run, at_once = [], []
        for student in self.students:
            with self._problem_of(student):
                place = Autograded(self.course, student, self.asked.assignment)
                place.mend()
                handed, record = self._read(student), place.record()
                todo = self._todo(student, handed, place, record)
                unsafe = [name for name in record.unsafe if name not in todo]
                if any(handed.notebooks[name] is not None for name in todo):
                    to_run.append(student)
                elif todo:
                    at_once.append(student)
                else:
                    # There may be another due date or penalty, or an extension.
                    if record.late or self.held[student][1]:
                        self._penalise(student, place, record)
                    self.summary.skipped.append(student)
                    if notes := [*handed.notes, *self._named(place.notes(self.names))]:
                        self.told.told("\n    ".join([f"{student}  graded before", *notes]), important=True)
                if unsafe:
                    self.summary.unsafe.append(student)
        return to_run, at_once

    def _penalise(self, student: str, place: Autograded, record: Record) -> None:
        """Bring the penalty for being late up to date, and tell of it if it is another."""
        now = self.book.record(student, None, {})
        if (now.late, now.penalty) != (record.late, record.penalty):
            place.finish(_with(record, late=now.late, penalty=now.penalty))
            result = Result(student, now.points, now.out_of, now.by_hand, now.late, (), now.penalty)
            self.told.told(result.line(), important=True)

    def _todo(self, student: str, handed: Handed, place: Autograded, record: Record) -> list[str]:
        """The notebooks to grade."""
        in_gradebook = self.held.get(student, ("", 0.0))[0]
        if self.asked.force or not in_gradebook or record.submission != in_gradebook:
            return self.names
        return [
            name
            for name in self.names
            if record.done.get(name) != handed.digests[name]
            or (name in record.unsafe and not self.asked.unsafe)
            or (handed.notebooks[name] is not None and not place.has({name: None}))
        ]

    def _read(self, student: str) -> Handed:
        folder = self.course.folder(self.course.directory.submitted_directory, student, self.asked.assignment)
        if folder.is_symlink() or not folder.is_dir():
            raise CourseError(f"{folder} is no folder")
        notes: list[str] = []
        notebooks = {name: read_submission(folder / f"{name}.ipynb", folder) for name in self.names}
        files = learner_files(folder, notes=notes)
        known = {f"{notebook.name}.ipynb" for notebook in self.assignment.notebooks}
        if unknown := sorted(path.name for path in folder.glob("*.ipynb") if path.name not in known):
            advice = "; if it should be one, rename it and give the command again" if None in notebooks.values() else ""
            notes.append(f"no notebook of this assignment, and left out: {', '.join(unknown)}{advice}")
        when = None
        try:
            when = timestamp(files.get("timestamp.txt", b"").decode())
        except Exception:  # dateutil raises many kinds
            notes.append("timestamp.txt states no time, so nobody knows whether this is late")
        files = {name: data for name, data in files.items() if not _clashes(name, self.own_files)}
        common = hashlib.sha256(repr([self.assignment.digest, self.versions, self.timeout]).encode())
        for name, data in sorted(files.items()):
            common.update(f"{name!r} {len(data)} ".encode("utf-8", "surrogatepass") + data)
        digests = {}
        for name, raw in notebooks.items():
            one = common.copy()
            one.update(b"missing" if raw is None else b"%d " % len(raw) + raw)
            digests[name] = one.hexdigest()
            if raw is None:
                inside = [path.relative_to(folder) for path in folder.glob(f"*/{glob.escape(name)}.ipynb")]
                advice = f"; there is {inside[0]}: if that is it, put it in its place" if inside else ""
                notes.append(f"{name}.ipynb was not handed in, or is no ordinary file: no points{advice}")
        return Handed(notebooks, files, when, tuple(notes), digests)

    def _named(self, notes: Mapping[str, Sequence[str]]) -> list[str]:
        """Notes on notebooks, that say which they are about where there are several."""
        if len(self.assignment.notebooks) == 1:
            return [note for each in notes.values() for note in each]
        return [f"{name}: {note}" for name, each in notes.items() for note in each]

    def _fan_out(self, pool: Pool, students: list[str]) -> None:
        in_flight: dict[str, Handed] = {}

        def jobs() -> Iterator[Job]:
            for student in students:
                with self._problem_of(student):
                    place = Autograded(self.course, student, self.asked.assignment)
                    handed = in_flight[student] = self._read(student)
                    todo = self._todo(student, handed, place, place.record())
                    there = {name: raw for name in todo if (raw := handed.notebooks[name]) is not None}
                    yield Job(student, there, handed.files)

        try:
            for job, answer in pool.run(jobs()):
                handed = in_flight.pop(job.student)
                with self._problem_of(job.student):
                    if isinstance(answer, Failure):
                        raise CourseError(answer.reason)
                    self._write(job.student, handed, answer)
        except CannotFanOut as failure:
            raise Stopped(str(failure)) from failure

    def _write(self, student: str, handed: Handed, answer: Answer) -> None:
        """Put one graded submission in its place: folder, then gradebook, then the record that it is done."""
        assert isinstance(answer, dict)
        _reached("read")
        place = Autograded(self.course, student, self.asked.assignment)
        before = place.record()
        todo = [n for n in self._todo(student, handed, place, before) if n in answer or handed.notebooks[n] is None]
        known = before.answers if before.submission == self.held.get(student, ("", 0.0))[0] else {}
        marks: dict[str, Marks | None] = {name: None for name in todo}
        answers = dict(known)
        notes = list(handed.notes)
        for name, one in answer.items():
            old = known.get(name, {})
            same = {cell for cell, digest in one.answers.items() if old.get(cell) == digest}
            marks[name] = Marks(one.scores, one.comments, same)
            answers[name] = one.answers
            notes += self._named({name: one.notes})
            self.summary.spent(one.seconds)
        at = time.perf_counter()
        files = {**handed.files, **self.own_files}
        place.replace({name: answer[name].text if name in answer else None for name in todo}, files, before)
        _reached("replaced")
        written = time.perf_counter()
        recorded = self.book.record(student, handed.when, marks)
        _reached("recorded")
        done_at = time.perf_counter()
        still = before.done if before.submission == recorded.id else {}
        unsafe = {name for name in before.unsafe if name not in todo} | (set(answer) if self.asked.unsafe else set())
        done = {**still, **{name: handed.digests[name] for name in todo}}
        place.finish(
            Record(
                recorded.id,
                done,
                answers,
                sorted(unsafe),
                self.versions,
                self.assignment.digest,
                recorded.late,
                recorded.penalty,
            )
        )
        _reached("finished")
        self.held[student] = (recorded.id, recorded.late)
        seconds = {"folder": written - at + time.perf_counter() - done_at, "gradebook": done_at - written}
        self.summary.spent(seconds)
        self.summary.moved += recorded.moved
        if self.asked.unsafe and student not in self.summary.unsafe:
            self.summary.unsafe.append(student)
        if not any(one.readable for one in answer.values()):
            self.summary.empty.append(student)
        result = Result(
            student, recorded.points, recorded.out_of, recorded.by_hand, recorded.late, tuple(notes), recorded.penalty
        )
        self.summary.graded.append(result)
        self.told.told(result.line(), important=bool(notes))

    @contextlib.contextmanager
    def _problem_of(self, student: str) -> Iterator[None]:
        """Whatever is wrong with one submission is reported; the others go on."""
        try:
            yield
        except (GradebookFull, Stopped):
            raise
        except Exception as failure:
            if isinstance(failure, OSError) and failure.errno in _FULL:
                raise
            reason = str(failure) if isinstance(failure, CourseError) else f"{type(failure).__name__}: {failure}"
            self.summary.problems[student] = " ".join(reason.split())
            self.told.told(f"{student}  not graded: {self.summary.problems[student]}", important=True)

    @contextlib.contextmanager
    def _stopping(self) -> Iterator[None]:
        """Turn what ends the whole run into words."""
        try:
            yield
        except (GradebookFull, OSError) as failure:
            if isinstance(failure, OSError) and failure.errno not in _FULL:
                raise
            again = "Make room, then give the same command again."
            raise Stopped(f"the disk is full. {self._so_far()} {again}") from failure
        except Stopped as failure:
            raise Stopped(f"{failure}. {self._so_far()} {self._onwards()}") from failure
        except KeyboardInterrupt:
            raise Stopped(f"stopped. {self._so_far()} {self._onwards()}") from None

    def _onwards(self) -> str:
        if self.asked.force:
            return "With --force the same command begins again."
        return "The same command goes on from there."

    def _so_far(self) -> str:
        done = len(self.summary.graded) + len(self.summary.skipped)
        new = f" New to the class list: {', '.join(self.summary.unknown)}." if self.summary.unknown else ""
        return f"{done} of {len(self.students)} submissions are graded and safe.{new}"


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold the lock of the course, so that no two runs write it."""
    try:
        (root / LOCK).touch()
    except OSError as failure:
        raise CourseError(f"the folder {root} cannot be written: {failure.strerror}") from failure
    with open(root / LOCK, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            who = file.read().strip()
            raise CourseError(f"another `moi grade` is at work in this course ({who or 'just started'})") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}, since {datetime.now():%H:%M:%S}")
        file.flush()
        yield
        file.truncate(0)


def _reached(step: str) -> None:
    """Where the tests cut the power."""


def _clashes(name: str, files: dict[str, bytes]) -> bool:
    """Whether a learner's file would stand where one of the author's does, or where one needs a folder."""
    return any(name == own or own.startswith(f"{name}/") or name.startswith(f"{own}/") for own in files)


def _with(record: Record, **changes: Any) -> Record:
    return Record(**(asdict(record) | changes))


def _score(score: float | None) -> str:
    return "not graded" if score is None else f"{score:g}"


def _span(seconds: float) -> str:
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit:
            count = round(seconds / unit)
            return f"{count} {name}{'s' * (count != 1)}"
    return f"{seconds:.0f} seconds"


def _shown(text: str) -> str:
    """Names of folders may hold what a terminal takes for an order."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def command(asked: Asked, as_json: bool = False, write: Callable[[str], object] = print) -> int:
    """``moi grade``: grade, tell how it went, and return the exit status. Raises :class:`GradeError`."""
    try:
        summary = grade(asked, Reporter(quiet=as_json))
    except Stopped as failure:
        print(f"moi: {failure}", file=sys.stderr)
        return 1
    write(summary.as_json() if as_json else summary.text())
    return summary.status
