"""What texts a learner's code has given, and in which ways they came."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator
from types import FunctionType, SimpleNamespace
from typing import Any

from moi.grading.codec import ATOMS
from moi.grading.guard import squeezed
from moi.grading.insides import fields_of, is_array, module_of
from moi.grading.remote import is_remote
from moi.grading.snapshot import VIEWS

_MOST, _LONGEST = 1000, 10_000  # texts that are kept; characters
_SHORTEST_PART = 4  # characters: shorter ones are in anything
_DEEPEST = 8  # of things in each other


class Said:
    """Texts are kept as far as they are not too many; they are compared without white space, in small letters."""

    def __init__(self) -> None:
        self._texts: dict[str, set[str]] = {}  # with their ways
        self._more: set[str] = set()  # ways by which others came, that are not kept

    def note(self, found: Any, ways: Iterable[str]) -> None:
        """Note the texts in ``found``, which has come in these ways."""
        ways = set(ways) or {""}
        for number, each in enumerate(_texts_in(found)):
            if number > _MOST or len(self._texts) > _MOST or len(each) > _LONGEST:
                self._more.update(ways)
                return
            self._texts.setdefault(_plain(each), set()).update(ways)

    def has(self, text: str) -> bool:
        """Whether ``text`` has been given just so."""
        return _plain(text) in self._texts

    def ways_of(self, text: str) -> set[str]:
        """How ``text`` can have come, or something in it or around it; nothing if it has not."""
        text, ways = _plain(text), set(self._more)
        for each, its_ways in self._texts.items():
            if each == text or text in each or (len(each) >= _SHORTEST_PART and each in text):
                ways |= its_ways
        return ways


def _plain(text: str) -> str:
    return squeezed(text).casefold().rstrip("; ")


def _texts_in(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _DEEPEST and type(value) not in ATOMS and not is_remote(value):
        for part in _inside(value):
            yield from _texts_in(part, depth + 1)


def _inside(value: Any) -> Iterable[Any]:
    """What lies in data of any kind, as far as there may be texts in it."""
    if isinstance(value, dict):
        return (*value, *value.values())
    if isinstance(value, (list, tuple, set, frozenset, collections.deque, *VIEWS)):
        return value
    if isinstance(value, (type, FunctionType)):
        return ()
    if is_array(value):
        return value.ravel().tolist() if value.dtype.kind in "OUTV" else ()
    if module_of(value).partition(".")[0] == "pandas" and hasattr(value, "to_numpy"):
        return (*getattr(value, "axes", ()), value.to_numpy())
    if isinstance(value, SimpleNamespace):
        return vars(value).values()
    return (fields_of(value) or {}).values() if module_of(value) == "__main__" else ()
