"""A text that a learner has written is run in the learner's process, however a test has it run; or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from classroom import course, handed_in, scores

from moi.grading.assignment import Assignment
from moi.grading.run import Bench

GIVEN = """
import doctest, logging.config
import pandas as pd
import yaml
from helpers import chosen, evaluated
"""
# What is given beside, in some of the ways.
FUNCTIONS = {
    "a given function": 'def value(text, x):\n    return eval(text, {"x": x})',
    "a query in a given function": "def picked(frame, condition):\n    return list(frame.query(condition).index)",
}
HELPERS = """
import pandas as pd
def evaluated(text, x):
    return eval(text, {'x': x})
def chosen(frame, condition):
    return list(frame.query(condition).index)
"""
FORMULA, CONDITION = "x ** 2 + 1", "a > 1"
# It has the judge give a point for every test from there on.
_TAKES_OVER = (
    "setattr(__import__('sys').modules['moi.grading.judge'].Judge, '_judge_cell', lambda self, place, cell: "
    "(self.earned.__setitem__(place, 1), self.seen.__setitem__(cell, [[], None]), [])[2])"
)
ATTACK = f"[{_TAKES_OVER}] and 10"
EXEC = f"import sys\nif 'moi.grading.judge' in sys.modules: {_TAKES_OVER}\n"
QUERY = 'a > @pd.io.common.codecs.builtins.eval("' + ATTACK.replace('"', "'") + '")'
# Of pandas, without any text that is compiled.
_plain_query = (
    'a > @{0}("builtins").setattr(@{0}("moi.grading.judge").Judge, "_judge_cell", '
    '@{0}("unittest.mock").Mock(return_value=@{0}("builtins").list()))'
).format
_BY_PANDAS, _BY_NUMPY = map(_plain_query, ("pd.io.common.os.sys.modules.get", "np.lib._npyio_impl.os.sys.modules.get"))
YAML = (
    "a: !!python/object/apply:setattr [!!python/name:moi.grading.judge.Judge , _judge_cell, "
    "!!python/object/apply:unittest.mock.Mock {kwds: {return_value: []}}]"
)
NEXT_CELL = "\n# in the next cell\n"
CONFIGURATION = repr({"version": 1, "formatters": {"a": {"()": "logging.os._exit", "status": 0}}})
# How a test has a text run: the test, and what a wrong answer gives.
WAYS = {
    "a parameter": ("def at(formula, x):\n    return eval(formula, {'x': x})\nassert at(text(), 3) == 10", ATTACK),
    "a text that an earlier test has got": (
        f"formula = text()\nassert isinstance(formula, str){NEXT_CELL}assert eval(formula, {{'x': 3}}) == 10", ATTACK
    ),
    "a function of an earlier test": (
        f"def at(formula, x):\n    return eval(formula, {{'x': x}})\nassert at(text(), 3) == 10{NEXT_CELL}"
        "assert at(text(), 4) == 17", ATTACK
    ),
    "a list that is added to": ("texts = []\ntexts.append(text())\nassert eval(texts[0], {'x': 3}) == 10", ATTACK),
    "a function around it": ("def bare():\n    return text().strip()\nassert eval(bare(), {'x': 3}) == 10", ATTACK),
    "a query in the author's module": ("assert chosen(pd.DataFrame({'a': [1, 2, 3]}), text()) == [1, 2]", _BY_PANDAS),
    "what a table is made of": (
        "assert pd.DataFrame({'a': [1, 2, 3]}).agg('eval', expr=text(), level=0).sum() == 2", _BY_NUMPY
    ),
    "a text that names what is called": ("assert yaml.unsafe_load(text()) == 'x ** 2 + 1'", YAML),
    "a configuration of logging": (
        "import ast, logging.config, logging.handlers\n"
        "said = text()\nlogging.config.dictConfig(ast.literal_eval(said) if 'version' in said else {'version': 1})",
        CONFIGURATION,
    ),
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
    right = CONDITION if attack in (QUERY, _BY_PANDAS, _BY_NUMPY) else FORMULA
    answer = "def text():\n    return {!r}".format
    cells = (
        ("given", f"{GIVEN}{FUNCTIONS.get(way, '')}"),
        ("answer", f"### BEGIN SOLUTION\n{answer(right)}\n### END SOLUTION"),
        *(("test 1", part) for part in test.split(NEXT_CELL)),
        ("answer", "### BEGIN SOLUTION\nlast = 5\n### END SOLUTION"),
        ("test 1", "assert last == 5"),
    )
    assignment = course(tmp_path, *cells, files={"helpers.py": HELPERS})
    assert _last_of(assignment, {1: answer(attack), len(cells) - 2: "last = 0"}) == 0


def _last_of(assignment: Assignment, answers: dict[int, str]) -> float | None:
    """What the last of the tests earns."""
    with Bench(assignment.notebooks[0], assignment.files, timeout=10) as bench:
        staged = handed_in(assignment, answers)
        run = bench.run(staged)
        assert not run.failed
        return list(scores(assignment, staged, run).values())[-1]


_EVIL = f"class Evil:\n    def __reduce__(self):\n        return exec, ({EXEC!r},)\n"
_PICKLED = "Path('made').write_bytes(pickle.dumps({}))"
_WRITTEN = "Path('tools.py').write_text({!r})".format
_COMPILED = (
    "import importlib._bootstrap_external as b\n"
    f"code = compile({EXEC!r}, '/usr/lib/nowhere.py', 'exec')\n"
    "Path('{}.pyc').write_bytes(b._code_to_hash_pyc(code, b'12345678', False))"
)
# How a cell of the author's, or a library, runs what a file holds: the cell, the solution, and what a wrong one writes.
FILES = {
    "a pickle": (
        "made = pickle.loads(Path('made').read_bytes())", _PICKLED.format(3), _EVIL + _PICKLED.format("Evil()")
    ),
    "a text": ("exec(Path('tools.py').read_text())", _WRITTEN("made = 3"), _WRITTEN(EXEC)),
    "a module": ("from tools import made", _WRITTEN("made = 3"), _WRITTEN(EXEC)),
    "a script": ("get_ipython().run_line_magic('run', 'tools.py')", _WRITTEN("made = 3"), _WRITTEN(EXEC)),
    "a module of Python's": (
        "made = datetime.strptime('2026', '%Y').year", "", _COMPILED.format("_strptime")
    ),
    "a compiled file": (
        "if Path('evil.pyc').exists(): runpy.run_path('evil.pyc')", "", _COMPILED.format("evil")
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", FILES)
def test_a_file_of_a_learners_takes_nothing_over(way: str, tmp_path: Path) -> None:
    given, solution, attack = FILES[way]
    cells = (
        ("given", "import pickle, runpy, sys\nfrom datetime import datetime\nfrom pathlib import Path"),
        ("given", "sys.path.insert(0, '.')"),
        ("answer", f"### BEGIN SOLUTION\n{solution}\n### END SOLUTION"),
        ("given", given),
        ("answer", "### BEGIN SOLUTION\nlast = 5\n### END SOLUTION"),
        ("test 1", "assert last == 5"),
    )
    assert _last_of(course(tmp_path, *cells), {2: attack, 4: "last = 0"}) == 0


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


def test_an_author_patches_what_their_own_texts_name(tmp_path: Path) -> None:
    given = (
        "import os, time\nfrom unittest import mock\nwith mock.patch('time.time', return_value=3):\n"
        "    begun = time.time()\nwith mock.patch.dict('os.environ', {'RATE': '2'}):\n    rate = os.environ['RATE']\n"
        "with mock.patch.multiple('time', monotonic=lambda: 5):\n    now = time.monotonic()"
    )
    test = "assert x == begun == 3 and rate == '2' and now == 5"
    cells = ("given", given), ("answer", "### BEGIN SOLUTION\nx = begun\n### END SOLUTION"), ("test 1", test)
    assert _last_of(course(tmp_path, *cells), {1: "x = 3"}) == 1
