"""A wrong answer gains nothing by changing what it is given, which the test then compares it with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from classroom import course, handed_in, scores
from naive import graded

from moi.grading.assignment import Assignment
from moi.grading.run import Bench

GIVEN = """
import functools
from pathlib import Path

import numpy as np
import pandas as pd
from moi.grading.checks import equal, ideas

class Bag(list):
    pass

class Order:
    __slots__ = ("price",)
    def __init__(self, price):
        self.price = price

class Bill:
    def __init__(self, price):
        self.price = price
    @functools.cached_property
    def twice(self):
        return 2 * self.price
"""
FRAME = "d = pd.DataFrame({'a': [1, 2]})\n"
# The reference, the test, and an answer that is wrong.
CASES = {
    "a list": (
        "def total_1(xs):\n    return sum(xs)",
        "xs = [1, 2]\nassert total_1(xs) == sum(xs)",
        "def total_1(xs):\n    xs.clear()\n    return 0",
    ),
    "a frame": (
        "def total_2(d):\n    return d['a'].sum()",
        FRAME + "assert total_2(d) == d['a'].sum()",
        "def total_2(d):\n    d['a'] = 0\n    return 0",
    ),
    "the values of a frame": (
        "def total_3(d):\n    return d['a'].sum()",
        FRAME + "assert total_3(d) == d['a'].sum()",
        "def total_3(d):\n    d.loc[:, 'a'] = 0\n    return 0",
    ),
    "a list beside a frame": (
        "def total_4(d, xs):\n    return sum(xs)",
        FRAME + "xs = [1, 2]\nassert total_4(d, xs) == sum(xs)",
        "def total_4(d, xs):\n    xs.clear()\n    return 0",
    ),
    "a list beside a generator": (
        "def total_5(xs, rng):\n    return sum(xs)",
        "xs = [1, 2]\nassert total_5(xs, np.random.default_rng(1)) == sum(xs)",
        "def total_5(xs, rng):\n    xs.clear()\n    return 0",
    ),
    "a list beside one that the reference changes": (
        "def total_12(xs, log):\n    log.append(len(xs))\n    return sum(xs)",
        "xs, log = [1, 2], []\nassert total_12(xs, log) == sum(xs) and log == [2]",
        "def total_12(xs, log):\n    xs.clear()\n    log.append(2)\n    return 0",
    ),
    "an object of the test": (
        "def double_6(it):\n    return 2 * it.price",
        "class Item:\n    def __init__(self, price):\n        self.price = price\n"
        "it = Item(3)\nassert double_6(it) == 2 * it.price",
        "def double_6(it):\n    it.price = 0\n    return 0",
    ),
    "an object with slots": (
        "def double_7(it):\n    return 2 * it.price",
        "it = Order(3)\nassert double_7(it) == 2 * it.price",
        "def double_7(it):\n    it.price = 0\n    return 0",
    ),
    "a kind of list": (
        "def total_8(xs):\n    return sum(xs)",
        "xs = Bag([1, 2])\nassert total_8(xs) == sum(xs)",
        "def total_8(xs):\n    xs.clear()\n    return 0",
    ),
    "a file": (
        "def total_9(name):\n    return pd.read_csv(name)['v'].sum()",
        "pd.DataFrame({'v': [1, 2]}).to_csv('t.csv')\nassert total_9('t.csv') == pd.read_csv('t.csv')['v'].sum()",
        "def total_9(name):\n    Path(name).write_text('v\\n0\\n')\n    return 0",
    ),
    "an object beside one that the reference changes": (
        "def double_13(it, seen):\n    seen.price = 1\n    return 2 * it.price",
        "class Item:\n    def __init__(self, price):\n        self.price = price\n"
        "it, seen = Item(3), Item(0)\nassert double_13(it, seen) == 2 * it.price and seen.price == 1",
        "def double_13(it, seen):\n    it.price, seen.price = 0, 1\n    return 0",
    ),
    "a file beside a method that the reference calls": (
        "def total_14(xs, log):\n    log.add(len(xs))\n    return sum(xs)",
        "class Log:\n    seen = []\n    def add(self, what):\n        self.seen.append(what)\n"
        "pd.DataFrame({'v': [1, 2]}).to_csv('u.csv')\nlog = Log()\n"
        "assert total_14([1, 2], log) == pd.read_csv('u.csv')['v'].sum() and log.seen == [2]",
        "def total_14(xs, log):\n    log.add(2)\n    Path('u.csv').write_text('v\\n0\\n')\n    return 0",
    ),
    "what an object has computed": (
        "def bill_10(price):\n    return Bill(price)",
        "assert bill_10(3).twice == 6",
        "def bill_10(price):\n    made = Bill(0)\n    made.__dict__['twice'] = 2 * price\n    return made",
    ),
    "a list, judged by ideas": (
        "def each_11(xs):\n    return [2 * x for x in xs]",
        "with ideas(points=1) as check:\n    with check.idea(1, 'doubles'):\n"
        "        xs = [1, 2]\n        equal(each_11(xs), [2 * x for x in xs], 'twice')\ncheck.score",
        "def each_11(xs):\n    xs[:] = [0, 0]\n    return [0, 0]",
    ),
}
# Answers that return what is right, and change what they are given or what they have, as the reference does not.
HONEST = {
    "an object of the test": "def double_6(it):\n    it.price *= 2\n    return it.price",
    "an object with slots": "def double_7(it):\n    it.price = it.price + it.price\n    return it.price",
    "a kind of list": "def total_8(xs):\n    found = 0\n    while xs:\n        found += xs.pop()\n    return found",
    "a list": "def total_1(xs):\n    found = 0\n    while xs:\n        found += xs.pop()\n    return found",
    "a frame": "def total_2(d):\n    d['a'] = d['a'].cumsum()\n    return d['a'].iloc[-1]",
    "an object beside one that the reference changes": "def double_13(it, seen):\n    it.extra = seen.price = 0\n"
    "    seen.price += 1\n    return 2 * it.price",
    "what an object has computed": "def bill_10(price):\n    made = Bill(price)\n    made.twice\n    return made",
}  # fmt: skip


def cells() -> Iterator[tuple[str, str]]:
    yield "given", GIVEN
    for reference, test, _ in CASES.values():
        yield "answer", f"### BEGIN SOLUTION\n{reference}\n### END SOLUTION"
        yield "test 1", test


def answers(instead: dict[str, str]) -> dict[int, str]:
    return {1 + 2 * place: instead.get(name, CASES[name][0]) for place, name in enumerate(CASES)}


@pytest.fixture(scope="module")
def assignment(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return course(tmp_path_factory.mktemp("course"), *cells())


@pytest.fixture(scope="module")
def bench(assignment: Assignment) -> Iterator[Bench]:
    with Bench(assignment.notebooks[0]) as bench:
        yield bench


def earned(assignment: Assignment, bench: Bench, instead: dict[str, str]) -> dict[str, float | None]:
    staged = handed_in(assignment, answers(instead))
    return dict(zip(CASES, scores(assignment, staged, bench.run(staged)).values(), strict=True))


def test_the_reference_earns_everything(assignment: Assignment, bench: Bench) -> None:
    assert earned(assignment, bench, {}) == dict.fromkeys(CASES, 1)


def test_wrong_answers_earn_nothing(assignment: Assignment, bench: Bench) -> None:
    assert earned(assignment, bench, {name: wrong for name, (*_, wrong) in CASES.items()}) == dict.fromkeys(CASES, 0)


def test_answers_that_change_their_argument_on_the_way_earn_what_stock_gives_them(
    assignment: Assignment, bench: Bench
) -> None:
    found = earned(assignment, bench, HONEST)
    # Each returns what is right. But these change what the test then compares with: stock finds them wrong too.
    spoilt = {"an object of the test", "an object with slots", "a kind of list", "a list", "a frame"}
    assert {name: found[name] for name in HONEST} == {name: 0 if name in spoilt else 1 for name in HONEST}


def test_who_writes_over_the_data_is_not_tried_twice(tmp_path: Path) -> None:
    cells = (
        ("answer", "### BEGIN SOLUTION\ndef total():\n    return 3\n### END SOLUTION"),
        ("test 1", "assert total() == 3"),
    )
    assignment = course(tmp_path, *cells, files={"data.csv": "v\n3\n"})
    with Bench(assignment.notebooks[0], assignment.files) as bench:
        staged = handed_in(assignment, {0: "def total():\n    open('data.csv', 'w').write('v\\n4\\n')\n    return 3"})
        run = bench.run(staged)
    assert (run.changed, *scores(assignment, staged, run).values()) == ((), 1)


def test_wrong_answers_win_without_a_boundary(assignment: Assignment, tmp_path: Path) -> None:
    wrong = {name: wrong for name, (*_, wrong) in CASES.items()}
    notebook = assignment.notebooks[0]
    made = [
        {"cell_type": cell.kind, "id": cell.id, "metadata": cell.metadata, "outputs": [],
         "source": answers(wrong).get(place, cell.release), "execution_count": None}
        for place, cell in enumerate(notebook.cells)
    ]  # fmt: skip
    raw = json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
    assert set(graded(notebook, raw, tmp_path, 30)["scores"].values()) == {1}
