"""The learner's copy of each assignment: right answers raise no objection, and a check keeps its names to itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hands import hands, work
from nbclient import NotebookClient
from nbformat import NotebookNode

from moi.grading.demo_class import Answer, Assignment, read_notebook
from moi.grading.exercises import ROOT, assignments

ASSIGNMENTS = assignments()


def cells(notebook: NotebookNode, kind: str) -> list[NotebookNode]:
    """The code cells for answers (``solution``) or of checks (``grade``)."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.metadata.nbgrader[kind]]


class Runner(NotebookClient):
    """nbclient without its stand-in for an Output widget.

    The stand-in answers the kernel on the socket on which the reply is awaited; that can swallow the wake-up, and the
    reply is then never seen: about once in two hundred runs nbclient 0.11 waits for ever.
    """

    def on_comm_open_jupyter_widget(self, msg: dict[str, object]) -> None:
        """Leave what a widget shows to the kernel."""


def right(name: str) -> list[list[Answer]]:
    """No answer but the solution's, and then the other right ones."""
    known = Assignment.read(name)
    return [[], *hands(known, known.right)]


@pytest.mark.parametrize(
    ("name", "hand"),
    [
        pytest.param(name, hand, id=f"{name}-{number}", marks=[pytest.mark.long] if hand else [])
        for name in ASSIGNMENTS
        for number, hand in enumerate(right(name))
    ],
)
def test_right_answers_meet_no_objection_before_they_are_graded(name: str, hand: list[Answer], tmp_path: Path) -> None:
    notebook = work(Assignment.read(name), hand)
    # Where another answer stands, the solution of a later task may miss a helper: that task is not looked at then.
    place = {"metadata": {"path": str(tmp_path)}}
    Runner(notebook, kernel_name="python3", allow_errors=bool(hand), resources=place).execute()
    for check in cells(notebook, "grade"):
        if not hand or check.id in {f"check-{answer.cell}" for answer in hand}:
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
