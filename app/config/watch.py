"""Settings that follow their file while the program runs."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog
from reactivex import Observable
from reactivex.subject import BehaviorSubject, Subject

from app.config.load import Flags, find_file, read_file, settings_of
from app.config.settings import Settings
from streams.model.failures import ConfigRejected

log = structlog.stdlib.get_logger(__name__)

Stamp = tuple[int, int, int] | None


def _stamp(path: Path) -> Stamp:
    """Return what changes whenever the file does; None where there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class SettingsWatcher:
    """Looks at the configuration file every ``every_s``; tells its new settings, or why the old ones stay.

    Without a file it looks whether one has been made where the start would have found it.
    """

    def __init__(
        self,
        settings: Settings,
        path: Path | None,
        flags: Flags | None = None,
        *,
        every_s: float = 1.0,
        find: Callable[[], Path | None] = find_file,
    ) -> None:
        self._path, self._flags, self._every_s, self._find = path, flags, every_s, find
        self._settings_subject = BehaviorSubject(settings)
        self._rejected_subject: Subject[ConfigRejected] = Subject()
        self._texts_subject: Subject[str] = Subject()
        self._seen = _stamp(path) if path else None

    @property
    def current(self) -> Settings:
        """The settings in force."""
        return self._settings_subject.value

    @property
    def settings(self) -> Observable[Settings]:
        """Settings in force.

        Source:  the configuration file, looked at while ``run`` runs.
        Emits:   the settings at once, then each time the file changes them.
        Shape:   whole ``Settings``; equal ones are not repeated.
        Sharing: one watcher for all subscribers.
        Errors:  none; a file that is refused goes to ``rejected`` and changes nothing.
        """
        return self._settings_subject

    @property
    def rejected(self) -> Observable[ConfigRejected]:
        """Refusals of a changed file, each once; the settings before it stay in force."""
        return self._rejected_subject

    @property
    def texts(self) -> Observable[str]:
        """The whole text of the file each time it has been taken, also where no value is another."""
        return self._texts_subject

    @property
    def path(self) -> Path | None:
        """The file that is followed."""
        return self._path

    @property
    def flags(self) -> Flags:
        """What the command line says, which goes before the file."""
        return self._flags or {}

    def follow(self, path: Path) -> None:
        """Follow a file from now on; it is read at the next look."""
        self._path, self._seen = path, None

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            if self._path is None and (found := await asyncio.to_thread(self._find)) is not None:
                log.info("settings_file_found", file=str(found))
                self.follow(found)
            if self._path is not None:
                await self.look(self._path)

    async def look(self, path: Path) -> None:
        """Read the file if it has changed since the last look."""
        stamp = await asyncio.to_thread(_stamp, path)
        if stamp == self._seen or stamp is None:
            return
        self._seen = stamp
        try:
            text = await asyncio.to_thread(read_file, path)
            settings = await asyncio.to_thread(settings_of, text, path, self._flags)
        except ConfigRejected as error:
            log.warning("settings_rejected", reason=error.line())
            self._rejected_subject.on_next(error)
            return
        if settings != self.current:
            log.info("settings_changed", file=str(path))
            self._settings_subject.on_next(settings)
        self._texts_subject.on_next(text)
