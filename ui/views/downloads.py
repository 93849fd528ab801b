"""Where a downloaded file goes: a place the user chose, or the downloads folder, never over another file."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import flet as ft

from streams.commands import Commands

BROWSER_LIMIT_BYTES = 32 * 1024**2
"""In web mode a file up to this size is handed to the browser; a larger one goes to the downloads folder."""
_FORBIDDEN = frozenset('/\\\0:*?"<>|')
_LONGEST = 200


def safe_name(path: str) -> str:
    """Return a name that can be written on any system and leads to no other folder."""
    name = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = "".join("_" if char in _FORBIDDEN or ord(char) < 32 else char for char in name).strip(" ")
    return name[-_LONGEST:] if name.strip(".") else "file"


def free_path(folder: Path, name: str) -> Path:
    """Return a path in ``folder`` where nothing is yet: ``a.txt``, ``a (2).txt``, …; reads the disk."""
    path, number = folder / name, 2
    while path.exists():
        path = folder / f"{Path(name).stem} ({number}){Path(name).suffix}"
        number += 1
    return path


class Downloads:
    """Brings stored versions to the user: by a dialog in a window, through the browser on the web."""

    def __init__(
        self, commands: Commands, page: Callable[[], ft.Page], *, folder: Path | None = None
    ) -> None:
        self._commands, self._page = commands, page
        self._folder = folder or Path.home() / "Downloads"
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
        def prepare() -> Path:
            folder.mkdir(parents=True, exist_ok=True)
            return free_path(folder, name)

        return await self._commands.download(version_id, await asyncio.to_thread(prepare))

    async def _through_browser(self, version_id: int, name: str) -> str:
        room = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="tidewatch-")
        try:
            saved = await self._commands.download(version_id, Path(room.name) / "content")
            content = await asyncio.to_thread(saved.read_bytes)
            await self._picker.save_file(file_name=name, src_bytes=content)
        finally:
            await asyncio.to_thread(room.cleanup)
        return "the browser's downloads"
