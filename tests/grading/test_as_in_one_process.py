"""Answers earn what they would earn if tests and answers ran in one process: right ones, wrong ones and odd ones."""

from __future__ import annotations

import contextlib
import io
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from classroom import course, handed_in, scores

from moi.grading.assignment import Assignment
from moi.grading.run import Bench

COURSES = tomllib.loads((Path(__file__).parent / "one_process.toml").read_text())
ONE_IN = 6  # answers are tried by `make test`


def cases() -> list[Any]:
    return [
        pytest.param(title, name, marks=[pytest.mark.long] if number % ONE_IN else [])
        for title, its in COURSES.items()
        for number, name in enumerate(["the reference", *its["answers"]])
    ]


def written(title: str, name: str) -> str:
    text = str(COURSES[title]["reference"])
    for lines, others in COURSES[title]["answers"].get(name, ()):
        assert text.count(lines) == 1
        text = text.replace(lines, others)
    return text


def passes(title: str, answer: str, test: str) -> bool:
    """Whether the test passes here and now, where all share one namespace."""
    space: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(COURSES[title]["given"] + answer, space)
        try:
            exec(test, space)
        except Exception:
            return False
    return True


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], tuple[Assignment, Bench]]]:
    """An assignment of the tests of a course, and a bench for it."""
    made: dict[str, tuple[Assignment, Bench]] = {}
    with contextlib.ExitStack() as benches:

        def open_(title: str) -> tuple[Assignment, Bench]:
            if title not in made:
                its = COURSES[title]
                answer = f"### BEGIN SOLUTION\n{its['reference']}### END SOLUTION"
                tests = (("test 1", test) for test in its["tests"])
                assignment = course(
                    tmp_path_factory.mktemp("course"), ("given", its["given"]), ("answer", answer), *tests
                )
                made[title] = assignment, benches.enter_context(Bench(assignment.notebooks[0]))
            return made[title]

        yield open_


@pytest.mark.parametrize(("title", "name"), cases())
def test_an_answer_earns_what_it_would_in_one_process(
    title: str,
    name: str,
    opened: Callable[[str], tuple[Assignment, Bench]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assignment, bench = opened(title)
    answer = written(title, name)
    staged = handed_in(assignment, {1: answer})
    earned = scores(assignment, staged, bench.run(staged)).values()
    found = dict(zip(COURSES[title]["tests"], earned, strict=True))
    monkeypatch.chdir(tmp_path)
    assert found == {test: float(passes(title, answer, test)) for test in COURSES[title]["tests"]}
    assert name != "the reference" or all(found.values())
