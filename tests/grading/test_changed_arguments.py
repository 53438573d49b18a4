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

prices = [1, 2]

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
    "lists in a view beside one that the reference changes": (
        "def total_60(log, rows):\n    log.append(len(rows))\n    return max(map(sum, rows))",
        "log, d = [], {'a': [3, 4]}\nassert total_60(log, d.values()) == max(map(sum, d.values())) and log == [1]",
        "def total_60(log, rows):\n    log.append(1)\n    [row.clear() for row in rows]\n    return 0",
    ),
    "an object beside a list of those that the reference changes": (
        "def total_61(bills, bank):\n    for b in bills:\n        b.price = 1\n    return bank.price - len(bills)",
        "bills, bank = [Bill(3), Bill(4)], Bill(100)\nassert total_61(bills, bank) == bank.price - 2",
        "def total_61(bills, bank):\n    for bill in bills:\n        bill.price = 1\n    bank.price = 2\n    return 0",
    ),
    "what a text finds beside what that of the reference changes": (
        "def total_62():\n    return 'log_62.append(sum(data_62))'",
        "log_62, data_62 = [], [3, 4]\nexec(total_62())\nassert log_62 == [sum(data_62)]",
        "def total_62():\n    return 'log_62.append(0); data_62.clear()'",
    ),
    "the operand of another method": (
        "class Stack_63:\n    def __init__(self, xs):\n        self.xs = list(xs)\n"
        "    def __rshift__(self, out):\n        out.append(self.xs.pop())\n        return len(out)\n"
        "    def __add__(self, other):\n        return self.xs + other",
        "out, more = [], [5, 6]\ns = Stack_63([1, 2])\ns >> out\nassert out == [2] and s + more == [1, *more]",
        "class Stack_63:\n    def __init__(self, xs):\n        self.xs = list(xs)\n"
        "    def __rshift__(self, out):\n        out.append(self.xs.pop())\n        return len(out)\n"
        "    def __add__(self, other):\n        other.clear()\n        return self.xs[:]",
    ),
    "a list of an object's class": (
        "def total_64(meter):\n    return sum(meter.readings)",
        "class Meter:\n    readings = []\n    def add(self, x):\n        self.readings.append(x)\n"
        "m = Meter()\nm.add(3)\nassert total_64(m) == sum(m.readings)",
        "def total_64(meter):\n    meter.add(-sum(meter.readings))\n    return 0",
    ),
    "an iterator in a dictionary": (
        "def total_30(sources):\n    return 6 if len(sources) else 0",
        "xs = iter([1, 2, 3])\nassert total_30({'xs': xs}) == sum(xs)",
        "def total_30(sources):\n    list(sources['xs'])\n    return 0",
    ),
    "an iterator of an object": (
        "def rows_31(bill):\n    return 2",
        "bill = Bill(3)\nbill.rows = iter('ab')\nassert rows_31(bill) == len(list(bill.rows))",
        "def rows_31(bill):\n    list(bill.rows)\n    return 0",
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
    "a list of the author's": (
        "def total_15(xs):\n    return sum(xs)",
        "assert total_15(prices) == sum(prices)",
        "def total_15(xs):\n    xs.clear()\n    return 0",
    ),
    "a tuple after a list that the reference changes": (
        "def total_18(log, pair):\n    log.append(1)\n    return sum(pair[0])",
        "log, xs = [], [1, 2]\nassert total_18(log, (xs,)) == sum(xs) and log == [1]",
        "def total_18(log, pair):\n    log.append(1)\n    pair[0].clear()\n    return 0",
    ),
    "a list by a function that has another's name too": (
        "def sort_19(xs):\n    xs.sort()\ndef total_19(xs):\n    return sum(xs)",
        "ys, xs = [2, 1], [3, 4]\nsort_19(ys)\nassert ys == [1, 2]\nassert total_19(xs) == sum(xs)",
        "def sort_19(xs):\n    if xs == [2, 1]:\n        return xs.sort()\n    xs.clear()\n    return 0\n"
        "total_19 = sort_19",
    ),
    "a list by a method beside one that the reference lets change": (
        "class Till_20:\n    def order(self, xs):\n        xs.sort()\n    def total(self, xs):\n        return sum(xs)",
        "ys, xs, till = [2, 1], [3, 4], Till_20()\ntill.order(ys)\n"
        "assert ys == [1, 2]\nassert till.total(xs) == sum(xs)",
        "class Till_20:\n    def order(self, xs):\n        xs.sort()\n    def total(self, xs):\n        xs.clear()\n"
        "        return 0",
    ),
    "a list by a method that is passed": (
        "def total_21(x, done):\n    return x",
        "xs = [3]\nassert total_21(3, xs.clear) == sum(xs)",
        "def total_21(x, done):\n    done()\n    return 0",
    ),
    "an object that is called": (
        "def double_22(it):\n    return 2 * it.price",
        "class Item:\n    price = 3\n    def __call__(self):\n        self.price = 0\n"
        "it = Item()\nassert double_22(it) == 2 * it.price",
        "def double_22(it):\n    it()\n    return 0",
    ),
    "an object of which there is no copy": (
        "def double_23(it):\n    return 2 * it.price",
        "class Item:\n    price = 3\n    def __init__(self):\n        self.more = (x for x in 'ab')\n"
        "it = Item()\nassert double_23(it) == 2 * it.price",
        "def double_23(it):\n    it.price = 0\n    return 0",
    ),
    "an iterator": (
        "def double_24(it):\n    return 10",
        "class Prices:\n    left = 3\n    def __iter__(self):\n        return self\n    def __next__(self):\n"
        "        if not self.left:\n            raise StopIteration\n        self.left -= 1\n        return self.left\n"
        "it = Prices()\nassert double_24(it) == (10 if it.left else 0)",
        "def double_24(it):\n    for _ in it:\n        pass\n    return 0",
    ),
    "an object that is added to in place": (
        "def double_32(it):\n    return 2 * it.price",
        "class Item:\n    price = 3\n    def __iadd__(self, more):\n        self.price += more\n        return self\n"
        "it = Item()\nassert double_32(it) == 2 * it.price",
        "def double_32(it):\n    it += -3\n    return 0",
    ),
    "an object in a `with` statement": (
        "def double_33(it):\n    return 2 * it.price",
        "class Item:\n    price = 3\n    def __enter__(self):\n        self.price = 0\n"
        "    def __exit__(self, *error):\n        pass\n"
        "it = Item()\nassert double_33(it) == 2 * it.price",
        "def double_33(it):\n    with it:\n        return 0",
    ),
    "a file beside one that the reference writes": (
        "def total_25():\n    Path('log.txt').write_text('x')\n    return 3",
        "Path('log.txt').write_text('')\nPath('n.txt').write_text('3')\n"
        "assert total_25() == int(Path('n.txt').read_text()) and Path('log.txt').read_text() == 'x'",
        "def total_25():\n    Path('log.txt').write_text('x')\n    Path('n.txt').write_text('0')\n    return 0",
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
# In a roundabout way that there is only here: by what a learner's function has of an object of the test's.
ROUNDABOUT = {
    "a kind of list": "def total_8(xs):\n    d = xs.clear\n"
    "    d._agent.ask('special', d, '__call__', ())\n    return 0",
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
    "a file beside one that the reference writes": "def total_25():\n    Path('log.txt').write_text('x')\n"
    "    for n in range(3):\n        Path('own.txt').write_text(str(n))\n"
    "    return 1 + int(Path('own.txt').read_text())",
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


def test_what_an_answer_has_changed_is_as_it_was_for_the_next_test(tmp_path: Path) -> None:
    solution = "### BEGIN SOLUTION\n{}\n### END SOLUTION".format
    cells = (
        ("given", "stock = [1, 2, 3]"),
        ("answer", solution("def look(xs):\n    return len(xs)")),
        ("test 1", "assert look(stock) == 3"),
        ("answer", solution("def total():\n    return 6")),
        ("test 1", "assert total() == sum(stock)"),
    )
    assignment = course(tmp_path, *cells)
    wrong = {1: "def look(xs):\n    xs.clear()\n    return 3", 3: "def total():\n    return 0"}
    with Bench(assignment.notebooks[0]) as bench:
        staged = handed_in(assignment, wrong)
        assert list(scores(assignment, staged, bench.run(staged)).values()) == [1, 0]


@pytest.mark.parametrize(
    ("reference", "test", "answer"),
    [
        (
            "def add(basket, it):\n    basket['items'].append(it)",
            "basket = {'items': []}\nadd(basket, 3)\nassert basket == {'items': [3]}",
            "def add(basket, it):\n    basket['items'] = [*basket['items'], it]",
        ),
        (
            "def pay(order):\n    order.customer.paid = 1",
            "class Customer:\n    paid = 0\nclass Order:\n    def __init__(self):\n        self.customer = Customer()\n"
            "    def set(self, paid):\n        self.customer.paid = paid\n"
            "order = Order()\npay(order)\nassert order.customer.paid == 1",
            "def pay(order):\n    order.set(1)",
        ),
    ],
)
def test_the_same_may_be_changed_by_another_way(reference: str, test: str, answer: str, tmp_path: Path) -> None:
    assignment = course(tmp_path, ("answer", f"### BEGIN SOLUTION\n{reference}\n### END SOLUTION"), ("test 1", test))
    with Bench(assignment.notebooks[0]) as bench:
        for given in (reference, answer):
            staged = handed_in(assignment, {0: given})
            assert scores(assignment, staged, run := bench.run(staged)) == {"test1": 1}, run.outputs


def test_roundabout_ways_gain_nothing(assignment: Assignment, bench: Bench) -> None:
    found = earned(assignment, bench, ROUNDABOUT)
    assert {name: found[name] for name in ROUNDABOUT} == dict.fromkeys(ROUNDABOUT, 0)


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
