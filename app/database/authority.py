"""SQLite's authorizer for the Database view: reading only, and no value of a secret column."""

import sqlite3
from collections.abc import Callable

from app.database.shield import SCHEMA_TABLES, Shield

_ALLOWED = frozenset({
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
})  # fmt: skip
_SCHEMA_PRAGMAS = frozenset({"table_info", "table_xinfo"})
_CHECKING_PRAGMAS = frozenset({"foreign_key_check", "quick_check", "integrity_check"})
"""Their findings tell of values that are equal or missing."""
_LOOKING_PRAGMAS = frozenset({
    "index_list", "index_info", "index_xinfo", "foreign_key_list", *_SCHEMA_PRAGMAS, *_CHECKING_PRAGMAS,
})  # fmt: skip
"""Their argument names what to look at and sets nothing."""
_PRAGMAS = _LOOKING_PRAGMAS | {
    "data_version", "page_count", "page_size", "freelist_count", "journal_mode", "user_version", "cache_size",
    "table_list", "schema_version", "encoding", "compile_options", "application_id", "auto_vacuum",
    "collation_list", "database_list", "function_list", "module_list", "pragma_list", "mmap_size",
    "query_only", "foreign_keys", "max_page_count", "synchronous", "wal_autocheckpoint",
}  # fmt: skip
_FUNCTIONS_DENIED = frozenset({
    "load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "rtreecheck", "sqlite_log",
})  # fmt: skip


class Authority:
    """The decision on each thing that a statement wants to do."""

    def __init__(self) -> None:
        self.shield = Shield(refused={"sqlite_dbpage": ""}, denied=frozenset({"sqlite_dbpage"}))
        self.trusted = False
        """Whether the statement is the console's own, which reads the schema and the sizes of tables."""
        self.masked: dict[str, None] = {}
        """Secret columns that statements asked for since this was cleared."""
        self.used: set[str] = set()
        """Shielded tables that they read, in lower case."""
        self.stand_ins: set[str] = set()
        """Orders of other programs that they compared by, as bytes."""

    def decide(
        self, action: int, first: str | None, second: str | None, database: str | None, by: str | None
    ) -> int:
        """Answer SQLite: allow, deny, or read NULL instead."""
        if action == sqlite3.SQLITE_READ:
            return self._read(first or "", second or "", database, by)
        if action == sqlite3.SQLITE_PRAGMA:
            return sqlite3.SQLITE_OK if self._looks(first, second, database) else sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_UPDATE and first in SCHEMA_TABLES:
            # What SQLite asks when it connects a virtual table; to really change them it refuses by itself.
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS_DENIED:
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY

    def _looks(self, pragma: str | None, argument: str | None, database: str | None) -> bool:
        name = (pragma or "").lower()
        if name not in _PRAGMAS or (argument is not None and name not in _LOOKING_PRAGMAS):
            return False
        if self.trusted or not self.shield.secrets:
            return True
        if name in _CHECKING_PRAGMAS:
            return False
        # Without a database it finds the view, which has no defaults.
        shielded = (argument or "").lower() in self.shield.shielded
        return not (name in _SCHEMA_PRAGMAS and database is not None and shielded)

    def _read(self, first: str, second: str, database: str | None, by: str | None) -> int:
        table, column = first.lower(), second.lower()
        shield = self.shield
        if table == "sqlite_dbpage" or (not self.trusted and table in shield.denied):
            return sqlite3.SQLITE_DENY
        if table in SCHEMA_TABLES and not self.trusted and shield.secrets:
            if database == "temp":
                return sqlite3.SQLITE_DENY
            if column == "sql" and shield.hides_sql:
                return self._mask(first, second)
        secret = (table, column) in shield.secrets
        if database == "temp":
            # The view has NULL there by itself; of a row's number it has none.
            if secret or (column == "rowid" and table in shield.shielded):
                self._mask(first, second)
            return sqlite3.SQLITE_OK
        if by is not None and by.lower() in shield.shielded:
            self.used.add(by.lower())
        if not secret:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_IGNORE if table in shield.quiet else self._mask(first, second)

    def _mask(self, table: str, column: str) -> int:
        self.masked[f"{table}.{column}"] = None
        return sqlite3.SQLITE_IGNORE


Decide = Callable[[int, str | None, str | None, str | None, str | None], int]
