"""The server's log on disk: JSON lines in files that are rotated, read from their newest line backwards."""

import os
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from streams.records.logs import LogLine

NAME = "server.jsonl"
FILE_BYTES = 8 * 1024 * 1024
KEPT_FILES = 6
TAIL_BYTES = 128 * 1024

_encode = msgspec.json.Encoder().encode
_ID = re.compile(rb'\{"id":(\d+),')
_decode = msgspec.json.Decoder(LogLine).decode


class LogFiles:
    """``server.jsonl`` and its predecessors ``server.1.jsonl``; each method blocks, call it in a thread."""

    def __init__(self, folder: Path, *, file_bytes: int = FILE_BYTES, kept_files: int = KEPT_FILES) -> None:
        self._folder = folder
        self._file_bytes, self._kept_files = file_bytes, kept_files

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

    def newest_id(self) -> int:
        """Return the highest id of the lines that end the files; 0 where there are none to be read."""
        found = 0
        for number in range(self._kept_files):
            with suppress(OSError), self._path(number).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL_BYTES))
                lines = (_read(row) for row in file.read().splitlines())
                found = max([found, *(line.id for line in lines if line is not None)])
        return found

    def newest_first(
        self, before: int, wanted: Callable[[LogLine], bool], *, limit: int, most_read: int
    ) -> tuple[list[LogLine], int | None]:
        """Return wanted lines with ids below ``before`` and where to go on, None at the end.

        Reads at most about ``most_read`` lines, so that a rare word cannot keep a thread busy for long.
        """
        found: list[LogLine] = []
        for read, line in enumerate(self._backwards(before)):
            if len(found) == limit or read >= most_read:
                return found, line.id + 1
            if wanted(line):
                found.append(line)
        return found, None

    def _backwards(self, before: int) -> Iterator[LogLine]:
        for number in range(self._kept_files):
            try:
                with self._path(number).open("rb") as file:
                    first = _read(file.readline())
                    if first is not None and first.id >= before:
                        continue
                    file.seek(0)
                    rows = file.read().splitlines()
            except FileNotFoundError:
                continue
            # Newer rows are skipped without being read: a page far back costs what the first one does.
            for at in range(bisect_left(rows, before, key=_id_of) - 1, -1, -1):
                line = _read(rows[at])
                if line is not None and line.id < before:
                    # Also keeps what a rotation meanwhile would show twice from being shown twice.
                    before = line.id
                    yield line

    def _path(self, number: int) -> Path:
        return self._folder / (NAME if number == 0 else f"server.{number}.jsonl")

    def _rotate(self) -> None:
        for number in range(self._kept_files - 1, 0, -1):
            with suppress(FileNotFoundError):
                self._path(number - 1).replace(self._path(number))


def _id_of(row: bytes) -> int:
    """Return the id that a row begins with; that of a cut one is less than any, so that it hides no other."""
    found = _ID.match(row)
    return int(found[1]) if found is not None else -1


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
