"""The instructor pages: each command on them runs, in their order, on a small demonstration class."""

import csv
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import nbformat
import pytest

from moi.grading.demo_class import DUE, Assignment, DemoError, Student, make, students
from moi.grading.exercises import ROOT, assignments, course_api, done

NAME = "tactical-forecasting"
ANSWERS = ROOT / "tests" / "exercises" / "tactical_forecasting"
CONSOLE = re.compile(r"^( *)```console\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
# The class of the page, smaller: a late student, one without a mistake and one who hands in again.
DEMO_CLASS = f"make() {{ '{sys.executable}' -m moi.grading.demo_class \"$1\" --students 3 >/dev/null; }}"

Marks = dict[str, dict[str, str]]  # student to the line of grades.csv


def commands(page: str) -> list[str]:
    """What the page tells its reader to type, in order; the servers, which do not end, are tested in the browser."""
    blocks = CONSOLE.findall((ROOT / "book" / "teach" / page).read_text("utf-8"))
    lines = [line.strip() for _, block in blocks for line in block.splitlines()]
    assert lines and all(line.startswith("$ ") for line in lines), "a console block holds commands only"
    return [line.removeprefix("$ ") for line in lines if line != "$ jupyter lab"]


@pytest.fixture
def typed(tmp_path: Path) -> Callable[[Sequence[str], Path], None]:
    """Type commands into one shell, started in a folder, until one fails."""

    def run(lines: Sequence[str], folder: Path) -> None:
        environment = {**os.environ, "HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PS1": ""}
        script = "\n".join(["set -e", DEMO_CLASS, "set -x", *lines])
        ended = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert ended.returncode == 0, (ended.stdout + ended.stderr)[-4000:]

    return run


def marks(folder: Path) -> Marks:
    with open(folder / "grades.csv", encoding="utf-8", newline="") as file:
        return {line["student_id"]: line for line in csv.DictReader(file)}


def test_grading_page_leads_from_a_clone_to_marks_and_feedback(typed, tmp_path):
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / ".venv").symlink_to(sys.prefix)
    lines = commands("grading.md")
    demonstration = lines[: lines.index("nbgrader export") + 1]
    typed(demonstration, clone)

    folder = clone / "demo-class"
    grades = marks(folder)
    assert sorted(grades) == ["madeup-01", "madeup-02", "madeup-03"]
    late, faultless, again = (grades[student] for student in sorted(grades))
    assert {line["last_name"] for line in grades.values()} == {"(made up)"}
    assert (late["duedate"], late["timestamp"]) == ("2026-01-16 17:00:00", "2026-01-17 19:40:00")
    assert (faultless["raw_score"], faultless["max_score"]) == ("17.0", "20.0")
    assert 0 < float(late["score"]) < 17
    # The first attempt of the third reached eight tasks of thirteen; the second, from the zip file, reached all.
    assert again["timestamp"] == "2026-01-16 16:51:00"
    assert 13 < float(again["score"]) < 17
    for student in grades:
        assert (folder / "autograded" / student / NAME / f"{NAME}.ipynb").is_file()
        feedback = (folder / "feedback" / student / NAME / f"{NAME}.html").read_text("utf-8")
        # What the page says of feedback: it shows hidden tests, and asks another host for MathJax.
        assert "BEGIN HIDDEN TESTS" in feedback
        assert "https://cdnjs.cloudflare.com/" in feedback
    released = (folder / "exercises" / NAME / f"{NAME}.ipynb").read_text("utf-8")
    assert "BEGIN SOLUTION" not in released
    assert (folder / "tactical-forecasting.zip").stat().st_size > 10_000


def test_own_class_is_an_nbgrader_course_folder(typed, tmp_path):
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("nbgrader_config.py", "solutions"):
        (clone / name).symlink_to(ROOT / name)
    lines = commands("grading.md")
    own = lines[lines.index("nbgrader export") + 1 :]
    assert len(own) == 3
    activate = f"source '{sys.prefix}/bin/activate'"
    typed([activate, *own, "cd ../my-class", f"nbgrader generate_assignment {NAME}"], clone)
    assert (tmp_path / "my-class" / "exercises" / NAME / f"{NAME}.ipynb").is_file()


def test_variant_is_proved_as_the_page_on_answers_says(typed, tmp_path):
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("nbgrader_config.py", "solutions"):
        (clone / name).symlink_to(ROOT / name)
    typed([f"source '{sys.prefix}/bin/activate'", *commands("answers.md")], clone)
    grades = marks(tmp_path / "my-class")
    assert (grades["solution"]["raw_score"], grades["release"]["raw_score"]) == ("17.0", "0.0")


def test_make_demo_class_makes_the_class():
    shown = subprocess.run(
        ["make", "-n", "-o", ".venv/.installed", "demo-class"], cwd=ROOT, capture_output=True, text=True
    )
    assert ".venv/bin/python -m moi.grading.demo_class demo-class" in shown.stdout


@pytest.fixture(scope="module")
def assignment() -> Assignment:
    return Assignment.read(NAME, ANSWERS)


@pytest.fixture(scope="module")
def everyone(assignment: Assignment) -> list[Student]:
    return students(assignment, 30)


@pytest.mark.parametrize("name", assignments())
def test_thirty_students_make_every_known_mistake_and_hardly_share_any(name):
    assignment = Assignment.read(name, ROOT / "tests" / "exercises" / name.replace("-", "_"))
    everyone = students(assignment, 30)
    assert {answer.name for student in everyone for answer in student.wrong} == {a.name for a in assignment.wrong}
    assert {answer.name for student in everyone for answer in student.right} <= {a.name for a in assignment.right}
    assert len({"".join(cell.source for cell in assignment.work(student).cells) for student in everyone}) == 30
    # Where there are fewer wrong answers than these, chance decides.
    most = 1 if len(assignment.wrong) >= 35 else 3
    for one, other in combinations(everyone, 2):
        assert len(set(one.wrong) & set(other.wrong)) <= most, (one.id, other.id)


def test_answers_in_words_are_all_different(everyone):
    words = [text for student in everyone for text in student.words.values()]
    assert len(words) == len(set(words)) == 27  # two did not come so far, and one handed in nothing


def test_class_has_faultless_unfinished_empty_and_late_work(assignment, everyone):
    by_kind = {kind: [s for s in everyone if s.kind == kind] for kind in ("faultless", "unfinished", "empty", "late")}
    assert {kind: len(found) for kind, found in by_kind.items()} == {
        "faultless": 3,
        "unfinished": 2,
        "empty": 1,
        "late": 1,
    }
    assert not any(student.wrong for student in by_kind["faultless"])
    assert assignment.work(by_kind["empty"][0]) == assignment.released
    for student in by_kind["unfinished"]:
        undone = [cell.id for cell in assignment.work(student).cells if "NotImplementedError" in cell.source]
        assert undone == ["title", *list(assignment.solved)[student.reached :]]


def test_work_holds_no_hidden_test_and_no_marker(assignment, everyone):
    for student in everyone:
        notebook = assignment.work(student)
        nbformat.validate(notebook)
        text = "".join(cell.source for cell in notebook.cells)
        assert "HIDDEN TESTS" not in text and "SOLUTION" not in text
        for cell in notebook.cells:
            assert (cell.get("outputs") or []) == []


def test_same_call_makes_the_same_class_and_never_overwrites_one(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        make(folder, NAME, 4, ANSWERS)
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(other) for p in other.rglob("*") if p.is_file())
    for file in files:
        assert (one / file).read_bytes() == (other / file).read_bytes(), file
    with pytest.raises(DemoError, match="is there already"):
        make(one, NAME, 4, ANSWERS)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"count": 0}, "from 1 to 40"),
        ({"count": 41}, "from 1 to 40"),
        ({"name": "no-such"}, "is there such an assignment"),
        ({"answers": ROOT / "data"}, "There are no wrong answers"),
    ],
)
def test_class_that_cannot_be_made_says_why_and_leaves_nothing(tmp_path, change, says):
    given = {"folder": tmp_path / "class", "name": NAME, "count": 3, "answers": ANSWERS, **change}
    with pytest.raises(DemoError, match=says):
        make(**given)
    assert not (tmp_path / "class").exists()


@pytest.mark.long
def test_thirty_students_earn_what_their_mistakes_leave(tmp_path, everyone, assignment):
    from nbgrader.api import Gradebook

    folder = tmp_path / "class"
    make(folder, NAME, 30, ANSWERS)
    api = course_api(folder)
    done(api.generate_assignment(NAME))
    with Gradebook(api.coursedir.db_url, api.coursedir.course_id) as gradebook:
        gradebook.update_or_create_assignment(NAME, duedate=DUE)
    earned = {}
    for student in everyone:
        done(api.autograde(NAME, student.id))
    with Gradebook(api.coursedir.db_url, api.coursedir.course_id) as gradebook:
        for student in everyone:
            submission = gradebook.find_submission(NAME, student.id)
            earned[student.id] = submission.score
            assert (submission.total_seconds_late > 0) == (student.kind == "late")
            grades = {grade.name: grade.max_score for grade in submission.notebooks[0].grades}
    worth = {cell: grades[f"check-{cell}"] for cell in assignment.solved}
    for student in everyone:
        reached = list(assignment.solved)[: student.reached]
        left = sum(worth[cell] for cell in reached) - sum(answer.loses for answer in student.wrong)
        if {"winters-step", "holt-winters"} <= {answer.cell for answer in student.wrong}:
            # With a level that does not grow, it cannot be seen that a season is counted twice.
            assert left <= earned[student.id] <= left + 0.5
        else:
            assert earned[student.id] == pytest.approx(left), student.id
