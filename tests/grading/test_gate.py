"""The gate for authors names what cannot be judged, and says how the same is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from classroom import course

from moi.grading.assignment import read_assignment
from moi.grading.gate import CannotCheck, check, findings

GIVEN = "import matplotlib.pyplot as plt\nfrom unittest.mock import patch"
ANSWER = """
### BEGIN SOLUTION
def set_up(db):
    db.execute("create table stops (name text)")

class Stop:
    def __init__(self, place):
        self.place = place

def chart():
    plt.plot([1, 2])

def throw():
    import random
    return random.randint(1, 10**9)

def put(name):
    import os
    os.environ[name] = "1"

total = 3
### END SOLUTION
"""


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ("assert globals()['to' + 'tal'] == 3", "name what is tested in the test"),
        ("import pickle\nassert pickle.dumps(Stop('pier'))", "compare its attributes"),
        ("assert Stop('pier') == Stop('pier')", "compare attributes"),
        ("assert total == 4, 'three and one'", "AssertionError: three and one (line 1 of the cell)"),
        ("import os, uuid\nname = 'MOI_' + uuid.uuid4().hex\nput(name)\nassert os.environ[name] == '1'", "by chance"),
        (
            "import sqlite3\ndb = sqlite3.connect('stops.db')\nset_up(db)\n"
            "assert db.execute('select * from stops').fetchall(), 'no stop'",
            "AssertionError: no stop (line 4 of the cell)",
        ),
        ("assert missing == 4", "NameError: name 'missing' is not defined"),
        ("import time\ntime.sleep(60)", "took more than"),
        ("pass", "the untouched release earns 2 of 2 points here"),
        ("assert total == 3\n-1", "the reference solution comes to no number from 0 to 2 here"),
        ("total", "the reference solution comes to no number from 0 to 2 here"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(test: str, says: str, tmp_path: Path) -> None:
    assignment = course(tmp_path, ("given", GIVEN), ("answer", ANSWER), ("test 2", test))
    found = [str(finding) for finding in findings(assignment, timeout=2)]
    assert len(found) == 1
    assert found[0].startswith("week, test2: ")
    assert says in found[0]


def test_nothing_is_found_where_nothing_is_wrong(tmp_path: Path) -> None:
    cells = ("answer", ANSWER), ("test 2", "assert total == 3"), ("test 1", "assert Stop('pier').place == 'pier'")
    assert list(findings(course(tmp_path, ("given", GIVEN), *cells))) == []


def test_why_the_authors_own_solution_fails_is_told_in_full(tmp_path: Path) -> None:
    given = GIVEN + "\nrows = open('sales.csv').read().split()"
    hidden = "### BEGIN HIDDEN TESTS\nassert total == 4, f'{total} and not four'\n### END HIDDEN TESTS"
    assignment = course(tmp_path, ("given", given), ("answer", ANSWER), ("test 1", "assert rows"), ("test 1", hidden))
    found = "\n".join(str(finding) for finding in findings(assignment))
    assert "this cell stopped with FileNotFoundError: [Errno 2] No such file or directory: 'sales.csv'" in found
    assert "NameError: name 'rows' is not defined" in found
    assert "AssertionError: 3 and not four" in found


@pytest.mark.parametrize("setting", ["Execute.timeout = 'long'", "Autograde.pre_convert_hook = 'x'"])
def test_a_setting_that_nbgrader_does_not_take_is_named(setting: str, tmp_path: Path) -> None:
    course(tmp_path, ("given", GIVEN), ("answer", ANSWER), ("test 2", "assert total == 3"))
    (tmp_path / "nbgrader_config.py").write_text(f"c = get_config()\nc.{setting}\n")
    with pytest.raises(
        CannotCheck, match="holds a value that nbgrader does not take: .*" + setting.split(" = ")[1][1:-1]
    ):
        check(["week"], tmp_path)


def test_an_assignment_that_is_not_there_is_refused_before_any_is_tried(tmp_path: Path) -> None:
    course(tmp_path, ("given", GIVEN), ("answer", ANSWER), ("test 2", "assert total == 3"))
    with pytest.raises(CannotCheck, match="there is no assignment 'weak' in .*; did you mean 'week'"):
        check(["week", "weak"], tmp_path)


@pytest.mark.parametrize(
    ("test", "mistaken"),
    [
        ("many = [Stop(n).lines for n in range(102)]\nassert many[100] is not many[101]", True),
        ("many = [Stop(n).lines for n in range(102)]\nmany[101].append(3)\nassert many[100] == []", True),
        ("a, b = Stop('a'), Stop('b')\nassert a.lines is not b.lines", False),
        ("a, b = Stop('a'), Stop('b')\na.lines.append(3)\nassert b.lines == []", False),
        ("a, b = Stop('a'), Stop('b')\nassert a is not b and a.lines is not None and a.place is not b.place", False),
        ("a, b = Stop('a'), Stop('b')\na.serve(3)\nassert b.lines == [] and sorted(a.lines) == [3]", False),
    ],
)
def test_a_test_that_takes_a_copy_for_the_thing_is_named(test: str, mistaken: bool, tmp_path: Path) -> None:
    lines = (
        "        self.place = place\n        self.lines = []\n\n    def serve(self, n):\n        self.lines.append(n)"
    )
    answer = ANSWER.replace("        self.place = place", lines)
    course(tmp_path, ("answer", answer), ("test 2", test))
    assignment = read_assignment(tmp_path, "week")
    found = list(findings(assignment))
    assert [finding.serious for finding in found] == [False] * mistaken
    assert all("what it gets is a copy" in str(finding) for finding in found)
    assert check(["week"], tmp_path) == []


@pytest.mark.parametrize(
    ("hidden", "given_away"),
    [
        ("rate = 7\nassert price(2) == 14", False),
        ("rate = 7\nassert price(2) == 2 * rate", False),
        ("rate = 14\nassert price(1) == rate", True),
    ],
)
def test_a_hidden_line_that_gives_its_value_to_the_learner_is_named(
    hidden: str, given_away: bool, tmp_path: Path
) -> None:
    answer = "### BEGIN SOLUTION\nrate = 2\ndef price(units):\n    return rate * units\n### END SOLUTION"
    test = f"rate = 5\nassert price(3) == 15\n### BEGIN HIDDEN TESTS\n{hidden}\n### END HIDDEN TESTS"
    course(tmp_path, ("answer", answer), ("test 2", test))
    found = list(findings(read_assignment(tmp_path, "week")))
    assert [finding.serious for finding in found] == [False] * given_away
    assert all("`rate`" in str(finding) for finding in found)


@pytest.mark.parametrize(
    ("last", "named"),
    [
        ("assert total(stock) == stock.execute('select sum(units) from stock').fetchone()[0]", True),
        ("row = stock.execute('select sum(units) from stock').fetchone()\nequal(total(stock), row[0])", True),
        ("with open('a.txt', 'w') as file:\n    note(file)\nassert total(stock) == len(open('a.txt').read())", True),
        ("for row in stock.execute('select units from stock'):\n    assert abs(total(stock) - row[0]) < 1e-9", True),
        ("assert math.isclose(total(stock), stock.execute('select sum(units) from stock').fetchone()[0])", True),
        ("assert total(stock) == 7 and stock.execute('select sum(units) from stock').fetchone() == (7,)", False),
        ("assert total(stock) == 7", False),
        ("total(stock)\nassert stock.execute('select sum(units) from stock').fetchall() == [(7,)]", False),
        ("equal(total(stock), 7)", False),
    ],
)
def test_what_would_be_held_against_the_learners_own_word_is_named(last: str, named: bool, tmp_path: Path) -> None:
    answer = """### BEGIN SOLUTION
def total(stock):
    return stock.execute('select sum(units) from stock').fetchone()[0]
def note(file):
    file.write('7 units')
### END SOLUTION"""
    test = "stock = sqlite3.connect(':memory:')\nstock.execute('create table stock (name, units)')\n"
    test += f"stock.execute('insert into stock values (1, 7)')\n{last}"
    given = "import math, sqlite3\ndef equal(a, b): assert a == b"
    course(tmp_path, ("given", given), ("answer", answer), ("test 2", test))
    found = list(findings(read_assignment(tmp_path, "week")))
    assert [finding.serious for finding in found] == [False] * named
    assert all("hold it against values that you write out" in str(finding) for finding in found)
