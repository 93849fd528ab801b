"""Brings the whole answer to a statement into a file: through a dialog, or through the browser on the web."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import flet as ft
from reactivex import operators as ops

from streams.new_file import NewFile, make_folder, numbered
from streams.records.statements import ExportFormat, ExportProgress
from streams.sources.database import DatabaseStreams
from ui.context import UiContext
from ui.format import counted
from ui.views.downloads import BROWSER, BROWSER_LIMIT_BYTES, downloads_folder, temporary_folder

COPIED_BYTES = 1024**2
Tell = Callable[[ExportProgress], None]


class DatabaseExport:
    """Writes row by row; cancelling the coroutine ends the statement and leaves no file."""

    def __init__(
        self, streams: DatabaseStreams, page: Callable[[], ft.Page], *, folder: Path | None = None
    ) -> None:
        self._streams, self._page = streams, page
        self._folder = folder or downloads_folder()
        self._picker: ft.FilePicker | None = None

    async def run(self, sql: str, kind: ExportFormat, tell: Tell) -> tuple[ExportProgress, str] | None:
        """Export; return how much and where it is now, None if the user chose no place."""
        name = f"query.{kind.suffix}"
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
            make_folder(folder / name)
            return next(numbered(folder / name))

        target = await asyncio.to_thread(prepare)
        return await self._streams.export(sql, kind, target).pipe(ops.do_action(tell))

    async def _through_browser(
        self, sql: str, kind: ExportFormat, name: str, tell: Tell
    ) -> tuple[ExportProgress, str]:
        room = await asyncio.to_thread(temporary_folder)
        try:
            done = await self._into(Path(room.name), name, sql, kind, tell)
            written = Path(str(done.path))
            if 0 < done.size_bytes <= BROWSER_LIMIT_BYTES:
                content = await asyncio.to_thread(written.read_bytes)
                await self._the_picker().save_file(file_name=name, src_bytes=content)
                return done, BROWSER
            return done, str(await asyncio.to_thread(copy_new, written, self._folder / name))
        finally:
            await asyncio.to_thread(room.cleanup)


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

    async def run(self, sql: str, kind: ExportFormat) -> None:
        """Export the whole answer to a statement, in a task of its own."""
        self._task = asyncio.current_task()
        self._on_running(True)
        self._say("Exporting…")
        said = "The export was cancelled; no file is left."
        try:
            done = await self._export.run(sql, kind, lambda far: self._say(f"Exporting: {self._words(far)}"))
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


def copy_new(written: Path, target: Path) -> Path:
    """Copy a finished file to a name that nothing has; return that name; raise CommandFailed."""
    make_folder(target)
    with NewFile(target, numbered=True) as new, written.open("rb") as source:
        while piece := source.read(COPIED_BYTES):
            new.write(piece)
        return new.publish()
