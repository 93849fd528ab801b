"""Opening the console in a browser without its address in a command line, where every user can read it."""

import asyncio
import html
import os
import webbrowser
from contextlib import suppress
from pathlib import Path

import structlog

from app.runtime.private_folder import make_private
from app.runtime.user_folders import prefs_file

log = structlog.stdlib.get_logger(__name__)

PAGE = """<!DOCTYPE html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}">
<title>Tidewatch</title>
<p><a href="{address}">Open the console</a></p>
"""


class BrowserPage:
    """A file of this user alone that leads to the console; the browser is given its path.

    The address is a key: whoever knows it operates the console.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or prefs_file().parent
        self._file = self._folder / f"open-{os.getpid()}.html"

    async def open(self, address: str) -> None:
        """Open ``address`` in the browser of this user; one that cannot be opened is logged."""
        try:
            await asyncio.to_thread(self._write, address)
        except OSError as error:
            log.warning("browser_not_opened", reason=error.strerror or str(error))
            return
        # It starts a program and may wait for it.
        if not await asyncio.to_thread(webbrowser.open, self._file.as_uri()):
            log.warning("browser_not_opened", reason="no browser is known here")

    def remove(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)

    def _write(self, address: str) -> None:
        make_private(self._folder, files=("*.json*", "*.html"), folders=("agent",))
        for left in self._folder.glob("open-*.html"):  # of consoles that were killed
            left.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self._file, flags, 0o600), "w", encoding="utf-8") as out:
            out.write(PAGE.format(address=html.escape(address)))
