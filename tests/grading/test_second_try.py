"""A test that is tried a second time finds everything as it was the first time; and when it is over, it is over."""

from __future__ import annotations

from pathlib import Path

import pytest
from classroom import course, handed_in, scores

from moi.grading.run import Bench

GIVEN = """
import os, pickle
from ipaddress import ip_address
from pathlib import Path
stock = {'tea': 3}
"""
CREW = """
class Crew:
    def __init__(self, names):
        self.names = list(names)
    def size(self):
        return len(self.names)
    def save(self, path):
        Path(path).write_text(' '.join(self.names))
"""
KEEPS = CREW.replace("list(names)", "names")  # right as well, where nobody changes the list
# What each of two tests does that is otherwise when it is done twice.
ONCE = {
    "a name of an earlier test": (
        "sizes = [Crew([]).size()]\nassert sizes == [0]",
        "sizes.append(Crew(['ann']).size())\nassert sizes == [0, 1]",
    ),
    "what an earlier test has changed": (
        "stock['tea'] -= 1\nassert Crew('ab').size() == stock['tea']",
        "assert Crew(['ann', 'bob']).size() == stock['tea']",
    ),
    "a folder": (
        "os.mkdir('out')\nCrew([]).save('out/a.txt')",
        "os.mkdir('out/more')\nassert Crew(['ann']).size() == 1",
    ),
    "a file": (
        "assert not os.path.exists('crew.txt')\nCrew(['ann']).save('crew.txt')",
        "assert Path('crew.txt').read_text() == 'ann' and Crew(['ann']).size() == 1",
    ),
    "the environment": (
        "assert 'CREW' not in os.environ\nos.environ['CREW'] = str(Crew(['ann']).size())",
        "assert os.environ.pop('CREW') == str(Crew(['bob']).size())",
    ),
}
SHARES = "\nnames = ['ann']\ncrew = Crew(names)\nnames.append('bob')\nassert crew.size() in (1, 2)"


@pytest.mark.parametrize("what", ONCE)
def test_an_answer_that_keeps_more_than_the_solution_loses_nothing(what: str, tmp_path: Path) -> None:
    cells = [("given", GIVEN), ("answer", f"### BEGIN SOLUTION\n{CREW}### END SOLUTION")]
    assignment = course(tmp_path, *cells, *(("test 1", f"{test}{SHARES}") for test in ONCE[what]))
    with Bench(assignment.notebooks[0], timeout=10) as bench:
        tried: list[object] = []
        usual = bench._try_again
        bench._try_again = lambda *given: (tried.append(given), usual(*given))[1]  # type: ignore[func-returns-value, method-assign]
        staged = handed_in(assignment, {1: KEEPS})
        assert list(scores(assignment, staged, bench.run(staged)).values()) == [1, 1]
        assert tried


READS = """
def total(load, names):
    return sum(sum(load(name).values()) for name in names)
def address(text):
    return ip_address(text)
"""
# Each has a callback of the test's read what it has written, once nothing looks any more at what the test runs.
EVIL = """
import contextlib
import moi.grading.learner as learner
class Evil:
    def __reduce__(self):
        return exec, ("from moi.grading.shell import Shell\\nShell.run = lambda *given, **named: ([], None)",)
def read_evil():
    agent = next(each for each in __import__('gc').get_objects() if type(each) is learner.Agent)
    for each in list(agent.foreign.values()):
        if getattr(each, '__name__', '') == 'load':
            Path('evil.pkl').write_bytes(pickle.dumps(Evil()))
            with contextlib.suppress(BaseException):
                each('evil.pkl')
learner.Agent.may_ask_now = lambda self: None
"""
AFTERWARDS = {
    "the question what has changed of what is kept": """
kept, total_of, usual = [], total, learner.Agent.do_changed
def total(load, names):
    kept.append(names)
    return total_of(load, names)
def changed(self, places):
    read_evil()
    return usual(self, places)
learner.Agent.do_changed = changed
""",
    "the text of an object in an error": """
from ipaddress import IPv4Address
def text(self):
    read_evil()
    return 'x'
IPv4Address.__str__ = text
def address(text):
    return ip_address('8.8.8.8')
""",
}
LOADS = """
def load(name):
    return pickle.loads(Path(name).read_bytes())
Path('stock.pkl').write_bytes(pickle.dumps({'tea': 3}))
names = ['stock.pkl']
assert total(load, names) == 3
found = address('10.0.0.1')
assert found.is_private, found
"""


@pytest.mark.parametrize("what", AFTERWARDS)
def test_nothing_of_a_test_is_used_when_it_is_over(what: str, tmp_path: Path) -> None:
    assignment = course(
        tmp_path,
        ("given", GIVEN),
        ("answer", f"### BEGIN SOLUTION\n{READS}### END SOLUTION"),
        ("test 1", LOADS),
        ("answer", "### BEGIN SOLUTION\ntwo = 2\n### END SOLUTION"),
        ("test 1", "assert two == 2"),
    )
    with Bench(assignment.notebooks[0], timeout=10) as bench:
        staged = handed_in(assignment, {1: READS + EVIL + AFTERWARDS[what], 3: "two = 3"})
        first, second = scores(assignment, staged, bench.run(staged)).values()
        assert first == ("kept" in what) and second == 0
