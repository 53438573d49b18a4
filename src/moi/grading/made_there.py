"""What a test opens and draws, made in the learner's process: for functions that can use nothing else."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
from collections.abc import Callable, Collection, Iterator
from types import FunctionType
from typing import Any

# What a test makes by these, for a learner's function to use, is made where that function runs; None: by all.
_MADE_THERE: dict[str, tuple[str, ...] | None] = {"matplotlib.pyplot": None, "sqlite3": ("connect",)}
_READ_HERE = ("imread",)


@contextlib.contextmanager
def made_there(space: dict[str, Any], text: str, kept: Collection[str], ask: Callable[..., Any]) -> Iterator[None]:
    """Have what a test draws, and databases and files that it opens, over there; but files that are ``kept`` here.

    ``space`` are the test's names, ``text`` is its source; ``ask`` asks for a function of a module.
    """

    def forwarded(module: str, name: str, function: Any) -> Any:
        @functools.wraps(function)
        def there(*given: Any, **named: Any) -> Any:
            return ask("apply", module, name, given, tuple(named.items()))

        return there

    def opened(file: Any, *given: Any, **named: Any) -> Any:
        path = os.fspath(file) if isinstance(file, (str, os.PathLike)) else None
        inside = os.path.relpath(path) if path is not None else ".."
        here = inside in kept or inside.startswith("..")
        return usual(file, *given, **named) if here else open_there(path, *given, **named)

    usual = space.get("open", open)  # IPython has one of its own
    open_there, before = forwarded("builtins", "open", open), list[tuple[Any, str, Any]]()
    space["open"] = opened
    try:
        for module, names in _MADE_THERE.items():
            if module in sys.modules or module.partition(".")[0] in text:
                place = importlib.import_module(module)
                public = {name: found for name, found in vars(place).items() if not name.startswith("_")}
                functions = [name for name, found in public.items() if isinstance(found, FunctionType)]
                functions = [name for name in functions if name not in _READ_HERE]
                before += [(place, name, public[name]) for name in names or functions]
        for place, name, function in before:
            setattr(place, name, forwarded(place.__name__, name, function))
        yield
    finally:
        for place, name, function in before:
            setattr(place, name, function)
        if space.get("open") is opened:
            space["open"] = usual
