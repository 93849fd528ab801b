"""A database of many kinds of tables, for the tests of what is asked of one."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from reactivex import Observable

from app.database.connection import Job, Reader
from app.database.session import LocalSession

T = TypeVar("T")

HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def reader_of(db: sqlite3.Connection) -> Reader:
    """Return what reads a connection of this process."""
    return Reader(LocalSession(db), Job(30))


def made(path: Path, script: str) -> Path:
    """Make a database by running a script, and return its path."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(script)
    return path


def make(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE clients (
                id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, note TEXT, raw BLOB
            );
            CREATE INDEX by_name ON clients (name);
            CREATE TABLE tokens (
                token_hash TEXT,
                client_id INTEGER REFERENCES clients (id) ON DELETE CASCADE,
                hash TEXT,
                key TEXT
            );
            CREATE TABLE pairs (a TEXT, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
            CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT);
            CREATE VIEW names AS SELECT name FROM clients;
            CREATE VIRTUAL TABLE words USING fts5 (text);
            INSERT INTO words VALUES ('some words to find');
            INSERT INTO settings VALUES ('theme', 'dark'), ('language', 'en');
            """
        )
        db.executemany(
            "INSERT INTO clients VALUES (?, ?, ?, ?)",
            [(n, f"client {n:03}", "x" * (n * 3), b"\x00\x01" * n) for n in range(1, 251)],
        )
        db.execute("INSERT INTO tokens VALUES (?, 1, ?, ?)", (HASH, HASH, HASH))
    return path


async def answer(question: Observable[T]) -> T:
    return await question
