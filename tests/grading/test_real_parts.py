"""The demonstration class goes through ``moi grade`` and nbgrader's own programs, as an instructor would type them."""

from __future__ import annotations

import ast
import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from classroom import course
from nbgrader.api import Gradebook

from moi.grading.demo_class import DUE, Assignment, Student, make
from moi.grading.exercises import ROOT, assignments
from moi.grading.grade import Asked, grade

NAME = "tactical-forecasting"
FEW = (1, 2, 3, 4, 5, 8, 13)  # the late, the faultless, the unfinished and the empty among them
EVERYONE = tuple(range(1, 31))


@dataclass(frozen=True)
class Class:
    """A class in ``folder`` as ``moi grade`` has left it; ``said`` is what was printed."""

    folder: Path
    assignment: Assignment
    students: tuple[Student, ...]
    said: str

    @property
    def book(self) -> Gradebook:
        return Gradebook(f"sqlite:///{self.folder}/gradebook.db", "marketing-operations-interface")


def typed(folder: Path, *command: str, timeout: float = 1800) -> str:
    """Type a command into a shell in which the course's environment is active; return what it printed."""
    programs = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder)}
    ended = subprocess.run(
        [str(programs / command[0]), *command[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(
    scope="module", params=[FEW, pytest.param(EVERYONE, marks=pytest.mark.long)], ids=["seven of thirty", "all thirty"]
)
def graded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Class:
    folder = tmp_path_factory.mktemp("real").resolve() / "class"
    there = tuple(student for student in make(folder, NAME, 30) if student.number in request.param)
    for place in (folder / "submitted").iterdir():
        if place.name not in [student.id for student in there]:
            shutil.rmtree(place)
    typed(folder, "nbgrader", "db", "student", "import", "students.csv")
    typed(folder, "nbgrader", "db", "assignment", "add", NAME, f"--duedate={DUE:%Y-%m-%d %H:%M} UTC")
    said = typed(folder, "moi", "grade", NAME, "--workers", "2")
    return Class(folder, Assignment.read(NAME), there, said)


def grades(book: Gradebook, student: str) -> dict[str, tuple[float | None, bool]]:
    """Cell to automatic score, and whether a person has to look at it."""
    (notebook,) = book.find_submission(NAME, student).notebooks
    return {grade.name: (grade.auto_score, bool(grade.needs_manual_grade)) for grade in notebook.grades}


def feedback(graded: Class, student: Student) -> str:
    return (graded.folder / "feedback" / student.id / NAME / f"{NAME}.html").read_text("utf-8")


@pytest.fixture(scope="module")
def with_feedback(graded: Class) -> Class:
    # What `nbgrader submit` would have left, for the exchange of one student.
    secret = graded.folder / "autograded" / graded.students[0].id / NAME / "submission_secret.txt"
    secret.write_text("nobody knows")
    typed(graded.folder, "nbgrader", "generate_feedback", NAME)
    return graded


def test_a_line_for_each_student_and_a_sum(graded: Class) -> None:
    lines = dict(re.findall(r"^(madeup-\d\d)  (.*)$", graded.said, re.MULTILINE))
    assert sorted(lines) == [student.id for student in graded.students]
    for student in graded.students:
        assert lines[student.id].endswith("late by 1 day") == (student.kind == "late")
    last = rf"^{NAME}: {len(graded.students)} graded, \d+ waiting for marks by hand; [\d.]+ s\.$"
    assert re.search(last, graded.said, re.MULTILINE)
    assert "Not graded" not in graded.said and "without isolation" not in graded.said
    again = typed(graded.folder, "moi", "grade", NAME)
    assert f"\n{NAME}: 0 graded, {len(graded.students)} skipped as done, " in f"\n{again}"


def test_everyone_earns_what_their_mistakes_leave(graded: Class) -> None:
    with graded.book as book:
        worth = {grade.name: grade.max_score for grade in book.find_notebook(NAME, NAME).grade_cells}
        for student in graded.students:
            submission = book.find_submission(NAME, student.id)
            assert (submission.total_seconds_late > 0) == (student.kind == "late")
            reached = list(graded.assignment.solved)[: student.reached]
            left = sum(worth[f"check-{cell}"] for cell in reached) - sum(answer.loses for answer in student.wrong)
            # With a level that does not grow, it cannot be seen that a season is counted twice.
            spared = 0.5 * ({"winters-step", "holt-winters"} <= {answer.cell for answer in student.wrong})
            assert left <= submission.score <= left + spared, student.id


def test_scores_are_those_of_stock_nbgrader(graded: Class, tmp_path: Path) -> None:
    some = graded.students if len(graded.students) > len(FEW) else graded.students[:3]
    stock = tmp_path.resolve() / "stock"
    stock.mkdir()
    for name in ("solutions", "students.csv", "nbgrader_config.py"):
        origin = graded.folder / name
        (shutil.copytree if origin.is_dir() else shutil.copy)(origin, stock / name)
    for student in some:
        shutil.copytree(graded.folder / "submitted" / student.id, stock / "submitted" / student.id)
    typed(stock, "nbgrader", "generate_assignment", NAME)
    typed(stock, "nbgrader", "autograde", NAME)
    with graded.book as ours, Gradebook(f"sqlite:///{stock}/gradebook.db", "marketing-operations-interface") as theirs:
        for student in some:
            here, there = grades(ours, student.id), grades(theirs, student.id)
            for cell in (f"check-{answer.cell}" for answer in student.wrong if answer.passed_by_stock):
                assert here.pop(cell) < there.pop(cell), student.id
            assert here == there, student.id


def test_feedback_has_the_messages_and_nothing_hidden(with_feedback: Class) -> None:
    (source,) = (ROOT / "solutions" / NAME).glob("*.ipynb")
    regions = re.compile(r"### BEGIN (?:HIDDEN TESTS|SOLUTION)\n(.*?)### END", re.DOTALL)
    cells = [cell.source for cell in nbformat.read(source, as_version=4).cells if cell.cell_type == "code"]
    tests = "\n".join(region for cell in cells if "ideas(points" in cell for region in regions.findall(cell))
    released = (Path(ROOT) / "exercises" / NAME / f"{NAME}.ipynb").read_text("utf-8")
    # A line that begins with a quotation mark is a message of the author's, for learners to read.
    lines = {line.strip() for line in tests.splitlines() if not line.strip().startswith(('"', 'f"'))}
    hidden = {line for line in lines if len(line) > 25 and line not in released}
    assert len(hidden) > 20
    told = 0
    for student in with_feedback.students:
        page = feedback(with_feedback, student)
        text = " ".join(BeautifulSoup(page, "html.parser").get_text().split())
        assert "HIDDEN TESTS" not in text.upper().replace("HIDDEN TESTS, WHICH ARE NOT SHOWN", "")
        assert [line for line in hidden if " ".join(line.split()) in text] == []
        assert "<script" not in page and str(with_feedback.folder) not in page
        assert [other.id for other in with_feedback.students if other is not student and other.id in page] == []
        for answer in student.wrong:
            told += " ".join(answer.says.split()) in text
    # Each mistake is told in the author's words, but for one that another of the same student's covers up.
    assert told >= 0.9 * sum(len(student.wrong) for student in with_feedback.students)


def test_feedback_is_released_to_the_exchange(with_feedback: Class, tmp_path: Path) -> None:
    student = with_feedback.students[0]
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)  # as nbgrader wants it
    options = [f"--Exchange.root={exchange}", f"--student={student.id}"]
    typed(with_feedback.folder, "nbgrader", "release_feedback", NAME, *options)
    (released,) = (exchange / "marketing-operations-interface" / "feedback").glob("*.html")
    assert released.read_text("utf-8") == feedback(with_feedback, student)


@pytest.mark.parametrize(
    ("options", "file", "key", "lines_above"),
    [
        ([], "grades.csv", "student_id", 0),
        (["--exporter=moi.grading.export.MoodleExporter"], "moodle.csv", "Username", 0),
        (["--exporter=moi.grading.export.CanvasExporter"], "canvas.csv", "SIS Login ID", 1),
    ],
)
def test_marks_are_exported(graded: Class, options: list[str], file: str, key: str, lines_above: int) -> None:
    typed(graded.folder, "nbgrader", "export", *options)
    with open(graded.folder / file, encoding="utf-8-sig", newline="") as table:
        lines: Mapping[str, dict[str, str]] = {line[key]: line for line in list(csv.DictReader(table))[lines_above:]}
    assert len(lines) == 30
    with graded.book as book:
        there = {student.id for student in graded.students}
        for student, line in lines.items():
            score = book.find_submission(NAME, student).score if student in there else 0
            assert float(line["score" if file == "grades.csv" else NAME]) == score


@pytest.mark.parametrize(
    "name", [name if name == NAME else pytest.param(name, marks=pytest.mark.long) for name in assignments()]
)
def test_every_assignment_passes_the_gate(name: str) -> None:
    said = typed(ROOT, "moi", "check", name)
    assert said == f"{name}: the reference earns all points, the release none\n"


def test_a_solution_that_does_not_earn_its_own_points_is_named(tmp_path: Path) -> None:
    solution = "### BEGIN SOLUTION\n{} = 2\n### END SOLUTION".format
    cells = (
        ("answer", solution("a")),
        ("test 1", "assert a == 2"),
        ("answer", solution("b")),
        ("test 1", "assert b == 3"),
    )
    course(tmp_path, *cells)
    shutil.copytree(tmp_path / "source" / "week", tmp_path / "submitted" / "ann" / "week")
    summary = grade(Asked("week", course=tmp_path, workers=1))
    assert summary.unearned == ["test3"] and [result.points for result in summary.graded] == [1]
    assert "Your own solution does not earn all points in test3: moi check week says why." in summary.text()


def test_each_worker_keeps_to_a_processor_and_so_does_what_it_runs(tmp_path: Path) -> None:
    look = "import os, time\ntime.sleep(0.5)\nprint(os.sched_getaffinity(0))\na = 2"
    made = course(tmp_path, ("answer", f"### BEGIN SOLUTION\n{look}\n### END SOLUTION"), ("test 1", "assert a == 2"))
    name, shown = made.notebooks[0].name, []
    for student in ("ann", "bea", "cem", "dan"):
        shutil.copytree(tmp_path / "source" / "week", tmp_path / "submitted" / student / "week")
    assert len(grade(Asked("week", course=tmp_path, workers=2)).graded) == 4
    for graded in tmp_path.glob(f"autograded/*/week/{name}.ipynb"):
        outputs = nbformat.read(graded, 4).cells[0].outputs
        shown += [ast.literal_eval(output.text) for output in outputs]
    assert [len(processors) for processors in shown] == [1] * 4
    assert len(set().union(*shown)) == min(2, len(os.sched_getaffinity(0)))
