"""What a learner's code may do with an object of the test's that is passed to it."""

from __future__ import annotations

import argparse
import contextlib
import io
import pickle
import re
import types
from typing import Any
from unittest import mock

from moi.grading.crossing import There
from moi.grading.foreign import FACTS
from moi.grading.learner import SPECIAL

# With one of the test's own classes, all of SPECIAL.
_ALLOWED = ("__call__", "__bool__", "__iter__", "__next__", "__len__", "__getitem__", "__setitem__", "__contains__")
# No learner can change them.
ONLY_READ = (re.Match, re.Pattern, argparse.Namespace)
_WITHOUT_SECRETS = ("__main__", "builtins", "abc", "typing", "collections.abc")
# What is of these modules is asked here: a learner's code may mean to change it, or it draws.
_ASKED_HERE = ("__main__", "builtins", "collections", "array", "itertools", "functools", "unittest", "configparser",
               "argparse", "re", "io", "_io", "os", "matplotlib", "ipywidgets", "moi")  # fmt: skip


def copied(value: Any) -> bytes | None:
    """An object of a library as bytes that make it anew in the learner's process; None for one that is asked here."""
    if hasattr(type(value), "__next__") or type(value).__module__.partition(".")[0] in _ASKED_HERE:
        return None
    written = io.BytesIO()
    with contextlib.suppress(Exception):
        _Pickler(written).dump(value)
        return written.getvalue()
    return None


class _Pickler(pickle.Pickler):
    def persistent_id(self, part: Any) -> None:
        """Refuse what the learner's process does not have, or should not meet."""
        if issubclass(type(part), There) or getattr(part, "__module__", "") == "__main__":
            raise pickle.PicklingError


def special_methods(kind: type, called: bool) -> list[str]:
    """The special methods of an object of the test's that a learner's code may use: those that its class defines."""
    if issubclass(kind, (type, types.ModuleType)):
        return ["__call__", "__instancecheck__", "__subclasscheck__"] if issubclass(kind, type) else []
    if kind is types.CoroutineType:
        return ["__await__"]
    found = dict(pair for base in reversed(kind.__mro__[:-1]) for pair in vars(base).items())
    allowed = SPECIAL if kind.__module__ in ("__main__", "unittest.mock") else _ALLOWED
    names = set(allowed) - {"__call__", "__await__"}
    return ["__call__"] * called + sorted(name for name in names if found.get(name) is not None)


def unusable(target: Any) -> str:
    """Why a learner's code cannot use an object of the test's, and what a test passes instead."""
    kind = type(target)
    if isinstance(target, io.IOBase):
        return "an open file of the test's cannot be used here: let it pass `io.StringIO()`, or the file's name"
    if isinstance(target, types.ModuleType):
        return f"the module {target.__name__} that the test passes cannot be used here: let the answer import it"
    if isinstance(target, type):
        return f"this cannot be done here with the class {target.__name__} of the test's: let it have a method for it"
    if kind.__module__.startswith("matplotlib."):
        return f"{kind.__name__} of the test's cannot be used here: let the answer make and return its Axes"
    if kind.__module__ == "__main__":
        return f"this cannot be done here with {kind.__name__} of the test's: let the class define a method for it"
    return (
        f"{kind.__module__}.{kind.__name__} of the test's cannot be used here: let it pass data, or a function for it"
    )


def is_open(target: Any, name: str) -> bool:
    """Whether a learner's code may use the attribute of an object of the test's."""
    if isinstance(target, mock.NonCallableMock):  # what it has recorded is no learner's to change
        return not (name.startswith("_") or hasattr(type(target), name) or name == "method_calls")
    if isinstance(target, types.GeneratorType):
        return name in ("send", "throw", "close")
    if isinstance(target, types.FunctionType):
        return name in FACTS
    kind = target if isinstance(target, type) else type(target)
    readable = kind.__module__ == "__main__" or isinstance(target, ONLY_READ)
    # What a library keeps in an object is not for others.
    inside = all(base.__module__ in _WITHOUT_SECRETS for base in kind.__mro__)
    if name == "__dict__":
        return readable and kind is not target and (inside or not any(key.startswith("_") for key in vars(target)))
    return readable and not name.startswith("__" if inside else "_")
