"""One run of a test cell in the judge, with the learner's processes that it asks: another when one is lost."""

from __future__ import annotations

import contextlib
import tempfile
import types
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any

from moi.grading import chance, checks, told
from moi.grading.codec import CannotCross
from moi.grading.copies import watch
from moi.grading.line import Failed, Gone
from moi.grading.made_there import classes_there, evaluated_there, imported_there, made_there
from moi.grading.remote import CannotJudge, is_remote
from moi.grading.session import Session
from moi.grading.snapshot import CannotSetBack

if TYPE_CHECKING:
    from moi.grading.judge import Judge

_MOST_PROCESSES = 4


class Trial:
    """The run of the test at ``place``; ``step`` says what it does.

    There are other ways to run it, of which words in ``way`` say. "unchanged": what a learner's function changes beside
    what the reference does stays as it was. "held": what either side holds of the other's data is one thing on both.
    "alone": nothing counts because it follows from the learner's own earlier functions.
    """

    def __init__(self, judge: Judge, place: int, step: dict[str, Any], way: str = "") -> None:
        self.judge = judge
        self.place = place
        self.step = step
        self.take_changes, self.held, self.alone = "unchanged" not in way, "held" in way, "alone" in way
        self.wanted = judge.wanted(judge.staged[place][2])
        self.started = monotonic()
        self.sessions: list[Session] = []
        self.others: list[Session] = []  # what bears out an answer
        # Found out in it:
        self.changed = False  # whether the learner's code has changed what the reference does not
        self.follows = False  # whether something has been held against what the learner's earlier functions give
        self.both_hold = False  # whether the test and the learner's code have held the same data
        self.shares = False  # whether they have, and it makes a difference

    def run(self) -> list[Any]:
        """The outputs."""
        judge, step, ideas, nothing = self.judge, self.step, list[str](), contextlib.nullcontext()
        judge.say("at", self.place)
        judge.shown.clear()
        began_in = judge.folder.place()
        # Where names are together, so are files that the test makes elsewhere.
        tempfile.tempdir = str(judge.folder.root) if step["together"] or step["opens"] else None
        checks.hidden, checks.anew = step["hidden"], self._anew
        checks.failed.clear()
        checks.looked_at.clear()
        checks.say = lambda *lines, sep="": ideas.extend(lines)
        watch(judge.shell.user_ns, self._compared)
        judge.guard.named_by_reference = lambda text: bool(self.sessions) and self._session().may_name(text)
        judge.guard.may_do, judge.guard.is_given = self._may_do, self._is_given
        judge.patches.names = frozenset(step["wanted"]).difference(judge.imported)
        with judge.limited():
            with contextlib.suppress(Gone):
                self._connect()
            judge.testing = True
            try:
                kept, space = judge.folder.kept, judge.shell.user_ns
                there = made_there(space, step["text"], kept, self._ask) if step["opens"] else nothing
                texts = evaluated_there(space, step["text"], self._session) if step["evaluates"] else nothing
                classes = classes_there(step["mixed"], self._session) if step["classes"] else nothing
                modules = imported_there(self._session)
                with there, texts, classes, modules, judge.patches.of(step["sets"], space), judge.guard.looking():
                    outputs, failure = judge.shell.run(step["source"])
            finally:
                judge.testing = False  # what is asked from here on may use nothing of the test's: none looks out
                for session in self.sessions:
                    self.shares |= session.have_shared()
                    self.both_hold |= session.both_hold
                judge.folder.go_to(began_in)
                for session in self.sessions:
                    if session.chance_before:  # so far, and no further
                        chance.have(session.chance_before)
        if ideas:
            outputs.insert(0, told.report(ideas))
        if failure is not None:
            outputs = [output for output in outputs if output["output_type"] != "error"]
            shown = told.error(failure, step, judge.revealed)
            if judge.work["seen"] is None:  # the author reads it
                shown["evalue"] = checks.text_of(failure) or shown["evalue"]
            name = str(failure.name) if isinstance(failure, NameError) else ""
            if name in self.wanted and (why := judge.why_not_there(name, self.place)):
                shown["evalue"] = f"there is no `{name}`: {why}"
            outputs.append(shown)
            if isinstance(failure, CannotJudge) and judge.work["seen"] is not None:
                why = "" if hasattr(failure, "learners_trace") else f" ({failure})"
                judge.notes.append(f"{judge.called(self.place)} could not judge this answer{why}: look at it by hand")
            if isinstance(failure, CannotSetBack):
                words = "the answer changes what the solution leaves, and it cannot be set back: look at it by hand"
                judge.notes.append(f"{judge.called(self.place)}: {words}")
            unasked = sorted(set().union(*(session.unasked for session in self.sessions)))
            if unasked and judge.work["seen"] is not None:
                words = (
                    "the answer's own class defines it, where the solution has plain data or none: look at it by hand"
                )
                judge.notes.append(f"{judge.called(self.place)}: {', '.join(unasked)} was not asked, as {words}")
        # Warnings are no fault of the learner's; nbgrader would give no points for a cell that writes to this stream.
        for output in outputs:
            if output.get("name") == "stderr":
                output["name"] = "stdout"
        if judge.shown:
            text = "\n".join(dict.fromkeys(judge.shown))[:20_000]
            instructor = {"data": {"text/plain": text}, "metadata": {"moi": {"for": "instructor"}}}
            outputs.append({"output_type": "display_data", **instructor})
        self.changed = any(session.changed_things for session in (*self.sessions, *self.others))
        for session in self.sessions:
            if not session.in_use:
                session.close()
        return outputs

    def _compared(self, one: Any, other: Any) -> None:
        """The test asks whether the two are one; of data it has copies, which are not."""
        if self.judge.copies is not None:
            self.judge.copies.compared(one, other)
        self.shares |= all(any(session.codec.is_mutable(each) for session in self.sessions) for each in (one, other))

    def _is_given(self, text: str) -> bool:
        return any(session.said.has(text) for session in self.sessions)

    def _may_do(self, sql: str, what: str) -> bool:
        return not self.judge.testing or all([session.may_run(sql, what) for session in self.sessions])

    def _prepare(self, session: Session) -> None:
        judge = self.judge
        session.take_changes = self.take_changes
        session.quiet = judge.revealed
        session.patches = judge.patches.now
        session.copies = judge.copies
        session.is_authors = judge.guard.is_authors
        session.cells = [judge.source(before) for before in range(self.place)]
        known = (judge.work["seen"] or {}).get(judge.staged[self.place][2])
        if known is not None and known[0] is not None:
            # What the test itself calls by name may be called also where the reference takes another branch.
            by_name = {f"{name} call {kind}" for name in self.step["calls"] for kind in ("data", "object")}
            session.allowed = frozenset(known[0]) | by_name

    def _connect(self) -> None:
        """Ask a process from now on, and have its names."""
        judge = self.judge
        session = None if self.sessions else judge.parked.pop(self.place, None)
        session = session or self._new()
        self.sessions.append(session)
        self._prepare(session)
        session.deadline = self.started + judge.timeout
        session.asked = judge.asked
        session.show = judge.show
        session.when_lost = self._reconnect
        found = {}
        with contextlib.suppress(Gone):
            found = session.names(self.wanted)
        if session is not self.sessions[-1]:  # it was lost already, and another is in its place
            return
        space, imported = judge.shell.user_ns, judge.imported
        for name in self.wanted:
            space.pop(name, None)
        space.update(found | {name: imported[name] for name in found if name in imported})
        if self.held or self.step["together"]:
            names = (*self.wanted, *self.step["binds"]) if self.step["together"] else ()
            with contextlib.suppress(Gone, Failed, CannotCross):
                session.share(space, [name for name in names if name not in imported], judge.environment)

    def _session(self) -> Session:
        return self.sessions[-1]

    def _ask(self, what: str, *given: Any) -> Any:
        return self._session().ask(what, *given)

    def _new(self) -> Session:
        """A process in which the cells before the test have run again, for which they have a time of their own."""
        began = monotonic()
        self.judge.run_cells([self.place])
        self.judge.say("at", self.place)
        self.started += monotonic() - began
        return self.judge.parked.pop(self.place)

    def _reconnect(self, gone: Gone) -> None:
        judge = self.judge
        if gone.slow:
            judge.slow.add(self.place)
            judge.lost += monotonic() - self.started
            self.started = monotonic()
        judge.notes.append(f"{judge.called(self.place)}: the learner's code was ended in the test ({gone})")
        if judge.lost <= 3 * judge.timeout and len(self.sessions) < _MOST_PROCESSES:
            self._connect()

    @contextlib.contextmanager
    def _anew(self) -> Iterator[None]:
        """What has meanwhile a learner's name is as it was where it was judged first, before any test had called it.

        Only where something before has lost points: else there is nothing that would be charged twice, and who would
        lie has nothing to gain. What has no name there is missing: what cannot be believed fails.
        """
        judge, space, homes = self.judge, self.judge.shell.user_ns, self.step["homes"]
        if self.alone or (not checks.failed and not judge.not_right):
            raise CannotJudge("nothing before has gone wrong")
        self.follows = True
        before = {name: space.pop(name) for name in self.wanted if name in space}
        try:
            for home in sorted(set(homes.values())):
                began = monotonic()
                other, found = judge.at_home(home)
                judge.say("at", self.place)
                self.started += monotonic() - began
                self._prepare(other)
                other.take_changes, other.deadline = False, monotonic() + judge.timeout
                if other not in self.others:
                    other.changed_things = False  # that was for another test
                    self.others.append(other)
                if not found:  # all at once, as that test does
                    found.update(other.names(judge.wanted(home)))
                    other.only_data = True
                mine = {name: found[name] for name in homes if homes[name] == home and name in found}
                functions = types.FunctionType, types.BuiltinFunctionType
                space.update({n: v for n, v in mine.items() if not is_remote(v) or isinstance(v, functions)})
                space.update({name: judge.imported[name] for name in mine if name in judge.imported})
            for session in self.sessions:
                session.silent = True
            yield
        finally:
            for session in self.sessions:
                session.silent = False
            for name in self.wanted:
                space.pop(name, None)
            space.update(before)
