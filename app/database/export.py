"""Writes the whole answer to a statement, row by row: into a file, or into pieces for a reader elsewhere.

A file that does not end is not left behind.
"""

import io
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol, TextIO, cast

from app.database.connection import Reader
from app.database.export_formats import ENCODING, ERRORS, ending_of, writer_of
from app.database.session import Cursor, Values
from app.database.statements import problem_of
from streams.model.failures import CommandFailed, QueryCancelled
from streams.model.new_file import NewFile
from streams.model.statements import ExportFormat, ExportProgress

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

EXPORT_S = 3600.0
BATCH = 500
BATCH_BYTES = 4 * 1024**2
TELL_S = 0.1
PIECE_BYTES = 256 * 1024
PIECES_AHEAD = 4
"""Pieces that are made before the first of them is taken."""
LOOK_S = 0.2
STALL_S = 30.0
"""How long a reader may take nothing before its export is given up."""


class Piece(NamedTuple):
    """Bytes of an export, and how many rows there are up to their end."""

    rows: int
    data: bytes


class Sink(Protocol):
    """Where an export is written to."""

    @property
    def file(self) -> BinaryIO: ...  # noqa: D102

    def failures(self) -> AbstractContextManager[None]:
        """Raise what the disk or the reader of it refuses as CommandFailed."""
        ...


def export(
    reader: Reader,
    sql: str,
    kind: ExportFormat,
    target: Path,
    publish: Callable[[ExportProgress], None],
) -> ExportProgress:
    """Write all rows to ``target``; raise CommandFailed where the statement is wrong or a file is there."""
    with NewFile(target) as new:
        # Closed with the file below it, not before that is published.
        file = _text_over(new.file)
        rows, size = _write(
            reader,
            sql,
            kind,
            sink=new,
            file=file,
            publish=lambda rows: publish(ExportProgress(rows=rows, size_bytes=new.file.tell())),
        )
        path = new.publish()
    return ExportProgress(rows=rows, size_bytes=size, path=str(path))


def export_pieces(reader: Reader, sql: str, kind: ExportFormat, sink: "PieceSink") -> Piece:
    """Give all rows to ``sink``; return the last piece, which says that all of it is there."""
    sink.is_over = reader.job.over
    file = _text_over(sink.file)
    try:
        rows, _ = _write(reader, sql, kind, sink=sink, file=file, publish=sink.count)
        return Piece(rows, sink.rest())
    finally:
        sink.end()
        file.close()


def _text_over(file: BinaryIO) -> TextIO:
    return io.TextIOWrapper(file, encoding=ENCODING, errors=ERRORS, newline="")


class PieceSink(io.RawIOBase):
    """Bytes in pieces of about ``PIECE_BYTES`` for a reader in another thread."""

    def __init__(self, publish: Callable[[Piece], None]) -> None:
        super().__init__()
        self._publish = publish
        self._free = threading.Semaphore(PIECES_AHEAD)
        self._waiting = bytearray()
        self._rows = self._size = 0
        self._ended = False
        self.is_over: Callable[[], bool] = lambda: False

    @property
    def file(self) -> BinaryIO:
        """What is written to."""
        return cast(BinaryIO, self)

    def failures(self) -> AbstractContextManager[None]:
        """Raise nothing of its own: there is no disk."""
        return nullcontext()

    def writable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._size

    def write(self, data: "ReadableBuffer", /) -> int:
        """Keep further bytes, and hand on what is enough for a piece."""
        added = memoryview(data).nbytes
        if self._ended:
            return added
        self._waiting += data
        self._size += added
        while len(self._waiting) >= PIECE_BYTES:
            self._hand_on(bytes(self._waiting[:PIECE_BYTES]))
            del self._waiting[:PIECE_BYTES]
        return added

    def count(self, rows: int) -> None:
        """Note how many rows are written."""
        self._rows = rows

    def rest(self) -> bytes:
        """Return what is left for the last piece."""
        return bytes(self._waiting)

    def end(self) -> None:
        """Take no more: what an export that failed has not handed on is lost."""
        self._ended = True

    def taken(self) -> None:
        """Say that a piece was taken, from the reader's thread."""
        self._free.release()

    def _hand_on(self, data: bytes) -> None:
        waited_s = 0.0
        while not self._free.acquire(timeout=LOOK_S):
            waited_s += LOOK_S
            if self.is_over():
                raise QueryCancelled("The export was cancelled, or its time was over.")
            if waited_s >= STALL_S:  # a transaction that stays open keeps the log of the database growing
                raise CommandFailed(f"Nothing was taken for {STALL_S:.0f} s.", code="query_timeout")
        self._publish(Piece(self._rows, data))


def _write(
    reader: Reader,
    sql: str,
    kind: ExportFormat,
    *,
    sink: Sink,
    file: TextIO,
    publish: Callable[[int], None],
) -> tuple[int, int]:
    """Write all rows; return how many, and how many bytes. ``publish`` is told of rows now and then."""
    start = time.monotonic()
    try:
        written = _write_rows(reader, sql, kind, sink=sink, file=file, publish=publish)
    except (sqlite3.Error, sqlite3.Warning) as error:
        problem = problem_of(reader, sql, error, time.monotonic() - start)
        raise CommandFailed(problem.message, code=problem.code, hint=problem.hint) from error
    if reader.job.cancelled.is_set():
        raise QueryCancelled("The export was cancelled.")
    return written


def _write_rows(
    reader: Reader,
    sql: str,
    kind: ExportFormat,
    *,
    sink: Sink,
    file: TextIO,
    publish: Callable[[int], None],
) -> tuple[int, int]:
    cursor = reader.statement(sql)
    count, told = 0, time.monotonic()
    with sink.failures():
        write = writer_of(kind, file, cursor.columns)
    for batch in _batches(cursor):
        with sink.failures():
            write(batch, count)
        count += len(batch)
        if time.monotonic() - told >= TELL_S:
            told = time.monotonic()
            publish(count)
    with sink.failures():
        file.write(ending_of(kind, count))
        file.flush()
        return count, sink.file.tell()


def _batches(cursor: Cursor) -> Iterator[list[Values]]:
    """Yield rows by ``BATCH``, or fewer of large ones, so that not many of these are held at once."""
    batch: list[Values] = []
    size = 0
    for row in cursor:
        batch.append(row)
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(batch) == BATCH or size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
