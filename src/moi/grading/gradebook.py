"""nbgrader's gradebook, open once: brought in line with the source, then one transaction for each submission."""

from __future__ import annotations

import copy
import datetime
import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from nbgrader import api, dbutil
from nbgrader.preprocessors import AssignLatePenalties, ClearSolutions, ComputeChecksums, SaveCells
from nbgrader.utils import is_grade, is_locked, is_solution, is_task, parse_utc
from sqlalchemy import create_engine, distinct, event, func, insert, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import defer

from moi.grading.assignment import Assignment, Notebook
from moi.grading.course import Course, CourseError

_LONGEST_TIME = 100  # characters: the time that it takes to read one grows with their square
_WAIT = 60_000  # milliseconds for the formgrader, or another reader, to let go of an SQLite file
_UPGRADE = " (after an update of nbgrader: back it up, then run `nbgrader db upgrade`)"
_NEW_CELL = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}

logging.getLogger("nbgrader").addHandler(logging.NullHandler())


class GradebookFull(Exception):
    """There is no room left for the gradebook."""


@dataclass(frozen=True)
class Marks:
    """What nbgrader would record of one graded notebook."""

    scores: Mapping[str, float | None]  # cell to automatic score; None is for a person to mark
    comments: Mapping[str, str | None]
    same: Collection[str] = ()  # cells whose answer is the one that was graded last


@dataclass(frozen=True)
class Moved:
    """An automatic score that is another than it was."""

    student: str
    notebook: str
    cell: str
    before: float | None
    after: float | None
    by_hand: float | None = None  # what a grader gave, which counts in place of both


@dataclass(frozen=True)
class Recorded:
    """How a submission stands after it was recorded."""

    id: str
    points: float  # with what graders gave, less the penalty for being late
    out_of: float
    by_hand: int  # grades that wait for a person
    late: float  # seconds
    penalty: float  # points taken for it
    moved: tuple[Moved, ...]


class Book:
    """The gradebook of a course, open at one assignment. A context manager."""

    def __init__(self, course: Course, assignment: str) -> None:
        self.course = course
        self.name = assignment
        url = course.directory.db_url
        try:
            _begin(url)
            self._book = api.Gradebook(url, course.directory.course_id)
            if self._book.engine.dialect.name == "sqlite":
                event.listen(self._book.engine, "connect", _patient)
                self._book.engine.dispose()
            self._db = self._book.db
            self._db.scalars(select(api.Student).limit(1)).all()  # an old layout shows here
        except (SQLAlchemyError, ImportError, OSError) as failure:
            raise CourseError(
                f"the gradebook {_without_password(url)} cannot be opened: {_first_line(failure)}"
                + _UPGRADE * ("no such" in str(failure) or "does not exist" in str(failure))
            ) from failure

    def __enter__(self) -> Book:
        return self

    def __exit__(self, *_: object) -> None:
        self._book.close()

    def follow(self, assignment: Assignment) -> None:
        """Take over the cells of the source, as ``nbgrader generate_assignment`` does, unless they are there already.

        Raises :class:`CourseError` where cells or notebooks came or went and submissions have grades for them.
        """
        with self._refusing():
            released = {notebook.name: self._released(notebook) for notebook in assignment.notebooks}
            there = {notebook.name: notebook for notebook in self._find_assignment().notebooks}
            handed_in = bool(self._find_assignment().submissions)
            if handed_in and (came_or_went := _differences(released, there)):
                raise self._changed("notebooks", came_or_went)
            for name in there.keys() - released.keys():
                self._book.remove_notebook(name, self.name)
            for name, cells in released.items():
                wanted, held = _wanted(cells), _held(there[name]) if name in there else None
                if wanted == held:
                    continue
                if held and there[name].submissions and (came_or_went := _differences(wanted, held)):
                    raise self._changed(f"cells of {name}", [(how, cell) for how, (_, cell) in came_or_went])
                resources = {"notebook": name, "assignment": self.name, "db_url": self.course.directory.db_url}
                self._db.rollback()  # SaveCells opens the gradebook itself
                SaveCells(config=self.course.config).preprocess(cells, {"nbgrader": resources})
                self._db.expire_all()
            self._look_up()

    def submissions(self) -> dict[str, tuple[str, float]]:
        """Student to nbgrader's id of the submission and the seconds that it is late, for all in the gradebook."""
        of = api.SubmittedAssignment
        with self._refusing():
            asked = select(of.student_id, of.id, of.timestamp, of.extension).where(of.assignment_id == self._id)
            found = {row.student_id: (row.id, self._seconds_late(row)) for row in self._db.execute(asked)}
            self._db.rollback()
        return found

    def waiting(self) -> int:
        """How many submissions wait for marks by hand."""
        asked = (
            select(func.count(distinct(api.SubmittedNotebook.assignment_id)))
            .join(api.Grade, api.Grade.notebook_id == api.SubmittedNotebook.id)
            .join(api.SubmittedAssignment, api.SubmittedAssignment.id == api.SubmittedNotebook.assignment_id)
            .where(api.SubmittedAssignment.assignment_id == self._id, api.Grade.needs_manual_grade)
        )
        with self._refusing():
            found = int(self._db.execute(asked).scalar_one())
            self._db.rollback()
        return found

    def class_list(self) -> set[str]:
        """The students whom the gradebook knows."""
        with self._refusing():
            found = set(self._db.scalars(select(api.Student.id)))
            self._db.rollback()
        return found

    def record(self, student: str, handed_in: datetime.datetime | None, marks: Mapping[str, Marks | None]) -> Recorded:
        """Write the marks of one submission, notebook by notebook (None: not handed in), in one transaction.

        Penalties for being late are made anew for all of its notebooks. Only what differs is written. What graders gave
        (``manual_score``, comments, extra credit) is never touched.
        """
        db = self._db
        try:
            submission, is_new = self._submission(student, handed_in)
            asked = select(api.SubmittedNotebook).where(api.SubmittedNotebook.assignment_id == submission.id)
            rows = {} if is_new else {row.notebook_id: row for row in db.scalars(asked)}
            for notebook in self._notebooks:
                if notebook not in rows:
                    rows[notebook] = api.SubmittedNotebook(
                        id=api.new_uuid(), assignment_id=submission.id, notebook_id=notebook
                    )
                    db.add(rows[notebook])
            grades, comments = self._grades(rows), self._comments(rows)
            moved: list[Moved] = []
            for id_, name in self._notebooks.items():
                if name in marks:
                    moved += self._mark(student, name, rows[id_].id, grades, comments, marks[name])
            late = self._seconds_late(submission)
            for id_, row in rows.items():
                score = _sum(grade for (of, _), grade in grades.items() if of == row.id)
                missing = marks.get(self._notebooks[id_], ()) is None
                row.late_submission_penalty = None if missing else self._penalty(student, score, late)
            penalty = sum(row.late_submission_penalty or 0.0 for row in rows.values())
            points = _sum(grades.values()) - penalty
            waiting = sum(grade.needs_manual_grade for grade in grades.values())
            db.flush()
            for kind, found in ((api.Grade, grades), (api.Comment, comments)):
                if new := [vars(row) for row in found.values() if isinstance(row, SimpleNamespace)]:
                    db.execute(insert(kind), new)
            recorded = Recorded(
                submission.id, points, self.out_of, waiting, late, penalty, () if is_new else tuple(moved)
            )
            db.commit()
            return recorded
        except BaseException as failure:
            db.rollback()
            if isinstance(failure, OperationalError) and "full" in str(failure.orig).lower():
                raise GradebookFull(_first_line(failure)) from failure
            raise
        finally:
            db.expunge_all()

    def _released(self, notebook: Notebook) -> Any:
        """The notebook as ``generate_assignment`` has it when it saves the cells: solutions out, hidden tests in."""
        cells = []
        for cell in notebook.cells:
            made = _NEW_CELL[cell.kind](cell.source)
            made.metadata.update(copy.deepcopy(cell.metadata))
            cells.append(made)
        whole = new_notebook(cells=cells)
        whole.metadata.update(copy.deepcopy(notebook.metadata))
        for step in (ClearSolutions(config=self.course.config), ComputeChecksums(config=self.course.config)):
            whole, _ = step.preprocess(whole, {})
        return whole

    def _find_assignment(self) -> Any:
        try:
            return self._book.find_assignment(self.name)
        except api.MissingEntry:
            return self._book.add_assignment(self.name)

    def _look_up(self) -> None:
        """Keep what every submission needs: ids and names of notebooks and cells, due date, points on offer."""
        found = self._find_assignment()
        self._id, self._due = found.id, found.duedate
        self._notebooks: dict[str, str] = {}
        self._graded: dict[str, dict[str, str]] = {}  # notebook to cell to its name
        self._answered: dict[str, dict[str, str]] = {}
        self._tasks: set[str] = set()
        self.out_of = 0.0
        for notebook in found.notebooks:
            self._notebooks[notebook.id] = notebook.name
            graded = [*notebook.grade_cells, *notebook.task_cells]
            self._graded[notebook.id] = {cell.id: cell.name for cell in graded}
            self._answered[notebook.id] = {c.id: c.name for c in (*notebook.solution_cells, *notebook.task_cells)}
            self._tasks |= {cell.id for cell in notebook.task_cells}
            self.out_of += sum(cell.max_score for cell in graded)
        self._late = AssignLatePenalties(config=self.course.config)
        self._late.init_plugin()
        self._db.rollback()
        self._db.expunge_all()

    def _submission(self, student: str, handed_in: datetime.datetime | None) -> tuple[Any, bool]:
        db = self._db
        found = db.scalars(
            select(api.SubmittedAssignment).where(
                api.SubmittedAssignment.assignment_id == self._id, api.SubmittedAssignment.student_id == student
            )
        ).one_or_none()
        submission = found
        if submission is None:
            if db.get(api.Student, student) is None:
                if not self.course.autograde.create_student:
                    raise CourseError("is not in the gradebook, and Autograde.create_student is off")
                db.add(api.Student(id=student))
            submission = api.SubmittedAssignment(id=api.new_uuid(), assignment_id=self._id, student_id=student)
            db.add(submission)
        if handed_in is not None:
            submission.timestamp = handed_in
        return submission, found is None

    def _grades(self, rows: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
        """(Submitted notebook, cell) to grade; a new one is no row yet, as to add a dozen one by one takes long."""
        light = [defer(getattr(api.Grade, name)) for name in ("score", "cell_type")]
        new = {"auto_score": None, "manual_score": None, "extra_credit": None, "needs_manual_grade": True}
        return self._of_cells(api.Grade, light, rows, self._graded, new)

    def _comments(self, rows: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
        light = [defer(api.Comment.comment)]  # type: ignore[arg-type]
        return self._of_cells(api.Comment, light, rows, self._answered, {"auto_comment": None})

    def _of_cells(
        self,
        kind: Any,
        light: list[Any],
        rows: Mapping[str, Any],
        cells: Mapping[str, dict[str, str]],
        new: Mapping[str, Any],
    ) -> dict[tuple[str, str], Any]:
        there = [row.id for row in rows.values() if row not in self._db.new]
        asked = select(kind).where(kind.notebook_id.in_(there)).options(*light)
        found = {(row.notebook_id, row.cell_id): row for row in (self._db.scalars(asked) if there else ())}
        for notebook, row in rows.items():
            for cell in cells.get(notebook, ()):
                if (row.id, cell) not in found:
                    id_ = api.new_uuid()
                    found[row.id, cell] = SimpleNamespace(id=id_, notebook_id=row.id, cell_id=cell, **new)
        return found

    def _mark(
        self, student: str, notebook: str, row: str, grades: Any, comments: Any, marks: Marks | None
    ) -> Iterator[Moved]:
        id_ = next(key for key, name in self._notebooks.items() if name == notebook)
        for cell, name in self._graded[id_].items():
            grade = grades[row, cell]
            before, in_queue = grade.auto_score, grade.needs_manual_grade
            if marks is None:
                grade.auto_score, grade.needs_manual_grade = 0.0, False
            elif cell in self._tasks:
                # nbgrader never scores these itself; a notebook that was missing before has left a zero.
                if before is not None:
                    grade.auto_score, grade.needs_manual_grade = None, grade.manual_score is None or in_queue
            else:
                after = grade.auto_score = marks.scores[name]
                by_person = grade.manual_score is not None
                finished = by_person and not in_queue and after == before and name in marks.same
                grade.needs_manual_grade = not finished and (by_person or after is None)
            if grade.auto_score != before:
                yield Moved(student, notebook, name, before, grade.auto_score, grade.manual_score)
        if marks is not None:
            for cell, name in self._answered[id_].items():
                comments[row, cell].auto_comment = marks.comments.get(name)

    def _seconds_late(self, submission: Any) -> float:
        if submission.timestamp is None or self._due is None:
            return 0.0
        due = self._due + (submission.extension or datetime.timedelta())
        return max(0.0, (submission.timestamp - due).total_seconds())

    def _penalty(self, student: str, score: float, late: float) -> float | None:
        if late <= 0:
            return None
        penalty = self._late.plugin_inst.late_submission_penalty(student, score, late)
        if penalty is None:
            return None
        return float(self._late._check_late_penalty(SimpleNamespace(score=score), penalty))

    def _changed(self, what: str, came_or_went: list[tuple[str, str]]) -> CourseError:
        listed = ", ".join(f"{name} is {how}" for how, name in dict.fromkeys(came_or_went))
        return CourseError(
            f"the {what} are no longer those that were graded: {listed}. Submissions have grades for them. Put them "
            "back as they were; or, to throw those grades away, with those given by hand and the due date, run "
            f"`nbgrader db assignment remove {self.name} --force`"
        )

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as failure:
            if "full" in str(failure.orig).lower():
                raise GradebookFull(_first_line(failure)) from failure
            raise CourseError(f"the gradebook cannot be used: {_first_line(failure)}") from failure
        except SQLAlchemyError as failure:
            raise CourseError(f"the gradebook cannot be used: {_first_line(failure)}") from failure


def _begin(url: str) -> None:
    """Write nbgrader's version into a gradebook that is still empty: to find it out nbgrader starts a program."""
    engine = create_engine(url)
    with engine.begin() as connection:
        if not inspect(connection).get_table_names():
            from alembic.runtime.migration import MigrationContext
            from alembic.script import ScriptDirectory

            MigrationContext.configure(connection).stamp(ScriptDirectory(dbutil.ALEMBIC_DIR), "head")
    engine.dispose()


def timestamp(text: str) -> datetime.datetime | None:
    """The time that a ``timestamp.txt`` states, in UTC; None where it states none. Raises ``ValueError``."""
    if len(text) > _LONGEST_TIME:
        raise ValueError("a time is not as long as this")
    return parse_utc(text.strip()) if text.strip() else None


def _wanted(notebook: Any) -> dict[tuple[str, str], tuple[Any, ...]]:
    """(Kind of row, cell) to what SaveCells writes."""
    rows: dict[tuple[str, str], tuple[Any, ...]] = {}
    for cell in notebook.cells:
        own = cell.metadata.get("nbgrader", {})
        for kind, is_one in (("grade", is_grade), ("task", is_task)):
            if is_one(cell):
                rows[kind, own["grade_id"]] = (float(own["points"]), cell.cell_type)
        if is_solution(cell):
            rows["solution", own["grade_id"]] = ()
        if is_grade(cell) or is_solution(cell) or is_locked(cell) or is_task(cell):
            rows["source", own["grade_id"]] = (cell.cell_type, is_locked(cell), cell.source, own.get("checksum"))
    return rows


def _held(notebook: Any) -> dict[tuple[str, str], tuple[Any, ...]]:
    """The same of a notebook in the gradebook."""
    rows: dict[tuple[str, str], tuple[Any, ...]] = {}
    for kind, cells in (("grade", notebook.grade_cells), ("task", notebook.task_cells)):
        rows |= {(kind, cell.name): (cell.max_score, cell.cell_type) for cell in cells}
    rows |= {("solution", cell.name): () for cell in notebook.solution_cells}
    for cell in notebook.source_cells:
        rows["source", cell.name] = (cell.cell_type, cell.locked, cell.source, cell.checksum)
    return rows


def _differences(now: Mapping[Any, Any], before: Mapping[Any, Any]) -> list[Any]:
    return [*(("new", key) for key in now if key not in before), *(("gone", key) for key in before if key not in now)]


def _sum(grades: Any) -> float:
    """The points of some grades, as nbgrader counts them: what a grader gave goes before the automatic score."""
    total = 0.0
    for grade in grades:
        given = grade.manual_score if grade.manual_score is not None else grade.auto_score
        if given is not None:
            total += given + (grade.extra_credit or 0.0)
    return total


def _patient(connection: Any, _: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_WAIT}")


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return url


def _first_line(failure: BaseException) -> str:
    return str(getattr(failure, "orig", None) or failure).strip().split("\n")[0]
