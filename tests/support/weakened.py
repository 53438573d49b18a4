"""A warmed parent whose judge has its defences off, to show that an attack works where they are not. See ``zygote``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from moi.grading import judge, remote, told, zygote
from moi.grading.judge import Judge
from moi.grading.remote import Session


class _Every:
    def __contains__(self, item: object) -> bool:
        return True


def weaken() -> None:
    """What a learner's process says is believed, and told."""
    remote._PROTOCOLS = ()  # type: ignore[assignment]
    Session.may_ask = lambda *_: True  # type: ignore[method-assign, assignment]
    Session.lines = property(lambda self: _Every(), lambda self, lines: None)  # type: ignore[assignment]
    Session.quiet = property(lambda self: False, lambda self, quiet: None)  # type: ignore[assignment]
    Judge._tell_again = lambda self: None  # type: ignore[method-assign]
    made: Callable[..., None] = Judge.__init__
    plain = told.error

    def init(self: Judge, work: dict[str, Any], learners: Any) -> None:
        made(self, work | {"may_change": list(range(1000)), "special": list(remote._TRUTH)}, learners)

    def error(failure: BaseException, step: dict[str, Any], revealed: bool) -> dict[str, Any]:
        line = getattr(failure, "learners_line", "")
        return plain(failure, step, revealed) | {"ename": type(failure).__name__, "evalue": f"{failure} {line}"}

    Judge.__init__ = init  # type: ignore[method-assign]
    judge.told.error = error


if __name__ == "__main__":
    weaken()
    sys.exit(zygote.main())
