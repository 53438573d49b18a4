"""What instructors are told to write otherwise cannot be judged as it was, and can as they are told to write it."""

from __future__ import annotations

import re

import pytest
from classroom import course

from moi.grading.gate import findings
from moi.grading.rewrites import REWRITES, Rewrite

GIVEN = """
import pickle, random
from unittest.mock import patch

class Place:
    kind = 'a place'
"""
ANSWER = """
### BEGIN SOLUTION
class Stop:
    def __init__(self, place):
        self.place = place
        self.lines = []

    def serve(self, line):
        self.lines.append(line)

class Pier(Place):
    pass

def route():
    return [Stop('pier')]

def throw():
    return random.randint(1, 10**9)

def keep(name):
    if name.endswith('.pkl'):
        with open(name, 'wb') as file:
            pickle.dump(range(3), file)
    else:
        with open(name, 'w') as file:
            file.write('0 1 2')

def formula():
    return '2 * x'

def double(x):
    'Twice x.\\n\\n    >>> double(17)\\n    34\\n    '
    return 2 * x

def tried():
    import doctest
    tests = doctest.DocTestFinder().find(double, 'double', module=False, globs={'double': double})
    return sum(doctest.DocTestRunner(verbose=False).run(test).attempted for test in tests)

total = 3
total
### END SOLUTION
"""


Found = tuple[dict[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What the gate says of the test cells as they were, and as they should be."""

    def words(*tests: str) -> dict[str, str]:
        cells = [("given", GIVEN), ("answer", ANSWER), *(("test 2", test) for test in tests)]
        assignment = course(tmp_path_factory.mktemp("course"), *cells)
        return {finding.cell: finding.words for finding in findings(assignment) if finding.serious}

    return words(*(r.asks for r in REWRITES)), words(*(r.instead for r in REWRITES))


@pytest.mark.parametrize(("place", "rewrite"), list(enumerate(REWRITES)), ids=[r.what for r in REWRITES])
def test_what_cannot_be_judged_is_named_and_its_rewrite_can(place: int, rewrite: Rewrite, found: Found) -> None:
    asked, instead = found
    cell = f"test{place + 2}"
    assert "the reference solution earns 0 of 2 points here" in asked.get(cell, "")
    assert f"Perhaps: {rewrite.reason}; {rewrite.rewrite}" in asked[cell]
    assert cell not in instead, instead[cell]


def test_no_earlier_pattern_finds_what_a_later_one_is_for() -> None:
    for place, rewrite in enumerate(REWRITES):
        assert [r.what for r in REWRITES[:place] if re.search(r.pattern, rewrite.asks)] == []
        assert re.search(rewrite.pattern, rewrite.asks)
