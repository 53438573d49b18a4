"""What crosses in one call: its mutable things by number, so that a change over there can be made here as well."""

from __future__ import annotations

import collections
import contextlib
import copy
import dataclasses
import io
import random
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from moi.grading.libraries import is_sparse
from moi.grading.scalars import CannotCross


class There:
    """Base of what stands for an object of the other side."""


class State(NamedTuple):
    """How a thing is: its ``form``, and what lies in it if that is the same as long as these are the same."""

    form: bytes
    parts: list[Any] | None


@dataclasses.dataclass
class Crossing:
    """The mutable things of one call, so that what the other side changes in them can be brought back."""

    things: dict[int, Any] = dataclasses.field(default_factory=dict)  # by number
    numbers: dict[int, int] = dataclasses.field(default_factory=dict)  # by id
    states: dict[int, State] = dataclasses.field(default_factory=dict)  # as they crossed
    handles: list[Any] = dataclasses.field(default_factory=list)  # what is no data
    passing: list[int] | None = None  # numbers that hold for one look only
    # Of what is hashed with its parts, as how many it then counts, and how many levels it has:
    sizes: dict[int, tuple[int, int]] = dataclasses.field(default_factory=dict)
    met: tuple[int, int] = (0, 0)  # of the parts that have just been named

    looked: int = 0  # how many bytes have been looked at for changes, while it is open

    @classmethod
    def within(cls, outer: Crossing | None) -> Crossing:
        """One in which the things of ``outer`` have their numbers already."""
        return cls() if outer is None else cls(dict(outer.things), dict(outer.numbers), dict(outer.states))

    def add(self, thing: Any, number: int | None = None) -> int:
        if number is None:
            number = len(self.things) if self.passing is None else -1 - len(self.passing)
        self.things[number] = thing
        self.numbers[id(thing)] = number
        if self.passing is not None:
            self.passing.append(number)
        return number

    @contextlib.contextmanager
    def look(self) -> Iterator[None]:
        """Forget afterwards what is numbered meanwhile: some forms are made of things that are new each time."""
        self.passing = []
        try:
            yield
        finally:
            self.forget(self.passing)
            self.passing = None

    def forget(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            del self.numbers[id(self.things.pop(number))]

    def separate(self) -> None:
        """Put copies in the place of the things, as they are to each other."""
        memory: dict[int, Any] = {id(other): other for other in self.handles}
        memory |= {id(thing): thing for thing in self.things.values() if issubclass(type(thing), There)}
        others = {n: thing for n, thing in self.things.items() if id(thing) not in memory}
        # First those that may hold any others: then no copy goes from one to the next, however long a chain.
        holding = {n: copy.copy(thing) for n, thing in others.items() if _may_hold(thing)}
        memory |= {id(others[n]): copied for n, copied in holding.items()}
        try:
            for n in sorted(others.keys() - holding.keys(), reverse=True):
                self.things[n] = copy.deepcopy(others[n], memory)
            for n, copied in holding.items():
                assign(copied, copy.deepcopy(copied, memory))
                self.things[n] = copied
        except RecursionError:
            raise CannotCross("it is nested too deeply") from None


def _has_fields(kind: type) -> bool:
    return kind is types.SimpleNamespace or kind.__module__ == "__main__" or is_sparse(kind)


def _may_hold(thing: Any) -> bool:
    """Whether a copy of ``thing`` can be filled anew with things of any kind."""
    kind = type(thing)
    holds = (list, dict, set, collections.deque)
    return isinstance(thing, holds) or (_has_fields(kind) and hasattr(thing, "__dict__"))


def assign(thing: Any, value: Any) -> None:
    """Give ``thing`` the content of ``value``, which is of its kind."""
    if _has_fields(type(thing)):
        fields: Mapping[str, Any] = vars(value)
        vars(thing).clear()
        vars(thing).update(fields)
    elif isinstance(thing, (list, bytearray)):
        thing[:] = value
    elif isinstance(thing, (dict, set)):
        thing.clear()
        thing.update(value)
        if isinstance(thing, collections.defaultdict):
            thing.default_factory = value.default_factory
    elif isinstance(thing, collections.deque):
        thing.clear()
        thing.extend(value)
    elif isinstance(thing, random.Random):
        thing.setstate(value.getstate())
    elif isinstance(thing, (io.StringIO, io.BytesIO)):
        thing.seek(0)
        thing.truncate()
        thing.write(value.getvalue())
        thing.seek(value.tell())
    elif hasattr(thing, "_update_inplace"):  # a frame or series
        thing._update_inplace(value)
        if thing.ndim == 1:
            thing.name = value.name
        thing.attrs.update(value.attrs)
    elif hasattr(thing, "bit_generator"):
        thing.bit_generator.state = value.bit_generator.state
    elif hasattr(thing, "get_state"):
        thing.set_state(value.get_state())
    elif hasattr(thing, "dtype"):
        if thing.size != value.size:  # other memory, and views of it may be in use
            raise CannotCross("an array that is larger or smaller than it was")
        if thing.shape != value.shape:
            thing.shape = value.shape
        thing[...] = value
    else:
        raise CannotCross("a change of what does not change")
