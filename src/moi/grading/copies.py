"""What is the same thing for a test: a learner's object that comes by two ways is, and a copy is not what it is of."""

from __future__ import annotations

import ast
import unittest
from collections.abc import Callable, Iterable
from typing import Any

from moi.grading.codec import Codec
from moi.grading.remote import is_remote, is_same, known

_OF_UNITTEST = {name: getattr(unittest.TestCase, name) for name in ("assertIs", "assertIsNot")}
_SAME, _NUMBER = "__moi_same__", "__moi_id__"
_MOST, _LARGEST = 50, 100_000  # things, each of so many bytes, that are looked at again at each question,
_MOST_LOOKS = 1_000_000  # until so many bytes have been looked at


def watch(space: dict[str, Any], noted: Callable[[Any, Any], None]) -> None:
    """Have a cell that :class:`Watched` has transformed find in ``space`` what it needs; each look is ``noted``.

    The same holds for ``assertIs`` and ``assertIsNot``.
    """

    def same(one: Any, other: Any, sought: bool) -> bool:
        noted(one, other)
        return is_same(one, other) is sought

    def number(*given: Any) -> Any:
        noted(given[0], given[0])
        if "id" in space:
            return space["id"](*given)
        own = is_remote(given[0]) and known(given[0])
        return id(own.session) + own.handle if own else id(*given)

    space[_SAME], space[_NUMBER] = same, number
    for name, method in _OF_UNITTEST.items():
        setattr(unittest.TestCase, name, _alike(method, noted))


def _alike(method: Callable[..., None], noted: Callable[[Any, Any], None]) -> Callable[..., None]:
    def asserted(case: Any, one: Any, other: Any, *given: Any, **named: Any) -> None:
        noted(one, other)
        method(case, one, one if is_same(one, other) else other, *given, **named)

    return asserted


class Copies:
    """The data of one test that have crossed, if they can be changed: it may take a copy for the thing itself."""

    def __init__(self) -> None:
        self._got: dict[int, Any] = {}  # by id
        self._crossed: dict[int, tuple[Any, bytes]] = {}  # by id, as they were when they crossed last
        self._mistaken = False
        self._looked = 0  # bytes
        self._codec = Codec(lambda value: str(id(value)), lambda form: form)

    def crossed(self, things: Iterable[Any], result: Any) -> None:
        """The ``things`` have crossed, and the test has got the ``result``."""
        if self._codec.is_mutable(result):
            self._got[id(result)] = result
        for thing in things:
            state = self._codec.state(thing)
            if len(state) < _LARGEST:
                self._crossed.pop(id(thing), None)
                self._crossed[id(thing)] = thing, state
        for oldest in list(self._crossed)[:-_MOST]:
            del self._crossed[oldest]

    def compared(self, one: Any, other: Any) -> None:
        """The test asks whether the two are one."""
        self._mistaken |= id(one) in self._got and id(other) in self._got

    def mistaken(self) -> bool:
        """Whether the test has compared copies by ``is``, or has changed by now what had crossed."""
        self._mistaken = self._mistaken or any(self._codec.state(one) != was for one, was in self._crossed.values())
        return self._mistaken

    def look(self) -> None:
        """See whether the test has changed anything so far, as what crosses now may change it too."""
        if not self._mistaken and self._looked < _MOST_LOOKS:
            self._looked += sum(len(was) for _, was in self._crossed.values())
            self.mistaken()


class Watched(ast.NodeTransformer):
    """Has ``is`` and ``id`` ask :func:`watch`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(ast.Name("id"), [_], []):
                node.func = ast.copy_location(ast.Name(_NUMBER, ast.Load()), node.func)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Compare(left, [ast.Is() | ast.IsNot() as op], [right]) if not isinstance(right, ast.Constant):
                sought = ast.Constant(isinstance(op, ast.Is))
                call = ast.Call(ast.Name(_SAME, ast.Load()), [left, right, sought], [])
                return ast.fix_missing_locations(ast.copy_location(call, node))
        return node
