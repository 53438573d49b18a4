"""Every assignment earns what it should through nbgrader: its solution, its release, wrong and other right answers.

Beside this file, ``<assignment>/wrong`` and ``<assignment>/right`` hold one answer a file. Each names the ``cell``
of the solution that it stands in for and its ``source``, or the words to ``change`` in the solution's own and what
``to``. A wrong answer also names the ideas that it ``fails``, what the learner is told (``says``) and the points
that it ``loses``. A student hands in several, each in a task of its own, so that a few runs try them all.
"""

from __future__ import annotations

import ast
import functools
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from moi.grading.checks import NOT_DONE
from moi.grading.demo_class import Answer, answers_to, read_answers, read_notebook
from moi.grading.exercises import ROOT, assignments, course_api, done, generate

ASSIGNMENTS = assignments()
REGION = re.compile(r"^[ ]*### BEGIN (SOLUTION|HIDDEN TESTS)\n(.*?)^[ ]*### END \1$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Marked:
    """A test cell after grading: ``ideas`` are its report, without the last line, which counts the points."""

    points: float
    out_of: float
    ideas: list[str]
    broke: bool


Grade = Callable[[str, str], dict[str, Marked]]  # assignment, student: test cell to marks


@functools.cache
def builds_on(assignment: str) -> dict[str, set[str]]:
    """Answer cell to the answer cells whose functions it uses, directly or through others."""
    made: dict[str, set[str]] = {}
    below: dict[str, set[str]] = {}
    for cell in source(assignment).cells:
        if cell.cell_type == "code" and cell.metadata.nbgrader.solution:
            tree = ast.parse(cell.source)
            used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            direct = {other for other, names in made.items() if names & used}
            below[cell.id] = direct.union(*(below[other] for other in direct))
            made[cell.id] = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return below


@functools.cache
def students(assignment: str, kind: str) -> list[list[Answer]]:
    """The answers dealt out so that no student has two for one cell, or one for a cell that another of theirs uses."""
    dealt: list[list[Answer]] = []
    for answer in read_answers(answers_to(assignment) / kind):
        below = builds_on(assignment)
        for hand in dealt:
            cells = {a.cell for a in hand}
            if not cells & ({answer.cell} | below[answer.cell]) and not any(answer.cell in below[c] for c in cells):
                hand.append(answer)
                break
        else:
            dealt.append([answer])
    return dealt


def of(kind: str) -> list[object]:
    return [
        pytest.param(name, f"{kind}-{student}", answer, id=f"{name}-{answer.name}")
        for name in ASSIGNMENTS
        for student, hand in enumerate(students(name, kind))
        for answer in hand
    ]


def source(assignment: str) -> NotebookNode:
    return read_notebook(ROOT / "solutions" / assignment)


def check_of(assignment: str, cell: str) -> str:
    """The test cell that judges an answer cell: the next one below it."""
    cells = [c for c in source(assignment).cells if c.cell_type == "code"]
    return cells[[c.id for c in cells].index(cell) + 1].id


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course folder with every release made in it."""
    folder = tmp_path_factory.mktemp("course").resolve()
    generate(folder)
    return folder


@pytest.fixture(scope="session")
def marked(course: Path) -> Grade:
    """Grade one student's work through nbgrader, once: test cell to marks."""
    results: dict[tuple[str, str], dict[str, Marked]] = {}

    def grade(assignment: str, student: str) -> dict[str, Marked]:
        from nbgrader.api import Gradebook

        if (assignment, student) in results:
            return results[assignment, student]
        api = course_api(course)
        handed_in = course / "submitted" / student / assignment
        shutil.copytree(course / ("exercises" if student == "release" else "solutions") / assignment, handed_in)
        (file,) = handed_in.glob("*.ipynb")
        kind, _, number = student.partition("-")
        if number:
            notebook = nbformat.read(file, as_version=4)
            cells = {cell.id: cell for cell in notebook.cells}
            for answer in students(assignment, kind)[int(number)]:
                cells[answer.cell].source = answer.instead_of(cells[answer.cell].source)
            nbformat.write(notebook, file)
        done(api.autograde(assignment, student))
        outputs = {
            c.id: c.get("outputs", [])
            for c in nbformat.read(course / "autograded" / student / assignment / file.name, as_version=4).cells
        }
        with Gradebook(api.coursedir.db_url, api.coursedir.course_id) as gradebook:
            grades = gradebook.find_submission(assignment, student).notebooks[0].grades
            results[assignment, student] = {
                grade.name: _marked(grade.auto_score, grade.max_score, outputs[grade.name])
                for grade in grades
                if grade.cell.cell_type == "code"
            }
        return results[assignment, student]

    return grade


def _marked(points: float, out_of: float, outputs: list[NotebookNode]) -> Marked:
    lines = "".join(o.text for o in outputs if o.output_type == "stream").splitlines()
    return Marked(
        points,
        out_of,
        [line for line in lines if line and " points on the cases" not in line],
        broke=any(o.output_type == "error" or o.get("name") == "stderr" for o in outputs),
    )


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_solution_earns_every_automatic_point(name: str, marked: Grade) -> None:
    for cell, mark in marked(name, "solution").items():
        assert (mark.points, mark.broke) == (mark.out_of, False), f"{cell}: {mark.ideas}"


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_untouched_release_earns_nothing_and_says_only_not_done_yet(name: str, marked: Grade) -> None:
    for cell, mark in marked(name, "release").items():
        assert (mark.points, mark.broke) == (0, False), cell
        assert mark.ideas and all(line.startswith(NOT_DONE) for line in mark.ideas), f"{cell}: {mark.ideas}"


@pytest.mark.parametrize(("name", "student", "answer"), of("wrong"))
def test_wrong_answer_fails_its_own_ideas_with_their_message(
    name: str, student: str, answer: Answer, marked: Grade
) -> None:
    mark = marked(name, student)[check_of(name, answer.cell)]
    failed = [line for line in mark.ideas if not line.startswith("✓")]
    assert not mark.broke
    assert len(failed) == len(answer.fails), failed
    for idea in answer.fails:
        assert any(line.startswith("✗ ") and idea in line for line in failed), f"{idea} is not among {failed}"
    assert any(answer.says in line for line in failed), failed
    assert mark.points == pytest.approx(mark.out_of - answer.loses)


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_wrong_answer_costs_nothing_in_other_tasks(name: str, marked: Grade) -> None:
    for number, hand in enumerate(students(name, "wrong")):
        own = {check_of(name, answer.cell) for answer in hand}
        for cell, mark in marked(name, f"wrong-{number}").items():
            blame = [answer.name for answer in hand]
            assert cell in own or mark.points == mark.out_of, f"{cell} suffers from {blame}: {mark.ideas}"


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_every_idea_is_failed_by_some_wrong_answer(name: str, marked: Grade) -> None:
    ideas = {line.removeprefix("✓ ") for mark in marked(name, "solution").values() for line in mark.ideas}
    wrong = [marked(name, f"wrong-{number}") for number, _ in enumerate(students(name, "wrong"))]
    reports = [line for student in wrong for mark in student.values() for line in mark.ideas]
    assert [idea for idea in ideas if not any(line.startswith(f"✗ {idea}: ") for line in reports)] == []


@pytest.mark.parametrize(("name", "student", "answer"), of("right"))
def test_right_answer_in_another_way_earns_full_marks(name: str, student: str, answer: Answer, marked: Grade) -> None:
    mark = marked(name, student)[check_of(name, answer.cell)]
    assert (mark.points, mark.broke) == (mark.out_of, False), mark.ideas


def test_release_is_what_the_solutions_generate(course: Path) -> None:
    made, kept = (
        {p.relative_to(top) for p in top.rglob("*") if p.is_file() and ".ipynb_checkpoints" not in p.parts}
        for top in (course / "exercises", ROOT / "exercises")
    )
    assert made == kept, "run make exercises"
    for file in made:
        assert (course / "exercises" / file).read_bytes() == (ROOT / "exercises" / file).read_bytes(), (
            "run make exercises"
        )


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_release_shows_no_solution_and_no_hidden_test(name: str) -> None:
    released = "".join(file.read_text("utf-8") for file in sorted((ROOT / "exercises" / name).glob("*.ipynb")))
    # In the file, quotation marks and letters beyond ASCII may be written as escapes.
    readable = released + released.encode("ascii", "backslashreplace").decode() + released.replace('\\"', '"')
    secret, shown = [], []
    for cell in source(name).cells:
        if cell.cell_type == "markdown" and cell.metadata.get("nbgrader", {}).get("solution"):
            secret += cell.source.splitlines()
            continue
        shown += REGION.sub("", cell.source).splitlines()
        secret += [line for region in REGION.finditer(cell.source) for line in region[2].splitlines()]
    known = {line.strip() for line in shown}
    # A bracket or a bare name on its own line gives nothing away.
    lines = [line.strip() for line in secret if not re.fullmatch(r"[\W\w]{0,8}|\W*\w+\W*", line.strip())]
    lines = [line for line in lines if line not in known]
    assert len(lines) > 20
    assert [line for line in lines if line in readable] == []
    assert "BEGIN " not in released


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_source_is_clean_and_complete(name: str) -> None:
    notebook = source(name)
    nbformat.validate(notebook)
    graded = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    assert sum(cell.metadata.nbgrader.points for cell in graded) == 20
    assert any(cell.cell_type == "markdown" for cell in graded), "no judgement in words"
    for cell in notebook.cells:
        assert re.fullmatch(r"[a-z0-9-]+", cell.id)
        assert cell.metadata.get("nbgrader", {}).get("grade_id", cell.id) == cell.id
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None), f"{cell.id} has outputs: strip them"
