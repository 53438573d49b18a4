"""A text that a learner has written is run in the learner's process, however a test has it run; or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from classroom import course, handed_in, scores

from moi.grading.run import Bench

GIVEN = """
import doctest
import pandas as pd
from helpers import evaluated
def picked(frame, condition):
    return list(frame.query(condition).index)
def value(text, x):
    return eval(text, {"x": x})
"""
HELPERS = "def evaluated(text, x):\n    return eval(text, {'x': x})\n"
FORMULA, CONDITION = "x ** 2 + 1", "a > 1"
# It has the judge give a point for every test from there on.
_TAKES_OVER = (
    "setattr(__import__('sys').modules['moi.grading.judge'].Judge, '_judge_cell', lambda self, place, cell: "
    "(self.earned.__setitem__(place, 1), self.seen.__setitem__(cell, [[], None]), [])[2])"
)
ATTACK = f"[{_TAKES_OVER}] and 10"
QUERY = 'a > @pd.io.common.codecs.builtins.eval("' + ATTACK.replace('"', "'") + '")'
# How a test has a text run: the test, what the answer gives, and what a wrong one gives.
WAYS = {
    "a parameter": ("def at(formula, x):\n    return eval(formula, {'x': x})\nassert at(text(), 3) == 10", ATTACK),
    "eval handed on": ("x = 3\nassert list(map(eval, [text()])) == [10]", ATTACK),
    "another name for eval": ("run = eval\nassert run(text(), {'x': 3}) == 10", ATTACK),
    "eval of a module": ("import builtins\nassert builtins.eval(text(), {'x': 3}) == 10", ATTACK),
    "a given function": ("assert value(text(), 3) == 10", ATTACK),
    "a function of the author's module": ("assert evaluated(text(), 3) == 10", ATTACK),
    "a cell of its own": ("get_ipython().run_cell('found = ' + text())\nassert found == 10", ATTACK),
    "a query in a given function": ("assert picked(pd.DataFrame({'a': [1, 2, 3]}), text()) == [1, 2]", QUERY),
    "a query by keyword": ("assert pd.DataFrame({'a': [1, 2, 3]}).query(expr=text()).shape == (2, 1)", QUERY),
    "a query handed on": (
        "frame = pd.DataFrame({'a': [1, 2, 3]})\nassert [len(f) for f in map(frame.query, [text()])] == [2]", QUERY
    ),
    "examples in words": (
        "runner = doctest.DocTestRunner(verbose=False)\n"
        "runner.run(doctest.DocTestParser().get_doctest('>>> ' + text(), {'x': 3}, 'text', None, 0))", ATTACK
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_text_of_a_learners_takes_nothing_over(way: str, tmp_path: Path) -> None:
    test, attack = WAYS[way]
    right = CONDITION if attack is QUERY else FORMULA
    answer = "def text():\n    return {!r}".format
    cells = (
        ("given", GIVEN),
        ("answer", f"### BEGIN SOLUTION\n{answer(right)}\n### END SOLUTION"),
        ("test 1", test),
        ("answer", "### BEGIN SOLUTION\nlast = 5\n### END SOLUTION"),
        ("test 1", "assert last == 5"),
    )
    assignment = course(tmp_path, *cells, files={"helpers.py": HELPERS})
    with Bench(assignment.notebooks[0], assignment.files, timeout=10) as bench:
        staged = handed_in(assignment, {1: answer(attack), 3: "last = 0"})
        run = bench.run(staged)
        assert list(scores(assignment, staged, run).values())[1] == 0 and not run.failed


# Texts of the author's own, which a test may have run as it likes.
OWN = (
    "for sign in '+-*':\n    assert value_of(f'3{sign}2') == eval(f'3{sign}2')",
    "assert eval('value_of(\"3+2\")') == 5",
    "from collections import namedtuple\nPoint = namedtuple('Point', 'x y')\nassert value_of('3+2') == Point(2, 5).y",
    "from dataclasses import make_dataclass\nassert make_dataclass('P', ['x'])(value_of('3-2')).x == 1",
    "import doctest\n"
    "test = doctest.DocTestParser().get_doctest('>>> value_of(\"3*2\")\\n6', globals(), 'own', None, 0)\n"
    "assert doctest.DocTestRunner(verbose=False).run(test).failed == 0",
    "from scipy import stats\nassert stats.norm(value_of('3-2'), 2).mean() == 1",
    "assert pd.DataFrame({'a': [1, value_of('3+2')]}).query('a == 5').shape == (1, 1)",
)


@pytest.mark.parametrize("test", OWN)
def test_a_text_of_the_authors_is_run(test: str, tmp_path: Path) -> None:
    solution = "def value_of(text):\n    return eval(text)"
    given = "import pandas as pd"
    cells = (("given", given), ("answer", f"### BEGIN SOLUTION\n{solution}\n### END SOLUTION"), ("test 1", test))
    assignment = course(tmp_path, *cells)
    with Bench(assignment.notebooks[0], timeout=10) as bench:
        for answer, score in ((solution, 1), ("def value_of(text):\n    return 7", 0)):
            staged = handed_in(assignment, {1: answer})
            assert list(scores(assignment, staged, run := bench.run(staged)).values()) == [score], run.outputs
