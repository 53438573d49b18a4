"""The errors and warnings of a learner's code, as a test meets them: copies, which keep a line to their originals."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from moi.grading import checks, errors
from moi.grading.classes import LearnersError
from moi.grading.codec import packed
from moi.grading.learner import LARGEST_WARNING, MOST_WARNINGS, OF_OBJECTS
from moi.grading.remote import CannotJudge, is_remote, known

if TYPE_CHECKING:
    from moi.grading.session import Session

_MOST_NOTES, _LONGEST_NOTE = 20, 2000


class Errors:
    """Those of one learner's process."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._copies: dict[int, tuple[BaseException, int]] = {}  # by id, with the handles of their originals
        self._warnings: list[Any] = []  # that a test is still to be warned of
        self._shown: dict[Any, Any] = {}  # warnings that are not shown twice
        self._warns = False

    def handle_of(self, error: Any) -> int | None:
        """The handle of what ``error`` is a copy of, if it is one."""
        return self._copies[id(error)][1] if id(error) in self._copies else None

    def of(self, form: list[Any]) -> BaseException:
        """A copy, from its form."""
        decode = self._session.codec.decode
        handle, kind, given, text, fields, cause, context, bare, notes = form
        kind, arguments = decode(kind), [decode(one) for one in given]
        decoded = {}
        for name, value in dict(fields).items():
            with contextlib.suppress(Exception):
                decoded[str(name)] = decode(value)
        error: Any = errors.made(kind, arguments, decoded)
        if "remote" in vars(kind):  # a class of the learner's own, which may say anything in any way
            error.moi_text = str(text)
        above = [one if isinstance(one, BaseException) else None for one in map(decode, (cause, context))]
        error.__cause__, error.__context__ = above[0], above[1] or above[0]
        error.__suppress_context__ = bool(bare)
        _add_notes(error, notes)
        if type(handle) is int:
            self._copies[id(error)] = error, handle
        return error  # type: ignore[no-any-return]

    def met(self, form: Any, what: str, given: Sequence[Any]) -> BaseException:
        """The error that a test meets where it asks for ``what``, as the learner's process describes its own."""
        session, line, trace = self._session, None, ""
        try:
            text, line, trace = str(form[1]), form[2], str(form[3])
            error: Any = session.codec.decode(form[0])
            if type(error) is checks.Wrong and what == "apply":
                # The functions of checks say this of the object that they are given, if they are as they were.
                error = checks.Wrong(text[:200])
                error.learners_trace = trace
                return error  # type: ignore[no-any-return]
            if error is None:
                error = CannotJudge(text)
            elif not isinstance(error, BaseException):
                error = LearnersError(text)
            elif not self._may_be_met(type(error), what, given):
                error = LearnersError(f"{type(error).__name__}: {text}")
            else:
                _add_notes(error, form[4])
            str(error)
        except Exception:
            error, line, trace = LearnersError("an error that cannot be told"), None, ""
        # Only a line that stands in a cell: anything else could carry out what the hidden tests asked.
        error.learners_line = line if isinstance(line, str) and line in session.lines and not session.quiet else None
        error.learners_trace = trace
        return error.with_traceback(None)  # type: ignore[no-any-return]

    def take_warnings(self, given: Any) -> None:
        """Have these, as pairs of a module and a form, when the test is next warned."""
        made = [[str(module), form] for module, form in given if len(packed(form)) <= LARGEST_WARNING]
        self._warnings += made[: MOST_WARNINGS - len(self._warnings)]

    def warn(self, what: str, given: Sequence[Any]) -> None:
        """Warn here of what the learner's code has warned of: a test may record it, or have made an error of it."""
        if self._warns:  # one at a time, though it may ask for its own words
            return
        self._warns = True
        try:
            while self._warnings:
                module, form = self._warnings.pop(0)
                warning = self.met(form, what, given)
                if isinstance(warning, Warning):
                    # What warns of a file left open does so as it is cleared away: that cannot be made an error.
                    with contextlib.suppress(ResourceWarning):
                        warnings.warn_explicit(warning, type(warning), "<a learner's cell>", 1, module, self._shown)
        finally:
            self._warns = False
            self._warnings.clear()

    def _may_be_met(self, kind: type[BaseException], what: str, given: Sequence[Any]) -> bool:
        """Whether a learner's code may raise such an error in a test; else the test is told of it by another."""
        if issubclass(kind, SystemExit):
            return what in OF_OBJECTS  # and not the agent itself, for which no test could wait
        if issubclass(kind, (StopIteration, StopAsyncIteration)):  # it would end a loop of the test's
            if what == "special":
                return given[1] in ("__next__", "__await__")
            ends = (".send", ".__next__", ".throw")
            ways = known(given[0]).ways if is_remote(given[0]) else ()
            return self._session.named("StopIteration") or any(way.endswith(ends) for way in ways)
        return issubclass(kind, Exception) and not issubclass(kind, checks.Wrong)


def _add_notes(error: BaseException, notes: Any) -> None:
    for note in notes[:_MOST_NOTES]:
        if isinstance(note, str) and note not in getattr(error, "__notes__", ()):
            error.add_note(note[:_LONGEST_NOTE])
