"""Notices where a test takes a copy for the learner's own thing: where it would pass, or fail, whatever the answer."""

from __future__ import annotations

import ast
from typing import Any

from moi.grading.codec import Codec

_SAME = "__moi_same__"


class Copies:
    """What one test gets of the learner's data, as far as it can be changed."""

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

    def same(self, one: Any, other: Any, sought: bool) -> bool:
        """What ``one is other`` gives, or the opposite."""
        self._compared |= id(one) in self._got and id(other) in self._got
        return (one is other) is sought

    def mistaken(self) -> bool:
        """Whether the test has compared copies by ``is``, or changed what it got from an object's attribute."""
        return self._compared or any(self._codec.state(part) != before for part, before in self._parts)

    def names(self) -> dict[str, Any]:
        """What a cell needs that :class:`Watched` has transformed."""
        return {_SAME: self.same}


class Watched(ast.NodeTransformer):
    """Has ``is`` noticed."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Compare(left, [ast.Is() | ast.IsNot() as op], [right]) if not isinstance(right, ast.Constant):
                sought = ast.Constant(isinstance(op, ast.Is))
                call = ast.Call(ast.Name(_SAME, ast.Load()), [left, right, sought], [])
                return ast.fix_missing_locations(ast.copy_location(call, node))
        return node
