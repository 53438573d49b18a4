"""What a test puts in the place of a library's function is there for the learner's code too, as long as it is here."""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any
from unittest import mock

_NOTHING = object()
_THROUGH_TESTS = ("input", "print", "open", "exec", "eval", "compile", "breakpoint", "__import__")


def keep_builtins() -> None:
    """Have the grader's own modules keep Python's functions, whatever a test puts in their place."""
    usual = {name: found for name, found in vars(builtins).items() if callable(found) and name not in _THROUGH_TESTS}
    for name, module in list(sys.modules.items()):
        if name.startswith("moi.grading."):
            for each in usual.keys() - vars(module).keys():
                setattr(module, each, usual[each])


class Patches:
    """What the running test has replaced in modules: by ``unittest.mock.patch``, or by setting it."""

    def __init__(self) -> None:
        self._open: list[Any] = []
        self.names: frozenset[str] = frozenset()  # of the learner's, which are together in another way
        self._usual: dict[tuple[str, str], Any] = {}  # what is there before the test sets it
        enter, leave = mock._patch.__enter__, mock._patch.__exit__  # type: ignore[attr-defined]

        def entered(patch: Any) -> Any:
            made = enter(patch)
            self._open.append(patch)
            return made

        def left(patch: Any, *why: Any) -> Any:
            self._open = [other for other in self._open if other is not patch]
            return leave(patch, *why)

        mock._patch.__enter__, mock._patch.__exit__ = entered, left  # type: ignore[attr-defined, method-assign]

    @contextlib.contextmanager
    def of(self, sets: Iterable[Sequence[str]], space: Mapping[str, Any]) -> Iterator[None]:
        """Notice what a test sets in modules, as :func:`set_by` found it, and set it back in the end.

        ``space`` are the names that the test finds.
        """
        for path, name in sets:
            module = _module(path, space)
            if module is not None and hasattr(module, name) and not self._by_other_ways(module.__name__, name):
                self._usual[module.__name__, name] = getattr(module, name)
        try:
            yield
        finally:
            for (place, name), usual in self._usual.items():
                setattr(sys.modules[place], name, usual)
            self._usual.clear()

    def now(self) -> list[tuple[str, str, Any]]:
        """Module, name, and what stands there."""
        found = []
        patched = {place: _NOTHING for patch in self._open if (place := _place(patch.target, patch.attribute))}
        for (module, name), usual in (self._usual | patched).items():
            value: Any = sys.modules.get(module)
            for part in name.split("."):
                value = getattr(value, part, None)
            if value is not usual and not self._by_other_ways(module, name):
                found.append((module, name, value))
        return found

    def _by_other_ways(self, module: str, name: str) -> bool:
        """Whether it crosses by other ways: typed input, streams and names."""
        if module == "__main__":
            return name in self.names
        return (module == "sys" and name != "argv") or (module, name) == ("builtins", "input")


def set_by(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What a test may set in modules: `random` and `randint` for `random.randint = one`, or for the same by `setattr`.

    Where the test itself imports the module under another name, it is the module's own: `numpy.random` for `np.random`.
    """
    nodes = list(ast.walk(tree))
    imported = [alias for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names = {alias.asname: alias.name for alias in imported if alias.asname}

    def path(node: ast.expr) -> str:
        match node:
            case ast.Name(name):
                return names.get(name, name)
            case ast.Attribute(inner, name) if outer := path(inner):
                return f"{outer}.{name}"
        return ""

    for node in nodes:
        match node:
            case ast.Attribute(inner, name, ast.Store()) if found := path(inner):
                yield found, name
            case ast.Call(ast.Name("setattr"), [inner, ast.Constant(str(name)), _]) if found := path(inner):
                yield found, name


def _place(target: Any, attribute: str) -> tuple[str, str] | None:
    """Module and name of what is patched in a module, or in a class of a library."""
    if isinstance(target, ModuleType):
        return target.__name__, attribute
    if type(target) is type and target.__module__ != "__main__":
        return target.__module__, f"{target.__qualname__}.{attribute}"
    return None


def _module(path: str, space: Mapping[str, Any]) -> ModuleType | None:
    first, *rest = path.split(".")
    found: Any = space.get(first, sys.modules.get(first))  # the test may import it itself
    for name in rest:
        found = vars(found).get(name) if isinstance(found, ModuleType) else None
    return found if isinstance(found, ModuleType) else None


class Patched:
    """The learner's end of that: ``swap`` puts what the test has patched in its place, and takes it out again."""

    def __init__(self) -> None:
        self._places: list[tuple[Any, str, Any]] = []
        self.on = False

    def have(
        self, patches: Iterable[tuple[str, str, Any]], module: Callable[[str], Any], of_class: Callable[[Any], Any]
    ) -> None:
        self._places = []
        for name, attribute, value in patches:
            with contextlib.suppress(ImportError, AttributeError):  # a module that the test alone has
                *path, attribute = attribute.split(".")
                place = functools.reduce(getattr, path, module(name))
                self._places.append((place, attribute, of_class(value) if path else value))

    def swap(self, on: bool) -> bool:
        """Returns what was the case before."""
        before, self.on = self.on, on
        if before != on:
            for at, (place, attribute, other) in enumerate(self._places):
                self._places[at] = place, attribute, getattr(place, attribute, _NOTHING)
                if other is _NOTHING:
                    delattr(place, attribute)
                else:
                    setattr(place, attribute, other)
        return before
