"""Tests that a learner has written with ``unittest``: they run over there, and what came of them is counted here."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any

_KINDS = ("failures", "errors", "skipped", "expectedFailures", "unexpectedSuccesses")


def outcome(case: Callable[[unittest.TestResult], Any]) -> tuple[int, list[tuple[str, str]]]:
    """How many tests ``case`` has run, and what each has said that did not simply succeed."""
    result = unittest.TestResult()
    case(result)
    found = []
    for kind in _KINDS:
        for one in getattr(result, kind):
            found.append((kind, one[1] if isinstance(one, tuple) else ""))
    return result.testsRun, found


def count(result: unittest.TestResult, case: Any, run: int, found: list[tuple[str, str]]) -> None:
    """Have that outcome of ``case`` in ``result``."""
    result.testsRun += run
    for kind, said in found:
        getattr(result, _KINDS[_KINDS.index(kind)]).append(case if kind == "unexpectedSuccesses" else (case, str(said)))
