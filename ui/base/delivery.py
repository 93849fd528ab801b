"""Delivers files to the user's browser or desktop, as they come, and whole or not at all.

In a browser the file comes through the browser's own downloads, from an address that is good once; in a
window a dialog asks for the place, and where none can be shown the downloads folder takes it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import flet as ft

from streams.model.file_names import safe_name
from streams.model.new_file import NewFile, make_folder
from streams.model.zip_stream import Pieces

BROWSER: Final = "the browser's downloads"
READ_BYTES: Final = 1024**2

Tell = Callable[[int], None]
"""Told how many bytes have been given."""


class Handed(Protocol):
    """Something that waits for the browser."""

    @property
    def address(self) -> str:
        """Where the browser gets it, once."""
        ...

    async def taken(self) -> None:
        """Wait until the browser has all of it; raise what ended it before."""
        ...


HandOut = Callable[[str, Pieces], Handed]
"""Gives a name and pieces an address; see ``app.console.web_handouts``."""


def file_name(what: str, at: datetime, suffix: str) -> str:
    """Return the name of a file that says of what it is and when it was made, in the zone of ``at``."""
    words = "-".join("".join(char if char.isalnum() or char in "._" else " " for char in what).split())
    return f"{safe_name(f'tidewatch-{words}')}-{at:%Y-%m-%d-%H%M%S}.{suffix}"


def downloads_folder() -> Path:
    """Return where files go whose place nobody has chosen."""
    return Path.home() / "Downloads"


async def pieces_of(data: bytes) -> AsyncGenerator[bytes]:
    """Give what is in memory already."""
    for start in range(0, len(data), READ_BYTES):
        yield data[start : start + READ_BYTES]


async def pieces_of_file(path: Path) -> AsyncGenerator[bytes]:
    """Give a file of this machine, read beside the loop."""
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, READ_BYTES):
            yield piece


class Delivery:
    """Gives files to the user of one page."""

    def __init__(
        self,
        page: Callable[[], ft.Page],
        hand_out: HandOut | None,
        *,
        folder: Path | None = None,
    ) -> None:
        """``hand_out`` is for pages in a browser; ``folder`` takes files where no dialog can be shown."""
        self._page, self._hand_out = page, hand_out
        self.folder = folder or downloads_folder()

    async def give(
        self, name: str, pieces: Pieces, *, title: str, tell: Tell = lambda _bytes: None
    ) -> str | None:
        """Give a file; return where it is now, in words, None where the user chose no place.

        Raises what reading or writing it raises; nothing is left of it then. Nothing is overwritten.
        """

        async def told() -> AsyncGenerator[bytes]:
            given = 0
            async with aclosing(pieces()) as source:
                async for piece in source:
                    yield piece
                    given += len(piece)
                    tell(given)

        if self._page().web:
            assert self._hand_out is not None, "a page in a browser comes with a way to hand files out"
            handed = self._hand_out(name, told)
            # The page stays: what comes is a download, or no content at all.
            await ft.UrlLauncher().launch_url(handed.address, web_only_window_name="_self")
            await handed.taken()
            return BROWSER
        target = await self.choose(name, title)
        return None if target is None else str(await written(target, told))

    async def choose(self, name: str, title: str) -> Path | None:
        """Ask for a place in a dialog; the downloads folder where none can be shown, None for no place."""
        try:
            chosen = await ft.FilePicker().save_file(dialog_title=title, file_name=name)
        except (ft.FletUnsupportedPlatformException, RuntimeError):
            return self.folder / name  # zenity is missing, say
        return Path(chosen) if chosen else None


async def written(target: Path, pieces: Pieces) -> Path:
    """Write pieces to ``target`` or a free name like it; return that name; raise CommandFailed."""

    def begin() -> NewFile:
        make_folder(target)
        return NewFile(target, numbered=True)

    new = await asyncio.to_thread(begin)
    try:
        async with aclosing(pieces()) as source:
            async for piece in source:
                await asyncio.to_thread(new.write, piece)
        return await asyncio.to_thread(new.publish)
    finally:
        await asyncio.to_thread(new.discard)
