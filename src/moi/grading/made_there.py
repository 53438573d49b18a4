"""What a test opens, draws, evaluates and imports, done in the learner's process: where nothing else will do."""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import importlib
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moi.grading.session import Session

# What a test makes by these, for a learner's function to use, is made where that function runs; None: by all.
_MADE_THERE: dict[str, tuple[str, ...] | None] = {
    "matplotlib.pyplot": None,
    "sqlite3": ("connect",),
    "csv": ("writer", "DictWriter"),
    "queue": ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"),
    "threading": ("Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore", "Event", "Barrier"),
    "concurrent.futures": ("ThreadPoolExecutor",),
    "xml.etree.ElementTree": ("Element", "SubElement", "fromstring", "parse", "XML"),
}
_READ_HERE = ("imread",)


@contextlib.contextmanager
def made_there(space: dict[str, Any], text: str, kept: Collection[str], ask: Callable[..., Any]) -> Iterator[None]:
    """Have what a test draws, and databases and files that it opens, over there; but files that are ``kept`` here.

    ``space`` are the test's names, ``text`` is its source; ``ask`` asks for a function of a module.
    """

    def forwarded(module: str, name: str, function: Any) -> Any:
        @functools.wraps(function)
        def there(*given: Any, **named: Any) -> Any:
            if _MADE_THERE.get(module) and "ipython-input" not in sys._getframe(1).f_code.co_filename:
                return function(*given, **named)  # by a library, for itself
            return ask("apply", module, name, given, tuple(named.items()))

        return there

    def opened(file: Any, *given: Any, **named: Any) -> Any:
        path = os.fspath(file) if isinstance(file, (str, os.PathLike)) else None
        inside = os.path.relpath(path) if path is not None else ".."
        here = inside in kept or inside.startswith("..")
        return usual(file, *given, **named) if here else open_there(path, *given, **named)

    usual = space.get("open", open)  # IPython has one of its own
    open_there, others = forwarded("builtins", "open", open), list[tuple[Any, str, Any]]()
    for module, names in _MADE_THERE.items():
        if module in sys.modules or module.partition(".")[0] in text:
            place = importlib.import_module(module)
            functions = [name for name, found in vars(place).items() if isinstance(found, FunctionType)]
            functions = [name for name in functions if not name.startswith("_") and name not in _READ_HERE]
            for name in names or functions:
                others.append((place, name, forwarded(place.__name__, name, getattr(place, name))))
    with _in_place_of(space, {"open": opened}, others):
        yield


@contextlib.contextmanager
def _in_place_of(
    space: dict[str, Any], names: Mapping[str, Any], attributes: Sequence[tuple[Any, str, Any]]
) -> Iterator[None]:
    """Have other things under ``names`` of a test, unless it binds them itself, and as ``attributes``.

    Names that the test has for these attributes are for the others meanwhile.
    """
    usual = {name: space[name] for name in names.keys() & space.keys()}
    before = [(place, name, getattr(place, name), other) for place, name, other in attributes]

    def rebind(others: Mapping[int, Any]) -> None:
        space.update({name: others[id(value)] for name, value in space.items() if id(value) in others})

    try:
        for place, name, _, other in before:
            setattr(place, name, other)
        rebind({id(own): other for _, _, own, other in before})
        space.update(names)
        yield
    finally:
        for place, name, own, _ in before:
            setattr(place, name, own)
        rebind({id(other): own for _, _, own, other in before})
        for name, other in names.items():
            if space.get(name) is other:
                del space[name]
                if name in usual:
                    space[name] = usual[name]


# Functions of libraries that run a text as code.
_EVALUATE = {"pandas": ("eval", "DataFrame.eval", "DataFrame.query"), "sympy": ("sympify", "parse_expr")}


@contextlib.contextmanager
def evaluated_there(space: dict[str, Any], text: str, session: Callable[[], Session]) -> Iterator[None]:
    """Have what a test evaluates be evaluated over there, as a learner may have written it; but not its own texts.

    ``space`` are the test's names, ``text`` is its source; ``session`` gives the line to ask.
    """
    constants = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    own = {each for each in constants if isinstance(each, str) and not each.isidentifier()}

    def of_python(what: str) -> Callable[..., Any]:
        def there(text: Any, *spaces: Any) -> Any:
            if type(text) is str and text in own:
                return getattr(builtins, what)(text, *(spaces or (space,)))
            return session().evaluate(space, what, text, *spaces)

        return there

    def of_library(function: Any) -> Any:
        @functools.wraps(function)
        def there(*given: Any, **named: Any) -> Any:
            if next((each for each in (*given, *named.values()) if type(each) is str), None) in own:
                if function.__module__.startswith("pandas."):  # it looks for names where it is called, further up
                    named["level"] = named.get("level", 0) + 1
                return function(*given, **named)
            return session().ask("call", function, given, tuple(named.items()))

        return there

    others: list[tuple[Any, str, Any]] = []
    for module in _EVALUATE.keys() & sys.modules.keys():
        for path in _EVALUATE[module]:
            *owner, name = path.split(".")
            place = functools.reduce(getattr, owner, sys.modules[module])
            if function := getattr(place, name, None):
                others.append((place, name, of_library(function)))
    names = {name: of_python(name) for name in ("eval", "exec") if name not in space}
    with _in_place_of(space, names, others):
        yield


@contextlib.contextmanager
def classes_there(names: Collection[str], session: Callable[[], Session]) -> Iterator[None]:
    """Have the test's classes of these ``names`` made over there, where the learner's code takes them or is in them."""
    usual: Callable[..., Any] = builtins.__build_class__

    def build(body: Any, name: str, *bases: Any, **options: Any) -> Any:
        if name not in names or "ipython-input" not in body.__code__.co_filename:
            return usual(body, name, *bases, **options)
        bases = tuple(base for base in bases if base is not object)

        def there(name: str, bases: tuple[Any, ...], space: dict[str, Any], **options: Any) -> Any:
            return session().derived(name, bases, space, options)

        return usual(body, name, *bases, metaclass=there, **options)

    setattr(builtins, "__build_class__", build)  # noqa: B010
    try:
        yield
    finally:
        setattr(builtins, "__build_class__", usual)  # noqa: B010


@contextlib.contextmanager
def imported_there(session: Callable[[], Session]) -> Iterator[None]:
    """Have a module that is not here imported over there, where the reference's answer has written it."""
    finder, before = _Finder(session), set(sys.modules)
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in finder.found.keys() - before:
            sys.modules.pop(name, None)


def _asked_by_test() -> bool:
    """Whether it is the test that imports, and not a library that looks whether another is there."""
    frame: Any = sys._getframe(2)
    while frame and "importlib" in frame.f_code.co_filename:
        frame = frame.f_back
    return frame is not None and "ipython-input" in frame.f_code.co_filename


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, session: Callable[[], Session]) -> None:
        self.session = session
        self.found: dict[str, Any] = {}

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if path is None and _asked_by_test():
            with contextlib.suppress(ImportError):
                self.found[name] = self.session().imported(name)
                return importlib.machinery.ModuleSpec(name, self)
        return None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = self.found[module.__name__]
