"""What a learner is told of a test that does not hold: the author's sentences, and no value that could be a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from classroom import course, handed_in, scores

from moi.grading.run import Bench

HIDDEN = "### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS\n"
IDEA = "with ideas(points=1) as check:\n    with check.idea(1, 'doubles'):\n        {}\ncheck.score"
WRONG = "def double(x):\n    return x + 1"
HIDDEN_LINES = "\n        ### BEGIN HIDDEN TESTS\n        {}\n        ### END HIDDEN TESTS"
HIDDEN_IDEA = IDEA.format("equal(double(-1), -2, 'no')" + HIDDEN_LINES)
WARNS = "import warnings\ndef double(x):\n    warnings.warn(f'it was {x}')\n    return x"
HEARS = """
import warnings
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter({})
    assert double(30) == 60{}"""
SAYS = """
from moi.grading.checks import Wrong
class Says:
    def __init__(self, x):
        self.x = x
    def tolist(self):
        raise Wrong("{}" % self.x)
def double(x):
    return -2 if x < 0 else Says(x)
"""
# The answer, the visible and the hidden part of the test, and what is told.
CASES: dict[str, tuple[str, str, str, str]] = {
    "visible sentence": (WRONG, "assert double(3) == 6, 'twice, not one more'", "", "twice, not one more"),
    "hidden sentence": (WRONG, "", "assert double(3) == 6, 'twice, not one more'", "twice, not one more"),
    "hidden value": (WRONG, "", "assert double(30) == 60, f'got {double(30)}'", "a hidden test does not hold"),
    "hidden value that is a text": (
        "def double(x):\n    return x", "", "assert double('abc') == 'abcabc', double('abc')",
        "a hidden test does not hold",
    ),
    "no words": (WRONG, "assert double(3) == 6", "", "this test does not hold"),
    "visible value": (WRONG, "assert double(3) == 6, f'got {double(3)}'", "assert double(30) == 60", "got 4"),
    "hidden before a visible value": (
        WRONG, "assert double(3) == 6, f'got {double(3)}'", "assert double(30) == 60, 'not for 30'", "got 4",
    ),
    "not begun": ("def double(x):\n    raise NotImplementedError", "assert double(3) == 6", "", "not done yet"),
    "error": ("def double(x):\n    return 3 / 0", "assert double(3) == 6", "", "division by zero, at 'return 3 / 0'"),
    "error with a hidden case": (
        "def double(x):\n    raise ValueError(x)", "", "assert double(30) == 60",
        "your code stopped with an error that is not shown, as it could give a hidden case away",
    ),
    "warning": (WARNS, "", HEARS.format("'always', OSError", ""), "a hidden test does not hold"),
    "warning that a test does not wait for": (
        WARNS, "import pytest", "with pytest.warns(RuntimeWarning):\n    double(30)", "a hidden test does not hold",
    ),
    "warning in a message": (
        WARNS, "", HEARS.format("'always'", ", str(seen[0].message)"), "a hidden test does not hold",
    ),
    "warning made an error": (
        WARNS, "", HEARS.format("'error'", ""),
        "your code stopped with an error that is not shown, as it could give a hidden case away",
    ),
    "idea in a sentence": (
        WRONG, IDEA.format("equal(double(3), 6, 'one more')"), "", "✗ doubles (1): one more",
    ),
    "idea with a value": (
        WRONG, IDEA.format("equal(double(3), 6, f'{double(3)}!')"), "", "✗ doubles (1): 4! (got 4)",
    ),
    "idea with a hidden value": (
        "def double(x):\n    return -2 if x < 0 else 31", HIDDEN_IDEA.format("equal(double(30), 60, f'{double(30)}!')"),
        "", "✗ doubles (1): a hidden test does not hold",
    ),
    "idea with a hidden kind": (
        "def double(x):\n    return -2 if x < 0 else None", HIDDEN_IDEA.format("equal(double(30), 60, 'no')"), "",
        "✗ doubles (1): a number is needed; got nothing (None): is a return missing?",
    ),
    "idea with a hidden number of values": (
        "def double(x):\n    return -2 if x < 0 else [0] * x", HIDDEN_IDEA.format("equal(double(30), [1, 2], 'no')"),
        "", "✗ doubles (1): a hidden test does not hold",
    ),
    "idea with an error of the learner's that passes for one of ours": (
        SAYS.format("a %d is needed; got text"), HIDDEN_IDEA.format("equal(double(30), 60, 'no')"),
        "", "✗ doubles (1): a hidden test does not hold",
    ),
    "idea that the learner's code calls not begun": (
        SAYS.format("not done yet %d"), HIDDEN_IDEA.format("equal(double(30), 60, 'no')"),
        "", "✗ doubles (1): a hidden test does not hold",
    ),
    "idea with a hidden value on a line of its own": (
        "def double(x):\n    return -2 if x < 0 else f'\\n{x}'",
        HIDDEN_IDEA.format("require(double(30) == '', f'not {double(30)}')"),
        "", "✗ doubles (1): a hidden test does not hold",
    ),
    "idea with a hidden value that looks like the end of its title": (
        "def double(x):\n    return -2 if x < 0 else f'{x} (1): many'",
        HIDDEN_IDEA.format("require(double(30) == '', f'not {double(30)}')"),
        "", "✗ doubles (1): a hidden test does not hold",
    ),
    "idea with a hidden text": (
        "def double(x):\n    return x",
        IDEA.format("pass" + HIDDEN_LINES.format("require(double('one or two') == '', double('one or two'))")),
        "", "✗ doubles (1): a hidden test does not hold",
    ),
    "idea with a hidden error": (
        "def double(x):\n    return -2 if x < 0 else {}[x]", HIDDEN_IDEA.format("equal(double(30), 60, 'no')"),
        "", "✗ doubles (1): a hidden test does not hold",
    ),
    "visible value hidden before in what is given": (
        "def double(x, log=(0,)):\n    if x == 30:\n        log[0] = x\n    return log[0]",
        "assert double(3, log) == 6, f'got {double(3, log)}'", "double(30, log)", "got 0",
    ),
    "hidden case that has a name": (
        "def double(x):\n    return x", "",
        "case = 'some words of it'\nif double(case) != 2 * case:\n    raise AssertionError(double(case))",
        "a hidden test does not hold",
    ),
    "hidden case of a loop": (
        "def double(x):\n    return x", "",
        "for case in ('some words of it', 'and some more'):\n"
        "    if double(case) != 2 * case:\n        raise AssertionError(double(case))",
        "a hidden test does not hold",
    ),
    "hidden case of a list": (
        "def double(x):\n    return x", "",
        "cases = ['some words of it', 'and some more']\nfor case in cases:\n"
        "    if double(case) != 2 * case:\n        raise AssertionError(double(case))",
        "a hidden test does not hold",
    ),
    "hidden sentence beside a case": (
        WRONG, "", "for case, says in [(30, 'twice, not one more')]:\n"
        "    if double(case) != 2 * case:\n        raise AssertionError(says)",
        "twice, not one more",
    ),
    "hidden sentence in a loop": (
        WRONG, "", "for case in (30, 40):\n    assert double(case) == 2 * case, 'twice, not one more'",
        "twice, not one more",
    ),
    "idea not begun": (
        "def double(x):\n    raise NotImplementedError", IDEA.format("equal(double(3), 6, '')"), "", "not done yet",
    ),
}  # fmt: skip
GIVEN = "from moi.grading.checks import equal, ideas, require\nlog = [0]"


def cells() -> Iterator[tuple[str, str]]:
    yield "given", GIVEN
    for name, (_, visible, hidden, _) in CASES.items():
        parts = [visible, HIDDEN.format(hidden)] if hidden else [visible, "assert double(-1) == -2"]
        yield "answer", "### BEGIN SOLUTION\ndef double(x):\n    return 2 * x\n### END SOLUTION"
        yield "test 1", "\n".join(reversed(parts) if "hidden before" in name else parts)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    assignment = course(tmp_path_factory.mktemp("course"), *cells())
    answers = {1 + 2 * place: answer for place, (answer, *_) in enumerate(CASES.values())}
    staged = handed_in(assignment, answers)
    with Bench(assignment.notebooks[0]) as bench:
        outputs = bench.run(staged).outputs
    told = [
        "\n".join(output.get("text", "") + output.get("evalue", "") for output in some if not output.get("metadata"))
        for cell, some in zip(staged.cells, outputs, strict=True)
        if cell.cell and cell.cell % 2 == 0
    ]
    return dict(zip(CASES, told, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_a_learner_is_told(case: str, found: dict[str, str]) -> None:
    assert found[case].splitlines()[0] == CASES[case][3]
    assert "it was 30" not in found[case]


def test_an_instructor_reads_the_line_of_the_test_and_the_learners_own(tmp_path: Path) -> None:
    given = "from moi.grading.checks import equal, ideas, require"
    tests = {
        "def check():\n    assert double(3) == 6\n\ncheck()": "4 2|4 2",
        "equal(double(3), 6, 'no')": "1|4 2",
        "equal(3, 6, 'no')": "1",
        "with ideas(points=2):\n    pass": "1",
        "try:\n    double(3)\nexcept ValueError as error:\n    raise TypeError('of') from error": "2 4",
    }
    answer = "### BEGIN SOLUTION\ndef double(x):\n    return 2 * x\n### END SOLUTION"
    cells = (("given", given), ("answer", answer), *(("test 1", test) for test in tests))
    assignment = course(tmp_path, *cells)
    wrong = "def half(x):\n    return int('a')\ndef double(x):\n    return half(x)"
    with Bench(assignment.notebooks[0]) as bench:
        outputs = bench.run(handed_in(assignment, {1: wrong})).outputs
    for (test, lines), (*_, output) in zip(tests.items(), outputs[2:], strict=True):
        trace = "\n".join(output["traceback"])
        assert "moi/grading" not in trace and "IPython" not in trace and trace.startswith("Traceback"), test
        parts = trace.split("\nIn the learner's process:\n")
        found = (re.findall(r'File "<ipython-input-[^"]*", line (\d+)', part) for part in parts)
        assert "|".join(map(" ".join, found)) == lines, test
        assert trace.endswith(f"{output['ename']}: {output['evalue'].partition(', at ')[0]}"), test


def test_folders_that_a_hidden_case_has_made_are_gone_when_the_visible_tests_are_told(tmp_path: Path) -> None:
    made = "def double(x):\n    import os\n    os.makedirs('out.txt' if x == 30 else 'other', exist_ok=True)\n"
    made += "    open(('out.txt' if x == 30 else 'other') + '/x', 'w').close()\n    return 0"
    save = "def save(x):\n    with open('out.txt', 'w') as file:\n        file.write(str(x))"
    solution = "### BEGIN SOLUTION\n{}\n### END SOLUTION".format
    cells = (
        ("answer", solution("def double(x):\n    return 2 * x")),
        ("test 1", HIDDEN.format("assert double(30) == 60, 'no'")),
        ("answer", solution(save)),
        ("test 1", "save(3)\nassert open('out.txt').read() == '3'"),
    )
    assignment = course(tmp_path, *cells)
    with Bench(assignment.notebooks[0]) as bench:
        run = bench.run(handed_in(assignment, {0: made, 2: "def save(x):\n    pass"}))
    assert run.outputs[3][0]["ename"] == "FileNotFoundError"


def test_what_a_test_before_has_made_does_not_tell_its_hidden_case(tmp_path: Path) -> None:
    solution = "### BEGIN SOLUTION\n{}\n### END SOLUTION".format
    double = "def double(x, memo):\n    memo.append(x)\n    return 2 * x"
    cells = (
        ("answer", solution(double)),
        (
            "test 1",
            f"memo = [0]\nassert double(3, memo) == 6\n{HIDDEN.format('assert double(987654, memo) == 1975308')}",
        ),
        ("answer", solution("def half(x, memo):\n    return x / 2")),
        ("test 1", "assert half(4, memo) == 2, f'got {half(4, memo)}'"),
    )
    assignment = course(tmp_path, *cells)
    with Bench(assignment.notebooks[0]) as bench:
        outputs = bench.run(handed_in(assignment, {0: double, 2: "def half(x, memo):\n    return memo[-1]"})).outputs
    assert outputs[3][-1]["evalue"] == "got 3"


def test_visible_lines_in_the_terms_of_ipython_are_told(tmp_path: Path) -> None:
    test = "%time made = double(3)\nassert made == 6, f'got {made}'\n" + HIDDEN.format("assert double(30) == 60, 'no'")
    solution = "### BEGIN SOLUTION\ndef double(x):\n    return 2 * x\n### END SOLUTION"
    assignment = course(tmp_path, ("answer", solution), ("test 1", test))
    with Bench(assignment.notebooks[0]) as bench:
        outputs = bench.run(handed_in(assignment, {0: WRONG})).outputs
    assert outputs[1][-1]["evalue"] == "got 4"


def test_one_function_that_does_not_end_leaves_the_words_on_others(tmp_path: Path) -> None:
    solution = "### BEGIN SOLUTION\ndef {0}(x):\n    return 2 * x\n### END SOLUTION".format
    cells = [("given", GIVEN)]
    for name in "ab":
        test = (
            f"with ideas(points=1) as check:\n    with check.idea(1, '{name}'):\n"
            f"        equal({name}(3), 6, f'gives {{{name}(3)}}')"
            + HIDDEN_LINES.format(f"equal({name}(30), 60, 'no')")
            + "\ncheck.score"
        )
        cells += [("answer", solution(name)), ("test 1", test)]
    assignment = course(tmp_path, *cells)
    answers = {1: "def a(x):\n    while True: pass", 3: "def b(x):\n    return x"}
    with Bench(assignment.notebooks[0], timeout=2) as bench:
        outputs = bench.run(handed_in(assignment, answers)).outputs
    assert outputs[2][0]["text"].splitlines()[0] == "✗ a (1): your code took too long"
    assert outputs[4][0]["text"].splitlines()[0] == "✗ b (1): gives 3 (got 3)"


# A test whose visible lines end in something that they show, and a hidden one that a wrong answer fails.
ENDINGS = (
    '"Check that it doubles."',
    "double(3)",
    "pd.DataFrame({'v': [double(3)]}).head()",
    "1",
    "display(double(3))",
)
FAILING = (
    WRONG,
    "def double(x):\n    return y",
    "double = None",
    "def double(x):\n    return {3: 6}[x]",
    "def double(x):\n    if x == 30:\n        import os\n        os._exit(0)\n    return 2 * x",
)


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_visible_lines_show_gives_no_points(ending: str, tmp_path: Path) -> None:
    test = f"{ending}\n" + HIDDEN.format("assert double(30) == 60, f'got {double(30)}'")
    solution = "### BEGIN SOLUTION\ndef double(x):\n    return 2 * x\n### END SOLUTION"
    assignment = course(tmp_path, ("given", GIVEN), ("answer", solution), ("test 1", test))
    with Bench(assignment.notebooks[0]) as bench:
        for wrong in FAILING:
            staged = handed_in(assignment, {1: wrong})
            assert list(scores(assignment, staged, bench.run(staged)).values()) == [0], wrong


# What hidden lines leave behind in the judge: the lines of the test that set it, and how a function says what it sees.
LEFT_BEHIND = {
    "a file of the course": ("pd.DataFrame({'v': [987654]}).to_csv('own.csv')", "list(pd.read_csv('own.csv')['v'])"),
    "a file": ("open('hidden.txt', 'w').write('987654')", "open('hidden.txt').read()"),
    "the environment": ("os.environ['RATE'] = '987654'", "os.environ['RATE']"),
    "a patch that is not ended": ("patch('time.time', return_value=987654).start()", "time.time()"),
    "a library's function": ("time.monotonic = lambda: 987654", "time.monotonic()"),
    "typed input": ("builtins.input = lambda *_: '987654'", "input()"),
    "a name of the notebook": ("rate = 987654", "rate"),
    "the random state": ("random.seed(987654)", "random.random()"),
}


@pytest.mark.parametrize("what", LEFT_BEHIND)
def test_nothing_of_hidden_lines_is_left_when_the_visible_ones_are_told(what: str, tmp_path: Path) -> None:
    hidden, looks = LEFT_BEHIND[what]
    given = "import builtins, os, random, time\nimport pandas as pd\nfrom unittest.mock import patch\nrate = 1"
    needs = "os.environ['UNIT'] = 'm'\nassert unit() == 'm'\n"  # where the environment and names are together
    visible = "assert twice(3) == 6, f'got {twice(3)}'"
    answer = "def twice(x):\n    return 2 * x\ndef unit():\n    return os.environ.get('UNIT', rate)"
    wrong = (
        f"def twice(x):\n    try:\n        seen = {looks}\n    except Exception as error:\n"
        "        seen = error\n    return f'sees {seen}'\ndef unit():\n    return 'm'"
    )
    cells = (
        ("given", given),
        ("answer", f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION"),
        ("test 1", f"{needs}{HIDDEN.format(hidden + chr(10) + 'assert twice(4) == 8')}\n{visible}"),
    )
    assignment = course(tmp_path, *cells, files={"own.csv": "v\n1\n"})
    with Bench(assignment.notebooks[0], assignment.files) as bench:
        staged = handed_in(assignment, {1: wrong})
        run = bench.run(staged)
        honest = bench.run(handed_in(assignment, {1: answer}))
    assert list(scores(assignment, staged, run).values()) == [0] and not run.failed
    assert honest.outputs[2] == ()
    told = [output.get("evalue", output.get("text", "")) for output in run.outputs[2]]
    assert told and "987654" not in str(told), told
    assert "sees" in str(told)  # what it sees of the visible lines is told
