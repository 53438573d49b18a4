"""What is the same thing for a test: a learner's object that comes by two ways is, and a copy is not what it is of."""

from __future__ import annotations

import ast
import unittest
from collections.abc import Callable
from typing import Any

from moi.grading.codec import Codec
from moi.grading.remote import is_same

_SAME = "__moi_same__"


def watch(space: dict[str, Any], noted: Callable[[Any, Any], None]) -> None:
    """Have a cell that :class:`Watched` has transformed find in ``space`` what it needs; each look is ``noted``."""

    def same(one: Any, other: Any, sought: bool) -> bool:
        noted(one, other)
        return is_same(one, other) is sought

    space[_SAME] = same


def watch_unittest() -> None:
    """Have the same hold for ``assertIs`` and ``assertIsNot``."""
    for name in ("assertIs", "assertIsNot"):
        setattr(unittest.TestCase, name, _alike(getattr(unittest.TestCase, name)))


def _alike(method: Callable[..., None]) -> Callable[..., None]:
    def asserted(case: Any, one: Any, other: Any, *given: Any, **named: Any) -> None:
        method(case, one, one if is_same(one, other) else other, *given, **named)

    return asserted


class Copies:
    """What one test gets of the learner's data, as far as it can be changed: it may take it for the thing itself."""

    def __init__(self) -> None:
        self._got: dict[int, Any] = {}  # by id
        self._parts: list[tuple[Any, bytes]] = []  # what came from an attribute, as it was
        self._compared = False
        self._codec = Codec(lambda value: str(id(value)), lambda form: form)

    def got(self, what: str, value: Any) -> None:
        """``value`` came by asking for ``what``."""
        if self._codec.is_mutable(value):
            self._got[id(value)] = value
            if what == "get":
                self._parts.append((value, self._codec.state(value)))

    def compared(self, one: Any, other: Any) -> None:
        """The test asks whether the two are one."""
        self._compared |= id(one) in self._got and id(other) in self._got

    def mistaken(self) -> bool:
        """Whether the test has compared copies by ``is``, or changed what it got from an object's attribute."""
        return self._compared or any(self._codec.state(part) != before for part, before in self._parts)


class Watched(ast.NodeTransformer):
    """Has ``is`` ask :func:`watch`."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Compare(left, [ast.Is() | ast.IsNot() as op], [right]) if not isinstance(right, ast.Constant):
                sought = ast.Constant(isinstance(op, ast.Is))
                call = ast.Call(ast.Name(_SAME, ast.Load()), [left, right, sought], [])
                return ast.fix_missing_locations(ast.copy_location(call, node))
        return node
