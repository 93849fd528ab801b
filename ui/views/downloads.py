"""Where a downloaded file goes: a place the user chose, or the downloads folder, never over another file."""

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import flet as ft

from streams.commands import Commands
from streams.new_file import not_written, save_new

BROWSER_LIMIT_BYTES = 32 * 1024**2
"""In web mode a file up to this size is handed to the browser; a larger one goes to the downloads folder."""
_FORBIDDEN = frozenset('/\\\0:*?"<>|')
_LONGEST = 200


def safe_name(path: str) -> str:
    """Return a name that can be written on any system and leads to no other folder."""
    name = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = "".join("_" if char in _FORBIDDEN or ord(char) < 32 else char for char in name).strip(" ")
    return name[-_LONGEST:] if name.strip(".") else "file"


BROWSER = "the browser's downloads"


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for what goes on to the browser; raise CommandFailed."""
    try:
        return tempfile.TemporaryDirectory(prefix="tidewatch-")
    except OSError as error:
        raise not_written(Path(os.environ.get("TMPDIR", "/tmp")), error) from error


async def hand_over(
    picker: ft.FilePicker, page: ft.Page, name: str, data: bytes, *, title: str, folder: Path
) -> str | None:
    """Give the user a file; return where it is now, in words, or None if no place was chosen.

    ``folder`` takes it where no dialog can be shown. Nothing is overwritten; CommandFailed names the file.
    """
    if page.web:
        await picker.save_file(file_name=name, src_bytes=data)
        return BROWSER
    target = folder / name
    try:
        chosen = await picker.save_file(dialog_title=title, file_name=name)
    except (ft.FletUnsupportedPlatformException, RuntimeError):
        pass  # zenity is missing, say
    else:
        if not chosen:
            return None
        target = Path(chosen)
    return str(await asyncio.to_thread(save_new, target, data))


def downloads_folder() -> Path:
    """Return where files go whose place nobody has chosen."""
    return Path.home() / "Downloads"


class Downloads:
    """Brings stored versions to the user: by a dialog in a window, through the browser on the web."""

    def __init__(
        self, commands: Commands, page: Callable[[], ft.Page], *, folder: Path | None = None
    ) -> None:
        self._commands, self._page = commands, page
        self._folder = folder or downloads_folder()
        self._picker = ft.FilePicker()

    async def fetch(self, version_id: int, path: str, size_bytes: int) -> str | None:
        """Download one version; return where it is now, in words, or None if the user chose no place."""
        name = safe_name(path)
        if self._page().web:
            if 0 < size_bytes <= BROWSER_LIMIT_BYTES:
                return await self._through_browser(version_id, name)
            return str(await self._to_folder(version_id, self._folder, name))
        try:
            chosen = await self._picker.save_file(dialog_title="Save file", file_name=name)
        except (ft.FletUnsupportedPlatformException, RuntimeError):
            # No dialog can be shown on this desktop (zenity is missing, say).
            return str(await self._to_folder(version_id, self._folder, name))
        if not chosen:
            return None
        return str(await self._commands.download(version_id, Path(chosen)))

    async def fetch_into(self, folder: Path, version_id: int, path: str) -> Path:
        """Download one of several into a folder."""
        return await self._to_folder(version_id, folder, safe_name(path))

    async def choose_folder(self) -> Path | None:
        """Ask for the folder for several files; the downloads folder where no dialog can be shown."""
        if self._page().web:
            return self._folder
        try:
            chosen = await self._picker.get_directory_path(dialog_title="Save files to")
        except (ft.FletUnsupportedPlatformException, RuntimeError):
            return self._folder
        return Path(chosen) if chosen else None

    async def _to_folder(self, version_id: int, folder: Path, name: str) -> Path:
        return await self._commands.download(version_id, folder / name)

    async def _through_browser(self, version_id: int, name: str) -> str:
        room = await asyncio.to_thread(temporary_folder)
        try:
            saved = await self._commands.download(version_id, Path(room.name) / "content")
            content = await asyncio.to_thread(saved.read_bytes)
            await self._picker.save_file(file_name=name, src_bytes=content)
        finally:
            await asyncio.to_thread(room.cleanup)
        return BROWSER
