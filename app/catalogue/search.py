"""The full-text index of paths: which files may contain a text, found by its trigrams.

A row of ``files_text`` has the id of its file, and as text a mark of the client, the path in lower case and
two marks of the end. The index keeps no positions: a match is only a candidate, whose path is compared too.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from app.catalogue.transaction import Transaction

START, END = "\U0010fffc", "\U0010fffd"
TRIGRAM = 3
CREATE_INDEX = (
    "CREATE VIRTUAL TABLE files_text USING fts5("
    "text, content = '', columnsize = 0, detail = none, tokenize = 'trigram case_sensitive 1')"
)
CREATE_VOCABULARY = "CREATE VIRTUAL TABLE files_trigrams USING fts5vocab(files_text, instance)"
MAX_TERMS = 16
"""Trigrams of a text among which is chosen for which to ask; the comparison of the path does the rest."""

_INSERT = "INSERT INTO files_text (rowid, text) VALUES (?, ?)"
# The index has no texts of its own: to forget one, it must be told again.
_DELETE = "INSERT INTO files_text (files_text, rowid, text) VALUES ('delete', ?, ?)"

IndexedFile = tuple[int, int, str]
"""Id, number of the client, and path in lower case."""


def client_mark(client_no: int) -> str:
    """Return the three characters that stand before each path of a client: one trigram of its own."""
    high, low = divmod(client_no, 0x8000)
    return f"{chr(0xF0000 + high)}{chr(0xF8000 + low)}{START}"


def indexed_text(client_no: int, path_key: str) -> str:
    """Return what the index has of a file."""
    return f"{client_mark(client_no)}{path_key}{END}{END}"


def add_paths(transaction: Transaction, files: Iterable[IndexedFile]) -> None:
    """Index new files inside the write that adds them."""
    _each(transaction.connection, _INSERT, files)


def forget_paths(transaction: Transaction, files: Iterable[IndexedFile]) -> None:
    """Take files out of the index inside the write that deletes their rows."""
    _each(transaction.connection, _DELETE, files)


def _each(connection: Connection, sql: str, files: Iterable[IndexedFile]) -> None:
    rows = [(file_id, indexed_text(client_no, path_key)) for file_id, client_no, path_key in files]
    if rows:
        connection.exec_driver_sql(sql, rows)


def trigrams(text: str) -> list[str]:
    """Return all trigrams of a text, each once."""
    return list(dict.fromkeys(text[at : at + TRIGRAM] for at in range(len(text) - TRIGRAM + 1)))


def candidates(text: str = "", *, client_no: int | None = None, suffix: str | None = None) -> list[str]:
    """Return trigrams that a file must have to match all of this; none where none can tell.

    ``text`` and ``suffix`` are in lower case.
    """
    # No path has a NUL, and none may end the question.
    found = _chosen([each for each in trigrams(text) if "\0" not in each])
    if suffix and suffix.isascii():
        # Elsewhere lower case may depend on what stands before. The last trigram alone tells most.
        found.append(f".{suffix}{END}"[-TRIGRAM:])
    if client_no is not None:
        found.append(client_mark(client_no))
    return list(dict.fromkeys(found))


def question(terms: Iterable[str]) -> str:
    """Return the full-text question for files that have all of these trigrams."""
    return " AND ".join(_quoted(term) for term in terms)


def beginning_with(text: str) -> tuple[str, str]:
    """Return the first and the last trigram that begin with one or two characters."""
    return text, text + "\U0010ffff"


def _chosen(found: Sequence[str]) -> list[str]:
    """Return all trigrams, or of a long text some that are spread over it."""
    if len(found) <= MAX_TERMS:
        return list(found)
    step = (len(found) - 1) / (MAX_TERMS - 1)
    return [found[round(number * step)] for number in range(MAX_TERMS)]


def _quoted(trigram: str) -> str:
    doubled = trigram.replace('"', '""')
    return f'"{doubled}"'
