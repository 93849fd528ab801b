"""Sources of the bytes of one content while they are sent: its file, or what was read of a small one."""

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol

from app.agent.sparse import Placement


@dataclass(frozen=True, slots=True)
class LargeContent:
    """A content that is sent by itself, from the disk or from memory."""

    source: Callable[[], int] | bytes
    """Opens its file, each time that it is sent, and raises ``FileFailed``, ``FileGone``, ``ContentChanged``;
    or the bytes themselves."""
    sha256: str
    size: int
    label: str = ""
    """What the transfer is called on the screen."""
    on_sent: Callable[[int], None] = lambda _: None
    """Told how many bytes of it the server has been given by now."""
    extents: tuple[int, ...] | None = None
    """Of a sparse file: where its parts are."""


class Source(Protocol):
    """What a content is read from; belongs in threads."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most ``size``; none at the end."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class _File:
    """An open file; a read that was given up may still run when ``close`` comes."""

    def __init__(self, file: int, offset: int, placed: Placement) -> None:
        self._file, self._placed = file, placed
        self._lock = threading.Lock()
        self._open = True
        self._at = offset

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``; none at the end and after ``close``."""
        with self._lock:
            data = self._placed.read(self._file, self._at, size) if self._open else b""
            self._at += len(data)
            return data

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._open = False
            os.close(self._file)


async def open_source(content: LargeContent, offset: int) -> Source:
    """Open a content to read it from ``offset`` on; raises as its ``source``.

    Opening may take long, for a lease or a disk that sleeps: it is closed again where nobody waits any more.
    """
    opening = asyncio.ensure_future(asyncio.to_thread(_opened, content, offset))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unwanted)
        raise


def _close_unwanted(opening: asyncio.Future[Source]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _opened(content: LargeContent, offset: int) -> Source:
    if isinstance(content.source, bytes):
        source = BytesIO(content.source)
        source.seek(offset)
        return source
    return _File(content.source(), offset, Placement(content.extents))
