"""Lets SQL that a learner may have written do with a test's database what the reference's does; others only read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Set
from typing import Any

_KEPT_IN = ("sqlite_master", "sqlite_temp_master")  # what is made and removed, which has an action of its own
_HARMLESS = {
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_ANALYZE, sqlite3.SQLITE_REINDEX,
}  # fmt: skip
_WRITE = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}
_MAKE = {
    sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_CREATE_TEMP_TABLE, sqlite3.SQLITE_CREATE_VTABLE,
    sqlite3.SQLITE_CREATE_VIEW, sqlite3.SQLITE_CREATE_TEMP_VIEW,
}  # fmt: skip
_OTHERS = {
    sqlite3.SQLITE_CREATE_INDEX: "makes an index of {1}",
    sqlite3.SQLITE_CREATE_TEMP_INDEX: "makes an index of {1}",
    sqlite3.SQLITE_CREATE_TRIGGER: "makes a trigger of {1}",
    sqlite3.SQLITE_CREATE_TEMP_TRIGGER: "makes a trigger of {1}",
    sqlite3.SQLITE_ALTER_TABLE: "alters {1}", sqlite3.SQLITE_PRAGMA: "sets {0}",
    sqlite3.SQLITE_TRANSACTION: "ends or begins transactions", sqlite3.SQLITE_SAVEPOINT: "ends or begins transactions",
    sqlite3.SQLITE_ATTACH: "opens other databases", sqlite3.SQLITE_DETACH: "opens other databases",
}  # fmt: skip
_DESCRIBE = ("table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list")
_LIST = "pragma database_list"
_MAKES = "makes tables"
_INDEX = {sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_CREATE_TEMP_INDEX}
_TRIGGER = {sqlite3.SQLITE_CREATE_TRIGGER, sqlite3.SQLITE_CREATE_TEMP_TRIGGER}
_FACTORY = 5  # place of this argument


def guarded(
    connect: Callable[..., Any], is_own: Callable[[str], bool], may: Callable[[str, str], bool]
) -> Callable[..., Any]:
    """``connect`` of :mod:`sqlite3`. A text that is not the author's is run as far as it ``may`` do what it does."""

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *given: Any) -> Any:
            return self.connection.looked_at(sql, lambda: super(Cursor, self).execute(sql, *given))  # type: ignore[attr-defined]

        def executemany(self, sql: str, *given: Any) -> Any:
            return self.connection.looked_at(sql, lambda: super(Cursor, self).executemany(sql, *given))  # type: ignore[attr-defined]

        def executescript(self, sql: str) -> Any:
            return self.connection.looked_at(sql, lambda: super(Cursor, self).executescript(sql))  # type: ignore[attr-defined]

    class Connection(sqlite3.Connection):
        asked: Any = None  # the test's own authoriser

        made: set[tuple[str, str]]  # tables and views that are not the author's, by database
        triggers: dict[str, str]  # that are not, and the text that has made each

        def __new__(cls, *given: Any, **named: Any) -> Any:
            connection = super().__new__(cls)
            connection.made, connection.triggers = set(), {}
            return connection

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
            """Run a text; of what it does, and triggers do that are not the author's, only what they may."""
            own = is_own(sql)
            if own and not self.triggers:
                return run()
            refused: list[str] = []
            fresh = set[tuple[str, str]]()
            there = self.tables() if self.made or (not own and "create" in str(sql).lower()) else set()
            self.made &= there

            def authorised(action: int, *about: str | None) -> int:
                by = sql if not own else self.triggers.get(str(about[-1]).lower())
                if by is not None:
                    if (what := _named(action, about, there, self.made | fresh)) and not may(by, what):
                        refused.append(what)
                        return sqlite3.SQLITE_DENY
                    if action in _TRIGGER:
                        self.triggers[str(about[0]).lower()] = by
                    elif action in _MAKE and what:
                        fresh.add((str(about[2]).lower(), str(about[0]).lower()))
                return sqlite3.SQLITE_OK if self.asked is None else self.asked(action, *about)

            super().set_authorizer(authorised)
            try:
                return run()
            except sqlite3.DatabaseError:
                if not refused:
                    raise
            finally:
                super().set_authorizer(self.asked)
                if fresh:
                    self.made |= fresh & self.tables()
            raise sqlite3.DatabaseError(f"this SQL {refused[0]}, which it was not to do")

        def tables(self) -> set[tuple[str, str]]:
            """The names of its databases and of tables and views in them, in small letters."""

            def ask(sql: str) -> list[tuple[Any, ...]]:
                return sqlite3.Cursor.execute(sqlite3.Cursor(self), sql).fetchall()

            texts, self.text_factory = self.text_factory, str
            super().set_authorizer(None)
            try:
                found = [(name, ask(f'select name from "{name}".sqlite_master')) for _, name, _ in ask(_LIST)]
                return {(database.lower(), str(name).lower()) for database, names in found for (name,) in names}
            finally:
                self.text_factory = texts
                super().set_authorizer(self.asked)

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


def _named(action: int, about: tuple[str | None, ...], there: Set[tuple[str, str]], made: Set[tuple[str, str]]) -> str:
    """What is to be done, in words; nothing if it only reads."""
    name, second, database = (str(each).lower() for each in about[:3])
    if action in _HARMLESS or (action == sqlite3.SQLITE_PRAGMA and name in _DESCRIBE):
        return ""
    if action in _WRITE:
        return "" if name in _KEPT_IN else _MAKES if (database, name) in made else f"writes to {name}"
    if action in _MAKE:
        if name.startswith("sqlite_") or (database, name) in there:  # SQLite's own, or nothing is made
            return ""
        return f"makes another {name}" if name in {name for _, name in there} else _MAKES
    if action in _OTHERS:
        of_made = action in _INDEX and (database, second) in made
        return _MAKES if of_made else _OTHERS[action].format(name, second)
    return _MAKES if (database, name) in made else f"removes {name}"
