"""Brings the whole answer to a statement into a file: through a dialog, or through the browser on the web."""

import asyncio
import os
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import flet as ft
from reactivex import operators as ops

from streams.model.new_file import make_folder, not_written, numbered
from streams.model.statements import ExportFormat, ExportProgress
from streams.sources.registry import DatabaseStreams
from ui.base.context import UiContext
from ui.base.delivery import Delivery, file_name, pieces_of_file
from ui.base.format import counted

Tell = Callable[[ExportProgress], None]


class DatabaseExport:
    """Writes row by row; cancelling the coroutine ends the statement and leaves no file."""

    def __init__(self, streams: DatabaseStreams, page: Callable[[], ft.Page], delivery: Delivery) -> None:
        self._streams, self._page, self._delivery = streams, page, delivery

    async def run(
        self, sql: str, kind: ExportFormat, tell: Tell, *, what: str, at: datetime
    ) -> tuple[ExportProgress, str] | None:
        """Export; return how much and where it is now, None if the user chose no place.

        ``what`` is exported and ``at`` say what the file is called.
        """
        name = file_name(what, at, kind.suffix)
        if self._page().web:
            return await self._through_browser(sql, kind, name, tell)
        target = await self._delivery.choose(name, "Export result")
        if target is None:
            return None
        done = await self._into(target, sql, kind, tell)
        return done, str(done.path)

    async def _into(self, target: Path, sql: str, kind: ExportFormat, tell: Tell) -> ExportProgress:
        def prepare() -> Path:
            make_folder(target)
            return next(numbered(target))

        free = await asyncio.to_thread(prepare)
        return await self._streams.export(sql, kind, free).pipe(ops.do_action(tell))

    async def _through_browser(
        self, sql: str, kind: ExportFormat, name: str, tell: Tell
    ) -> tuple[ExportProgress, str]:
        """Write it here first: an answer that fails in its middle is not to arrive as a part of one."""
        room = await asyncio.to_thread(temporary_folder)
        try:
            done = await self._into(Path(room.name) / name, sql, kind, tell)
            whole = Path(str(done.path))
            where = await self._delivery.give(name, lambda: pieces_of_file(whole), title="Export result")
            assert where is not None  # a browser chooses no place
            return done, where
        finally:
            await asyncio.to_thread(room.cleanup)


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for what goes on to the browser; raise CommandFailed."""
    try:
        return tempfile.TemporaryDirectory(prefix="tidewatch-")
    except OSError as error:
        raise not_written(Path(os.environ.get("TMPDIR", "/tmp")), error) from error


class Exporting:
    """One export at a time, and words on how far it is."""

    def __init__(
        self,
        export: DatabaseExport,
        context: UiContext,
        *,
        say: Callable[[str], None],
        on_running: Callable[[bool], None],
    ) -> None:
        self._export, self._context = export, context
        self._say, self._on_running = say, on_running
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether something is being exported."""
        return self._task is not None

    def cancel(self) -> bool:
        """Stop what is being exported; return whether anything was."""
        if self._task is None:
            return False
        self._task.cancel()
        return True

    async def run(self, sql: str, kind: ExportFormat, what: str) -> None:
        """Export the whole answer to a statement, in a task of its own; ``what`` names the file."""
        self._task = asyncio.current_task()
        self._on_running(True)
        self._say("Exporting…")
        said = "The export was cancelled; no file is left."
        try:
            at = self._context.server_clock().astimezone(self._context.format.zone)
            done = await self._export.run(
                sql, kind, lambda far: self._say(f"Exporting: {self._words(far)}"), what=what, at=at
            )
            said = ""
            if done is not None:
                progress, where = done
                said = f"{self._words(progress)}, in {where}"
                self._context.messages.done(f"Exported to {where}", detail=self._words(progress))
        except asyncio.CancelledError:
            raise
        except Exception:
            said = "The export failed; no file is left."
            raise
        finally:
            self._task = None
            self._on_running(False)
            self._say(said)

    def _words(self, progress: ExportProgress) -> str:
        return f"{counted(progress.rows, 'row')}, {self._context.format.size(progress.size_bytes)}"
