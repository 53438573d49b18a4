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
_FACTORY = 5  # place of this argument


def guarded(
    connect: Callable[..., Any], theirs: Callable[[str], bool], may: Callable[[str], bool]
) -> Callable[..., Any]:
    """``connect`` of :mod:`sqlite3`. A text that is ``theirs`` is run as far as it ``may`` do what it does."""

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *given: Any) -> Any:
            return self.connection.looked_at(sql, lambda: super(Cursor, self).execute(sql, *given))  # type: ignore[attr-defined]

        def executemany(self, sql: str, *given: Any) -> Any:
            return self.connection.looked_at(sql, lambda: super(Cursor, self).executemany(sql, *given))  # type: ignore[attr-defined]

        def executescript(self, sql: str) -> Any:
            return self.connection.looked_at(sql, lambda: super(Cursor, self).executescript(sql))  # type: ignore[attr-defined]

    class Connection(sqlite3.Connection):
        asked: Any = None  # the test's own authoriser

        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(_derived(factory, Cursor))

        def execute(self, *given: Any) -> Any:
            return Connection.cursor(self).execute(*given)

        def executemany(self, *given: Any) -> Any:
            return Connection.cursor(self).executemany(*given)

        def executescript(self, *given: Any) -> Any:
            return Connection.cursor(self).executescript(*given)

        def set_authorizer(self, authorizer_callback: Any) -> None:
            self.asked = authorizer_callback
            super().set_authorizer(authorizer_callback)

        def looked_at(self, sql: str, run: Callable[[], Any]) -> Any:
            """Run a text, and if it is theirs, only what it may do."""
            if not theirs(sql):
                return run()
            refused: list[str] = []

            def authorised(action: int, one: str | None, *others: Any) -> int:
                if (what := _named(action, one)) and not may(what):
                    refused.append(what)
                    return sqlite3.SQLITE_DENY
                return sqlite3.SQLITE_OK if self.asked is None else self.asked(action, one, *others)

            super().set_authorizer(authorised)
            try:
                return run()
            except sqlite3.DatabaseError:
                if not refused:
                    raise
            finally:
                super().set_authorizer(self.asked)
            raise sqlite3.DatabaseError(f"this SQL {refused[0]}, which it was not to do: it can read only")

    def connected(*given: Any, **named: Any) -> Any:
        if len(given) > _FACTORY:
            given = (*given[:_FACTORY], _derived(given[_FACTORY], Connection), *given[_FACTORY + 1 :])
        else:
            named["factory"] = _derived(named.get("factory", Connection), Connection)
        return connect(*given, **named)

    return connected


def _derived(factory: Any, ours: type) -> Any:
    """The class that a test wants to be made, and which is ``ours`` too; what is no class is left as it is."""
    if not isinstance(factory, type) or issubclass(factory, ours):
        return factory
    return ours if issubclass(ours, factory) else type(factory.__name__, (factory, ours), {})


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
