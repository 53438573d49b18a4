"""The gradebook in the columns of Moodle and of Canvas: read back, it holds nbgrader's scores and no formula."""

from __future__ import annotations

import csv
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from nbgrader.api import Gradebook
from nbgrader.apps import ExportApp

Exported = Callable[..., list[list[str]]]
# nbgrader's own way of adding submissions, in the fixture.
pytestmark = pytest.mark.filterwarnings("ignore:Object of type:sqlalchemy.exc.SAWarning")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two weeks of 4 and 10 points; the first was handed in by three of four students, two of them late."""
    file = tmp_path_factory.mktemp("filled") / "gradebook.db"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # where nbgrader finds alembic
    with mock.patch.dict(os.environ, PATH=path), Gradebook(f"sqlite:///{file}") as book:
        book.add_student(
            "u1", first_name="Zoë, the 2nd", last_name="Ångström; née Ito", email="z@x.edu", lms_user_id="71"
        )
        book.add_student("u2", first_name="Bo\nby", last_name='=cmd|" /C calc"!A0', email="b@x.edu", lms_user_id="72")
        book.add_student("u3", last_name="Points Possible", email="@SUM(A1)", lms_user_id="73")
        book.add_student("u4", first_name="-1+2", email="d@x.edu", lms_user_id="74")
        for week, points in (("week-1", 4), ("week-2", 10), ("week-3", 5)):
            book.add_assignment(week)
            book.add_notebook("nb", week)
            book.add_grade_cell("test", "nb", week, max_score=points, cell_type="code")
        for student, week, auto, manual, penalty in (
            ("u1", "week-1", 3.5, None, None),
            ("u2", "week-1", 1.0, 2.25, 0.5),
            ("u3", "week-1", 1.0, None, 3.0),
            ("u1", "week-2", 10.0, None, None),
        ):
            book.add_submission(week, student)
            grade = book.find_grade("test", "nb", week, student)
            grade.auto_score, grade.manual_score, grade.needs_manual_grade = auto, manual, student == "u3"
            grade.notebook.late_submission_penalty = penalty
        book.db.commit()
    return file


@pytest.fixture
def gradebook(filled: Path, tmp_path: Path) -> Iterator[Gradebook]:
    shutil.copy(filled, tmp_path)
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as book:
        yield book


@pytest.fixture
def exported(gradebook: Gradebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exported]:
    """Export as the command line does, with its options, and read the file back."""
    monkeypatch.chdir(tmp_path)

    def run(platform: str, *options: str) -> list[list[str]]:
        ExportApp.clear_instance()
        app = ExportApp()
        app.initialize([f"--exporter=moi.grading.export.{platform}Exporter", *options])
        app.start()
        raw = Path(tmp_path, f"{platform.lower()}.csv").read_bytes()
        return list(csv.reader(raw.decode("utf-8-sig").splitlines(keepends=True)))

    yield run
    ExportApp.clear_instance()


def by_student(rows: list[list[str]], key: str, header: int = 1) -> dict[str, dict[str, str]]:
    lines = [dict(zip(rows[0], row, strict=True)) for row in rows[header:]]
    return {line[key]: line for line in lines}


def test_moodle_has_who_and_a_column_for_each_assignment_that_was_handed_in(exported: Exported) -> None:
    rows = exported("Moodle")
    assert rows[0] == ["Username", "ID number", "Email address", "First name", "Last name", "week-1", "week-2"]
    lines = by_student(rows, "Username")
    assert {name: line["week-1"] for name, line in lines.items()} == {
        "u1": "3.5",
        "u2": "1.75",
        "u3": "0.0",
        "u4": "0.0",
    }
    assert [line["week-2"] for line in lines.values() if line["Username"] == "u1"] == ["10.0"]
    assert (lines["u1"]["First name"], lines["u1"]["Last name"]) == ("Zoë, the 2nd", "Ångström; née Ito")
    assert (lines["u2"]["First name"], lines["u2"]["Last name"]) == ("Bo by", '\'=cmd|" /C calc"!A0')
    assert (lines["u3"]["Email address"], lines["u3"]["ID number"]) == ("'@SUM(A1)", "73")
    assert lines["u4"]["First name"] == "'-1+2"


def test_moodle_gets_no_column_of_identifiers_that_has_gaps(gradebook: Gradebook, exported: Exported) -> None:
    gradebook.find_student("u2").email = None
    gradebook.db.commit()
    rows = exported("Moodle")
    assert rows[0][:3] == ["Username", "ID number", "First name"]
    assert all(len(row) == len(rows[0]) for row in rows)


def test_canvas_has_its_own_columns_and_the_points_possible(exported: Exported) -> None:
    rows = exported("Canvas")
    assert rows[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "week-1", "week-2"]
    assert rows[1] == ["Points Possible", "", "", "", "", "4.0", "10.0"]
    lines = by_student(rows, "SIS Login ID", header=2)
    assert {name: line["week-1"] for name, line in lines.items()} == {
        "u1": "3.5",
        "u2": "1.75",
        "u3": "0.0",
        "u4": "0.0",
    }
    assert (lines["u1"]["Student"], lines["u1"]["ID"]) == ("Ångström; née Ito, Zoë, the 2nd", "71")
    assert lines["u2"]["Student"].startswith("'=cmd|")
    assert lines["u4"]["Student"] == "'-1+2"
    # Canvas takes every line with these words in its first column for the points, and would change them.
    assert [row[0] for row in rows if "Points Possible" in row[0]] == ["Points Possible"]


def test_canvas_is_told_its_own_numbers_and_what_student_ids_are(exported: Exported) -> None:
    rows = exported("Canvas", "--CanvasExporter.ids=week-2=4711", "--CanvasExporter.student_id_is=SIS User ID")
    assert rows[0][-2:] == ["week-1", "week-2 (4711)"]
    assert sorted(by_student(rows, "SIS User ID", header=2)) == ["u1", "u2", "u3", "u4"]


@pytest.mark.parametrize("platform", ["Moodle", "Canvas"])
def test_only_what_is_asked_for_is_exported(platform: str, exported: Exported) -> None:
    rows = exported(platform, "--assignment=week-2", "--assignment=week-3", "--student=u1")
    assert rows[0][-2:] == ["week-2", "week-3"]
    assert [row[-2:] for row in rows if "u1" in row] == [["10.0", "0.0"]]
    assert not any("u2" in row for row in rows)


@pytest.mark.parametrize("platform", ["Moodle", "Canvas"])
@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("--assignment=weak-1", "the gradebook has no assignment 'weak-1'; did you mean 'week-1'?"),
        ("--student=somebody", "the gradebook has no student 'somebody'"),
    ],
)
def test_what_is_not_there_is_not_exported(
    platform: str, asked: str, says: str, exported: Exported, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=re.escape(says)):
        exported(platform, asked)
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize("platform", ["Moodle", "Canvas"])
def test_scores_are_those_of_nbgraders_own_export(
    platform: str, exported: Exported, gradebook: Gradebook, tmp_path: Path
) -> None:
    for student in gradebook.students:  # nbgrader's own writes no quotes
        student.first_name = student.last_name = None
    gradebook.db.commit()
    rows = exported(platform)
    ExportApp.clear_instance()
    app = ExportApp()
    app.initialize(["--to=own.csv"])
    app.start()
    with open(tmp_path / "own.csv", encoding="utf-8", newline="") as file:
        own = {(line["student_id"], line["assignment"]): float(line["score"]) for line in csv.DictReader(file)}
    key, header = {"Moodle": ("Username", 1), "Canvas": ("SIS Login ID", 2)}[platform]
    lines: dict[str, Any] = by_student(rows, key, header)
    found = {(s, week): float(lines[s][week]) for s in lines for week in ("week-1", "week-2")}
    assert found == {place: score for place, score in own.items() if place[1] != "week-3"}


def test_who_still_waits_for_a_person_is_named(exported: Exported, capfd: pytest.CaptureFixture[str]) -> None:
    exported("Moodle")
    said = capfd.readouterr().err
    assert "week-1: still to be graded by hand: u3" in said
    assert "Nobody has handed in week-3" in said
    exported("Moodle", "--student=u1")
    assert "by hand" not in capfd.readouterr().err
