"""The learner's copy of each assignment: right answers raise no objection, and a check keeps its names to itself."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from moi.grading.demo_class import Answer, answers_to, read_answers, read_notebook
from moi.grading.exercises import ROOT, assignments

ASSIGNMENTS = assignments()


def cells(notebook: NotebookNode, kind: str) -> list[NotebookNode]:
    """The code cells for answers (``solution``) or of checks (``grade``)."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.metadata.nbgrader[kind]]


@functools.cache
def hands(assignment: str) -> list[list[Answer]]:
    """No answer but the solution's, and then the other right ones, dealt out so that nobody has two for one cell."""
    dealt: list[list[Answer]] = [[]]
    for answer in read_answers(answers_to(assignment) / "right"):
        hand = next((hand for hand in dealt[1:] if answer.cell not in {a.cell for a in hand}), None)
        if hand is None:
            dealt.append(hand := [])
        hand.append(answer)
    return dealt


@pytest.mark.parametrize(
    ("name", "hand"),
    [
        pytest.param(name, hand, marks=[pytest.mark.long] if hand else [])
        for name in ASSIGNMENTS
        for hand in range(len(hands(name)))
    ],
)
def test_right_answers_meet_no_objection_before_they_are_graded(name: str, hand: int, tmp_path: Path) -> None:
    notebook = read_notebook(ROOT / "exercises" / name)
    answers = {cell.id: cell.source for cell in cells(read_notebook(ROOT / "solutions" / name), "solution")}
    others = {answer.cell: answer.instead_of(answers[answer.cell]) for answer in hands(name)[hand]}
    answers |= others
    for cell in cells(notebook, "solution"):
        cell.source = answers[cell.id]
    # Where another answer stands, the solution of a later task may miss a helper: that task is not looked at then.
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, kernel_name="python3", allow_errors=bool(others), resources=place).execute()
    for answer, check in zip(cells(notebook, "solution"), cells(notebook, "grade"), strict=True):
        if not others or answer.id in others:
            report = "".join(output.text for output in check.outputs if output.output_type == "stream")
            *ideas, _ = report.splitlines()
            assert ideas and all(line.startswith(("✓ ", "○ ")) for line in ideas), f"{check.id}: {report}"


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_check_takes_no_name_that_a_learner_may_have_used(name: str) -> None:
    for cell in cells(read_notebook(ROOT / "solutions" / name), "grade"):
        check, call = ast.parse(cell.source).body
        assert isinstance(check, ast.FunctionDef) and check.name == cell.id.replace("-", "_")
        assert ast.unparse(call) == f"{check.name}()"


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_hidden_tests_begin_by_saying_that_the_work_is_graded(name: str) -> None:
    for cell in cells(read_notebook(ROOT / "solutions" / name), "grade"):
        assert cell.source.count("check.graded = True") == ("BEGIN HIDDEN TESTS" in cell.source), cell.id
