"""The export of the log: every line the filter lets through, not only what is on the screen."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import flet as ft
from reactivex import operators as ops

from streams.logs import LogStreams, key_of
from streams.records.logs import LogFilter, LogLine
from streams.vocabulary import LogSource
from ui.format import counted
from ui.views.downloads import downloads_folder, hand_over
from ui.views.logs_present import export_json_lines, export_text

MOST_LINES: Final = 100_000
RENDER = {"txt": export_text, "jsonl": export_json_lines}


class LogExport:
    """Reads all pages, writes them in one of the formats and hands the file to the user."""

    def __init__(
        self, streams: LogStreams, page: Callable[[], ft.Page], *, folder: Path | None = None
    ) -> None:
        self._streams, self._page = streams, page
        self._folder = folder or downloads_folder()

    async def save(self, wanted: LogFilter, kind: str, at: datetime) -> str | None:
        """Export what ``wanted`` lets through; return how many lines went where, None if nowhere."""
        lines, cut = await self._all(wanted)
        data = await asyncio.to_thread(RENDER[kind], lines, wanted, at, cut=cut)
        where = await self._hand_over(f"tidewatch-log-{at:%Y-%m-%d-%H%M%S}.{kind}", data)
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
            cut = len(lines) > MOST_LINES
            before = page.next_before
            asks = before is not None and not cut
        lines.sort(key=key_of)
        return lines[-MOST_LINES:], cut

    async def _hand_over(self, name: str, data: bytes) -> str | None:
        return await hand_over(
            ft.FilePicker(), self._page(), name, data, title="Export log", folder=self._folder
        )
