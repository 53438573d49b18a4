"""The parts of an error that cross between the learner's process and the judge, and an error made of them again.

No ``__init__`` but Python's own runs for it: what the error's class has made of its arguments crosses too.
"""

from __future__ import annotations

import contextlib
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any

from moi.grading.checks import text_of
from moi.grading.scalars import CannotCross

# What Python keeps of its own errors beside their arguments.
_MEMBERS = ("name", "path", "msg", "lineno", "offset", "filename", "filename2")
# Attributes of errors that Python or the judge goes by.
RESERVED = {*dir(BaseException), "learners_line", "learners_trace", "slow", "says", "form", "moi_text", "remote"}


def parts(error: BaseException, encode: Callable[[Any], Any]) -> list[Any]:
    """The arguments of ``error``, what it says, and its attributes, as far as they can cross."""
    text = text_of(error)
    try:
        arguments = [encode(one) for one in error.args]
    except Exception:
        arguments = [text]
    fields = {}
    members = {name: getattr(error, name) for name in _MEMBERS if _is_member(type(error), name)}
    for name, value in (members | vars(error)).items():
        if not name.startswith("_") and name not in RESERVED:
            with contextlib.suppress(Exception):
                fields[name] = encode(value)
    return [arguments, text, fields]


def made(kind: type[BaseException], arguments: list[Any], fields: Mapping[str, Any]) -> BaseException:
    """An error of ``kind``, from parts that may be made to deceive."""
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        raise CannotCross("an error of no kind")
    python: Any = next(base for base in kind.__mro__ if base.__module__ == "builtins")
    error: BaseException = python.__new__(kind, *arguments)
    # What shows a syntax error reads the file that it names, and marks as much as it says.
    if not issubclass(kind, SyntaxError) and _is_within(kind, arguments):
        with contextlib.suppress(Exception):
            python.__init__(error, *arguments)
    error.args = tuple(arguments)
    for name, value in fields.items():
        if not name.isidentifier() or name.startswith("_") or name in RESERVED:
            continue
        own = inspect.getattr_static(kind, name, None)
        if _is_member(kind, name):
            shown = ("lineno", "offset", "msg") if issubclass(kind, SyntaxError) else _MEMBERS
            if name in shown and type(value) is (int if name in ("lineno", "offset") else str):
                setattr(error, name, value)
        elif not callable(own) and not hasattr(type(own), "__get__"):
            vars(error)[name] = value
    return error


def _is_member(kind: type, name: str) -> bool:
    return name in _MEMBERS and isinstance(inspect.getattr_static(kind, name, None), types.MemberDescriptorType)


def _is_within(kind: type, arguments: list[Any]) -> bool:
    """Whether the places of an error of decoding lie in its text: Python does not look, and reads there."""
    if not issubclass(kind, (UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError)):
        return True
    match arguments:
        case [*_, str() | bytes() as text, int() as start, int() as end, _]:
            return 0 <= start <= end <= len(text)
    return False
