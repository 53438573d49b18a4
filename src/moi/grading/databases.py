"""Lets SQL that a learner may have written do with a test's database what the reference's does; others only read."""

from __future__ import annotations

import re
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
    sqlite3.SQLITE_TRANSACTION: "ends or begins transactions", sqlite3.SQLITE_SAVEPOINT: "ends or begins transactions",
    sqlite3.SQLITE_ATTACH: "opens other databases", sqlite3.SQLITE_DETACH: "opens other databases",
}  # fmt: skip
# Pragmas that describe a table, and that without a value tell of a setting.
_DESCRIBE = ("table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list")
_TELL = (
    "user_version", "data_version", "schema_version", "application_id", "foreign_keys", "encoding", "page_count",
    "page_size", "journal_mode", "synchronous", "integrity_check", "foreign_key_check", "database_list",
)  # fmt: skip
_LIST = "pragma database_list"
_MAKES = "makes tables"
_INDEX = {sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_CREATE_TEMP_INDEX}
_TRIGGER = {sqlite3.SQLITE_CREATE_TRIGGER, sqlite3.SQLITE_CREATE_TEMP_TRIGGER}
_COUNTS = "sqlite_sequence"  # of rows, for tables that count up; it loses a row with its table
_NAMES = re.compile("create|pragma", re.IGNORECASE)  # for which it has to be known what tables there are
_CLOSES = re.compile(r"\b(commit|end|rollback)(\s+transaction)?[\s;]*$", re.IGNORECASE)
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
        __module__, __qualname__ = "sqlite3", "Connection"  # as errors name it
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
            own = not isinstance(sql, str) or is_own(sql)
            if own and not self.triggers:
                return run()
            if not own:
                may(sql, "is run")
            refused: list[str] = []
            there = self.tables() if self.made or (not own and _NAMES.search(sql)) else set()
            self.made &= there
            run_now = _Run(sql, there, self.made)

            def authorised(action: int, *about: str | None) -> int:
                by = sql if not own else self.triggers.get(str(about[-1]).lower())
                if by is not None:
                    if (what := run_now.does(action, about, self.in_transaction)) and not may(by, what):
                        refused.append(what)
                        return sqlite3.SQLITE_DENY
                    if action in _TRIGGER:
                        self.triggers[str(about[0]).lower()] = by
                return sqlite3.SQLITE_OK if self.asked is None else self.asked(action, *about)

            super().set_authorizer(authorised)
            try:
                return run()
            except sqlite3.DatabaseError:
                if not refused:
                    raise
            finally:
                super().set_authorizer(self.asked)
                if run_now.made > self.made:
                    self.made = run_now.made & self.tables()
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


class _Run:
    """A text that is run. ``there`` are tables before it, ``made`` those that are not the author's, by database."""

    def __init__(self, sql: str, there: Set[tuple[str, str]], made: Set[tuple[str, str]]) -> None:
        self.there, self.made = there, set(made)
        self._renames = "rename" in sql.lower()  # to a name that may be another's
        self._closes = bool(_CLOSES.search(sql))
        self._within = False  # whether a transaction is open that it has begun itself
        self._last = [(0, ""), (0, "")]  # what it did, to which table

    def does(self, action: int, about: tuple[str | None, ...], in_transaction: bool) -> str:
        """What is to be done now, in words; nothing if it only reads, or harms nobody."""
        name, second, database = (str(each).lower() for each in about[:3])
        before, self._last = self._last, [self._last[1], (action, name)]
        if action in _WRITE:
            with_table = [each for each, of in before if of == before[1][1]] == [
                sqlite3.SQLITE_DROP_TABLE, sqlite3.SQLITE_DELETE
            ]  # fmt: skip
            if name in _KEPT_IN or (name == _COUNTS and with_table):
                return ""
            return _MAKES if (database, name) in self.made else f"writes to {name}"
        if action in _MAKE:
            if name.startswith("sqlite_") or (database, name) in self.there:  # SQLite's own, or nothing is made
                return ""
            if name in {name for _, name in self.there}:
                return f"makes another {name}"
            self.made.add((database, name))
            return _MAKES
        if action == sqlite3.SQLITE_PRAGMA:
            harmless = name in _DESCRIBE or (about[1] is None and name in _TELL)
            return "" if harmless or (name == "foreign_keys" and self._all_made()) else f"sets {name}"
        if action == sqlite3.SQLITE_TRANSACTION:
            self._within |= name == "begin" and self._closes and not in_transaction
            return "" if self._within else _OTHERS[action]
        if action == sqlite3.SQLITE_ALTER_TABLE:
            return _MAKES if (name, second) in self.made and not self._renames else f"alters {second}"
        if action in _OTHERS:
            of_made = action in _INDEX and (database, second) in self.made
            return _MAKES if of_made else _OTHERS[action].format(name, second)
        if action in _HARMLESS:
            return ""
        return _MAKES if (database, name) in self.made else f"removes {name}"

    def _all_made(self) -> bool:
        """Whether no table is the author's."""
        return all(table in self.made or table[1].startswith("sqlite_") for table in self.there)
