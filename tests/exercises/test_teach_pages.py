"""The instructor pages: each command on them runs, in their order, on a small demonstration class."""

import csv
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import nbformat
import pytest

from moi import cli
from moi.grading.demo_class import Assignment, DemoError, Student, make, students
from moi.grading.exercises import ROOT, assignments
from moi.grading.rewrites import REWRITES

NAME = "tactical-forecasting"
PAGES = ("index.md", "grading.md", "answers.md")
LAST = "nbgrader export --exporter=moi.grading.export.CanvasExporter"  # of the demonstration
CONSOLE = re.compile(r"^( *)```console\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
# The class of the page, smaller: a late student, one without a mistake and one who hands in again.
DEMO_CLASS = f"make() {{ '{sys.executable}' -m moi.grading.demo_class \"$1\" --students 3 >/dev/null; }}"

Marks = dict[str, dict[str, str]]  # student to the line of grades.csv


def commands(page: str) -> list[str]:
    """What the page tells its reader to type, in order; the servers, which do not end, are tested in the browser."""
    blocks = CONSOLE.findall(text(page))
    lines = [line.strip() for _, block in blocks for line in block.splitlines()]
    assert lines and all(line.startswith("$ ") for line in lines), "a console block holds commands only"
    return [line.removeprefix("$ ") for line in lines if line != "$ jupyter lab"]


@pytest.fixture
def typed(tmp_path: Path) -> Callable[[Sequence[str], Path], str]:
    """Type commands into one shell, started in a folder, until one fails; return what they print."""

    def run(lines: Sequence[str], folder: Path) -> str:
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
        return ended.stdout

    return run


def marks(table: Path, key: str = "student_id") -> Marks:
    with open(table, encoding="utf-8-sig", newline="") as file:
        return {line[key]: line for line in csv.DictReader(file)}


def text(page: str) -> str:
    return (ROOT / "book" / "teach" / page).read_text("utf-8")


def test_grading_page_leads_from_a_clone_to_marks_and_feedback(typed, tmp_path):
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / ".venv").symlink_to(sys.prefix)
    lines = commands("grading.md")
    first_half = lines[: lines.index(f"moi grade {NAME}")]
    demonstration = lines[len(first_half) : lines.index(LAST) + 1]
    # One of those whom the page promises: what was handed in is no notebook.
    odd = f"submitted/madeup-32/{NAME}"
    said = typed([*first_half, f"mkdir -p {odd}", f"echo mine > {odd}/{NAME}.ipynb", *demonstration], clone)

    folder = clone / "demo-class"
    assert f"{NAME}: the reference earns all points, the release none" in said
    assert re.search(r"^madeup-01  [\d.]+/20, 1 to grade by hand, late by 1 day$", said, re.MULTILINE)
    assert "madeup-32  0/20\n    The file is no notebook: nothing could be read.\n" in said
    assert "The file is no notebook: nothing could be read." in text("grading.md")
    assert re.search(rf"^{NAME}: 4 graded, 3 waiting for marks by hand; [\d.]+ s\.$", said, re.MULTILINE)
    assert f"{NAME}: 1 graded, 3 waiting for marks by hand;" in said, "one student again, by force"
    grades = marks(folder / "grades.csv")
    assert sorted(grades) == ["madeup-01", "madeup-02", "madeup-03", "madeup-32"]
    assert grades.pop("madeup-32")["score"] == "0.0"
    late, faultless, again = (grades[student] for student in sorted(grades))
    assert {line["last_name"] for line in grades.values()} == {"(made up)"}
    assert (late["duedate"], late["timestamp"]) == ("2026-01-16 17:00:00", "2026-01-17 19:40:00")
    assert (faultless["raw_score"], faultless["max_score"]) == ("17.0", "20.0")
    assert 0 < float(late["score"]) < 17
    # The first attempt of the third reached eight tasks of thirteen; the second, from the zip file, reached all.
    assert again["timestamp"] == "2026-01-16 16:51:00"
    assert 13 < float(again["score"]) < 17
    moodle, canvas = marks(folder / "moodle.csv", "Username"), marks(folder / "canvas.csv", "SIS Login ID")
    for student in grades:
        assert moodle[student][NAME] == canvas[student][NAME] == grades[student]["score"]
        assert (folder / "autograded" / student / NAME / f"{NAME}.ipynb").is_file()
        feedback = (folder / "feedback" / student / NAME / f"{NAME}.html").read_text("utf-8")
        # What the page says of feedback: no hidden test, no script, and nothing from elsewhere.
        assert "BEGIN HIDDEN TESTS" not in feedback and "<script" not in feedback
        assert "cdnjs" not in feedback and 'src="http' not in feedback
    released = (folder / "exercises" / NAME / f"{NAME}.ipynb").read_text("utf-8")
    assert "BEGIN SOLUTION" not in released
    assert (folder / "tactical-forecasting.zip").stat().st_size > 10_000


def test_commands_of_moi_that_stand_in_sentences_are_understood():
    named = {c for page in PAGES for c in re.findall(r"`(moi (?:grade|check) [^`]+)`", text(page))}
    options = set(
        re.findall(r"`(--(?!cap|security|exporter|to|Canvas|assignment)[a-z]+(?: [^`]*)?)`", text("grading.md"))
    )
    assert len(named) >= 3 and len(options) >= 6
    for command in [*(c.split() for c in named), *(["moi", "grade", "ASSIGNMENT", *o.split()] for o in options)]:
        asked = cli._parser().parse_args(command[1:])
        assert asked.assignment in ("ASSIGNMENT", ["ASSIGNMENT"])


def test_every_kind_of_test_stands_in_a_group_of_the_page():
    cells = re.findall(r"```\{code-cell\} python\n---\n.*?---\n(.*?)```\n", text("grading.md"), re.DOTALL)
    assert len(cells) == 2
    names: dict[str, Any] = {}
    exec(compile("\n".join(cells), "grading.md", "exec"), names)
    grouped = [kind for kinds in names["GROUPS"].values() for kind in kinds.split("|")]
    assert sorted(grouped) == sorted(names["KINDS"])
    shown = "\n".join([*names["table"](), *names["examples"](), *names["rewrites"]()])
    for name, kind in names["KINDS"].items():
        assert name in shown and kind["test"].strip() in shown
    for rewrite in REWRITES:
        assert rewrite.what in shown and rewrite.rewrite in shown


def test_own_class_is_an_nbgrader_course_folder(typed, tmp_path):
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("nbgrader_config.py", "solutions"):
        (clone / name).symlink_to(ROOT / name)
    lines = commands("grading.md")
    own = lines[lines.index(LAST) + 1 :]
    assert len(own) == 3
    activate = f"source '{sys.prefix}/bin/activate'"
    typed([activate, *own, "cd ../my-class", f"nbgrader generate_assignment {NAME}"], clone)
    assert (tmp_path / "my-class" / "exercises" / NAME / f"{NAME}.ipynb").is_file()


def test_variant_is_proved_as_the_page_on_answers_says(typed, tmp_path):
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("nbgrader_config.py", "solutions"):
        (clone / name).symlink_to(ROOT / name)
    said = typed([f"source '{sys.prefix}/bin/activate'", *commands("answers.md")], clone)
    assert "forecasting-next-term: the reference earns all points, the release none\n" in said
    assert "*the reference earns all points, the release none*" in text("answers.md")
    release = tmp_path / "my-class" / "exercises" / "forecasting-next-term" / "forecasting-next-term.ipynb"
    assert "BEGIN SOLUTION" not in release.read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ([], "demo-class --assignment tactical-forecasting"),
        (["ASSIGNMENT=common-aims", "DEMO=aims"], "aims --assignment common-aims"),
    ],
)
def test_make_demo_class_makes_the_class(given, called):
    command = ["make", "-n", "-o", ".venv/.installed", "demo-class", *given]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert f".venv/bin/python -m moi.grading.demo_class {called}\n" in shown.stdout


@pytest.fixture(scope="module")
def assignment() -> Assignment:
    return Assignment.read(NAME)


@pytest.fixture(scope="module")
def everyone(assignment: Assignment) -> list[Student]:
    return students(assignment, 30)


@pytest.mark.parametrize("name", assignments())
def test_thirty_students_make_every_known_mistake_and_hardly_share_any(name):
    assignment = Assignment.read(name)
    everyone = students(assignment, 30)
    assert {answer.name for student in everyone for answer in student.wrong} == {a.name for a in assignment.wrong}
    assert {answer.name for student in everyone for answer in student.right} <= {a.name for a in assignment.right}
    for one, other in combinations(everyone, 2):
        assert len(set(one.wrong) & set(other.wrong)) <= 1, (one.id, other.id)


@pytest.mark.parametrize("name", assignments())
def test_no_two_submissions_of_a_class_agree_in_code_or_in_words(name):
    assignment = Assignment.read(name)
    handed_in = [assignment.work(student) for student in students(assignment, 30)]
    code = [tuple(c.source for c in work.cells if c.cell_type == "code") for work in handed_in]
    assert len(set(code)) == 30
    for cell in assignment.in_words:
        untouched = next(c.source for c in assignment.released.cells if c.id == cell)
        texts = [c.source for work in handed_in for c in work.cells if c.id == cell]
        words = [" ".join(text.split()).casefold() for text in texts if text != untouched]
        assert len(words) == len(set(words)) == 27, cell  # two did not come so far, and one handed in nothing
        assert not any("nobody wrote" in text for text in texts)
        lengths = sorted(len(text.split()) for text in words)
        assert lengths[0] == 0 and lengths[2] < 15 and lengths[-3] > 120, "some say nothing, some a lot"


@pytest.mark.parametrize("name", assignments())
def test_second_attempt_has_words_of_its_own(name, tmp_path):
    made = make(tmp_path / "class", name, 30)
    assignment = Assignment.read(name)
    with zipfile.ZipFile(tmp_path / "class" / "downloaded" / name / "archive" / "platform.zip") as archive:
        (again,) = archive.namelist()
        finished = nbformat.reads(archive.read(again), as_version=4)
    others = [assignment.work(student) for student in made]
    for cell in assignment.in_words:
        (words,) = (c.source for c in finished.cells if c.id == cell)
        assert words not in [c.source for work in others for c in work.cells if c.id == cell]


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
        make(folder, NAME, 4)
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(other) for p in other.rglob("*") if p.is_file())
    for file in files:
        assert (one / file).read_bytes() == (other / file).read_bytes(), file
    with pytest.raises(DemoError, match="is there already"):
        make(one, NAME, 4)


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
    given = {"folder": tmp_path / "class", "name": NAME, "count": 3, **change}
    with pytest.raises(DemoError, match=says):
        make(**given)
    assert not (tmp_path / "class").exists()
