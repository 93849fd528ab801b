"""Proof that the full-text index of paths and the table of files agree, and the index made anew."""

import sqlite3
from itertools import zip_longest
from tempfile import TemporaryDirectory

from app.catalogue.search import CREATE_INDEX, CREATE_VOCABULARY, START, client_mark, indexed_text

MAX_FINDINGS = 10
_AT_ONCE = 10_000
# Of each trigram how many files have it, and two sums that no other set of as many files is likely to have.
_SUMS = "SELECT term, count(*), sum(doc), sum(doc * doc % 2147483647) FROM {} GROUP BY term ORDER BY term"


def search_findings(database: sqlite3.Connection, *, thorough: bool = False) -> list[str]:
    """Return what is wrong with the index, nothing where it is right; blocks.

    Looks whether the index has exactly the files of the table, each under its client: seconds at millions of
    files. ``thorough`` also compares all trigrams with an index that is made anew: minutes.
    """
    try:
        findings = _files_of_clients(database)
        if thorough and not findings:
            findings = _trigrams(database)
    except sqlite3.DatabaseError as error:
        return [f"the search index cannot be read: {error}"]
    return findings[:MAX_FINDINGS]


def rebuild(database: sqlite3.Connection) -> int:
    """Make the index anew from the table, inside the caller's transaction; return how many files it has."""
    for table in ("files_trigrams", "files_text"):
        database.execute(f"DROP TABLE IF EXISTS {table}")
    database.execute(CREATE_INDEX)
    database.execute(CREATE_VOCABULARY)
    return _fill(database, database)


def _files_of_clients(database: sqlite3.Connection) -> list[str]:
    findings: list[str] = []
    numbers = [row[0] for row in database.execute("SELECT DISTINCT client_no FROM files ORDER BY client_no")]
    for no in numbers:
        kept = "SELECT id FROM files WHERE client_no = ?1"
        found = "SELECT doc FROM files_trigrams WHERE term = ?2"
        for question, fault in (
            (f"{kept} EXCEPT {found}", "is not in the search index"),
            (f"{found} EXCEPT {kept}", "is in the search index, but not in the table"),
        ):
            rows = database.execute(f"{question} LIMIT {MAX_FINDINGS}", (no, client_mark(no)))
            findings += [f"file {row[0]} of client number {no} {fault}" for row in rows]
    known = {client_mark(no) for no in numbers}
    marks = database.execute(
        "SELECT DISTINCT term FROM files_trigrams WHERE term >= ? AND term < ?", (chr(0xF0000), chr(0xF8000))
    )
    findings += [
        f"the search index has files of a client that has none ({term!a})"
        for (term,) in marks
        if term[-1] == START and term not in known
    ]
    return findings


def _trigrams(database: sqlite3.Connection) -> list[str]:
    with TemporaryDirectory(prefix="tidewatch-search-") as folder:
        anew = sqlite3.connect(f"{folder}/anew.db", isolation_level=None)
        try:
            anew.execute("PRAGMA journal_mode = OFF")
            anew.execute(CREATE_INDEX)
            anew.execute(CREATE_VOCABULARY)
            _fill(anew, database)
            question = _SUMS.format("files_trigrams")
            pairs = zip_longest(database.execute(question), anew.execute(question))
            for kept, right in pairs:
                if kept != right:
                    return [f"the search index has {kept!a} where it should have {right!a}"]
        finally:
            anew.close()
    return []


def _fill(index: sqlite3.Connection, database: sqlite3.Connection) -> int:
    count = 0
    rows = database.execute("SELECT id, client_no, path_key FROM files ORDER BY id")
    while part := rows.fetchmany(_AT_ONCE):
        texts = [(file_id, indexed_text(no, path_key)) for file_id, no, path_key in part]
        index.executemany("INSERT INTO files_text (rowid, text) VALUES (?, ?)", texts)
        count += len(texts)
    return count
