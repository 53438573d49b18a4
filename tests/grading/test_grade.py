"""The coordinator of ``moi grade``: what it writes, what it leaves alone, and that nothing that dies loses a grade."""

import contextlib
import datetime
import errno
import fcntl
import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import psutil
import pytest
import sqlalchemy
from distributed import Client, LocalCluster
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader import api
from sqlalchemy.engine import Engine

from moi.grading import autograded, demo_class, exercises, fanout, gradebook
from moi.grading import grade as grading
from moi.grading.assignment import read_assignment
from moi.grading.autograded import RECORD, Record
from moi.grading.grade import Asked, GradeError, Stopped, grade

HERE = Path(__file__).parent
CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "test"
c.CourseDirectory.student_id_exclude = "left-out"
"""
DOUBLE = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
TESTED = "assert double(1) == 2\n### BEGIN HIDDEN TESTS\nassert double(4) == 8\n### END HIDDEN TESTS"
RIGHT = {"double": "def double(x):\n    return x + x", "words": "Because it doubles.", "size": "size = 3"}
HALF = {"double": "def double(x):\n    return 2", "words": "YOUR ANSWER HERE", "size": "size = 2"}


def _cell(name, source, *, points=None, kind="code", solution=False, locked=False, task=False):
    own = {"grade_id": name, "grade": points is not None and not task, "solution": solution, "task": task}
    own |= {"locked": locked or task or (points is not None and not solution), "schema_version": 3}
    if points is not None:
        own["points"] = points
    make = {"code": new_code_cell, "markdown": new_markdown_cell}[kind]
    return make(source, id=f"id-{name}", metadata={"nbgrader": own})


def _one(tested=TESTED):
    return [
        new_markdown_cell("# Double", id="id-title"),
        _cell("data", "start = 1", locked=True),
        _cell("double", DOUBLE, solution=True),
        _cell("test-double", tested, points=2),
        _cell("words", "### BEGIN SOLUTION\nIt doubles.\n### END SOLUTION", points=3, kind="markdown", solution=True),
        _cell("task", "Draw it.", points=1, kind="markdown", task=True),
    ]


def _two():
    return [
        _cell("size", "### BEGIN SOLUTION\nsize = 3\n### END SOLUTION", solution=True),
        _cell("half", "size / 2", points=4),
    ]


def _save(path, cells):
    path.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), path)


class CourseFolder:
    """An nbgrader course with the assignment ``hw`` of two notebooks, and what is done with it."""

    def __init__(self, root, scheduler=None):
        self.root, self.scheduler = root, scheduler
        root.mkdir(exist_ok=True)
        (root / "nbgrader_config.py").write_text(CONFIG)
        self.source()

    def source(self, one=None, two=None):
        _save(self.root / "source/hw/one.ipynb", one or _one())
        _save(self.root / "source/hw/two.ipynb", two or _two())

    def hand_in(self, student, answers=RIGHT, notebooks=("one", "two"), when="2026-01-10 12:00:00 UTC", added=()):
        folder = self.root / "submitted" / student / "hw"
        for notebook in read_assignment(self.root, "hw").notebooks:
            cells = []
            for cell in notebook.cells:
                make = {"code": new_code_cell, "markdown": new_markdown_cell}[cell.kind]
                source = answers[cell.name] if cell.role == "answer" else cell.release
                cells.append(make(source, id=cell.id, metadata=cell.metadata))
            if notebook.name in notebooks:
                _save(folder / f"{notebook.name}.ipynb", [*cells, *added])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "timestamp.txt").write_text(when)
        return folder

    def grade(self, **asked):
        asked = {"scheduler": self.scheduler, "bench": "stand_in:Bench"} | asked
        return grade(Asked("hw", course=self.root, **asked))

    def gradebook(self):
        return api.Gradebook(f"sqlite:///{self.root}/gradebook.db", "test")

    def marks(self, url=None):
        return _marks(url or f"sqlite:///{self.root}/gradebook.db")

    def autograded(self, student, notebook="one"):
        return nbformat.read(self.root / "autograded" / student / "hw" / f"{notebook}.ipynb", 4)

    def files(self):
        """Relative path to content of all that is graded, but for what differs from one gradebook to another."""
        found = {}
        for path in sorted((self.root / "autograded").rglob("*")):
            if path.is_file():
                found[str(path.relative_to(self.root))] = path.read_bytes()
                if path.name == RECORD:
                    found[str(path.relative_to(self.root))] = json.loads(path.read_text()) | {"submission": ""}
        return found

    def state(self):
        return self.marks(), self.files()


def _marks(url, assignment="hw"):
    """Student to all that the gradebook has of the work."""
    with api.Gradebook(url) as book:
        return {
            found.student.id: {
                "when": found.timestamp,
                "score": found.score,
                "notebooks": {
                    notebook.name: {
                        "penalty": notebook.late_submission_penalty,
                        "grades": {
                            g.name: (g.auto_score, g.manual_score, g.extra_credit, g.needs_manual_grade)
                            for g in notebook.grades
                        },
                        "comments": {c.name: (c.auto_comment, c.manual_comment) for c in notebook.comments},
                    }
                    for notebook in found.notebooks
                },
            }
            for found in book.assignment_submissions(assignment)
        }


def _cells(notebook):
    return {cell.metadata["nbgrader"]["grade_id"]: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """A real ``dask scheduler`` with two worker processes."""
    folder = tmp_path_factory.mktemp("dask")
    meeting = folder / "scheduler.json"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1] / "src")])}
    common = ["--scheduler-file", meeting, "--no-dashboard"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, "env": environment}
    started = []
    try:
        run = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", *common]
        started.append(subprocess.Popen(run, **quiet))
        for _ in range(2):
            run = [
                sys.executable,
                "-m",
                "distributed.cli.dask_worker",
                "--nthreads",
                "1",
                "--memory-limit",
                "0",
                *common,
            ]
            started.append(subprocess.Popen([*run, "--host", "127.0.0.1", "--local-directory", folder], **quiet))
        for _ in range(600):
            with contextlib.suppress(OSError, ValueError):
                address = json.loads(meeting.read_text())["address"]
                break
            time.sleep(0.1)
        else:
            pytest.fail("the scheduler of Dask has not started")
        yield address
    finally:
        for process in started:
            ours = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            for one in ours:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            process.wait()


@pytest.fixture
def course(tmp_path, scheduler, monkeypatch):
    # Where these tests open a gradebook before `moi grade` does, nbgrader starts alembic by its name.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    sys.path.insert(0, str(HERE))
    yield CourseFolder(tmp_path / "course", scheduler)
    sys.path.remove(str(HERE))


def test_a_new_gradebook_has_nbgraders_version(course):
    course.hand_in("ann")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        course.grade()
    with course.gradebook() as book:
        there = book.db.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")).scalars().all()
    assert there == [api.get_alembic_version()]


def test_a_class_is_graded_as_nbgrader_would(course):
    course.hand_in("ann", added=[new_markdown_cell("<script>alert(1)</script> hello", id="id-data")])
    course.hand_in("bob", HALF)
    course.hand_in("left-out")
    summary = course.grade()
    assert summary.status == 0 and summary.problems == {}
    assert {r.student: (r.points, r.out_of, r.by_hand) for r in summary.graded} == {
        "ann": (3.5, 10.0, 2),
        "bob": (1.0, 10.0, 1),
    }
    marks = course.marks()
    assert marks.keys() == {"ann", "bob"}
    assert marks["ann"]["when"] == datetime.datetime(2026, 1, 10, 12, 0)
    ann, bob = (marks[student]["notebooks"] for student in ("ann", "bob"))
    none = (None, None, None)
    assert ann["one"]["grades"] == {
        "test-double": (2, None, None, False),
        "words": (*none, True),
        "task": (*none, True),
    }
    assert bob["one"]["grades"] == {
        "test-double": (0, None, None, False),
        "words": (0, None, None, False),
        "task": (*none, True),
    }
    assert ann["two"]["grades"] == {"half": (1.5, None, None, False)}
    assert bob["one"]["comments"] == {"double": (None, None), "words": ("No response.", None), "task": (None, None)}
    notebook = course.autograded("ann")
    nbformat.validate(notebook)
    cells = _cells(notebook)
    assert cells["test-double"].source == TESTED and cells["double"].source == RIGHT["double"]
    assert cells["words"].source == RIGHT["words"]
    assert "<script" not in notebook.cells[-1].source and "hello" in notebook.cells[-1].source
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == [1, 2, 3]
    assert _cells(course.autograded("ann", "two"))["half"].outputs[0]["data"]["text/plain"] == "1.5"
    for path in (course.root / "autograded/ann/hw").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_it_is_the_same_as_stock_nbgrader(course, tmp_path):
    for student, answers in (("ann", RIGHT), ("bob", HALF), ("cay", {**RIGHT, "double": "1/0", "size": "size = -2"})):
        course.hand_in(student, answers, notebooks=("one", "two") if student != "bob" else ("one",))
    (course.root / "submitted/ann/hw/notes.txt").write_text("mine")
    (course.root / "source/hw/data.csv").write_text("1,2")
    stock = tmp_path / "stock"
    shutil.copytree(course.root, stock)
    course.grade()
    ours = course.state()
    course.root = stock
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command in ("generate_assignment", "autograde"):
        run = [sys.executable, "-m", "nbgrader", command, "hw"]
        done = subprocess.run(run, cwd=stock, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    theirs = course.state()
    # The one difference: nbgrader gives all points for a result below nothing, where we ask a person.
    assert theirs[0]["cay"]["notebooks"]["two"]["grades"]["half"] == (4, None, None, False)
    theirs[0]["cay"]["notebooks"]["two"]["grades"]["half"] = (None, None, None, True)
    theirs[0]["cay"]["score"] -= 4
    assert ours[0] == theirs[0]
    graded = {name: held for name, held in ours[1].items() if not name.endswith(RECORD)}
    assert graded.keys() == theirs[1].keys()
    for name, held in graded.items():
        if not name.endswith(".ipynb"):
            assert held == theirs[1][name]
            continue
        mine, stocks = (nbformat.reads(text.decode(), 4) for text in (held, theirs[1][name]))
        assert mine.metadata.kernelspec == stocks.metadata.kernelspec
        for one, other in zip(mine.cells, stocks.cells, strict=True):
            assert (one.id, one.cell_type, one.source) == (other.id, other.cell_type, other.source)
            assert one.metadata.get("nbgrader") == other.metadata.get("nbgrader")
            assert one.get("execution_count") == other.get("execution_count")


@pytest.mark.long
@pytest.mark.parametrize("name", exercises.assignments())
def test_honest_work_on_our_assignments_has_the_marks_that_stock_nbgrader_gives(name, tmp_path):
    demo_class.make(tmp_path / "ours", name, 8)
    shutil.copytree(tmp_path / "ours", tmp_path / "stock")
    assert grade(Asked(name, course=tmp_path / "ours")).status == 0
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command in ("generate_assignment", "autograde"):
        run = [sys.executable, "-m", "nbgrader", command, name]
        done = subprocess.run(run, cwd=tmp_path / "stock", env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    ours, stock = (_marks(f"sqlite:///{tmp_path}/{which}/gradebook.db", name) for which in ("ours", "stock"))
    assert ours == stock


def test_formgrader_feedback_and_export_work_on_it(course):
    course.hand_in("ann")
    course.grade()
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command in (["generate_feedback", "hw"], ["export"]):
        run = [sys.executable, "-m", "nbgrader", *command]
        done = subprocess.run(run, cwd=course.root, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (course.root / "feedback/ann/hw/one.html").is_file()
    assert "hw" in (course.root / "grades.csv").read_text() and ",3.5," in (course.root / "grades.csv").read_text()


def test_the_same_command_again_does_nothing_and_a_new_version_is_graded(course):
    course.hand_in("ann")
    course.hand_in("bob", HALF)
    course.grade()
    before = course.state()
    inodes = {path: path.stat().st_ino for path in (course.root / "autograded").rglob("*")}
    again = course.grade()
    assert (again.graded, again.skipped) == ([], ["ann", "bob"])
    assert course.state() == before
    assert inodes == {path: path.stat().st_ino for path in (course.root / "autograded").rglob("*")}
    course.hand_in("bob", RIGHT)
    third = course.grade()
    assert [result.student for result in third.graded] == ["bob"] and third.skipped == ["ann"]
    assert {(m.student, m.cell, m.before, m.after) for m in third.moved} == {
        ("bob", "test-double", 0, 2),
        ("bob", "words", 0, None),
        ("bob", "half", 1.0, 1.5),
    }
    assert "bob: half in two from 1 to 1.5" in third.text()
    assert [result.student for result in course.grade(force=True, students=["ann"]).graded] == ["ann"]


def test_what_is_gone_is_made_again(course, tmp_path):
    course.hand_in("ann")
    course.hand_in("bob")
    course.grade()
    before = course.state()
    (course.root / "autograded/ann/hw/two.ipynb").unlink()
    assert [result.student for result in course.grade().graded] == ["ann"]
    (course.root / "autograded/bob/hw" / RECORD).unlink()
    assert [result.student for result in course.grade().graded] == ["bob"]
    assert course.state() == before
    elsewhere = f"sqlite:///{tmp_path}/other.db"
    assert len(course.grade(db=elsewhere).graded) == 2
    assert course.marks(elsewhere) == before[0]


def test_a_mended_test_writes_only_the_grades_that_move(course):
    course.hand_in("ann")
    course.hand_in("bob", HALF)
    course.hand_in("cay", {**RIGHT, "double": "def double(x):\n    return 2 * x if x < 4 else 0"})
    course.grade()
    before = course.marks()
    course.source(one=_one("assert double(1) == 2"))
    written = []

    def note(_, __, statement, parameters, *___):
        if statement.split()[0] in ("UPDATE", "INSERT", "DELETE"):
            written.append((statement.split()[1 if statement.startswith("UPDATE") else 2], parameters))

    sqlalchemy.event.listen(Engine, "before_cursor_execute", note)
    try:
        summary = course.grade()
    finally:
        sqlalchemy.event.remove(Engine, "before_cursor_execute", note)
    assert [(m.student, m.notebook, m.cell, m.before, m.after) for m in sorted(summary.moved, key=str)] == [
        ("bob", "one", "test-double", 0, 2),
        ("cay", "one", "test-double", 0, 2),
    ]
    assert [table for table, _ in written if table != "source_cell"] == ["grade", "grade"]
    for student in ("bob", "cay"):
        before[student]["notebooks"]["one"]["grades"]["test-double"] = (2, None, None, False)
        before[student]["score"] += 2
    assert course.marks() == before


def _grade_by_hand(course, student="ann"):
    with course.gradebook() as book:
        for cell, points in (("words", 2.5), ("task", 1.0)):
            given = book.find_grade(cell, "one", "hw", student)
            given.manual_score, given.needs_manual_grade = points, False
        given = book.find_grade("test-double", "one", "hw", student)
        given.manual_score, given.extra_credit, given.needs_manual_grade = 1.5, 0.5, False
        book.find_comment("words", "one", "hw", student).manual_comment = "Well said."
        book.db.commit()


def test_what_a_grader_gave_stays_and_returns_to_the_queue_only_for_a_reason(course):
    course.hand_in("ann")
    course.grade()
    _grade_by_hand(course)
    before = course.marks()
    course.grade(force=True)
    assert course.marks() == before

    course.hand_in("ann", {**RIGHT, "words": "Another thought."})
    course.grade()
    after = course.marks()["ann"]["notebooks"]["one"]
    assert after["grades"]["words"] == (None, 2.5, None, True)
    assert after["grades"]["test-double"] == (2, 1.5, 0.5, False)  # rests on code alone
    assert after["comments"]["words"] == (None, "Well said.")

    course.source(one=_one("assert double(1) == 3"))
    told = "test-double in one from 2 to 0, where the 1.5 given by hand stays"
    assert told in course.grade().text()


def test_an_interrupted_regrade_leaves_a_finished_manual_grade_alone(course):
    course.hand_in("ann")
    course.grade()
    _grade_by_hand(course)
    before = course.state()
    for step in ("read", "replaced", "recorded"):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped, match="graded and safe. With"):
            patch.setattr(grading, "_reached", lambda reached, step=step: _power_cut(reached, step))
            course.grade(force=True)
        course.grade()
        assert course.state() == before


def _power_cut(reached, step):
    if reached == step:
        raise KeyboardInterrupt


def test_a_submission_is_one_transaction(course):
    course.hand_in("ann")
    course.grade()
    course.hand_in("bob")
    written, commits = [], []

    def note(_, __, statement, *___):
        written.extend(word for word in [statement.split()[0]] if word in ("INSERT", "UPDATE", "DELETE"))

    def commit(_):
        commits.extend([len(written)] if written else [])
        written.clear()

    sqlalchemy.event.listen(Engine, "before_cursor_execute", note)
    sqlalchemy.event.listen(Engine, "commit", commit)
    try:
        course.grade()
    finally:
        sqlalchemy.event.remove(Engine, "before_cursor_execute", note)
        sqlalchemy.event.remove(Engine, "commit", commit)
    assert len(commits) == 1 and commits[0] >= 5 and len(course.marks()) == 2


DRIVER = """
import os, signal, sys
from pathlib import Path
from moi.grading import grade as grading

step, times, *rest = sys.argv[1:]
left = int(times)

def reached(here):
    global left
    left -= here == step
    if here == step and left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    grading._reached = reached
    asked = grading.Asked("hw", course=Path(rest[0]), bench=rest[1], workers=2, scheduler=rest[2] if rest[2:] else None)
    sys.exit(grading.command(asked))
"""


def _start(course, step="never", times=1, bench="stand_in:Bench", scheduler=None):
    driver = course.root.parent / "driver.py"
    driver.write_text(DRIVER)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1] / "src")])}
    run = [sys.executable, driver, step, str(times), course.root, bench, *([scheduler] if scheduler else [])]
    return subprocess.Popen(run, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("step", ["read", "replaced", "recorded", "finished"])
def test_a_coordinator_killed_at_any_step_leaves_whole_submissions_and_resumes(course, step, tmp_path):
    for student in ("ann", "bob", "cay"):
        course.hand_in(student)
    killed = _start(course, step, 2, scheduler=course.scheduler)
    said, _ = killed.communicate(timeout=120)
    assert killed.returncode == -signal.SIGKILL, said
    for marks in course.marks().values():
        assert marks["score"] == 3.5 and marks["notebooks"]["one"]["grades"]["test-double"][0] == 2
    summary = course.grade()
    assert len(summary.graded) == {"finished": 1}.get(step, 2)
    undisturbed = CourseFolder(tmp_path / "undisturbed", course.scheduler)
    for student in ("ann", "bob", "cay"):
        undisturbed.hand_in(student)
    undisturbed.grade()
    assert course.state() == undisturbed.state()
    assert sorted(path.name for path in (course.root / "autograded/ann").iterdir()) == ["hw"]


def test_a_kill_between_the_two_renames_of_a_folder_is_put_right(course):
    course.hand_in("ann")
    course.grade()
    before = course.state()
    folder = course.root / "autograded/ann"
    (folder / "hw").rename(folder / ".hw.moi-old")
    shutil.copytree(folder / ".hw.moi-old", folder / ".hw.moi-new")
    assert course.grade().skipped == ["ann"]
    assert course.state() == before and [path.name for path in folder.iterdir()] == ["hw"]


def test_a_second_coordinator_is_refused(course, moi):
    course.hand_in("ann")
    with open(course.root / grading.LOCK, "w") as lock:
        lock.write("process 7 on lab, since 12:00:00")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, out, err = moi("grade", "hw", "--course", str(course.root))
    assert (status, out) == (2, "")
    assert "another `moi grade` is at work in this course (process 7 on lab, since 12:00:00)" in err
    assert not (course.root / "autograded").exists()


def test_missing_unreadable_and_odd_submissions_are_reported_and_the_others_go_on(course, tmp_path):
    course.hand_in("ann")
    course.hand_in("no-two", notebooks=("one",), when="yesterday, I think")
    course.hand_in("for-ever", when="1." * 1_000_000)  # which would take a day to read
    (course.hand_in("broken") / "one.ipynb").write_bytes(b"\xff{ not JSON")
    (course.root / "submitted/nothing/hw").mkdir(parents=True)
    (course.root / "submitted/a-link").mkdir()
    (course.root / "submitted/a-link/hw").symlink_to(course.root / "submitted/ann/hw")
    (course.root / "submitted/a-file").mkdir()
    (course.root / "submitted/a-file/hw").write_text("")
    shutil.copy(course.root / "source/hw/one.ipynb", course.hand_in("extra") / "three.ipynb")
    summary = course.grade()
    assert summary.status == 1 and summary.problems.keys() == {"a-file", "a-link"}
    results = {result.student: result for result in summary.graded}
    assert {student: result.points for student, result in results.items()} == {
        "ann": 3.5, "extra": 3.5, "for-ever": 3.5, "no-two": 2, "broken": 1.5, "nothing": 0,
    }  # fmt: skip
    assert "two.ipynb was not handed in" in str(results["no-two"].notes)
    assert "timestamp.txt states no time" in str(results["no-two"].notes)
    assert "timestamp.txt states no time" in str(results["for-ever"].notes)
    assert results["broken"].notes and "three.ipynb" in str(results["extra"].notes)
    assert results["nothing"].by_hand == 0
    assert course.marks()["no-two"]["notebooks"]["two"]["grades"]["half"] == (0, None, None, False)
    assert not (course.root / "autograded/no-two/hw/two.ipynb").exists()
    assert len(course.grade().skipped) == 6


def test_a_learners_link_is_neither_followed_nor_kept(course, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("as it was")
    folder = course.hand_in("ann")
    (folder / "data.txt").symlink_to(secret)
    (folder / "one.ipynb").unlink()
    (folder / "one.ipynb").symlink_to(secret)
    out = course.root / "autograded/ann/hw"
    out.mkdir(parents=True)
    (out / "two.ipynb").symlink_to(secret)
    course.grade()
    assert secret.read_text() == "as it was"
    assert not any(path.is_symlink() for path in out.iterdir()) and not (out / "data.txt").exists()
    assert course.marks()["ann"]["score"] == 1.5


def test_late_work_has_its_penalty_and_an_extension_takes_it_away(course):
    (course.root / "nbgrader_config.py").write_text(CONFIG + "c.LateSubmissionPlugin.penalty_method = 'zero'\n")
    course.hand_in("ann", when="2026-01-10 12:00:00 UTC")
    course.hand_in("bob", when="2026-01-10 10:00:00 UTC")
    with course.gradebook() as book:
        book.add_assignment("hw", duedate="2026-01-10 11:00:00")
    summary = course.grade()
    assert {result.student: (result.points, result.late) for result in summary.graded} == {
        "ann": (0, 3600),
        "bob": (3.5, 0),
    }
    assert "late by 1 hour" in next(result for result in summary.graded if result.student == "ann").line()
    assert [n["penalty"] for n in course.marks()["ann"]["notebooks"].values()] == [2, 1.5]
    with course.gradebook() as book:
        book.grant_extension("hw", "ann", hours=2)
    assert course.grade().graded == []
    assert [n["penalty"] for n in course.marks()["ann"]["notebooks"].values()] == [None, None]


def test_a_penalty_that_is_decided_later_is_taken_from_all_who_were_late(course, moi):
    course.hand_in("ann", when="2026-01-10 12:00:00 UTC")
    course.hand_in("bob", when="2026-01-10 10:00:00 UTC")
    course.grade()
    with course.gradebook() as book:
        book.update_or_create_assignment("hw", duedate="2026-01-10 11:00:00")
    (course.root / "nbgrader_config.py").write_text(CONFIG + "c.LateSubmissionPlugin.penalty_method = 'zero'\n")
    status, out, _ = moi("grade", "hw", "--course", str(course.root), "--scheduler", course.scheduler)
    taken = "ann  0/10, 2 to grade by hand, late by 1 hour, for which 3.5 points are taken off"
    assert status == 0 and taken in out.splitlines() and "bob" not in out
    assert [n["penalty"] for n in course.marks()["ann"]["notebooks"].values()] == [2, 1.5]
    assert "ann" not in moi("grade", "hw", "--course", str(course.root), "--scheduler", course.scheduler)[1]


def test_what_could_not_be_read_is_told_again_and_in_the_gradebook(course, moi):
    course.hand_in("ann")
    folder = course.hand_in("dan")
    for notebook in folder.glob("*.ipynb"):
        notebook.write_text("no JSON")
    course.hand_in("oda", notebooks=())
    summary = course.grade()
    assert sorted(summary.empty) == ["dan", "oda"] and "without points: dan, oda." in summary.text()
    comments = [c for n in course.marks()["dan"]["notebooks"].values() for c in n["comments"].values()]
    assert "The file that was handed in cannot be read as a notebook." in {c[0] for c in comments}
    _, out, _ = moi("grade", "hw", "--course", str(course.root), "--scheduler", course.scheduler)
    lines = out.splitlines()
    assert lines[lines.index("dan  graded before") + 1] == "    one: The file is no notebook: nothing could be read."
    assert "oda  graded before" in lines and "ann" not in out


def test_who_is_not_in_the_class_list_is_named(course):
    course.hand_in("ann")
    assert course.grade().unknown == []  # there is no list yet
    course.hand_in("anne")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped, match="New to the class list: anne. The same"):
        patch.setattr(grading, "_reached", lambda reached: _power_cut(reached, "read"))
        course.grade()
    summary = course.grade()
    assert summary.unknown == ["anne"] and "Not in the class list before, and now added: anne." in summary.text()


def test_work_that_lies_elsewhere_is_named(course):
    course.hand_in("ann")
    folder = course.hand_in("bob")
    (folder / "hw").mkdir()
    (folder / "one.ipynb").rename(folder / "hw/one.ipynb")
    (course.root / "submitted/archive.zip").touch()
    shutil.copy(folder / "two.ipynb", course.root / "submitted/bob")
    summary = course.grade()
    told = "No student's folder for an assignment holds these, so not graded: submitted/archive.zip, submitted/bob/two"
    assert told in summary.text()
    (bob,) = (result for result in summary.graded if result.student == "bob")
    assert "one.ipynb was not handed in" in bob.notes[0] and "there is hw/one.ipynb: if that is it" in bob.notes[0]


def test_a_setting_that_nbgrader_does_not_have_is_named(course):
    settings = "c.Execute.timeouts = 5\nc.ExecutePreprocessor.timeout = 99\nc.MyExporter.columns = 3\n"
    (course.root / "nbgrader_config.py").write_text(CONFIG + settings)
    course.hand_in("ann")
    summary = course.grade()
    assert summary.settings == ["Execute.timeouts; did you mean 'timeout'?"]
    assert "nbgrader_config.py has a setting that nbgrader does not: Execute.timeouts; did you mean" in summary.text()


def test_who_has_handed_in_nothing_is_named_and_nothing_fails(course):
    course.hand_in("ann")
    assert course.grade().absent == []  # there is no class list yet
    with course.gradebook() as book:
        for student in ("bob", "cay", "left-out"):
            book.add_student(student)
    summary = course.grade()
    assert (summary.absent, summary.status) == (["bob", "cay"], 0)
    assert "In the class list, but handed in nothing (2; exports give 0): bob, cay" in summary.text().splitlines()
    assert course.grade(students=["ann"]).absent == []
    shutil.rmtree(course.root / "submitted/ann")
    course.hand_in("bob")
    assert course.grade().absent == ["cay"]  # what ann had handed in was graded
    with course.gradebook() as book:
        for number in range(100):
            book.add_student(f"s{number:03}")
    (line,) = (line for line in course.grade().text().splitlines() if "handed in nothing (101;" in line)
    assert line.endswith("s028, …")


def test_what_does_not_exist_is_named_with_what_does(course, moi):
    course.hand_in("ann")
    for asked, says in (
        (["hww"], "there is no assignment 'hww'"),
        (["hww"], "did you mean 'hw'?"),
        (["hw", "--student", "anne"], "no submission of hw by 'anne' in submitted/; did you mean 'ann'?"),
        (["hw", "--notebook", "three"], "hw has no notebook 'three'; there are: one, two"),
        (["hw", "--workers", "0"], "a number above 0 is needed; got '0'"),
        (["hw", "--scheduler", "tcp://127.0.0.1:1"], "the scheduler at tcp://127.0.0.1:1 cannot be reached"),
        (["hw", "--db", "sqlite:////nowhere/at/all.db"], "the gradebook sqlite:////nowhere/at/all.db cannot be opened"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("moi.grading.fanout._CONNECT", 1)
            status, out, err = moi("grade", *asked, "--course", str(course.root))
        assert (status, out) == (2, "") and says in err
    status, _, err = moi("grade", "hw", "--course", str(course.root / "nowhere"))
    assert status == 2 and "there is no folder" in err
    status, _, err = moi("grade", "hw", "--course", str(course.root / "source"))
    assert status == 2 and "is no course folder: there is no source/ in it" in err
    assert not (course.root / "source" / grading.LOCK).exists()


def test_the_command_line_prints_lines_or_json(course, moi, monkeypatch):
    monkeypatch.setattr("moi.grading.grade.Asked.bench", "stand_in:Bench")
    monkeypatch.setattr("moi.grading.grade.Asked.__init__.__defaults__", _with_bench(grading.Asked))
    course.hand_in("ann")
    asked = ["grade", "hw", "--course", str(course.root), "--scheduler", course.scheduler]
    status, out, _ = moi(*asked)
    assert status == 0 and out.splitlines()[0] == "ann  3.5/10, 2 to grade by hand"
    assert out.splitlines()[1].startswith("hw: 1 graded, 1 waiting for marks by hand; ")
    status, out, _ = moi(*asked, "--json", "--force")
    told = json.loads(out)
    assert told["status"] == 0 and told["graded"][0]["points"] == 3.5 and told["seconds"]["gradebook"] > 0


def _with_bench(kind):
    return tuple("stand_in:Bench" if value == grading.BENCH else value for value in kind.__init__.__defaults__)


def test_cells_that_came_or_went_are_refused_once_there_are_grades(course):
    course.source(one=_one()[:-1])
    course.hand_in("ann")
    course.grade()
    before = course.state()
    course.source()
    with pytest.raises(GradeError, match=r"cells of one are no longer .*: task is new\. .* remove hw"):
        course.grade()
    shutil.move(course.root / "source/hw/two.ipynb", course.root / "two.ipynb")
    _save(course.root / "source/hw/one.ipynb", _one()[:-1])
    with pytest.raises(GradeError, match="notebooks are no longer .*: two is gone"):
        course.grade()
    assert course.state() == before


def test_a_test_that_gives_more_than_its_points_is_left_to_a_person(course):
    course.hand_in("ann", {**RIGHT, "size": "size = 1e9"})
    summary = course.grade()
    assert course.marks()["ann"]["notebooks"]["two"]["grades"]["half"] == (None, None, None, True)
    assert "the test half came to 5e+08 points" in str(summary.graded[0].notes)


def test_unsafe_marks_every_grade_and_is_undone_by_a_safe_run(course):
    course.hand_in("ann")
    with pytest.raises(GradeError, match="cannot be isolated here"):
        course.grade(bench="stand_in:Refuses")
    summary = course.grade(bench="stand_in:Refuses", unsafe=True)
    assert (
        summary.unsafe == ["ann"] and "Graded without isolation (--unsafe), so not to be trusted: ann" in summary.text()
    )
    assert course.autograded("ann").metadata["moi"]["grading"]["unsafe"] is True
    assert Record.read(course.root / "autograded/ann/hw").unsafe == ["one", "two"]
    assert course.grade(bench="stand_in:Refuses", unsafe=True).unsafe == ["ann"]
    safe = course.grade()
    assert [result.student for result in safe.graded] == ["ann"] and safe.unsafe == []
    assert course.grade(unsafe=True).skipped == ["ann"]
    assert "unsafe" not in course.autograded("ann").metadata["moi"]["grading"]


def test_one_notebook_of_two_can_be_graded(course):
    course.hand_in("ann")
    assert course.grade(notebook="t*").graded[0].points == 1.5
    assert not (course.root / "autograded/ann/hw/one.ipynb").exists()
    course.grade()
    assert course.marks()["ann"]["score"] == 3.5
    assert {path.name for path in (course.root / "autograded/ann/hw").glob("*.ipynb")} == {"one.ipynb", "two.ipynb"}


def test_a_full_disk_stops_with_words_and_the_same_command_goes_on(course, monkeypatch):
    for student in ("ann", "bob", "cay"):
        course.hand_in(student)
    real, count = autograded._write, []

    def write(path, content, sync=True):
        count.append(path)
        if len(count) == 7:
            path.write_bytes(content[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, content, sync)

    with (
        monkeypatch.context() as patch,
        pytest.raises(Stopped, match="the disk is full. 1 of 3 submissions are graded"),
    ):
        patch.setattr(autograded, "_write", write)
        course.grade()
    assert len(course.marks()) == 1
    assert len(course.grade().graded) == 2
    assert {marks["score"] for marks in course.marks().values()} == {3.5}


@pytest.mark.skipif(sys.platform != "linux", reason="learners' code can be shut in on Linux only")
@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [(errno.ENOSPC, Stopped, "the disk is full. 0 of 1"), (errno.EMFILE, GradeError, "no process can be started")],
)
def test_what_stops_the_start_is_said(course, monkeypatch, number, kind, says):
    def failing(**_):
        raise OSError(number, os.strerror(number))

    course.hand_in("ann")
    monkeypatch.setattr(grading, "Nursery", failing)
    with pytest.raises(kind, match=says):
        course.grade(scheduler=None)
    assert not (course.root / "autograded").exists()


def test_a_full_disk_under_the_gradebook_leaves_it_whole(course, monkeypatch):
    course.hand_in("ann")
    course.grade()
    for number in range(40):
        course.hand_in(f"student-{number:02}")
    pages = sqlalchemy.create_engine(f"sqlite:///{course.root}/gradebook.db").connect()
    size = pages.execute(sqlalchemy.text("PRAGMA page_count")).scalar()
    pages.close()

    def small(connection, _):
        connection.execute(f"PRAGMA max_page_count = {size + 1}")

    with monkeypatch.context() as patch, pytest.raises(Stopped, match="the disk is full"):
        patch.setattr(gradebook, "_patient", small)
        course.grade()
    some = course.marks()
    assert 0 < len(some) < 41 and {marks["score"] for marks in some.values()} == {3.5}
    course.grade()
    assert len(course.marks()) == 41


def test_a_submission_that_kills_its_worker_is_reported_and_the_others_are_graded(course):
    for number in range(6):
        course.hand_in(f"good-{number}")
    course.hand_in("killer", {**RIGHT, "double": "import os\nos.kill(os.getpid(), 9)"})
    summary = course.grade(scheduler=None, workers=2)
    assert summary.status == 1 and len(summary.graded) == 6
    assert summary.problems == {"killer": "it ended the worker process that graded it 3 times"}
    assert "killer" not in course.marks() and not (course.root / "autograded/killer").exists()
    course.hand_in("killer")
    assert [result.student for result in course.grade().graded] == ["killer"]


def test_a_worker_that_starts_while_the_cluster_ends_stops_nobody(course, monkeypatch):
    closed = LocalCluster.close

    def close(cluster, *given, **named):
        closed(cluster, *given, **named)
        raise AssertionError("can only join a started process")

    monkeypatch.setattr(LocalCluster, "close", close)
    course.hand_in("ann")
    assert [result.student for result in course.grade(scheduler=None, workers=1).graded] == ["ann"]


def test_local_workers_listen_to_this_machine_only_and_demand_a_certificate(course, monkeypatch):
    course.hand_in("ann")
    seen, made = [], []

    def cluster(**settings):
        made.append(LocalCluster(**settings))
        return made[0]

    us = psutil.Process()
    others = us.children(recursive=True)  # the scheduler of the other tests

    def look(_):
        for process in {us, *us.children(recursive=True)}.difference(others):
            seen.extend(c.laddr.ip for c in process.net_connections() if c.status == "LISTEN")

    monkeypatch.setattr(fanout, "LocalCluster", cluster)
    monkeypatch.setattr(grading, "_reached", look)
    course.grade(scheduler=None, workers=1)
    assert len(seen) >= 3 and set(seen) == {"127.0.0.1"}
    assert made[0].scheduler_address.startswith("tls://127.0.0.1:") and made[0].security.require_encryption


def test_a_real_scheduler_with_two_workers_grades_and_keeps_no_secrets(course, scheduler):
    for number in range(12):
        course.hand_in(f"student-{number:02}")
    assert len(course.grade().graded) == 12
    with Client(scheduler, set_as_default=False) as client:
        assert len(client.nthreads()) == 2
        held = client.run(lambda: len(sys.modules["moi.grading.fanout"]._terms))
        assert set(held.values()) == {0}
        assert client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks)) == []
        plugins = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.worker_plugins))
        assert not [name for name in plugins if name.startswith("moi")]


@pytest.fixture
def postgres(tmp_path):
    """The URL of a database in a PostgreSQL cluster of its own, on a Unix socket only."""
    where = [
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
        Path(shutil.which("initdb") or "/-").parent,
    ]
    tools = next((folder for folder in where if (folder / "initdb").exists()), None)
    if tools is None:
        pytest.fail("PostgreSQL is not installed: apt install postgresql")
    folder = Path(shutil.os.path.realpath(tmp_path)).parent / f"pg-{os.getpid()}-{tmp_path.name[-6:]}"
    folder = Path("/tmp") / folder.name  # the path of a socket may have 107 characters
    folder.mkdir(mode=0o700)
    someone = []
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "nobody")
        someone = ["setpriv", "--reuid=nobody", "--clear-groups"]
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    control = [*someone, tools / "pg_ctl", "-D", folder / "data", "-w"]
    try:
        subprocess.run([*someone, tools / "initdb", "-D", folder / "data", "-U", "moi", "-A", "trust", "-N"], **quiet)
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        subprocess.run([*control, "-o", options, "-l", folder / "log", "start"], **quiet)
        subprocess.run([tools / "createdb", "-h", folder, "-U", "moi", "grades"], **quiet)
        yield f"postgresql+psycopg://moi@/grades?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet | {"check": False})
        shutil.rmtree(folder, ignore_errors=True)


def test_the_gradebook_may_be_in_postgresql(course, postgres):
    course.hand_in("ann")
    course.hand_in("bob", HALF)
    course.grade()
    in_sqlite = course.marks()
    shutil.rmtree(course.root / "autograded")
    assert len(course.grade(db=postgres).graded) == 2
    assert course.marks(postgres) == in_sqlite
    assert course.grade(db=postgres).skipped == ["ann", "bob"]
    course.hand_in("bob", RIGHT)
    assert {m.cell for m in course.grade(db=postgres).moved} == {"test-double", "words", "half"}


def test_other_commands_need_none_of_it():
    heavy = "{'nbgrader', 'dask', 'rich', 'nbformat'}"
    run = f"import sys, moi.cli; moi.cli.main(['list']); print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "set()", done.stderr
    run = "import sys, moi.cli; sys.modules['nbgrader'] = None; sys.exit(moi.cli.main(['grade', 'hw']))"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr == (
        "moi: grading needs nbgrader, which is not installed: pip install '.[grade]' in the folder of the course.\n"
    )


def test_a_fork_for_workers_keeps_no_other_file_of_the_coordinator():
    run = """
import os, tempfile
from moi.grading import workers
secret, (end, kept) = tempfile.TemporaryFile(), os.pipe()
secret.write(b"a secret")
secret.flush()
says = f"import os; os.write({kept}, repr([os.pread({secret.fileno()}, 9, 0), os.getppid()]).encode())"
os.waitpid(workers._forked("", ["-c", says], [kept]), 0)
assert eval(os.read(end, 99)) == [b"", os.getpid()]
assert os.pread(secret.fileno(), 9, 0) == b"a secret"
"""
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=pytest.mark.long)])
def test_whatever_is_killed_whenever_the_end_is_the_same(course, tmp_path, rounds):
    chance = random.Random(rounds)
    answers = [RIGHT, HALF, {**RIGHT, "double": "1/0"}]
    undisturbed = CourseFolder(tmp_path / "undisturbed", course.scheduler)
    for number in range(16):
        undisturbed.hand_in(f"student-{number:02}", answers[number % 3])
    started = time.monotonic()
    assert _start(undisturbed, bench="stand_in:Slow").wait(120) == 0
    span = time.monotonic() - started
    expected = undisturbed.state()
    killed = SimpleNamespace(coordinator=0, worker=0)
    number = 0
    while number < rounds or not (killed.coordinator and killed.worker) and number < rounds + 20:
        number += 1
        disturbed = CourseFolder(tmp_path / f"round-{number}")
        shutil.copytree(undisturbed.root / "submitted", disturbed.root / "submitted")
        for attempt in range(20):
            running = _start(disturbed, bench="stand_in:Slow")
            if attempt < 3:
                _kill_something(running, chance, span, killed)
            said, _ = running.communicate(timeout=180)
            if running.returncode == 0:
                break
        else:
            pytest.fail(f"round {number} has not come to an end: {said}")
        assert disturbed.state() == expected
        shutil.rmtree(disturbed.root)
    assert killed.coordinator and killed.worker


def _workers(running):
    """The local workers of a coordinator."""
    with contextlib.suppress(psutil.NoSuchProcess):
        below = psutil.Process(running.pid).children(recursive=True)
        servers = [p.pid for p in below if "forkserver" in " ".join(p.cmdline())]
        return [p for p in below if p.ppid() in servers]
    return []


def _kill_something(running, chance, span, killed):
    a_worker = chance.random() < 0.5
    while a_worker and running.poll() is None and not _workers(running):
        time.sleep(0.02)
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(chance.uniform(0, span / 2 if a_worker else span))
    if running.poll() is not None:
        return
    workers = _workers(running)
    if a_worker:
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            chance.choice(workers).kill()
            killed.worker += 1
    else:
        running.kill()
        killed.coordinator += 1
        psutil.wait_procs(workers, timeout=30)


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("c.Autograde.pre_convert_hook = print", "Autograde.pre_convert_hook"),
        ("c.BaseConverter.post_convert_hook = 'os.getcwd'", "Autograde.post_convert_hook"),
        (
            "c.Autograde.autograde_preprocessors = ['nbgrader.preprocessors.Execute']",
            "Autograde.autograde_preprocessors",
        ),
    ],
)
def test_steps_that_would_be_left_out_are_refused(course, setting, named):
    course.hand_in("ann")
    (course.root / "nbgrader_config.py").write_text(f"{CONFIG}\n{setting}\n")
    with pytest.raises(GradeError, match=f"sets {re.escape(named)}, which"):
        course.grade()
    assert not (course.root / "autograded").exists()
