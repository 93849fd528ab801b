"""Writes the whole answer to a statement into a file, row by row; one that does not end leaves none."""

import io
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from app.bridge.database.connection import Reader
from app.bridge.database.export_formats import ENCODING, ERRORS, ending_of, writer_of
from app.bridge.database.session import Cursor, Values
from app.bridge.database.statements import problem_of
from streams.failures import CommandFailed, QueryCancelled
from streams.new_file import NewFile
from streams.records.statements import ExportFormat, ExportProgress

EXPORT_S = 3600.0
BATCH = 500
BATCH_BYTES = 4 * 1024**2
TELL_S = 0.1


def export(
    reader: Reader,
    sql: str,
    kind: ExportFormat,
    target: Path,
    tell: Callable[[ExportProgress], None],
) -> ExportProgress:
    """Write all rows to ``target``; raise CommandFailed where the statement is wrong or a file is there."""
    start = time.monotonic()
    with NewFile(target) as new:
        file = io.TextIOWrapper(new.file, encoding=ENCODING, errors=ERRORS, newline="")
        try:
            rows, size = _write(reader, sql, kind, new=new, file=file, tell=tell)
        except (sqlite3.Error, sqlite3.Warning) as error:
            problem = problem_of(reader, sql, error, time.monotonic() - start)
            raise CommandFailed(problem.message, code=problem.code, hint=problem.hint) from error
        if reader.job.cancelled.is_set():
            raise QueryCancelled("The export was cancelled.")
        path = new.publish()
    return ExportProgress(rows=rows, size_bytes=size, path=str(path))


def _write(
    reader: Reader,
    sql: str,
    kind: ExportFormat,
    *,
    new: NewFile,
    file: TextIO,
    tell: Callable[[ExportProgress], None],
) -> tuple[int, int]:
    """Write all rows; return how many, and the size of the file."""
    cursor = reader.statement(sql)
    count, told = 0, time.monotonic()
    with new.failures():
        write = writer_of(kind, file, cursor.columns)
    for batch in _batches(cursor):
        with new.failures():
            write(batch, count)
        count += len(batch)
        if time.monotonic() - told >= TELL_S:
            told = time.monotonic()
            tell(ExportProgress(rows=count, size_bytes=new.file.tell()))
    with new.failures():
        file.write(ending_of(kind, count))
        file.flush()
        return count, new.file.tell()


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
