"""Every ordinary kind of test that instructors write works across the boundary, and tells right from wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from classroom import course, handed_in, scores

from moi.grading.assignment import Assignment
from moi.grading.run import Bench, Run
from moi.grading.stage import Staged

KINDS = tomllib.loads((Path(__file__).parent / "kinds.toml").read_text())
GIVEN = KINDS.pop("given")["reference"]


AT_ONCE = 24  # kinds in a notebook: each test asks for the names of all
Kinds = Mapping[str, Mapping[str, str]]


def cells(kinds: Kinds) -> Iterator[tuple[str, str]]:
    yield "given", GIVEN
    for kind in kinds.values():
        yield "answer", f"### BEGIN SOLUTION\n{kind['reference']}### END SOLUTION"
        if "given" in kind:
            yield "given", kind["given"]
        yield "test 1", kind["test"]


def answers(kinds: Kinds, which: str) -> dict[int, str]:
    found, place = {}, 1
    for kind in kinds.values():
        found[place] = kind.get(which, kind["reference"])
        place += 3 if "given" in kind else 2
    return found


@dataclass
class Graded:
    """Score and error of each kind, by which answer was given to it; and the notes on the right ones."""

    scores: dict[str, dict[str, tuple[float, str]]]
    notes: list[str]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    found = Graded({"reference": {}, "also": {}, "wrong": {}}, [])
    for first in range(0, len(KINDS), AT_ONCE):
        kinds = dict(list(KINDS.items())[first : first + AT_ONCE])
        folder = tmp_path_factory.mktemp("course")
        assignment = course(folder, *cells(kinds), files={"own.csv": "month,units\n1,3\n2,5\n"})
        with Bench(assignment.notebooks[0], assignment.files) as bench:
            for which, by_kind in found.scores.items():
                staged = handed_in(assignment, answers(kinds, which))
                run = bench.run(staged)
                earned = scores(assignment, staged, run).values()
                by_kind |= zip(kinds, zip(earned, _errors(assignment, staged, run), strict=True), strict=True)
                found.notes += run.notes if which == "reference" else ()
    return found


def _errors(assignment: Assignment, staged: Staged, run: Run) -> Iterator[str]:
    """The last lines of each test's error."""
    for cell, outputs in zip(staged.cells, run.outputs, strict=True):
        if cell.cell is not None and assignment.notebooks[0].cells[cell.cell].role == "test":
            failed = [output for output in outputs if output["output_type"] == "error"]
            yield "\n".join(line for output in failed for line in output["traceback"][-12:])


@pytest.mark.parametrize("kind", KINDS)
def test_right_earns(kind: str, graded: Graded) -> None:
    score, error = graded.scores["reference"][kind]
    assert score == 1, error


def test_right_in_another_way_earns(graded: Graded) -> None:
    assert {kind: found for kind, found in graded.scores["also"].items() if found[0] != 1} == {}


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_does_not(kind: str, graded: Graded) -> None:
    assert graded.scores["wrong"][kind][0] == 0


def test_right_answers_have_no_notes(graded: Graded) -> None:
    assert graded.notes == []


@pytest.mark.parametrize("again", ["level(3)", "of(level, 3)"])
def test_what_runs_only_for_wrong_answers_runs(again: str, tmp_path: Path) -> None:
    answer = "def level(x):\n    return x\ndef twice(x):\n    return 2 * level(x)\ndef of(f, x):\n    return f(x)"
    test = f"""
from moi.grading.checks import equal, ideas

with ideas(points=3) as check:
    with check.idea(1, "what a function gives"):
        equal(of(abs, -3), 3, "not given")
    with check.idea(1, "the level"):
        equal(level(3), 3, "another level")
    with check.idea(1, "twice the level, whatever that is"):
        equal(twice(3), 6, "not twice", or_else=lambda: 2 * {again})
check.score
"""
    cells = ("answer", f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION"), ("test 3", test)
    assignment = course(tmp_path, *cells)
    with Bench(assignment.notebooks[0]) as bench:
        staged = handed_in(assignment, {0: answer.replace("return x\n", "return x + 1\n")})
        assert scores(assignment, staged, bench.run(staged)) == {"test1": 2}
        # Where nothing is right by itself, what follows from it counts for nothing.
        constants = "def level(x):\n    return 1\ndef twice(x):\n    return 2\ndef of(f, x):\n    return f(x) + 0 * x"
        for twice, points in ((constants, 2), (constants.replace("f(x) + 0 * x", "1"), 0)):
            staged = handed_in(assignment, {0: twice})
            run = bench.run(staged)
            assert scores(assignment, staged, run) == {"test1": points}
        assert run.notes == (
            "too little is right by itself, so that nothing counts because it follows from earlier answers",
        )


def test_a_semicolon_at_the_end_keeps_a_value_from_being_shown(tmp_path: Path) -> None:
    shown = {"3": True, "3;": False, "3;  # not shown\n\n": False, "3\n# not; shown": True, "'a; b'": True,
             "x = 3; x": True, "x = 3\nx;": False, "'''\n# a''';": False, "'''\n# a;'''": True}  # fmt: skip
    assignment = course(tmp_path, *(("answer", "### BEGIN SOLUTION\n3\n### END SOLUTION") for _ in shown))
    with Bench(assignment.notebooks[0], assignment.files) as bench:
        run = bench.run(handed_in(assignment, dict(enumerate(shown))))
    assert [len(outputs) for outputs in run.outputs] == [int(each) for each in shown.values()]


def test_a_module_beside_the_notebook_is_imported_and_the_judge_has_the_authors(tmp_path: Path) -> None:
    cells = (
        ("given", "import helper"),
        ("answer", "### BEGIN SOLUTION\ndouble = 2 * helper.units()\n### END SOLUTION"),
        ("test 1", "assert double == 2 * helper.units()"),
    )
    assignment = course(tmp_path, *cells, files={"helper.py": "def units():\n    return 7\n"})
    with Bench(assignment.notebooks[0], assignment.files) as bench:
        for answer, score in (("2 * helper.units()", 1), ("14", 1), ("0", 0)):
            staged = handed_in(assignment, {1: f"double = {answer}"})
            assert scores(assignment, staged, bench.run(staged)) == {"test2": score}
        shadow = "from pathlib import Path\nPath('helper.py').write_text('def units(): return 0')\ndouble = 0"
        staged = handed_in(assignment, {1: shadow})
        assert scores(assignment, staged, bench.run(staged)) == {"test2": 0}
        own = {"mine.py": b"seven = 7"}
        staged = handed_in(assignment, {1: "import mine\ndouble = 2 * mine.seven"})
        assert scores(assignment, staged, bench.run(staged, own)) == {"test2": 1}


def test_many_slow_cells_are_one_slow_submission(tmp_path: Path) -> None:
    cells = ("answer", "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"), ("test 1", "assert x == 1")
    assignment = course(tmp_path, *cells)
    with Bench(assignment.notebooks[0], timeout=1) as bench:
        slow = ["import time\ntime.sleep(0.8)"] * 40
        staged = handed_in(assignment, {0: "x = 1"}, added={1: slow})
        run = bench.run(staged)
        assert scores(assignment, staged, run) == {"test1": 1}
        assert any("all cells together" in note for note in run.notes)
        assert run.seconds["all"] < 30


ENDLESS = """
import math
@functools.cache
def area(r):
    return math.pi * r ** 2
factor = 2
print(area(1)); while_at_it = 1
total = 0
{}
def double(x):
    return factor * x
late = area(2)
"""


@pytest.mark.parametrize("stuck", ["while True: total += 1", "import os; os._exit(0)", "total = spin()"])
def test_what_a_cell_defines_beside_an_endless_loop_is_kept(stuck: str, tmp_path: Path) -> None:
    cells = (
        ("given", "import functools\ndef spin():\n    while True: pass"),
        ("answer", f"### BEGIN SOLUTION\n{ENDLESS.format('pass')}\n### END SOLUTION"),
        ("test 1", "import math\nassert math.isclose(area(2), 4 * math.pi)"),
        ("test 1", "import inspect\nassert double(4) == 8 and 'factor * x' in inspect.getsource(double)"),
        ("test 1", "assert late > 12"),
        ("answer", "### BEGIN SOLUTION\nlast = 1\n### END SOLUTION"),
        ("test 1", "assert last == 1"),
    )
    assignment = course(tmp_path, *cells)
    with Bench(assignment.notebooks[0], timeout=2) as bench:
        staged = handed_in(assignment, {1: ENDLESS.format(stuck), 5: "last = 1"})
        run = bench.run(staged)
    assert list(scores(assignment, staged, run).values()) == [1, 1, 0, 1]
    why = "it ended Python" if "exit" in stuck else "it ran for more than 2 seconds"
    assert run.outputs[1][0]["evalue"] == f"this cell was left out: {why}; only what it defines was run"
    assert run.outputs[4][-1]["evalue"] == f"there is no `late`: the cell 'answer1' was left out: {why}"
    assert run.notes == (f"the cell 'answer1' was left out: {why}. Only what it defines was run.",)


def test_a_cell_whose_definitions_do_not_end_either_is_left_out_whole(tmp_path: Path) -> None:
    answer = "def area(r):\n    return 3 * r ** 2\nclass Slow:\n    while True: pass"
    cells = ("answer", "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"), ("test 1", "assert x == 1")
    assignment = course(tmp_path, *cells)
    with Bench(assignment.notebooks[0], timeout=1) as bench:
        staged = handed_in(assignment, {0: "x = 1"}, added={0: [answer]})
        run = bench.run(staged)
    assert scores(assignment, staged, run) == {"test1": 1}
    assert len(run.notes) == 1 and "was left out: it ran for more than 1 seconds" in run.notes[0]


TAKES_HALF = "import pickle\nassert pickle.dumps(half())"


def test_what_cannot_be_judged_is_said_to_the_instructor(tmp_path: Path) -> None:
    answer = "class Half: pass\ndef half(): return {}"
    cells = ("answer", f"### BEGIN SOLUTION\n{answer.format('1')}\n### END SOLUTION"), ("test 1", TAKES_HALF)
    assignment = course(tmp_path, *cells)
    with Bench(assignment.notebooks[0]) as bench:
        staged = handed_in(assignment, {0: answer.format("Half()")})
        run = bench.run(staged)
    assert scores(assignment, staged, run) == {"test1": 0}
    assert run.notes and "look at it by hand" in run.notes[0]


@pytest.mark.parametrize(
    "answer", ["1\nx = _ if isinstance(_, int) else 1", "!echo 1 > one.txt\nx = int(open('one.txt').read())",
               "found = !echo 1\nx = int(found[0])", "!echo 1\nx = 1 + _exit_code", "%time x = 1"]
)  # fmt: skip
def test_what_ipython_gives_to_cells_is_there(answer: str, tmp_path: Path) -> None:
    assignment = course(
        tmp_path, ("answer", "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"), ("test 1", "assert x == 1")
    )
    with Bench(assignment.notebooks[0]) as bench:
        staged = handed_in(assignment, {0: answer})
        run = bench.run(staged)
    assert scores(assignment, staged, run) == {"test1": 1}
    assert "error" not in [output["output_type"] for outputs in run.outputs for output in outputs]
