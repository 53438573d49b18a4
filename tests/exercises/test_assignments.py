"""Every assignment gives what it should: to its solution, its release, wrong and other right answers.

Beside this file, ``<assignment>/wrong`` and ``<assignment>/right`` hold one answer a file. Each names the ``cell``
of the solution that it stands in for and its ``source``, or the words to ``change`` in the solution's own and what
``to``. A wrong answer also names the ideas that it ``fails``, what the learner is told (``says``) and the points
that it ``loses``. A student hands in several. All are judged as ``moi grade`` does it, and some by nbgrader too.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hands import hands, work
from nbformat import NotebookNode

from moi.grading.assignment import read_assignment
from moi.grading.checks import COUNT, NOT_DONE
from moi.grading.demo_class import Answer, Assignment, read_notebook
from moi.grading.exercises import ROOT, assignments, course_api, done, generate
from moi.grading.gate import scores
from moi.grading.run import Bench
from moi.grading.stage import stage

ASSIGNMENTS = assignments()
REGION = re.compile(r"^[ ]*### BEGIN (SOLUTION|HIDDEN TESTS)\n(.*?)^[ ]*### END \1$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Marked:
    """A test cell after grading: ``ideas`` are its report, without the last line, which counts the points."""

    points: float | None
    out_of: float
    ideas: list[str]
    broke: bool

    @classmethod
    def of(cls, points: float | None, out_of: float, outputs: Iterable[Mapping[str, Any]]) -> Marked:
        streams = [output for output in outputs if output["output_type"] == "stream"]
        lines = "".join(stream["text"] for stream in streams).splitlines()
        return cls(
            points,
            out_of,
            [line for line in lines if line and not COUNT.fullmatch(line)],
            broke=any(o["output_type"] == "error" for o in outputs) or any(s["name"] == "stderr" for s in streams),
        )

    @property
    def held(self) -> tuple[object, ...]:
        """All but the words about failed ideas, in which ``moi grade`` shows no value that hidden tests may be in."""
        return self.points, self.out_of, self.broke, [line.partition(": ")[0] for line in self.ideas]


@functools.cache
def answers(name: str) -> dict[str, list[Answer]]:
    """Student to the answers that are not the solution's."""
    known = Assignment.read(name)
    dealt = {"wrong": hands(known, known.wrong), "right": hands(known, known.right)}
    return {f"{kind}-{number}": hand for kind in dealt for number, hand in enumerate(dealt[kind])}


@functools.cache
def submitted(name: str) -> dict[str, NotebookNode]:
    """Student to notebook."""
    known = Assignment.read(name)
    others = {student: work(known, hand) for student, hand in answers(name).items()}
    return {"solution": work(known, ()), "release": known.released, **others}


@functools.cache
def marked(name: str) -> dict[str, dict[str, Marked]]:
    """Student to test cell to marks."""
    assignment = read_assignment(ROOT, name)
    (notebook,) = assignment.notebooks
    with Bench(notebook, assignment.files, timeout=60) as bench:
        made = {}
        for student, work in submitted(name).items():
            staged = stage(notebook, nbformat.writes(work).encode())
            judged = scores(notebook, staged, bench.run(staged))
            made[student] = {cell.name: Marked.of(score, cell.points, outputs) for cell, score, outputs in judged}
        return made


def of(kind: str) -> list[object]:
    return [
        pytest.param(name, student, answer, id=f"{name}-{answer.name}")
        for name in ASSIGNMENTS
        for student, hand in answers(name).items()
        for answer in hand
        if student.startswith(kind)
    ]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course folder with every release made in it."""
    folder = tmp_path_factory.mktemp("course").resolve()
    generate(folder)
    return folder


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_stock_nbgrader_gives_the_same(name: str, course: Path) -> None:
    api = course_api(course)
    for student in ("solution", "release", "wrong-0", "right-0"):
        place, graded = (course / step / student / name / f"{name}.ipynb" for step in ("submitted", "autograded"))
        place.parent.mkdir(parents=True)
        nbformat.write(submitted(name)[student], place)
        done(api.autograde(name, student))
        outputs = {cell.id: cell.get("outputs", []) for cell in nbformat.read(graded, as_version=4).cells}
        with api.gradebook as gradebook:
            (notebook,) = gradebook.find_submission(name, student).notebooks
            stock = {
                grade.name: Marked.of(grade.auto_score, grade.max_score, outputs[grade.name])
                for grade in notebook.grades
                if grade.cell.cell_type == "code"
            }
        assert {cell: mark.held for cell, mark in stock.items()} == {
            cell: mark.held for cell, mark in marked(name)[student].items()
        }, student


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_solution_earns_every_automatic_point(name: str) -> None:
    for cell, mark in marked(name)["solution"].items():
        assert (mark.points, mark.broke) == (mark.out_of, False), f"{cell}: {mark.ideas}"


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_untouched_release_earns_nothing_and_says_only_not_done_yet(name: str) -> None:
    for cell, mark in marked(name)["release"].items():
        assert (mark.points, mark.broke) == (0, False), cell
        assert mark.ideas and all(line.startswith(NOT_DONE) for line in mark.ideas), f"{cell}: {mark.ideas}"


@pytest.mark.parametrize(("name", "student", "answer"), of("wrong"))
def test_wrong_answer_fails_its_own_ideas_with_their_message(name: str, student: str, answer: Answer) -> None:
    mark = marked(name)[student][f"check-{answer.cell}"]
    failed = [line for line in mark.ideas if not line.startswith("✓")]
    assert not mark.broke
    assert len(failed) == len(answer.fails), failed
    for idea in answer.fails:
        assert any(line.startswith("✗ ") and idea in line for line in failed), f"{idea} is not among {failed}"
    assert any(answer.says in line for line in failed), failed
    assert mark.points == pytest.approx(mark.out_of - answer.loses)


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_wrong_answer_costs_nothing_in_other_tasks(name: str) -> None:
    for student, hand in answers(name).items():
        if student.startswith("wrong"):
            own = {f"check-{answer.cell}" for answer in hand}
            for cell, mark in marked(name)[student].items():
                blame = [answer.name for answer in hand]
                assert cell in own or mark.points == mark.out_of, f"{cell} suffers from {blame}: {mark.ideas}"


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_every_idea_is_failed_by_some_wrong_answer(name: str) -> None:
    ideas = {line.removeprefix("✓ ") for mark in marked(name)["solution"].values() for line in mark.ideas}
    reports = [line for marks in marked(name).values() for mark in marks.values() for line in mark.ideas]
    assert [idea for idea in ideas if not any(line.startswith(f"✗ {idea}: ") for line in reports)] == []


@pytest.mark.parametrize(("name", "student", "answer"), of("right"))
def test_right_answer_in_another_way_earns_full_marks(name: str, student: str, answer: Answer) -> None:
    mark = marked(name)[student][f"check-{answer.cell}"]
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
    for cell in read_notebook(ROOT / "solutions" / name).cells:
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
    notebook = read_notebook(ROOT / "solutions" / name)
    nbformat.validate(notebook)
    graded = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    assert sum(cell.metadata.nbgrader.points for cell in graded) == 20
    assert any(cell.cell_type == "markdown" for cell in graded), "no judgement in words"
    for cell in notebook.cells:
        assert re.fullmatch(r"[a-z0-9-]+", cell.id)
        assert cell.metadata.get("nbgrader", {}).get("grade_id", cell.id) == cell.id
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None), f"{cell.id} has outputs: strip them"
