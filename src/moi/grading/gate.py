"""The gate for authors, ``moi check``: can this assignment be graded, and does it give points for what it should?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traitlets.config import Config

from moi.grading.assignment import Assignment, AssignmentError, Cell, Notebook, read_assignment
from moi.grading.course import Course, CourseError
from moi.grading.graded import graded
from moi.grading.reference import Code
from moi.grading.rewrites import REWRITES
from moi.grading.run import Bench, Run, as_released, as_written
from moi.grading.sandbox import NoIsolation
from moi.grading.stage import Staged


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, in ``words`` for the author; ``cell`` is the test cell's name.

    Not all is ``serious``: some of it the author may have meant.
    """

    notebook: str
    cell: str
    words: str
    serious: bool = True

    def __str__(self) -> str:
        return f"{self.notebook}, {self.cell}: {self.words}"


_COPIES = (
    "worth a look: this test changes a list, dictionary or the like that it got from an object, or asks whether two of "
    "them are one (`is`). There are so many that what it gets is a copy each time, which says nothing of the object "
    "itself: call a method of the object, and look at it again"
)


_GIVEN_AWAY = (
    "worth a look: this test and the learner's code have {names} together, and a hidden line sets it before it holds "
    "an answer against it: the learner's code could give that back. Take a name that only the test has"
)


_ANOTHER = (
    "when it is handed in, though it earned all when it was tried first: the test does something else each time, such "
    "as to take a name or number by chance. Let it do the same each time"
)


_ITS_WORD = (
    "worth a look: line {line} holds what a file, database or chart that this test has opened, or an object of a class "
    "that is made in the learner's process, says against another answer from there, which could make both alike: hold "
    "it against values that you write out"
)


class CannotCheck(Exception):
    """An assignment cannot even be tried; ``str(error)`` says why."""


def check(names: Sequence[str], folder: Path | None, **options: Any) -> list[Finding]:
    """Try the assignments ``names`` of the course in ``folder``, print what is found, and return what is serious.

    Raises :class:`CannotCheck`.
    """
    every = []
    try:
        course = Course.find(folder)
        for name in names:
            course.must_have(name)
    except CourseError as failure:
        raise CannotCheck(str(failure)) from failure
    for setting in course.unknown():
        print(f"nbgrader_config.py has a setting that nbgrader does not: {setting}")
    for name in names:
        try:
            found = list(findings(read_assignment(course.root, name, course.config), **options))
        except (AssignmentError, NoIsolation) as failure:
            raise CannotCheck(f"{name}: {failure}") from failure
        serious = [finding for finding in found if finding.serious]
        print(f"{name}: {'not in order' if serious else 'the reference earns all points, the release none'}")
        for finding in found:
            print(f"  {finding}")
        every += serious
    return every


def findings(assignment: Assignment, **options: Any) -> Iterator[Finding]:
    """What is wrong with ``assignment``: nothing, if its reference earns all points and its release none.

    ``options`` go to :class:`~moi.grading.run.Bench`.
    """
    for notebook in assignment.notebooks:
        with Bench(notebook, assignment.files, **options) as bench:
            yield from _of_reference(notebook, bench.reference)
            yield from _of_another_run(notebook, bench)
            for place in bench.reference.mistaken:
                yield Finding(notebook.name, notebook.cells[place].name, _COPIES, serious=False)
            for step in bench.steps:
                if step["together"] and (names := _given_away(step)):
                    words = _GIVEN_AWAY.format(names=" and ".join(f"`{name}`" for name in names))
                    yield Finding(notebook.name, step["name"], words, serious=False)
                for line in _by_their_word(step) if step["opens"] or step["classes"] else ():
                    yield Finding(notebook.name, step["name"], _ITS_WORD.format(line=line), serious=False)
            staged = as_released(notebook)
            for cell, score, _ in scores(notebook, staged, bench.run(staged)):
                if score != 0:
                    yield Finding(notebook.name, cell.name, _earns("the untouched release", cell, score))


def _of_another_run(notebook: Notebook, bench: Bench) -> Iterator[Finding]:
    """The tests in which the reference does not earn again what it has earned, when it is handed in as a learner's."""
    staged = as_written(notebook)
    first = {cell.name: score for cell, score, _ in scores(notebook, staged, bench.reference)}
    for cell, score, _ in scores(notebook, staged, bench.run(staged)):
        if score != cell.points and first[cell.name] == cell.points:
            yield Finding(notebook.name, cell.name, f"{_earns('the reference solution', cell, score)}, {_ANOTHER}")


def _given_away(step: dict[str, Any]) -> list[str]:
    """The learner's names that hidden lines of a test bind, and then hold something against."""
    code = Code(step["source"])
    lines = {line for first, last in step["hidden"] for line in range(first, last + 1)}
    hidden = [node for node in ast.walk(code.tree) if getattr(node, "lineno", 0) in lines]
    bound = {node.id for node in hidden if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    held: list[ast.expr] = []
    for node in hidden:
        match node:
            case ast.Compare(left, _, others):
                held += [left, *others]
            case ast.Call(_, others, _):
                held += others
    against = {each.id for each in held if isinstance(each, ast.Name)}
    return sorted(bound.intersection(against, code.bound(), step["wanted"]))


def _by_their_word(step: dict[str, Any]) -> list[int]:
    """The lines that hold what something says that the test has made over there against another answer from there."""
    code = Code(step["source"])
    makes = {*(("open", "plt", "sqlite3") if step["opens"] else ()), *(step["mixed"] if step["classes"] else ())}

    def said(node: ast.AST, opened: Set[str]) -> list[bool]:
        """For each answer from over there in ``node``, whether it is that of something opened."""
        root = node
        while isinstance(root, (ast.Call, ast.Attribute, ast.Subscript)):
            root = root.func if isinstance(root, ast.Call) else root.value
        name = root.id if isinstance(root, ast.Name) else ""
        if name in opened or name in makes:
            return [True]
        if name in step["wanted"]:
            return [False]
        return [each for inner in ast.iter_child_nodes(node) for each in said(inner, opened)]

    opened = code.bound_to(lambda value, names: True in said(value, names))
    found = set()
    for node in ast.walk(code.tree):
        match node:
            case ast.Assert(ast.BoolOp(_, held)):
                pass
            case ast.Assert(test):
                held = [test]
            case ast.Expr(ast.Call() as call) if not said(call.func, opened):
                held = [call]
            case _:
                continue
        answers = [said(each, opened) for each in held]
        if any(True in each and (len(each) > 1 if step["opens"] else False in each) for each in answers):
            found.add(node.lineno)
    return sorted(found)


def scores(
    notebook: Notebook, staged: Staged, run: Run
) -> Iterator[tuple[Cell, float | None, tuple[dict[str, Any], ...]]]:
    """Each test cell with its score, as ``moi grade`` would have it, and its outputs; None is for a person to mark."""
    found = graded(notebook, staged, run, Config(), {}).scores
    for at, outputs in zip(staged.cells, run.outputs, strict=True):
        if at.cell is not None and (cell := notebook.cells[at.cell]).role == "test":
            yield cell, found[cell.name], outputs


def _of_reference(notebook: Notebook, run: Run) -> Iterator[Finding]:
    for note in run.notes:
        yield Finding(notebook.name, "the reference solution", note)
    answers = "\n".join(cell.source for cell in notebook.cells if cell.role == "answer")
    earned = list(scores(notebook, as_written(notebook), run))
    if any(score != cell.points for cell, score, _ in earned):
        yield from _stopped(notebook, run)
    for cell, score, outputs in earned:
        if score == cell.points:
            continue
        words = _earns("the reference solution", cell, score)
        failed = " ".join([output.get("ename", "AssertionError") for output in outputs])  # or says so of an idea
        line = 0  # at which it stopped
        for output in outputs:
            if output["output_type"] == "error":
                words += f". It stopped with {output['ename']}: {output['evalue']}".rstrip(": ")
                last = next((line for line in reversed(output["traceback"]) if "ipython-input" in line), "")
                if number := re.search(r"line (\d+)", last):
                    line = min(int(number[1]), len(cell.source.splitlines()))
                    words += f" (line {number[1]} of the cell)"
            elif output["output_type"] == "stream":
                words += "".join(f".\n    {line}" for line in output["text"].splitlines() if line.startswith("✗"))
        for known in REWRITES:
            asked = cell.source if not (known.fails and line) else cell.source.splitlines()[line - 1]
            fits = re.search(known.pattern, asked) and re.search(known.answers, answers)
            if fits and re.search(known.fails, failed):
                words += f".\n    Perhaps: {known.reason}; {known.rewrite}"
                break
        yield Finding(notebook.name, cell.name, words)


def _stopped(notebook: Notebook, run: Run) -> Iterator[Finding]:
    """The cells of the reference, other than tests, that end in an error."""
    for number, (cell, outputs) in enumerate(zip(notebook.cells, run.outputs, strict=True), 1):
        for output in outputs if cell.role != "test" else ():
            if output["output_type"] == "error":
                words = f"this cell stopped with {output['ename']}: {output['evalue']}".rstrip(": ")
                yield Finding(notebook.name, cell.name or f"cell {number}", words)


def _earns(who: str, cell: Cell, score: float | None) -> str:
    if score is None:
        return f"{who} comes to no number from 0 to {cell.points:g} here"
    return f"{who} earns {score:g} of {cell.points:g} points here"
