"""The export of the log: every line the filter lets through, not only what is on the screen."""

import asyncio
from datetime import datetime
from typing import Final

from reactivex import operators as ops

from streams.model.logs import LogFilter, LogLine
from streams.model.vocabulary import LogSource
from streams.ports.logs import LogStreams, key_of
from ui.base.delivery import Delivery, file_name, pieces_of
from ui.base.format import counted
from ui.views.logs.present import export_json_lines, export_text

MAX_LINES: Final = 100_000
RENDER = {"txt": export_text, "jsonl": export_json_lines}


class LogExport:
    """Reads all pages, writes them in one of the formats and hands the file to the user."""

    def __init__(self, streams: LogStreams, delivery: Delivery) -> None:
        self._streams, self._delivery = streams, delivery

    async def save(self, wanted: LogFilter, kind: str, at: datetime) -> str | None:
        """Export what ``wanted`` lets through; return how many lines went where, None if nowhere."""
        lines, cut = await self._all(wanted)
        data = await asyncio.to_thread(RENDER[kind], lines, wanted, at, cut=cut)
        name = file_name(f"log {wanted.text}", at, kind)
        where = await self._delivery.give(name, lambda: pieces_of(data), title="Export log")
        told = f"{counted(len(lines), 'line')} {'is' if len(lines) == 1 else 'are'} in"
        return None if where is None else f"{told} {where}"

    async def _all(self, wanted: LogFilter) -> tuple[list[LogLine], bool]:
        """Return the newest lines in order of time, and whether there would be more."""
        lines = list(self._streams.own(wanted))
        cut = False
        before: int | None = None
        asks = bool(wanted.sources - {LogSource.CONSOLE})
        while asks:
            page = await self._streams.page(wanted, before).pipe(ops.first())
            lines += page.lines
            cut = len(lines) > MAX_LINES
            before = page.next_before
            asks = before is not None and not cut
        lines.sort(key=key_of)
        return lines[-MAX_LINES:], cut
