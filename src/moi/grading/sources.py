"""The source of a learner's function, as a test reads it: found in the cells as handed in, by the function's name.

What the learner's process says of it is believed only as far as the text bears it out: a function can be given the
name, the place and, by ``__wrapped__``, the source of another.
"""

from __future__ import annotations

import ast
import contextlib
import linecache
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType

from moi.grading.reference import Code

_CELL = "<a learner's cell "
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class _Definition:
    """A function or class of a cell; ``file`` names the cell."""

    node: _Function | ast.ClassDef
    file: str

    @property
    def place(self) -> tuple[int, str]:
        decorators = getattr(self.node, "decorator_list", [])
        return min(n.lineno for n in (self.node, *decorators)), getattr(self.node, "name", "<lambda>")


class Sources:
    """Of the functions of a notebook whose code ``cells``, in order, hold these texts."""

    def __init__(self, cells: Sequence[str]) -> None:
        self._names: dict[str, _Definition] = {}
        self._texts: dict[str, str] = {}
        for number, cell in enumerate(cells):
            try:
                code = Code(cell)
            except Exception:  # a parser has many limits
                continue
            file = f"{_CELL}{number}>"
            self._texts[file] = code.text
            self._bind(code.tree.body, file)

    def found(self, ways: Iterable[str], line: int, name: str) -> tuple[CodeType | None, bool]:
        """The code of the function that a test has by one of ``ways``, such as ``shop.sell``; and if it is decorated.

        It is the one that the text gives this name last. None where ``line`` and ``name``, as the function itself has
        them, do not fit: unless decorators stand above it, which may put another in its place.
        """
        for way in sorted(ways):
            for definition in self._at(way.removesuffix(".__func__")):
                decorated = bool(getattr(definition.node, "decorator_list", None))
                if decorated or definition.place == (line, name):
                    return self._code(definition.file, *definition.place), decorated
        return None, False

    def claimed(self, line: int, name: str) -> CodeType | None:
        """The code of any function of this name at this line of a cell."""
        return next((code for file in self._texts if (code := self._code(file, line, name))), None)

    def of_class(self, ways: Iterable[str]) -> str:
        """The text of the class that a test has by one of ``ways``, in whole lines. Raises :class:`OSError`."""
        for definition in (each for way in sorted(ways) for each in self._at(way)):
            if isinstance(definition.node, ast.ClassDef):
                first, last = definition.place[0], definition.node.end_lineno
                lines = self._texts[definition.file].split("\n")[first - 1 : last]
                return textwrap.dedent("\n".join(lines)) + "\n"
        raise OSError("could not find class definition")

    def _bind(self, statements: Iterable[ast.AST], file: str) -> None:
        for statement in statements:
            match statement:
                case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                    self._names[name] = _Definition(statement, file)
                    continue
                case ast.Assign([ast.Name(name)], ast.Lambda() as function):
                    self._names[name] = _Definition(function, file)
                    continue
                case ast.Assign([ast.Name(name)], ast.Name(other)) if other in self._names:
                    self._names[name] = self._names[other]
                    continue
            inner = [part for part in ast.iter_child_nodes(statement) if isinstance(part, _WITH_STATEMENTS)]
            for name in _bound(statement, inner):
                self._names.pop(name, None)
            self._bind(inner, file)

    def _at(self, way: str) -> Iterator[_Definition]:
        first, rest = re.match(r"(\w*)(.*)", way, re.DOTALL).groups()  # type: ignore[union-attr]
        known = self._names.get(first)
        if known is None:
            return
        if not rest:
            yield known
        elif isinstance(known.node, ast.ClassDef):
            method = re.fullmatch(r"(?:\(\))?\.(\w+)", rest)
            if method and (found := self._method(known, method[1], 10)):
                yield found
        else:  # a function that it has made
            functions = [node for node in ast.walk(known.node) if isinstance(node, _Function) and node != known.node]
            yield from (_Definition(function, known.file) for function in functions)

    def _method(self, known: _Definition, name: str, most_bases: int) -> _Definition | None:
        assert isinstance(known.node, ast.ClassDef)
        for node in reversed(known.node.body):
            if getattr(node, "name", "") == name and isinstance(node, _Function):
                return _Definition(node, known.file)
        for base in known.node.bases:
            above = self._names.get(base.id) if isinstance(base, ast.Name) else None
            if above and isinstance(above.node, ast.ClassDef) and most_bases:
                return self._method(above, name, most_bases - 1)
        return None

    def _code(self, file: str, line: int, name: str) -> CodeType | None:
        """Compiled from the cell, and never run."""
        text = self._texts[file]
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        # As IPython does: a statement at a time, of which the code does not depend on those before.
        alone = (ast.Module([statement], []) for statement in ast.parse(text).body)
        codes = [compile(statement, file, "exec", flags, dont_inherit=True) for statement in alone]
        while codes:
            code = codes.pop()
            if (code.co_firstlineno, code.co_name) == (line, name):
                return code
            codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        return None


def is_of_a_learner(code: object) -> bool:
    """Whether this is code that is only to be looked at."""
    return isinstance(code, CodeType) and code.co_filename.startswith(_CELL)


def definitions(source: str) -> str:
    """Of a cell the imports, definitions and plain values, in their lines: what it still has where it does not end."""
    try:
        code = Code(source)
    except Exception:  # a parser has many limits
        return ""
    kept, others = set[int](), set[int]()
    for node in code.tree.body:
        first = min(part.lineno for part in (node, *getattr(node, "decorator_list", ())))
        (kept if _defines(node) else others).update(range(first, (node.end_lineno or first) + 1))
    lines = enumerate(code.text.split("\n"), 1)
    return "\n".join(line if number in kept - others else "" for number, line in lines).rstrip()


def _defines(node: ast.stmt) -> bool:
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        with contextlib.suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            ast.literal_eval(node.value)
            return True
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


_WITH_STATEMENTS = (ast.stmt, ast.ExceptHandler, ast.match_case)


def _bound(statement: ast.AST, inner: Sequence[ast.AST]) -> Iterator[str]:
    """The names that ``statement`` binds or deletes by itself, without its ``inner`` statements."""
    parts = [part for part in ast.iter_child_nodes(statement) if part not in inner]
    for node in (statement, *(found for part in parts for found in ast.walk(part))):
        match node:
            case ast.Name(name, ast.Store() | ast.Del()):
                yield name
            case ast.alias(name, other):
                yield other or name.partition(".")[0]
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
