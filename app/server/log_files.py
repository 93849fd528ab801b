"""The server's log on disk: JSON lines in files that are rotated, read from their newest line backwards."""

import os
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import structlog

from streams.model.logs import LogLine

log = structlog.stdlib.get_logger(__name__)

NAME = "server.jsonl"
FILE_BYTES = 8 * 1024 * 1024
KEPT_FILES = 6

_encode = msgspec.json.Encoder().encode
_ID = re.compile(rb'\{"id":(\d{1,18}),')
_decode = msgspec.json.Decoder(LogLine).decode


class LogFiles:
    """``server.jsonl`` and its predecessors ``server.1.jsonl``; each method blocks, call it in a thread."""

    def __init__(self, folder: Path, *, file_bytes: int = FILE_BYTES, kept_files: int = KEPT_FILES) -> None:
        self._folder = folder
        self._file_bytes, self._kept_files = file_bytes, kept_files
        self._spans: dict[tuple[int, int, int], tuple[int, int]] = {}
        """Between which ids the lines of each file are, by device, inode and size."""
        self._unreadable: set[str] = set()

    def append(self, lines: Sequence[LogLine]) -> None:
        """Write lines at the end, all or none; raises OSError."""
        if not lines:
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(0)
        if path.exists() and path.stat().st_size >= self._file_bytes:
            self._rotate()
        data = b"".join(_encode(line) + b"\n" for line in lines)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            end = os.fstat(descriptor).st_size
            if end and os.pread(descriptor, 1, end - 1) != b"\n":
                # Torn when the power went.
                data = b"\n" + data
            try:
                _write_all(descriptor, data)
            except OSError:
                # A torn line would take the next one with it.
                os.ftruncate(descriptor, end)
                raise
        finally:
            os.close(descriptor)

    def newest_first(
        self,
        before: int,
        wanted: Callable[[LogLine], bool],
        *,
        limit: int,
        most_read: int,
        passed_over: Callable[[LogLine], bool] = lambda _: False,
    ) -> tuple[list[LogLine], int | None]:
        """Return wanted lines with ids below ``before`` and where to go on, None at the end.

        Reads at most about ``most_read`` lines, so that a rare word cannot keep a thread busy for long; those
        that are ``passed_over`` cost little, and do not count.
        """
        found: list[LogLine] = []
        last, read = -1, 0
        for line in self._backwards(before):
            if passed_over(line):
                continue
            # Lines with one id, as of a clock that was set back, stay together: pages begin at ids.
            if line.id != last and (len(found) >= limit or read >= most_read):
                return found, line.id + 1
            last, read = line.id, read + 1
            if wanted(line):
                found.append(line)
        return found, None

    def newest_id(self) -> int:
        """Return the highest id of all lines, 0 where there are none."""
        with ExitStack() as opened:
            return max((part.highest for part in self._parts(opened)), default=0)

    def _backwards(self, before: int) -> Iterator[LogLine]:
        with ExitStack() as opened:
            parts = [part for part in self._parts(opened) if part.lowest < before]
            for group in _overlapping(parts):
                rows = [row for part in reversed(group) for row in _rows(part.file)]
                rows.sort(key=_id_of_row)  # which they are, but for a clock that was set back
                # Newer rows are skipped without being read: a page far back costs what the first one does.
                for at in range(bisect_left(rows, before, key=_id_of_row) - 1, -1, -1):
                    line = _read(rows[at][1])
                    if line is not None:
                        yield line

    def _parts(self, opened: ExitStack) -> list["_Part"]:
        """Return the files with lines, the newest first; one that is rotated meanwhile is there once."""
        found: dict[tuple[int, int], _Part] = {}
        spans: dict[tuple[int, int, int], tuple[int, int]] = {}
        for number in range(self._kept_files):
            path = self._path(number)
            try:
                file = opened.enter_context(path.open("rb"))
                about = os.fstat(file.fileno())
                place, state = (about.st_dev, about.st_ino), (about.st_dev, about.st_ino, about.st_size)
                span = self._spans.get(state) or _span(file)
            except FileNotFoundError:
                continue
            except OSError as error:  # a bad sector costs its file
                if path.name not in self._unreadable:
                    self._unreadable.add(path.name)
                    log.error("log_file_unreadable", file=str(path), reason=error.strerror or str(error))
                continue
            if span is not None and place not in found:
                spans[state] = span
                found[place] = _Part(file, *span)
        self._spans = spans
        return list(found.values())

    def _path(self, number: int) -> Path:
        return self._folder / (NAME if number == 0 else f"server.{number}.jsonl")

    def _rotate(self) -> None:
        for number in range(self._kept_files - 1, 0, -1):
            with suppress(FileNotFoundError):
                self._path(number - 1).replace(self._path(number))


class _Part(NamedTuple):
    """An open file, and between which ids its lines are."""

    file: BinaryIO
    lowest: int
    highest: int


Row = tuple[int, bytes]


def _rows(file: BinaryIO) -> list[Row]:
    """Return the lines of a file with their ids; one that was cut before its id has none and is no line."""
    file.seek(0)
    found: list[Row] = []
    for row in file.read().splitlines():
        if (head := _ID.match(row)) is not None:
            found.append((int(head[1]), row))
    return found


def _span(file: BinaryIO) -> tuple[int, int] | None:
    ids = [number for number, _ in _rows(file)]
    return (min(ids), max(ids)) if ids else None


def _id_of_row(row: Row) -> int:
    return row[0]


def _overlapping(parts: list[_Part]) -> Iterator[list[_Part]]:
    """Yield files by their ids, the highest first; those whose ids overlap together."""
    group: list[_Part] = []
    for part in sorted(parts, key=lambda part: -part.highest):
        if group and part.highest < min(other.lowest for other in group):
            yield group
            group = []
        group.append(part)
    if group:
        yield group


def _read(row: bytes) -> LogLine | None:
    """Return the line in ``row``; None for one that was cut when the power went."""
    try:
        return _decode(row)
    except msgspec.DecodeError:
        return None


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
