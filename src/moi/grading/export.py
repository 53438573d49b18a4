"""Exports the gradebook for a learning platform: ``nbgrader export --exporter=moi.grading.export.MoodleExporter``.

Both write a table with a line for each student and a column for each assignment that somebody has handed in. Scores
are nbgrader's: less the penalty for being late, nothing for work that was not handed in.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.plugins import ExportPlugin
from traitlets import Dict, Enum, Integer, Unicode

from moi.grading.course import nearest

_FORMULA = tuple("=+-@＝＋－＠")


class _Exporter(ExportPlugin):
    """What both platforms have in common."""

    _file = ""

    def export(self, gradebook: Gradebook) -> None:
        """Write the table to the file that ``--to`` names."""
        _all_known("student", self.student, [s.id for s in gradebook.students])
        _all_known("assignment", self.assignment, [a.name for a in gradebook.assignments])
        students = [s for s in gradebook.students if not self.student or s.id in map(str, self.student)]
        assignments = [a for a in gradebook.assignments if self._wanted(a)]
        scores = {a.name: self._scores(a, {s.id for s in students}) for a in assignments}
        rows = self._rows(students, assignments, scores)
        # With the mark at its beginning by which spreadsheets know UTF-8; both platforms take it off.
        with open(self.to or self._file, "w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows([[self._safe(value) for value in row] for row in rows])
        self.log.info("Exported %d students to %s", len(students), self.to or self._file)

    def _wanted(self, assignment: Any) -> bool:
        if self.assignment:
            return assignment.name in map(str, self.assignment)
        if not assignment.submissions:
            self.log.warning("Nobody has handed in %s: it is left out", assignment.name)
        return bool(assignment.submissions)

    def _scores(self, assignment: Any, students: Collection[str]) -> dict[str, float]:
        """Student to score, for those of ``students`` who have handed in."""
        theirs = [s for s in assignment.submissions if s.student_id in students]
        if waiting := [s.student_id for s in theirs if s.needs_manual_grade]:
            self.log.warning("%s: still to be graded by hand: %s", assignment.name, ", ".join(waiting))
        return {s.student_id: max(0.0, s.score - s.late_submission_penalty) for s in theirs}

    def _safe(self, value: Any) -> str:
        """``value`` as a cell that no spreadsheet takes for a formula, on one line."""
        if isinstance(value, float):
            return str(round(value, 5))
        text = " ".join(str(value or "").split())
        if text.startswith(_FORMULA):
            self.log.warning("%r could be a formula: it is written with an apostrophe before it", text)
            text = f"'{text}"
        return text

    def _rows(self, students: Sequence[Any], assignments: Sequence[Any], scores: Any) -> list[list[Any]]:
        raise NotImplementedError


def _all_known(kind: str, asked: Iterable[Any], there: Sequence[str]) -> None:
    """Stop, before a table is written that lacks what was asked for."""
    for name in map(str, asked):
        if name not in there:
            raise SystemExit(f"Nothing was exported: the gradebook has no {kind} {name!r}{nearest(name, there)}")


class MoodleExporter(_Exporter):
    """For *Grades → Import → CSV file*, where you say which column names the student and what the others are."""

    _file = "moodle.csv"

    def _rows(self, students: Sequence[Any], assignments: Sequence[Any], scores: Any) -> list[list[Any]]:
        columns: dict[str, list[Any]] = {
            "Username": [s.id for s in students],
            "ID number": [s.lms_user_id for s in students],
            "Email address": [s.email for s in students],
        }
        for name, values in list(columns.items()):
            # Moodle takes a line whose student is not named for more of the student before.
            if not all(values):
                del columns[name]
                self.log.info("Not every student has a value for %s: the column is left out", name)
        columns["First name"] = [s.first_name for s in students]
        columns["Last name"] = [s.last_name for s in students]
        for assignment in assignments:
            columns[assignment.name] = [scores[assignment.name].get(s.id, 0.0) for s in students]
        return [[*columns], *map(list, zip(*columns.values(), strict=True))]


class CanvasExporter(_Exporter):
    """For *Gradebook → Import*, in the columns of Canvas's own export."""

    _file = "canvas.csv"

    ids = Dict(
        value_trait=Integer(),
        key_trait=Unicode(),
        help="Canvas's numbers of assignments, by nbgrader's name: the last part of an assignment's address there. "
        "Without its number an assignment is found by its name, or made anew.",
    ).tag(config=True)
    student_id_is = Enum(
        ["SIS Login ID", "SIS User ID"], "SIS Login ID", help="What nbgrader's student ids are in Canvas."
    ).tag(config=True)

    def _rows(self, students: Sequence[Any], assignments: Sequence[Any], scores: Any) -> list[list[Any]]:
        found_by = ["SIS User ID", "SIS Login ID"]
        header = ["Student", "ID", *found_by, "Section", *map(self._called, assignments)]
        points = ["    Points Possible", "", "", "", "", *(float(a.max_score) for a in assignments)]
        rows: list[list[Any]] = [header, points]
        for s in students:
            name = ", ".join(filter(None, (s.last_name, s.first_name))) or s.id
            known = [s.id if column == self.student_id_is else "" for column in found_by]
            # Canvas would take a student of this name for the line above.
            row = [name.replace("Points Possible", "Points-Possible"), s.lms_user_id, *known, ""]
            rows.append([*row, *(scores[a.name].get(s.id, 0.0) for a in assignments)])
        return rows

    def _called(self, assignment: Any) -> str:
        number = self.ids.get(assignment.name)
        return assignment.name if number is None else f"{assignment.name} ({number})"


__all__ = ["CanvasExporter", "MoodleExporter"]
