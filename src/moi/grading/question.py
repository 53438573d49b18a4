"""One question of the judge's to a learner's process: what goes over with it, and where in that a thing lies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from moi.grading.codec import ATOMS, Codec
from moi.grading.learner import PAIRS
from moi.grading.remote import is_remote, known
from moi.grading.snapshot import VIEWS, Snapshot

UNKNOWN = -1  # place of what lies in no argument, as far as can be seen
_CAME = "what came by "
MADE = "what the answer makes"  # of classes of the test's
_PARTS = ("__iter__", "__next__", "__reversed__", "__getitem__", "__enter__", "__await__", "__aiter__", "__anext__",
          "__aenter__")  # fmt: skip
_USUAL = {f"__i{name}__": f"__{name}__" for name in PAIRS}  # what Python asks where a class has not the first
_DEEPEST = 5  # of lists in each other


@dataclass
class Question:
    """``ways`` are how the test comes by the answer, ``arguments`` what goes over with it."""

    snapshot: Snapshot  # of what may change with it
    ways: frozenset[str] = frozenset()
    arguments: tuple[Any, ...] = ()
    looked: int = -1  # whether the arguments are in the snapshot: only their places (0), or as they are (1)
    touched: bool = False  # whether the learner's code has used an object since a function of the test's was called
    asked_back: bool = False  # whether the learner's code asks for something meanwhile
    asked_of: int | str | None = None  # where what it asks now lies
    steady: bool = False  # whether it is asked of an object that stands in the place of data
    inside: dict[int, tuple[Any, int | str]] = field(default_factory=dict)  # what objects have given, by id; and where

    @classmethod
    def of(cls, what: str, given: tuple[Any, ...], codec: Codec) -> Question:
        target = next(iter(given[2]), None) if what == "apply" else next(iter(given), None)
        steady = is_remote(target) and bool(known(target).steady)
        return cls(Snapshot(codec), _ways(what, given), _arguments(what, given), steady=steady)

    @property
    def way(self) -> str:
        """The first of the ways."""
        return min(self.ways, default="")

    def origin(self, place: int | str) -> str:
        """The same of a ``place``, for other questions."""
        return place if isinstance(place, str) else f"{_CAME}{self.way} {place}"

    def follows(self, origin: str) -> bool:
        """Whether it is asked of what has come of the question by which a thing came."""
        maker = origin.removeprefix(_CAME).rpartition(" ")[0]
        return any(way.startswith(maker) for way in self.ways)

    def first_argument(self, number: int, numbers: dict[int, int]) -> int:
        """The last argument that was numbered up to ``number``; by id, those that can change have ``numbers``."""
        place, first = UNKNOWN, -1
        for each, argument in enumerate(self.arguments):
            if first < (own := _first_in(argument, numbers, number + 1)) <= number:
                place, first = each, own
        return place


def parts(value: Any, depth: int = 0) -> Iterator[Any]:
    """``value``, and what lies in it if it is a list or the like."""
    yield value
    if depth > _DEEPEST or is_remote(value):
        return
    inside: Iterable[Any] = ()
    if isinstance(value, dict):
        inside = (*value, *value.values())
    elif isinstance(value, (list, tuple, set, frozenset, *VIEWS)):
        inside = value
    for part in inside:
        if type(part) not in ATOMS:
            yield from parts(part, depth + 1)


def _first_in(value: Any, numbers: dict[int, int], otherwise: int) -> int:
    """The number of a thing, or, of a tuple or a view, which has none, of the first in it."""
    if isinstance(value, (tuple, *VIEWS)):
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
            step = "" if given[1] in _PARTS else f".{_USUAL.get(given[1], given[1])}!"
        case _:
            return frozenset((f"{what}!",))
    ways = known(given[0]).ways if is_remote(given[0]) else {"an error"}
    return frozenset((way + step)[-200:] for way in sorted(ways)[:8])
