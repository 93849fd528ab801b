"""Brings the whole answer to a statement into a file: through a dialog, or through the browser on the web."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import flet as ft
from reactivex import operators as ops

from streams.records.statements import ExportFormat, ExportProgress
from streams.sources.database import DatabaseStreams
from ui.views.downloads import BROWSER_LIMIT_BYTES, free_path

Tell = Callable[[ExportProgress], None]


class DatabaseExport:
    """Writes row by row; cancelling the coroutine ends the statement and leaves no file."""

    def __init__(
        self, streams: DatabaseStreams, page: Callable[[], ft.Page], *, folder: Path | None = None
    ) -> None:
        self._streams, self._page = streams, page
        self._folder = folder or Path.home() / "Downloads"
        self._picker: ft.FilePicker | None = None

    async def run(self, sql: str, kind: ExportFormat, tell: Tell) -> tuple[ExportProgress, str] | None:
        """Export; return how much and where it is now, None if the user chose no place."""
        name = f"query.{kind.value}"
        if self._page().web:
            return await self._through_browser(sql, kind, name, tell)
        folder = self._folder
        try:
            chosen = await self._the_picker().save_file(dialog_title="Export result", file_name=name)
        except (ft.FletUnsupportedPlatformException, RuntimeError):
            pass  # no dialog can be shown on this desktop: the downloads folder takes it
        else:
            if not chosen:
                return None
            folder, name = Path(chosen).parent, Path(chosen).name
        done = await self._into(folder, name, sql, kind, tell)
        return done, str(done.path)

    def _the_picker(self) -> ft.FilePicker:
        if self._picker is None:
            self._picker = ft.FilePicker()
        return self._picker

    async def _into(
        self, folder: Path, name: str, sql: str, kind: ExportFormat, tell: Tell
    ) -> ExportProgress:
        def prepare() -> Path:
            folder.mkdir(parents=True, exist_ok=True)
            return free_path(folder, name)

        target = await asyncio.to_thread(prepare)
        return await self._streams.export(sql, kind, target).pipe(ops.do_action(tell))

    async def _through_browser(
        self, sql: str, kind: ExportFormat, name: str, tell: Tell
    ) -> tuple[ExportProgress, str]:
        room = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="tidewatch-")
        try:
            done = await self._into(Path(room.name), name, sql, kind, tell)
            written = Path(str(done.path))
            if 0 < done.size_bytes <= BROWSER_LIMIT_BYTES:
                content = await asyncio.to_thread(written.read_bytes)
                await self._the_picker().save_file(file_name=name, src_bytes=content)
                return done, "the browser's downloads"
            return done, str(await asyncio.to_thread(_move, written, self._folder, name))
        finally:
            await asyncio.to_thread(room.cleanup)


def _move(written: Path, folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(written, free_path(folder, name)))
