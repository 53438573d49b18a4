"""Lets nothing run in the judge that a learner may have written: no text, no file, no pickled object, no program.

A test can come to run a learner's words in many ways, be it by a helper or deep in a library. Whoever compiles or runs
something is seen here, and may do so only with the author's own words, or with such as can do nothing.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.machinery
import logging.config  # noqa: F401 - see _NAMED_BY_TEXTS
import os
import sqlite3
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from moi.grading import databases, sources
from moi.grading.remote import CannotJudge

with contextlib.suppress(ImportError):  # an author's module may be the first to import it
    import yaml.constructor  # noqa: F401

# What unpickles a learner's file, or starts a program on it, would run the learner's code where the tests are.
_STARTS = {"pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"}
_LOADS = {"marshal.load", "marshal.loads"}
# Who runs only texts that it has made up itself.
_RUN_THEIR_OWN = frozenset(
    """
    importlib zipimport collections dataclasses enum functools traceback linecache unittest
    traitlets numpy scipy matplotlib networkx numba decorator moi
    """.split()  # noqa: SIM905
)
_OF_LOGGING = ("logging.StreamHandler", "logging.NullHandler", "logging.Formatter", "sys.stdout", "sys.stderr")
# Who runs, calls or replaces what a text names, and nobody hears of it; and which texts are fit beside the author's.
_NAMED_BY_TEXTS: tuple[tuple[str, str, Callable[[Guard, str], bool]], ...] = (
    ("pandas.core.computation.expr", "Expr.__init__", lambda guard, text: _is_plain(text.replace("`", "_"), ast.Name)),
    ("yaml.constructor", "FullConstructor.find_python_name", lambda guard, text: False),
    ("yaml.constructor", "FullConstructor.find_python_module", lambda guard, text: False),
    ("logging.config", "BaseConfigurator.resolve", lambda guard, text: text in _OF_LOGGING),
    ("numpy.matrixlib.defmatrix", "_from_string", lambda guard, text: False),
    ("unittest.mock", "_get_target", lambda guard, text: False),
    ("pkgutil", "resolve_name", lambda guard, text: guard.begins_own(text)),
)
_PLAIN = (ast.mod, ast.Expr, ast.Constant, ast.Tuple, ast.List, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare,
          ast.IfExp, ast.expr_context, ast.unaryop, ast.operator, ast.boolop, ast.cmpop)  # fmt: skip


class Guard:
    """Looks out in this process while it is ``on``.

    ``cells`` and ``files`` are the author's texts, ``folder`` is where a learner's files may lie.
    """

    def __init__(self, cells: Iterable[str], files: Iterable[str], folder: Path) -> None:
        self.on = False
        # Whether the reference's test lets the same text name something:
        self.named_by_reference: Callable[[str], bool] = lambda text: False
        # Whether an answer has given a text just so:
        self.is_given: Callable[[str], bool] = lambda text: False
        # Whether a text that is not the author's may do with a database what it does:
        self.may_do: Callable[[str, str], bool] = lambda sql, what: True
        self._folder = folder
        self._texts = [*cells, *files]
        self._whole = frozenset(map(squeezed, self._texts))
        self._compilers: set[str] = set()  # packages that have compiled the author's texts
        self._watched: set[str] = set()
        sys.addaudithook(self._look_out)
        finder: Any = importlib.machinery.PathFinder
        elsewhere: Any = type("Elsewhere", (finder,), {"find_spec": self._find_spec})
        sys.meta_path[sys.meta_path.index(finder)] = elsewhere

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        """Look out meanwhile."""
        for module, path, fits in _NAMED_BY_TEXTS:
            if path not in self._watched and module in sys.modules:
                self._watched.add(path)
                *owner, name = path.split(".")
                place = functools.reduce(getattr, owner, sys.modules[module])
                setattr(place, name, self._only_own(getattr(place, name), fits))
        if "sqlite3" not in self._watched:
            self._watched.add("sqlite3")
            sqlite3.connect = sqlite3.dbapi2.connect = databases.guarded(
                sqlite3.connect, self._is_own_sql, lambda *what: self.may_do(*what)
            )
        before, self.on = self.on, True
        try:
            yield
        finally:
            self.on = before

    def _only_own(self, function: Callable[..., Any], fits: Callable[[Guard, str], bool]) -> Callable[..., Any]:
        """``function``, whose first argument that is a text has to be one of the author's, or one that ``fits``."""

        @functools.wraps(function)
        def only(*given: Any, **named: Any) -> Any:
            text = next((each for each in (*given, *named.values()) if isinstance(each, str)), "")
            if self.on and not (self._is_own(text) or fits(self, text) or self.named_by_reference(text)):
                raise CannotJudge(_NOT_RUN)
            return function(*given, **named)

        return only

    def _is_own_sql(self, sql: Any) -> bool:
        """Whether it stands in the author's texts as a whole or as whole statements, and no answer has given it."""
        found = squeezed(sql).strip(";") if isinstance(sql, str) else ""
        return not self.on or (found in self._statements and not self.is_given(found))

    def _look_out(self, event: str, given: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in ("compile", "exec") and not self._may_run(event, given[0], sys._getframe(1)):
            raise CannotJudge(_NOT_RUN)
        if event == "function.__new__" and sources.is_of_a_learner(given[0]):
            raise CannotJudge(_NOT_RUN)
        loads = event in _LOADS and not sys._getframe(1).f_code.co_filename.startswith("<frozen importlib.")
        if event in _STARTS or loads or (event == "exec" and self._comes_from_folder(given[0], sys._getframe(1))):
            raise CannotJudge(
                "a test may not start a program, load code from the working folder or unpickle more than plain data: "
                "the learner may have written it"
            )

    def _may_run(self, event: str, code: Any, by: types.FrameType) -> bool:
        """Whether a text that is compiled, or code that is run, ``by`` somebody is no learner's."""
        if sources.is_of_a_learner(code):
            return str(by.f_globals.get("__name__", "")).startswith("moi.")
        package = str(by.f_globals.get("__name__", "")).partition(".")[0]
        if package in _RUN_THEIR_OWN or (event == "exec" and os.path.isabs(code.co_filename)):
            return True
        if package == "ast":  # it only reads, but for who goes on from there and was not there before
            reader = str(by.f_back.f_globals.get("__name__", "")) if by.f_back is not None else ""
            return not reader.startswith("pandas.") or "Expr.__init__" in self._watched
        if package == "typing":  # what an annotation says may name something, and call nothing
            return event == "exec" or _is_plain(code, ast.Name, ast.Attribute, ast.Subscript) or self._is_own(code)
        of_test = "ipython-input" in by.f_code.co_filename
        if event == "exec":  # of what was compiled before
            return of_test or package in self._compilers
        if not isinstance(code, (str, bytes)):
            return not of_test
        if fit := self._is_own(code) or _is_plain(code):
            self._compilers.add(package)
        return fit

    def _is_own(self, text: Any) -> bool:
        """Whether the author has written ``text``: as a cell or file, or in one of their strings."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        found = squeezed(text) if isinstance(text, str) else ""
        if found in self._whole or found in self._as_run:
            return True
        return not found.isidentifier() and any(found in said for said in self._said)

    def begins_own(self, text: str) -> bool:
        """Whether it names a thing that one of the author's strings names, or in which that lies."""
        return any(f"{said}.".startswith(f"{text}.") for said in self._said)

    def is_authors(self, word: str) -> bool:
        """Whether one of the author's texts has this word in it."""
        return any(word in text for text in self._texts)

    @functools.cached_property
    def _transformed(self) -> list[str]:
        """The author's texts as IPython runs them: without its own signs."""
        return list(map(TransformerManager().transform_cell, self._texts))

    @functools.cached_property
    def _as_run(self) -> frozenset[str]:
        return frozenset(map(squeezed, self._transformed))

    @functools.cached_property
    def _said(self) -> list[str]:
        """The strings in the author's texts."""
        return [squeezed(word) for text in self._transformed for word in _constants(text)]

    @functools.cached_property
    def _statements(self) -> frozenset[str]:
        """The author's strings and texts, and what is between semicolons in them."""
        texts = [*self._said, *self._whole]
        return frozenset(each.strip(";") for text in texts for each in (text, *text.split(";")))

    def _comes_from_folder(self, code: types.CodeType, by: types.FrameType) -> bool:
        loader = by.f_back.f_locals.get("self") if by.f_back is not None else None
        path = getattr(loader, "path", None) if by.f_code.co_filename.startswith("<frozen importlib.") else None
        files = (file for file in (code.co_filename, path) if isinstance(file, str) and os.path.lexists(file))
        return any(self._is_inside(file) for file in files)

    def _find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        """A module from anywhere but the folder: the author's own are elsewhere too."""
        places = [place for place in (sys.path if path is None else path) if not self._is_inside(place)]
        return importlib.machinery.PathFinder.find_spec(name, places, target)

    def _is_inside(self, path: str) -> bool:
        return Path(os.path.abspath(path)).is_relative_to(self._folder)


_NOT_RUN = "a test may not run a text other than your own, as the learner may have written it: let the answer do that"


def squeezed(text: str) -> str:
    """``text`` without white space."""
    return "".join(text.split())


def _constants(text: str) -> Iterator[str]:
    """The strings in a text of Python's."""
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def _is_plain(text: Any, *more: type[ast.AST]) -> bool:
    """Whether a text has nothing in it but values and operators, and ``more``: so it calls nothing."""
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError, TypeError):
        return all(isinstance(node, (*_PLAIN, *more)) for node in ast.walk(ast.parse(text.strip())))
    return False
