"""A learner's object in the place of data is read once: until somebody changes it, it says what it has said before.

Where it stands for a list, a set or a dictionary, all that it says follows from what is in it.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from moi.grading.codec import Codec, can_change, data_classes
from moi.grading.learner import PAIRS
from moi.grading.question import parts
from moi.grading.remote import NO_PLAIN_VALUE, CannotJudge, is_remote, known

KINDS = LIST, SET, DICTIONARY, TEXT, TABLE, DATA = "a list", "a set", "a dictionary", "a text", "a table", "data"
# Methods of Python's and of libraries' data that change them.
_CHANGING = frozenset(
    """
    append appendleft add clear difference_update discard extend extendleft fill insert intersection_update pop popitem
    popleft put remove resize reverse rotate setdefault sort subtract symmetric_difference_update update write
    close send throw __delitem__ __setitem__
    """.split()  # noqa: SIM905
) | {f"__i{name}__" for name in PAIRS}
# What is done here with what is in it, by what it stands for.
_FOLLOWS: dict[str, tuple[type, tuple[str, ...]]] = {
    LIST: (list, ("copy", "count", "index")),
    SET: (set, ("copy", "difference", "intersection", "isdisjoint", "issubset", "issuperset", "union")),
    DICTIONARY: (dict, ("copy", "get", "items", "keys", "values")),
}


@functools.cache
def methods_of_data() -> frozenset[str]:
    """The names that an attribute of data may have."""
    return frozenset(name for kind in data_classes() for name in dir(kind) if not name.startswith("_")) - {"get"}


def kinds(found: Any) -> set[str]:
    """What the reference gives, as far as it is data, and what such can lie in it."""
    whole, *inside = map(_kind, itertools.islice(parts(found), 1000))
    return {f"gives {whole}"} | {f"holds {kind}" for kind in inside if kind and kind != DATA} if whole else set()


def _kind(found: Any) -> str:
    if found is None or is_remote(found):
        return ""
    if isinstance(found, (list, tuple, range)) or type(found).__name__ == "ndarray":
        return LIST
    if isinstance(found, (str, bytes)):
        return TEXT
    if hasattr(type(found), "ndim") and hasattr(type(found), "iloc"):
        return TABLE
    return DICTIONARY if isinstance(found, dict) else SET if isinstance(found, (set, frozenset)) else DATA


def only_kind(verb: str, ways: Iterable[str], noted: frozenset[str]) -> str:
    """What kind of data the reference ``verb`` by these ``ways``, as is ``noted``, if it is always the same kind."""
    found = [kind for kind in KINDS if any(f"{way} {verb} {kind}" in noted for way in ways)]
    return found[0] if len(found) == 1 else DATA


class Steady:
    """What such objects have said in one test. ``codec`` tells questions apart, and ``ask`` asks them."""

    def __init__(self, codec: Codec, ask: Callable[..., Any]) -> None:
        self._codec = codec
        self._ask = ask
        self._said: dict[int, dict[Any, Any]] = {}  # by handle, and question
        self._any = False

    def begin(self, remote: Any, kind: str) -> None:
        """Have ``remote`` be such an object, in the place of data of this ``kind``."""
        known(remote).steady = kind
        self._any = True

    def forget(self, handle: int) -> None:
        """It has come again, and may be otherwise now."""
        self._said.pop(handle, None)

    def ask(self, what: str, given: tuple[Any, ...], live: bool) -> Any:
        """The answer to a question, or what it was before. ``live`` objects may change with any call."""
        if not self._any or what not in ("call", "get", "special", "set", "delete"):
            return self._ask(what, *given)
        target, *rest = given
        if not (is_remote(target) and known(target).steady):
            if (live and what != "get") or any(is_remote(each) and known(each).steady for each in parts(rest)):
                self._said.clear()
            return self._ask(what, *given)
        names = {rest[0]} if what != "call" else {way.rpartition(".")[2] for way in known(target).ways}
        if what in ("set", "delete") or (what != "get" and not names.isdisjoint(_CHANGING)):
            self._said.clear()
            return self._ask(what, *given)
        if what == "special" and rest[0] == "__next__":
            return self._ask(what, *given)
        kind = known(target).steady
        if what == "special" and rest[0] == "__iter__" and kind not in (TEXT, TABLE):
            return self._iterator(target)
        like, methods = _FOLLOWS.get(kind, (None, ()))
        refused = what == "get" and rest[0] in methods_of_data() - _CHANGING - {*methods}
        if kind in (TEXT, TABLE):
            refused = refused or (what == "special" and rest[0] in ("__iter__", "__len__", "__getitem__"))
        if refused and kind != DATA:
            self._once(target, what, *rest)  # the object has to have it
            raise CannotJudge(NO_PLAIN_VALUE)
        if like is not None:
            match what, rest:
                case "get", [str(name)] if name in methods:
                    self._once(target, what, name)  # the object has to have it
                    return getattr(self._content(target, like), name)
                case "special", ["__len__", ()]:
                    return len(self._content(target, like))
                case "special", ["__reversed__", ()] if like is list:
                    return reversed(self._content(target, like))
                case "special", ["__getitem__", (int() | slice() as key,)] if like is list:
                    return self._content(target, like)[key]
        said = self._once(target, what, *rest)
        return copy.copy(said) if what == "call" and can_change(said) else said

    def equals(self, one: Any, other: Any) -> Any:
        """Whether ``one`` has in it what ``other`` has, data or another such object; if that can be said."""
        like, _ = _FOLLOWS.get(known(one).steady, (None, ()))
        if like is None or hasattr(type(one), "__next__"):
            return NotImplemented
        if is_remote(other):
            if known(other).steady != known(one).steady:
                return NotImplemented
            other = self._content(other, like)
        if not isinstance(other, (list, tuple) if like is list else (like, frozenset) if like is set else like):
            return NotImplemented
        return self._content(one, like) == like(other)

    def is_true(self, target: Any) -> bool:
        """Whether there is something in it, where it stands for a list or the like."""
        like, _ = _FOLLOWS.get(known(target).steady, (None, ()))
        return like is None or bool(self._content(target, like))

    def _content(self, target: Any, like: type) -> Any:
        """What is in it, as data of the class ``like``."""
        said = self._said.setdefault(known(target).handle, {})
        if like not in said:
            said[like] = self._dictionary(target) if like is dict else like(self._values(target))
        return said[like]

    def _dictionary(self, target: Any) -> dict[Any, Any]:
        if not hasattr(type(target), "__getitem__"):
            raise CannotJudge(NO_PLAIN_VALUE)
        keys = self._iterator(target) if hasattr(type(target), "__iter__") else self._ask("get", target, "keys")()
        return {key: self._once(target, "special", "__getitem__", (key,)) for key in keys}

    def _values(self, target: Any) -> Iterator[Any]:
        if hasattr(type(target), "__iter__"):
            yield from self._iterator(target)
            return
        if not hasattr(type(target), "__getitem__"):
            raise CannotJudge(NO_PLAIN_VALUE)
        with contextlib.suppress(IndexError):
            for place in itertools.count():
                yield self._once(target, "special", "__getitem__", (place,))

    def _iterator(self, target: Any) -> Iterator[Any]:
        """What goes through it: from the start each time, but for an iterator, which has one end."""
        said = self._said.setdefault(known(target).handle, {})
        if "read" not in said:
            read = _Read(self._ask("special", target, "__iter__", ()))
            said["read"] = iter(read) if hasattr(type(target), "__next__") else read
        return iter(said["read"])

    def _once(self, target: Any, what: str, *rest: Any) -> Any:
        said, question = self._said.setdefault(known(target).handle, {}), (what, self._codec.state(rest))
        if question not in said or not question[1]:  # that cannot be told from others
            said[question] = self._ask(what, target, *rest)
        return said[question]


class _Read:
    """What an object has in it, taken from it as far as somebody looks."""

    def __init__(self, rest: Any) -> None:
        self._taken: list[Any] = []
        self._rest = rest

    def __iter__(self) -> Iterator[Any]:
        for place in itertools.count():
            if place == len(self._taken):
                try:
                    self._taken.append(next(self._rest))
                except StopIteration:
                    self._rest = iter(())
                    return
            yield self._taken[place]
