"""What a test and the learner's code have together: names, the environment, and what the test opens and draws."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from types import FunctionType
from typing import Any

from moi.grading.codec import Codec, assign

_NOTHING = object()


class Names:
    """One side's end of shared things, by the names that they have in ``space``: it says what has changed there."""

    def __init__(self, space: dict[Any, Any], names: Iterable[Any], codec: Codec) -> None:
        self.space = space
        self.codec = codec
        self.known = {name: self._now(name) for name in names}

    def add(self, name: Any, thing: Any) -> None:
        """Have another thing together, which is the same on both sides."""
        self.space[name] = thing
        self.known[name] = self._now(name)

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
            if same is True and type(value) is type(thing) and self.codec.is_mutable(value):
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


# What a test makes by these, for a learner's function to use, is made where that function runs; None: by all.
_MADE_THERE: dict[str, tuple[str, ...] | None] = {"matplotlib.pyplot": None, "sqlite3": ("connect",)}
_READ_HERE = ("imread",)


@contextlib.contextmanager
def made_there(space: dict[str, Any], text: str, kept: Collection[str], ask: Callable[..., Any]) -> Iterator[None]:
    """Have what a test draws, and databases and files that it opens, over there; but files that are ``kept`` here.

    ``space`` are the test's names, ``text`` is its source; ``ask`` asks for a function of a module.
    """

    def forwarded(module: str, name: str, function: Any) -> Any:
        @functools.wraps(function)
        def there(*given: Any, **named: Any) -> Any:
            return ask("apply", module, name, given, tuple(named.items()))

        return there

    def opened(file: Any, *given: Any, **named: Any) -> Any:
        path = os.fspath(file) if isinstance(file, (str, os.PathLike)) else None
        inside = os.path.relpath(path) if path is not None else ".."
        here = inside in kept or inside.startswith("..")
        return usual(file, *given, **named) if here else open_there(path, *given, **named)

    usual = space.get("open", open)  # IPython has one of its own
    open_there, before = forwarded("builtins", "open", open), list[tuple[Any, str, Any]]()
    space["open"] = opened
    try:
        for module, names in _MADE_THERE.items():
            if module in sys.modules or module.partition(".")[0] in text:
                place = importlib.import_module(module)
                public = {name: found for name, found in vars(place).items() if not name.startswith("_")}
                functions = [name for name, found in public.items() if isinstance(found, FunctionType)]
                functions = [name for name in functions if name not in _READ_HERE]
                before += [(place, name, public[name]) for name in names or functions]
        for place, name, function in before:
            setattr(place, name, forwarded(place.__name__, name, function))
        yield
    finally:
        for place, name, function in before:
            setattr(place, name, function)
        if space.get("open") is opened:
            space["open"] = usual
