"""Preferences kept between starts: one small JSON file, written off the loop and never half."""

import asyncio
import json
import os
from pathlib import Path

import structlog

from app.runtime.tasks import Tasks

log = structlog.stdlib.get_logger(__name__)

SETTLE_S = 0.5


class FilePrefs:
    """Implements ``ui.base.context.Prefs``; changes that come together are written together."""

    def __init__(self, path: Path, tasks: Tasks) -> None:
        self._path = path
        self._tasks = tasks
        self._kept: dict[str, object] = {}
        self._writing: asyncio.Task[None] | None = None
        self._changed = False

    async def load(self) -> None:
        """Read the file, if there is one; one that cannot be read is as good as none."""
        try:
            kept = json.loads(await asyncio.to_thread(self._path.read_text, "utf-8"))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            log.warning("prefs_unreadable", file=str(self._path), reason=str(error))
            return
        if isinstance(kept, dict):
            self._kept = kept

    def get(self, key: str, default: object = None) -> object:
        """Return what was kept under ``key``."""
        return self._kept.get(key, default)

    def put(self, key: str, value: object) -> None:
        """Keep ``value`` under ``key``."""
        if self._kept.get(key) == value and key in self._kept:
            return
        self._kept[key] = value
        self._changed = True
        if self._writing is None or self._writing.done():
            self._writing = self._tasks.start(self._write_soon(), "preferences")

    async def flush(self) -> bool:
        """Write what has changed, now; what cannot be written is written with the next change, or the end."""
        if not self._changed:
            return True
        self._changed = False
        text = json.dumps(self._kept, indent=1, sort_keys=True, default=str)
        try:
            await asyncio.to_thread(_write, self._path, text)
        except OSError as error:
            log.warning("prefs_not_written", file=str(self._path), reason=str(error))
            self._changed = True
            return False
        return True

    async def _write_soon(self) -> None:
        while self._changed:
            await asyncio.sleep(SETTLE_S)
            if not await self.flush():
                return


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    # Names of clients and what was searched for are nobody else's, whatever the folder's mode is.
    with os.fdopen(
        os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w", encoding="utf-8"
    ) as out:
        out.write(text)
    part.replace(path)
