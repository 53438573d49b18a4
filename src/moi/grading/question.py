"""One question of the judge's to a learner's process: what goes over with it, and where in that a thing lies."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from moi.grading.remote import is_remote, known

UNKNOWN = -1  # place of what lies in no argument, as far as can be seen
MADE = "what the answer makes"  # of classes of the test's
_PARTS = ("__iter__", "__next__", "__reversed__", "__getitem__", "__enter__", "__await__", "__aiter__", "__anext__",
          "__aenter__")  # fmt: skip
_VIEWS = (KeysView, ValuesView, ItemsView)
_DEEPEST = 5  # of lists in each other
_ATOMS = (int, float, str, bytes, bool, type(None))


@dataclass
class Question:
    """``ways`` are how the test comes by the answer, ``arguments`` what goes over with it."""

    ways: frozenset[str] = frozenset()
    arguments: tuple[Any, ...] = ()
    asked_back: bool = False  # whether the learner's code asks for something meanwhile
    asked_of: int | str | None = None  # where what it asks now lies
    inside: dict[int, tuple[Any, int | str]] = field(default_factory=dict)  # what objects have given, by id; and where
    watched: dict[int, tuple[Any, bytes, int | str]] = field(default_factory=dict)  # objects in use, as they were

    @classmethod
    def of(cls, what: str, given: tuple[Any, ...]) -> Question:
        return cls(_ways(what, given), _arguments(what, given))

    @property
    def way(self) -> str:
        """The first of the ways."""
        return min(self.ways, default="")

    def place_of(self, things: Iterable[Any]) -> int | str:
        """Where the first of the ``things`` lies of which that can be told: in which argument, or in what else."""
        for thing in things:
            if (found := self._places.get(id(thing)) or self.inside.get(id(thing))) is not None:
                return found[1]
        return UNKNOWN

    def origin(self, place: int | str) -> str:
        """The same of a ``place``, for other questions."""
        return place if isinstance(place, str) else f"what came by {self.way} {place}"

    def first_argument(self, number: int, numbers: dict[int, int]) -> int:
        """The last argument that was numbered up to ``number``; by id, those that can change have ``numbers``."""
        place, first = UNKNOWN, -1
        for each, argument in enumerate(self.arguments):
            if first < (own := _first_in(argument, numbers, number + 1)) <= number:
                place, first = each, own
        return place

    @cached_property
    def _places(self) -> dict[int, tuple[Any, int]]:
        """The arguments and what lies in them, by id, each with the place of the first argument in which it does."""
        found = {id(argument): (argument, place) for place, argument in reversed([*enumerate(self.arguments)])}
        for place, argument in enumerate(self.arguments):
            for part in parts(argument):
                found.setdefault(id(part), (part, place))
        return found


def parts(value: Any, depth: int = 0) -> Iterator[Any]:
    """``value``, and what lies in it if it is a list or the like."""
    yield value
    if depth > _DEEPEST or is_remote(value):
        return
    inside: Iterable[Any] = ()
    if isinstance(value, dict):
        inside = (*value, *value.values())
    elif isinstance(value, (list, tuple, set, frozenset, *_VIEWS)):
        inside = value
    for part in inside:
        if type(part) not in _ATOMS:
            yield from parts(part, depth + 1)


def _first_in(value: Any, numbers: dict[int, int], otherwise: int) -> int:
    """The number of a thing, or, of a tuple or a view, which has none, of the first in it."""
    if isinstance(value, (tuple, *_VIEWS)):
        return min((_first_in(item, numbers, otherwise) for item in value), default=otherwise)
    return numbers.get(id(value), otherwise)


def _arguments(what: str, given: Any) -> tuple[Any, ...]:
    """What goes over with a question, in which the learner's code may change something."""
    match what:
        case "call":
            return (*given[1], *(value for _, value in given[2]))
        case "special":
            return tuple(given[2])
        case "set":
            return (given[2],)
        case "evaluate":
            return (*given[2], *given[3].values())
    return ()


def _ways(what: str, given: Any) -> frozenset[str]:
    """How a test comes by what it asks for: ``cart.items()`` for the answer of the method of ``cart``."""
    match what:
        case "call":
            step = "()"
        case "get":
            step = f".{given[1]}"
        case "special":
            step = "" if given[1] in _PARTS else f".{given[1]}!"
        case _:
            return frozenset((f"{what}!",))
    ways = known(given[0]).ways if is_remote(given[0]) else {"an error"}
    return frozenset((way + step)[-200:] for way in sorted(ways)[:8])
