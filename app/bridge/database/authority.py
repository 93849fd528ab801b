"""What the database's own authorizer allows: reading, nothing else, and no value of a secret column."""

import sqlite3
from collections.abc import Callable

_ALLOWED = frozenset({
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
})  # fmt: skip
_LOOKING_PRAGMAS = frozenset({
    "table_info", "table_xinfo", "index_list", "index_info", "index_xinfo", "foreign_key_list",
    "foreign_key_check", "quick_check", "integrity_check",
})  # fmt: skip
"""Their argument names what to look at and sets nothing."""
_PRAGMAS = _LOOKING_PRAGMAS | {
    "data_version", "page_count", "page_size", "freelist_count", "journal_mode", "user_version", "cache_size",
    "table_list", "schema_version", "encoding", "compile_options", "application_id", "auto_vacuum",
    "collation_list", "database_list", "function_list", "module_list", "pragma_list", "mmap_size",
    "query_only", "foreign_keys", "max_page_count", "synchronous", "wal_autocheckpoint",
}  # fmt: skip
_FUNCTIONS_DENIED = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})
_TABLES_DENIED = frozenset({"sqlite_dbpage"})
"""Raw pages would show what the columns hide."""

_SCHEMA_TABLES = frozenset({"sqlite_master", "sqlite_schema"})

_SAMPLES = frozenset({("sqlite_stat4", "sample"), ("sqlite_stat3", "sample")})
"""The planner keeps values of indexed columns here."""

SecretColumns = frozenset[tuple[str, str]]
"""Table and column, both in lower case."""


class Authority:
    """The decision on each thing that a statement wants to do."""

    def __init__(self) -> None:
        self.secrets: SecretColumns = frozenset()
        self.masked: dict[str, None] = {}
        """Secret columns that statements asked for since this was cleared."""

    def decide(
        self, action: int, first: str | None, second: str | None, _database: str | None, _by: str | None
    ) -> int:
        """Answer SQLite: allow, deny, or read NULL instead."""
        if action == sqlite3.SQLITE_READ:
            return self._read((first or "").lower(), (second or "").lower(), f"{first}.{second}")
        if action == sqlite3.SQLITE_PRAGMA:
            name = (first or "").lower()
            fine = name in _PRAGMAS and (second is None or name in _LOOKING_PRAGMAS)
            return sqlite3.SQLITE_OK if fine else sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_UPDATE and first in _SCHEMA_TABLES:
            # What SQLite asks when it connects a virtual table; to really change them it refuses by itself.
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS_DENIED:
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY

    def _read(self, table: str, column: str, name: str) -> int:
        if table in _TABLES_DENIED:
            return sqlite3.SQLITE_DENY
        if (table, column) in self.secrets or (table, column) in _SAMPLES:
            self.masked[name] = None
            return sqlite3.SQLITE_IGNORE
        return sqlite3.SQLITE_OK


Decide = Callable[[int, str | None, str | None, str | None, str | None], int]
