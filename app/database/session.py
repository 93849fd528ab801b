"""One open database as the work on it sees it: statements, their rows in pieces, and what was hidden."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from app.database.authority import Authority
from app.database.shield import Shield
from app.database.sqlite_errors import only_this_one
from app.database.tokens import foreign_orders
from app.database.values import install_functions, quoted, short_row
from streams.model.database import RawText

Params = Sequence[Any] | Mapping[str, Any]
Values = Sequence[Any]

_VIRTUAL = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL %'"
BEGIN = "BEGIN"
"""All that follows, up to the session's ``end``, sees one state of the file."""


class Cursor(Protocol):
    """The rows of one statement, of which one at a time is open in a session."""

    @property
    def columns(self) -> tuple[str, ...]: ...  # noqa: D102
    def fetchmany(self, size: int) -> list[Values]: ...  # noqa: D102
    def fetchone(self) -> Values | None: ...  # noqa: D102
    def fetchall(self) -> list[Values]: ...  # noqa: D102
    def __iter__(self) -> Iterator[Values]: ...
    def close(self) -> None: ...  # noqa: D102


class Session(Protocol):
    """A connection, in this process or in one of its own; its failures are those of ``sqlite3``."""

    authority: Authority
    """What was hidden since its ``masked`` and ``used`` were cleared."""
    state: str
    """Tells the state of the file apart from others, as far as the connection does not tell it itself."""
    wal: bool
    """The database keeps its changes in a log beside it."""

    def execute(self, sql: str, params: Params = (), *, short: bool = False, trusted: bool = False) -> Cursor:
        """Run a statement; ``short`` leaves of each value what a cell shows."""
        ...

    def part_of(self, sql: str, row: int, column: int, start: int, size: int) -> tuple[Any, int] | None:
        """Return ``size`` bytes from ``start`` on of one value of an answer, and its length in bytes."""
        ...

    def install(self, shield: Shield) -> dict[str, str]:
        """Hide what ``shield`` says; return the views that could not be made, each with the reason."""
        ...

    def connect_virtual(self, table: str) -> None:
        """Let a virtual table prepare its own statements; some would write, but none is run here."""
        ...

    def end(self) -> None:
        """Roll back what a statement has begun."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class LocalCursor:
    """The rows of a statement of a connection in this process."""

    def __init__(self, cursor: sqlite3.Cursor, *, short: bool) -> None:
        self._cursor, self._short = cursor, short
        self.columns = tuple(str(column[0]) for column in cursor.description or ())

    def __iter__(self) -> Iterator[Values]:
        return map(short_row, self._cursor) if self._short else iter(self._cursor)

    def fetchmany(self, size: int) -> list[Values]:
        """Return the next rows."""
        return [short_row(row) if self._short else row for row in self._cursor.fetchmany(size)]

    def fetchone(self) -> Values | None:
        """Return the next row."""
        return next(iter(self.fetchmany(1)), None)

    def fetchall(self) -> list[Values]:
        """Return all rows that are left."""
        return list(self)

    def close(self) -> None:
        """End the statement."""
        self._cursor.close()


class LocalSession:
    """A connection in this process, with the authorizer that hides."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.authority = Authority()
        self.state = "1"
        self.wal = False
        install_functions(connection)
        connection.set_authorizer(self.authority.decide)

    def execute(
        self, sql: str, params: Params = (), *, short: bool = False, trusted: bool = False
    ) -> LocalCursor:
        """Run a statement."""
        self.authority.trusted = trusted
        try:
            return LocalCursor(self.connection.execute(sql, params), short=short)
        finally:
            self.authority.trusted = False

    def part_of(self, sql: str, row: int, column: int, start: int, size: int) -> tuple[Any, int] | None:
        """Return a part of one value of an answer."""
        cursor = self.connection.execute(sql)
        try:
            found = next((values for at, values in enumerate(cursor) if at == row), None)
        finally:
            cursor.close()
        return None if found is None or column >= len(found) else part_of_value(found[column], start, size)

    def install(self, shield: Shield) -> dict[str, str]:
        """Replace the temporary views that hide."""
        self.connection.set_authorizer(None)
        self.connection.execute("PRAGMA query_only = OFF")
        try:
            self._stand_in()
            failed = self._replace_views(shield.views)
            virtual = self.connection.execute(_VIRTUAL).fetchall()
        finally:
            self.connection.execute("PRAGMA query_only = ON")
            self.connection.set_authorizer(self.authority.decide)
        self.authority.shield = shield
        for (name,) in virtual:  # reading the schema anew has disconnected them
            try:
                self.connect_virtual(str(name))
            except sqlite3.DatabaseError as error:
                if not only_this_one(error):  # which is said when it is asked
                    raise
        return failed

    def _replace_views(self, views: Sequence[tuple[str, str]]) -> dict[str, str]:
        """Write all views into the temporary schema at once, or one by one where one of them is no SQL here.

        After each CREATE the engine looks through all that are there, which takes minutes for thousands.
        """
        try:
            self._write_views(views)
        except sqlite3.DatabaseError as error:
            if not only_this_one(error):
                raise
            self._write_views(())
        else:
            return {}
        failed: dict[str, str] = {}
        for name, create in views:
            try:
                self.connection.execute(f"CREATE TEMP VIEW {create}")
            except sqlite3.Error as error:
                if not only_this_one(error):
                    raise
                failed[name] = str(error)
        return failed

    def _write_views(self, views: Sequence[tuple[str, str]]) -> None:
        execute = self.connection.execute
        before = execute("PRAGMA writable_schema").fetchone()[0]
        execute("PRAGMA writable_schema = ON")
        try:
            execute("SAVEPOINT views")
            try:
                execute("DELETE FROM sqlite_temp_schema")
                self.connection.executemany(
                    "INSERT INTO sqlite_temp_schema VALUES ('view', ?1, ?1, 0, 'CREATE VIEW ' || ?2)", views
                )
            except BaseException:
                execute("ROLLBACK TO views")
                raise
            finally:
                execute("RELEASE views")
        finally:
            execute("PRAGMA writable_schema = RESET")
            if before:
                execute("PRAGMA writable_schema = ON")
        execute("SELECT 1 FROM temp.sqlite_schema").close()  # reads the schema anew, or says what is wrong

    def _stand_in(self) -> None:
        """Compare by bytes in the orders of other programs, and note where a statement needs one."""
        found = self.connection.execute("SELECT sql FROM main.sqlite_schema WHERE sql LIKE '%collate%'")
        texts = [sql.shown if isinstance(sql, RawText) else str(sql) for (sql,) in found]
        for name in sorted({name for text in texts for name in foreign_orders(text)}):
            self.connection.create_collation(name, self._by_bytes(name))

    def _by_bytes(self, name: str) -> Callable[[str, str], int]:
        stand_ins = self.authority.stand_ins

        def compare(one: str, other: str) -> int:
            stand_ins.add(name)
            return (one > other) - (one < other)

        return compare

    def connect_virtual(self, table: str) -> None:
        """Read nothing of a virtual table, while the authorizer does not ask; the file stays read-only."""
        self.connection.set_authorizer(None)
        try:
            self.connection.execute(f"SELECT 1 FROM main.{quoted(table)} LIMIT 0").close()
        finally:
            self.connection.set_authorizer(self.authority.decide)

    def end(self) -> None:
        """Roll back what a statement has begun."""
        if self.connection.in_transaction:
            self.connection.rollback()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def part_of_value(value: Any, start: int, size: int) -> tuple[Any, int]:
    """Return ``size`` bytes of a text or a blob from ``start`` on, and its length in bytes; else the value.

    Text is cut between two characters, so that the next part begins where this one ends.
    """
    if isinstance(value, RawText):
        return RawText(value.raw[start : start + size], value.encoding), len(value.raw)
    if not isinstance(value, str | bytes):
        return value, 0
    raw = value.encode("utf-8", "replace") if isinstance(value, str) else value
    part = raw[start : start + size]
    if isinstance(value, bytes):
        return part, len(raw)
    with suppress(UnicodeDecodeError):
        return part.decode(), len(raw)
    return part.decode(errors="ignore"), len(raw)
