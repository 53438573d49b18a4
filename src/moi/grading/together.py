"""What a test and the learner's code have together: names, the environment, and what one side keeps of the other's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from moi.grading import logged
from moi.grading.codec import Codec
from moi.grading.crossing import Crossing, assign
from moi.grading.line import plain

if TYPE_CHECKING:
    from moi.grading.session import Session

_NOTHING = object()


class Names:
    """One side's end of shared things, by the names that they have in ``space``: it says what has changed there."""

    def __init__(self, space: dict[Any, Any], names: Iterable[Any], codec: Codec) -> None:
        self.space = space
        self.codec = codec
        self.known = {name: self._now(name) for name in names}

    def changes(self) -> dict[Any, list[Any]]:
        """By name, since last time: whether it is still the same thing, and the thing."""
        found = {}
        for name, before in self.known.items():
            thing, state = now = self._now(name)
            same = thing is before[0]
            if thing is not _NOTHING and not (same and state == before[1]):
                found[name] = [same, thing]
                self.known[name] = now
        return found

    def take(self, changes: Mapping[Any, Any]) -> None:
        """Have the same here; what is changed in place there is changed in place here."""
        for name, (same, value) in changes.items():
            if name not in self.known:
                continue
            thing = self.known[name][0]
            if value is thing:
                pass
            elif same is True and type(value) is type(thing) and self.codec.is_mutable(value):
                assign(thing, value)
            else:
                self.space[name] = value
            self.known[name] = self._now(name)

    def _now(self, name: Any) -> tuple[Any, bytes]:
        thing = self.space.get(name, _NOTHING)
        return thing, self.codec.state(thing)


class Environment:
    """One side's end of the environment, which either side changes: what has changed here ``since``."""

    def __init__(self, since: Mapping[str, str]) -> None:
        self.known: MutableMapping[str, str] = dict(since)

    def changes(self) -> dict[str, str | None]:
        """Since last time; None for what is no longer there."""
        before, self.known = self.known, dict(os.environ)
        names = self.known.keys() | before.keys()
        return {name: self.known.get(name) for name in names if self.known.get(name) != before.get(name)}

    def take(self, changes: Mapping[str, str | None]) -> None:
        """Have the same here, as far as it can be."""
        for name, value in changes.items():
            with contextlib.suppress(TypeError, ValueError, OSError):
                for environment in (os.environ, self.known):
                    if value is None:
                        environment.pop(name, None)
                    else:
                        environment[name] = value


class Shared:
    """The judge's end of all that the test and the code in one process have together.

    ``names`` are those in the test's ``space``. The environment here was that ``environment`` before the test.
    """

    def __init__(
        self, session: Session, space: dict[str, Any], names: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self._session, session.together = session, Crossing()
        named, theirs = (plain(part, dict) for part in plain(session.plainly("share", list(names)), tuple))
        space.update({name: value for name, value in named.items() if name in names})
        self._names = Names(space, names, session.codec)
        self._environment = Environment(environment)
        self._levels = logged.levels()  # of loggers
        self._sent_levels: dict[str, int] = {}
        with session.by(("the cells",)):
            self._take_environment(theirs)

    def bring_over(self) -> None:
        """Have over there what the test has bound."""
        before, self._sent_levels = self._sent_levels, dict(logged.levels().items() - self._levels.items())
        changes = self._names.changes(), self._environment.changes()
        if any(changes) or before != self._sent_levels:
            self._session.plainly("take", *changes, self._sent_levels)

    def bring_back(self) -> None:
        """Have here what the learner's code has bound."""
        changes = plain(self._session.plainly("changes", follows=bool(self._names.known)), tuple)
        names, environment = (plain(part, dict) for part in changes)
        others = {name for name in names if not self._session.meant(f"changes the name {name}")}
        self._names.take(self._session.taken(names, others))
        self._take_environment(environment)

    def _take_environment(self, changes: dict[str, Any]) -> None:
        """Have here what the learner's code has set, as far as the reference sets it as well."""
        texts = {name: value for name, value in changes.items() if isinstance(name, str)}
        meant = self._session.meant
        self._environment.take({name: value for name, value in texts.items() if meant(f"sets {name}")})
