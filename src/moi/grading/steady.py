"""A learner's object in the place of data is read once: until somebody changes it, it says what it has said before."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from moi.grading.codec import Codec, can_change
from moi.grading.learner import PAIRS
from moi.grading.question import parts
from moi.grading.remote import is_remote, known

DATA, IN_ORDER, A_MAPPING = "gives data", "gives data in order", "gives a mapping"
# Methods of Python's and of libraries' data that change them.
_CHANGING = frozenset(
    """
    append appendleft add clear difference_update discard extend extendleft fill insert intersection_update pop popitem
    popleft put remove resize reverse rotate setdefault sort subtract symmetric_difference_update update write
    close send throw __delitem__ __setitem__
    """.split()  # noqa: SIM905
) | {f"__i{name}__" for name in PAIRS}


def kinds(found: Any) -> set[str]:
    """What a use of the reference gives, as far as it is data."""
    if found is None or is_remote(found):
        return set()
    inside = list(itertools.islice(parts(found), 1000))
    gives = {DATA}
    if any(isinstance(each, (list, tuple, range)) or hasattr(type(each), "ndim") for each in inside):
        gives.add(IN_ORDER)
    if any(isinstance(each, (dict, set, frozenset)) for each in inside):
        gives.add(A_MAPPING)
    return gives


class Steady:
    """What such objects have said in one test. ``codec`` tells questions apart."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._said: dict[int, dict[Any, Any]] = {}  # by handle, and question
        self._any = False

    def begin(self, remote: Any, place: str) -> None:
        """Have ``remote`` be such an object, in a ``place`` where there are data; or data in order."""
        known(remote).steady = place
        self._any = True

    def forget(self, handle: int) -> None:
        """It has come again, and may be otherwise now."""
        self._said.pop(handle, None)

    def ask(self, what: str, given: tuple[Any, ...], ask: Callable[[], Any], live: bool) -> Any:
        """What ``ask`` gives, or has given to the same question. ``live`` objects may change with any call."""
        if not self._any or what not in ("call", "get", "special", "set", "delete"):
            return ask()
        target, *rest = given
        if not (is_remote(target) and known(target).steady):
            if (live and what != "get") or any(is_remote(each) and known(each).steady for each in parts(rest)):
                self._said.clear()
            return ask()
        names = {rest[0]} if what != "call" else {way.rpartition(".")[2] for way in known(target).ways}
        if what in ("set", "delete") or (what != "get" and not names.isdisjoint(_CHANGING)):
            self._said.clear()
            return ask()
        if rest[0] == "__next__":
            return ask()
        if rest[0] == "__iter__":
            read: _Read = self._once(target, "in it", lambda: _Read(ask()))
            return iter(read)
        if known(target).steady == IN_ORDER and hasattr(type(target), "__iter__"):
            match rest:  # of the iterator, as `list` would ask the object for its length
                case ("__len__", ()):
                    return len(list(iter(target)))
                case ("__reversed__", ()):
                    return reversed(list(iter(target)))
                case ("__getitem__", (int() | slice() as key,)):
                    return list(iter(target))[key]
        said = self._once(target, (what, self._codec.state(rest)), ask)
        return copy.copy(said) if what == "call" and can_change(said) else said

    def _once(self, target: Any, question: Any, ask: Callable[[], Any]) -> Any:
        said = self._said.setdefault(known(target).handle, {})
        if question not in said:
            said[question] = ask()
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
