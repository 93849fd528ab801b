"""Writes the whole answer to a statement into a file, row by row; one that does not end leaves none."""

import csv
import io
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from app.bridge.database.connection import Reader
from app.bridge.database.session import Cursor, Values
from app.bridge.database.statements import problem_of
from streams.failures import CommandFailed, QueryCancelled
from streams.new_file import NewFile
from streams.records.statements import ExportFormat, ExportProgress

EXPORT_S = 3600.0
BATCH = 500
BATCH_BYTES = 4 * 1024**2
TELL_S = 0.1
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
        file = io.TextIOWrapper(new.file, encoding="utf-8", newline="")
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
    columns = list(cursor.columns)
    count, told = 0, time.monotonic()
    with new.failures():
        write = _csv_writer(file, columns) if kind is ExportFormat.CSV else _json_writer(file, columns)
    for batch in _batches(cursor):
        with new.failures():
            write(batch, count)
        count += len(batch)
        if time.monotonic() - told >= TELL_S:
            told = time.monotonic()
            tell(ExportProgress(rows=count, size_bytes=new.file.tell()))
    with new.failures():
        if kind is ExportFormat.JSON:
            file.write("\n]\n" if count else "]\n")
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


def _csv_writer(file: TextIO, columns: list[str]) -> Callable[[list[Values], int], None]:
    writer = csv.writer(file)
    writer.writerow(columns)

    def write(batch: list[Values], _count: int) -> None:
        writer.writerows([[_csv_value(value) for value in row] for row in batch])

    return write


def _csv_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"  # a spreadsheet would run it
    return value


def _json_writer(file: TextIO, columns: list[str]) -> Callable[[list[Values], int], None]:
    names = _told_apart(columns)
    file.write("[")

    def write(batch: list[Values], count: int) -> None:
        for number, row in enumerate(batch, count):
            record = dict(zip(names, map(_json_value, row), strict=True))
            file.write((",\n" if number else "\n") + json.dumps(record, ensure_ascii=False))

    return write


def _told_apart(columns: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    names: list[str] = []
    for column in columns:
        seen[column] = seen.get(column, 0) + 1
        names.append(column if seen[column] == 1 else f"{column} ({seen[column]})")
    return names


def _json_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    return value
