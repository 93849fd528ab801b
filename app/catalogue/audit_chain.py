"""The chain of the audit record: each row carries the hash of the one before it. All functions block.

Rows that are older than ``server.audit_days`` are removed from its beginning; each time a row that stays
names the last one that went, with its hash, so that the rest is still proved.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from app.catalogue.engine import file_uri
from app.catalogue.errors import translated
from app.runtime.private_folder import write_private
from streams.model.vocabulary import AuditAction

HEAD_FILE = "audit.head"
"""Beside the catalogue: number and hash of the newest row, so that a tail that was cut off is missed."""
HEAD_NAME = "audit_head"
"""The same in the catalogue itself, in its table ``meta``."""
LONGEST_HEAD = 200
"""Bytes of that file; the rest of a longer one, which is no such file, is not read."""
MAX = 2**62
MAX_FAULTS = 1000
"""Faults that are named, the first ones; with so many it is all the same how many more there are."""
FIRST = bytes(32)
"""What the first row follows."""
COLUMNS = (
    "seq", "at", "line_id", "who", "address", "action", "target", "client_id", "result", "detail", "count",
)  # fmt: skip
"""What the hash of a row covers, besides the hash before it."""
_ALL = ", ".join((*(f'"{name}"' for name in COLUMNS), "previous", "hash"))


class Head(NamedTuple):
    """A row of the chain: the newest, or the last that was removed."""

    seq: int = 0
    line_id: int = 0
    hash: bytes = FIRST

    def text(self) -> str:
        """Return it as it is kept."""
        return f"{self.seq} {self.line_id} {self.hash.hex()}"

    @classmethod
    def of(cls, text: str) -> "Head":
        """Return it from its text; raises ValueError."""
        seq, line_id, hash_ = text.split()
        head = cls(int(seq), int(line_id), bytes.fromhex(hash_))
        if not (0 <= head.seq < MAX and 0 <= head.line_id < MAX and len(head.hash) == len(FIRST)):
            raise ValueError("no row of an audit record")
        return head


UNREADABLE = Head(-1)
"""What no row is."""


class Proof(NamedTuple):
    """What a walk along the chain has found."""

    rows: int
    broken: list[str]
    """Rows that were changed, removed or reordered."""
    cut: list[str]
    """Where the chain does not reach the row that the file beside the catalogue names.

    That is also so where an older copy of the catalogue was put back by hand.
    """

    @property
    def faults(self) -> list[str]:
        """All of it."""
        return [*self.broken, *self.cut]


def chained(previous: bytes, values: Sequence[Any]) -> bytes:
    """Return the hash of a row with these values after one with the hash ``previous``."""
    return hashlib.sha256(previous + _encode(list(values))).digest()


_encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def read_head(catalogue: Path) -> Head | None:
    """Return what the file beside a catalogue says; None where there is none. Raises OSError."""
    try:
        with catalogue.with_name(HEAD_FILE).open("rb") as file:
            return Head.of(file.read(LONGEST_HEAD).decode("ascii"))
    except FileNotFoundError:
        return None
    except ValueError:
        return UNREADABLE


def write_head(catalogue: Path, head: Head) -> None:
    """Write the file beside a catalogue, whole or not at all; raises OSError."""
    write_private(catalogue.with_name(HEAD_FILE), f"{head.text()}\n".encode("ascii"))


def prove(catalogue: Path) -> Proof:
    """Walk the whole chain and return each fault: changed, missing, reordered, cut.

    Raises one of the catalogue's errors where it cannot be read, and OSError where the file with its head
    cannot. A server may go on writing meanwhile.
    """
    # First, since what it names is in the catalogue before: a later look at that has the row.
    beside = read_head(catalogue)
    with translated(catalogue), closing(sqlite3.connect(file_uri(catalogue, "ro"), uri=True)) as database:
        database.execute("BEGIN")
        return _walk(database, _kept_head(database), beside)


class _Witness:
    """A row that is named elsewhere, and whether the walk has met it."""

    def __init__(self, name: str, head: Head) -> None:
        self.name, self._head = name, head
        self.fault = f"{name} names row {head.seq}" if head.seq > 0 else f"{name} cannot be read"
        self._met = False

    def meet(self, seq: int, hash_: bytes) -> None:
        """Compare a row of the chain with the one that is named."""
        if seq == self._head.seq:
            self._met = True
            self.fault = (
                "" if hash_ == self._head.hash else f"row {seq} is not the one that {self.name} names"
            )

    def told(self, last: int) -> list[str]:
        """Return its fault, where the chain ends with the row ``last``."""
        if self._head.seq > 0 and not self._met:
            return [f"rows after {last} are missing: {self.fault}"]
        return [self.fault] if self.fault else []


def _walk(database: sqlite3.Connection, kept: Head | None, beside: Head | None) -> Proof:
    faults: list[str] = []
    inside, outside = (
        [_Witness(name, head)] if head is not None and head.seq else []
        for name, head in (("the catalogue", kept), (HEAD_FILE, beside))
    )
    begin: Head | None = None
    """The row before the first one that is there."""
    removed: set[tuple[int, bytes]] = set()
    last, previous, count = 0, FIRST, 0
    for values, told_previous, hash_ in _rows(database):
        seq = values[0]
        if seq != last + 1 and not count:
            begin = Head(seq - 1, 0, told_previous)
        elif seq != last + 1:
            faults.append(f"rows {last + 1} to {seq - 1} are missing")
        elif told_previous != previous:
            faults.append(f"row {seq} does not follow row {last}")
        if hash_ != chained(told_previous, values):
            faults.append(f"row {seq} was changed")
        elif values[COLUMNS.index("action")] == AuditAction.AUDIT_PURGE:
            removed.add(_last_removed(str(values[COLUMNS.index("detail")])))
        for witness in (*inside, *outside):
            witness.meet(seq, hash_)
        last, previous, count = seq, hash_, count + 1
        del faults[MAX_FAULTS:]
    if begin is not None and (begin.seq, begin.hash) not in removed:
        faults.insert(0, f"rows 1 to {begin.seq} are missing")
    faults += [text for witness in inside for text in witness.told(last)]
    return Proof(count, faults, [text for witness in outside for text in witness.told(last)])


def _rows(database: sqlite3.Connection) -> Iterator[tuple[list[Any], bytes, bytes]]:
    # Whatever somebody has put there is read, and found to be changed.
    database.text_factory = lambda raw: raw.decode("utf-8", "replace")
    for row in database.execute(f"SELECT {_ALL} FROM audit ORDER BY seq"):
        yield list(row[: len(COLUMNS)]), _hash(row[-2]), _hash(row[-1])


def _hash(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""


def _kept_head(database: sqlite3.Connection) -> Head | None:
    kept = database.execute("SELECT value FROM meta WHERE name = ?", (HEAD_NAME,)).fetchone()
    if not kept:
        return None
    try:
        return Head.of(str(kept[0]))
    except ValueError:
        return UNREADABLE


def removal_told(last: Head, count: int) -> str:
    """Return the detail of the row that anchors the chain after its first rows were removed."""
    return f"{count} rows; the last was {last.seq} with the hash {last.hash.hex()}"


def _last_removed(detail: str) -> tuple[int, bytes]:
    words = detail.split()
    try:
        return int(words[words.index("was") + 1]), bytes.fromhex(words[-1])
    except (ValueError, IndexError):
        return -1, b""


def _carry_intents(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Copy the orders that a crash has left without a row, where both keep such."""
    names = [
        [row[1] for row in database.execute("PRAGMA table_info(audit_intents)")] for database in (old, new)
    ]
    if names[0] and names[0] == names[1]:
        marks = ", ".join("?" * len(names[0]))
        new.execute("BEGIN IMMEDIATE")
        new.execute("DELETE FROM audit_intents")
        rows = old.execute("SELECT * FROM audit_intents")
        new.executemany(f"INSERT INTO audit_intents VALUES ({marks})", rows)
        new.execute("COMMIT")


def carry_over(before: Path, catalogue: Path) -> int:
    """Append the rows that the catalogue ``before`` has after the newest one of its older copy.

    Orders that were begun and not answered come too.

    Nobody may have them open. Returns how many; 0 where the one does not continue the other. Raises one of
    the catalogue's errors where either cannot be read.
    """
    with (
        translated(before),
        closing(sqlite3.connect(file_uri(before, "rw"), uri=True)) as old,
        closing(sqlite3.connect(file_uri(catalogue, "rw"), uri=True, isolation_level=None)) as new,
    ):
        new.execute("PRAGMA synchronous = FULL")
        _carry_intents(old, new)
        head = _kept_head(new) or Head()
        newest = _kept_head(old)
        same = old.execute("SELECT hash FROM audit WHERE seq = ?", (head.seq,)).fetchone()
        if newest in (None, UNREADABLE) or head == UNREADABLE:
            return 0
        if head.seq and (same is None or same[0] != head.hash):
            return 0
        new.execute("BEGIN IMMEDIATE")
        marks = ", ".join("?" * (len(COLUMNS) + 2))
        rows = old.execute(f"SELECT {_ALL} FROM audit WHERE seq > ? ORDER BY seq", (head.seq,))
        count = new.executemany(f"INSERT INTO audit ({_ALL}) VALUES ({marks})", rows).rowcount
        if count > 0:
            new.execute("DELETE FROM meta WHERE name = ?", (HEAD_NAME,))
            new.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (HEAD_NAME, newest.text()))
        new.execute("COMMIT")
    return max(count, 0)
