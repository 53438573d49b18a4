"""Lets a learner's SQL do with a test's database what the reference's does: to read it, or what else that one does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

_READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_WRITES = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}
_OTHERS = {
    sqlite3.SQLITE_TRANSACTION: "ends or begins transactions", sqlite3.SQLITE_SAVEPOINT: "ends or begins transactions",
    sqlite3.SQLITE_ATTACH: "opens other databases", sqlite3.SQLITE_DETACH: "opens other databases",
}  # fmt: skip
_DESCRIBE = ("table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list")


def guarded(connect: Callable[..., Any], may: Callable[[str, str], bool]) -> Callable[..., Any]:
    """``connect`` of :mod:`sqlite3`; of each text that is run, ``may(text, what)`` says if it may do ``what``."""

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *given: Any) -> Any:
            return _run(self.connection, sql, may, lambda: super(Cursor, self).execute(sql, *given))

        def executemany(self, sql: str, *given: Any) -> Any:
            return _run(self.connection, sql, may, lambda: super(Cursor, self).executemany(sql, *given))

        def executescript(self, sql: str) -> Any:
            return _run(self.connection, sql, may, lambda: super(Cursor, self).executescript(sql))

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            if not (isinstance(factory, type) and issubclass(factory, Cursor)):
                factory = type(factory.__name__, (Cursor, factory), {})
            return super().cursor(factory)

        def execute(self, *given: Any) -> Any:
            return self.cursor().execute(*given)

        def executemany(self, *given: Any) -> Any:
            return self.cursor().executemany(*given)

        def executescript(self, *given: Any) -> Any:
            return self.cursor().executescript(*given)

    def connected(*given: Any, factory: Any = Connection, **named: Any) -> Any:
        if factory is not Connection:
            factory = type(factory.__name__, (Connection, factory), {})
        return connect(*given, factory=factory, **named)

    return connected


def _run(connection: Any, sql: str, may: Callable[[str, str], bool], run: Callable[[], Any]) -> Any:
    refused: list[str] = []

    def authorised(action: int, one: str | None, other: str | None, *_: Any) -> int:
        what = _named(action, one)
        if what and not may(sql, what):
            refused.append(what)
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    connection.set_authorizer(authorised)
    try:
        return run()
    except sqlite3.DatabaseError:
        if not refused:
            raise
    finally:
        connection.set_authorizer(None)
    raise sqlite3.DatabaseError(f"this SQL {refused[0]}, which it was not to do: it can read only")


def _named(action: int, one: str | None) -> str:
    """What is to be done, in words; nothing if it only reads."""
    if action in _READS or (action == sqlite3.SQLITE_PRAGMA and str(one).lower() in _DESCRIBE):
        return ""
    if action in _WRITES:
        inner = str(one).startswith("sqlite_")  # where tables are kept
        return "makes or removes tables" if inner else f"writes to {one}"
    if action == sqlite3.SQLITE_PRAGMA:
        return f"sets {one}"
    return _OTHERS.get(action, "makes or removes tables")
