"""What texts a learner's code has given, and in which ways they came."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from moi.grading.guard import squeezed
from moi.grading.question import parts

_MOST, _LONGEST = 1000, 10_000  # texts that are kept; characters
_SHORTEST_PART = 4  # characters: shorter ones are in anything


class Said:
    """Texts are kept as far as they are not too many; they are compared without white space, in small letters."""

    def __init__(self) -> None:
        self._texts: dict[str, set[str]] = {}  # with their ways
        self._more: set[str] = set()  # ways by which others came, that are not kept

    def note(self, found: Any, ways: Iterable[str]) -> None:
        """Note the texts in ``found``, which has come in these ways."""
        inside = ((each.values() if isinstance(each, dict) else each) for each in parts(found) if _holds_texts(each))
        ways = set(ways) or {""}
        texts = (found,) if isinstance(found, str) else itertools.chain.from_iterable(inside)
        for number, each in enumerate(texts):
            is_text = isinstance(each, str)
            if number > _MOST or len(self._texts) > _MOST or (is_text and len(each) > _LONGEST):
                self._more.update(ways)
                return
            if is_text:
                self._texts.setdefault(_plain(each), set()).update(ways)

    def has(self, text: str) -> bool:
        """Whether ``text`` has been given just so."""
        text = _plain(text)
        return text in self._texts or f"{text};" in self._texts

    def ways_of(self, text: str) -> set[str]:
        """How ``text`` can have come, or something in it or around it; nothing if it has not."""
        text, ways = _plain(text), set(self._more)
        for each, its_ways in self._texts.items():
            if each == text or text in each or (len(each) >= _SHORTEST_PART and each in text):
                ways |= its_ways
        return ways


def _plain(text: str) -> str:
    return squeezed(text).casefold()


def _holds_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset, dict))
