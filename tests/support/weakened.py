"""Warmed parents whose judge has some of its defences off, to show that an attack works where they are. See ``zygote``.

A file ``off`` that is handed in along with a notebook names them: functions of this module.
"""

from __future__ import annotations

import sys
import tempfile
import time
from typing import Any

from moi.grading import judge, remote, told, zygote
from moi.grading.judge import Judge
from moi.grading.learners_errors import Errors
from moi.grading.session import Session

Work = dict[str, Any]  # what a judge is given to do; see ``run``


def truth_is_asked_for(work: Work) -> None:
    """Objects decide what is true of them, also where the reference has data, and take part in numpy's comparisons."""
    remote.PROTOCOLS = ()  # type: ignore[assignment]
    Session.may_ask = lambda *_: True  # type: ignore[method-assign, assignment]
    Session.special = property(lambda self: frozenset(remote._TRUTH), _ignore)  # type: ignore[assignment]


def changes_count(work: Work) -> None:
    """What a function has changed of its arguments is taken, also where the reference changes none."""
    Session.changed_things = property(lambda self: False, _ignore)  # type: ignore[assignment]


def errors_are_raised_as_they_are(work: Work) -> None:
    """Also those that end more than a test."""
    Errors._may_be_met = lambda *_: True  # type: ignore[method-assign, assignment]


def all_that_is_asked_is_done(work: Work) -> None:
    """Whatever a learner's process names is used, and errors have all that led to them."""
    Session._is_own = lambda *_: True  # type: ignore[method-assign, assignment]
    Session.describe = lambda self, failure: self.codec.encode(failure)  # type: ignore[method-assign]


def names_are_asked_for_all_at_once(work: Work) -> None:
    """One that cannot cross takes all others along."""

    def names(self: Session, wanted: list[str]) -> dict[str, Any]:
        try:
            return {name: found[0] for name, found in self.ask("names", wanted).items()}
        except Exception:
            return {}

    Session.names = names  # type: ignore[method-assign]


def each_answer_has_a_deadline_of_its_own(work: Work) -> None:
    """Instead of one for all that a test asks."""
    Session.deadline = property(lambda self: time.monotonic() + 4, _ignore)  # type: ignore[assignment]


def all_is_told(work: Work) -> None:
    """What a learner's code says in hidden tests: an error's name and words, and a line that is in no cell."""
    Session.lines = property(lambda self: _All(), _ignore)  # type: ignore[assignment]
    Session.quiet = property(lambda self: False, _ignore)  # type: ignore[assignment]
    careful = told.error

    def error(failure: BaseException, step: dict[str, Any], revealed: bool) -> dict[str, Any]:
        words = f"{failure} {getattr(failure, 'learners_line', '')}"
        return careful(failure, step, revealed) | {"ename": type(failure).__name__, "evalue": words}

    judge.told.error = error


class _All:
    def __contains__(self, item: object) -> bool:
        return True


def _ignore(self: Session, value: object) -> None:
    pass


def main() -> int:
    made: Any = Judge.__init__

    def init(self: Judge, work: Work, *rest: Any) -> None:
        for defence in work["their_files"].pop("off", b"").decode().split():
            globals()[defence](work)
        made(self, work, *rest)

    Judge.__init__ = init  # type: ignore[method-assign]
    tempfile.tempdir = None  # found anew, in the parents' own root
    return zygote.main()


if __name__ == "__main__":
    sys.exit(main())
