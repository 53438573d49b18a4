"""Log messages of a learner's code come to the handlers of a test, and a test's levels hold for the learner's code."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

MOST_MESSAGES = 1000  # that go along with one answer
_LARGEST, _LONGEST = 12_000, 5_000  # characters of one, and of a text in it
_LONGEST_NAME = 200
_FIELDS = {"name": str, "levelno": int, "levelname": str, "msg": str, "funcName": str, "exc_text": str}


def levels() -> dict[str, int]:
    """Of the loggers, by name, for which a level is set."""
    found = {"root": logging.root.level}
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and logger.level:
            found[name] = logger.level
    return found


class Levels:
    """The learner's end: the levels that a test has set, and what they were before."""

    def __init__(self) -> None:
        self._own: dict[str, int] = {}

    def have(self, levels: Mapping[str, int]) -> None:
        for name in self._own.keys() - levels.keys():
            logging.getLogger(name).setLevel(self._own.pop(name))
        for name, level in levels.items():
            logger = logging.getLogger(name)
            self._own.setdefault(name, logger.level)
            logger.setLevel(level)


def watch(keep: Callable[[dict[str, Any]], None]) -> None:
    """Have ``keep`` called from now on with each message that is logged, as plain data."""
    handled = logging.Logger.callHandlers
    formatter = logging.Formatter()

    def noted(logger: logging.Logger, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            trace = formatter.formatException(record.exc_info) if record.exc_info else ""
            fields = {**vars(record), "msg": record.getMessage()[:_LONGEST], "exc_text": trace[-_LONGEST:]}
            keep({field: kind(fields[field]) for field, kind in _FIELDS.items()})
        handled(logger, record)

    logging.Logger.callHandlers = noted  # type: ignore[assignment, method-assign]


def plain(messages: Any) -> list[dict[str, Any]]:
    """Those of the ``messages`` that are what :func:`watch` gives, and not too long."""
    found = []
    for message in messages:
        fields = {field: message.get(field) for field in _FIELDS} if type(message) is dict else {}
        right = fields and all(type(fields[field]) is kind for field, kind in _FIELDS.items())
        right = right and len(str(fields["name"])) <= _LONGEST_NAME
        if right and sum(len(value) for value in fields.values() if isinstance(value, str)) <= _LARGEST:
            found.append(fields)
    return found


def handle(message: Mapping[str, Any]) -> None:
    """Give a message to the handlers that are here, if there are any that want it."""
    known, name = logging.root.manager.loggerDict, message["name"]
    while name and not isinstance(known.get(name), logging.Logger):  # no new one is made for it
        name = name.rpartition(".")[0]
    logger = logging.getLogger(name)
    if logger.isEnabledFor(message["levelno"]) and logger.hasHandlers():
        record = logging.makeLogRecord({**message, "exc_text": message["exc_text"] or None})
        logger.handle(record)
