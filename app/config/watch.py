"""Settings that follow their file while the program runs."""

import asyncio
from pathlib import Path

import structlog
from reactivex import Observable
from reactivex.subject import BehaviorSubject, Subject

from app.config.load import Flags, load_settings
from app.config.settings import Settings
from streams.failures import ConfigRejected

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
    """Looks at the configuration file every ``every_s``; tells its new settings, or why the old ones stay."""

    def __init__(
        self, settings: Settings, path: Path | None, flags: Flags | None = None, *, every_s: float = 1.0
    ) -> None:
        self._path, self._flags, self._every_s = path, flags, every_s
        self._settings_subject = BehaviorSubject(settings)
        self._rejected_subject: Subject[ConfigRejected] = Subject()
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

    async def run(self) -> None:
        """Watch until cancelled."""
        while self._path is not None:
            await asyncio.sleep(self._every_s)
            await self.look(self._path)

    async def look(self, path: Path) -> None:
        """Read the file if it has changed since the last look."""
        stamp = await asyncio.to_thread(_stamp, path)
        if stamp == self._seen or stamp is None:
            return
        self._seen = stamp
        try:
            settings = await asyncio.to_thread(load_settings, path, self._flags)
        except ConfigRejected as error:
            log.warning("settings_rejected", reason=error.line())
            self._rejected_subject.on_next(error)
            return
        if settings != self.current:
            log.info("settings_changed", file=str(path))
            self._settings_subject.on_next(settings)
