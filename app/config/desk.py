"""The settings as the screen may see and change them; implements ``streams.ports.settings.SettingsPort``."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import platformdirs
from reactivex import Observable
from reactivex.subject import BehaviorSubject

from app.config.describe import CONSOLE_SECTIONS, describe, differences, split, value_of
from app.config.load import FILE_NAME, read_file, settings_of, table_of
from app.config.sections import ConnectionSettings
from app.config.settings import Settings
from app.config.watch import SettingsWatcher
from app.config.write import (
    NEW_FILE,
    save,
    secrets,
    settings_named_in,
    with_secrets_of,
    with_sections_of,
    without,
    write_file,
)
from streams.model.failures import ConfigRejected
from streams.model.settings import CheckResult, SettingChange, SettingsSheet
from streams.ports.settings import Changes

Probe = Callable[[ConnectionSettings], Awaitable[tuple[CheckResult, ...]]]
"""Checks server, token and database that these settings name."""


OTHERS = frozenset(Settings.model_fields) - frozenset(CONSOLE_SECTIONS)
"""Sections for a server or an agent that may read the same file: nothing here changes them."""


class SettingsDesk:
    """The console's own settings: read from the watcher, written into its file, looked at at once."""

    def __init__(self, watcher: SettingsWatcher, text: str, probe: Probe) -> None:
        self._watcher, self._probe = watcher, probe
        self._new_path = Path(platformdirs.user_config_dir("tidewatch", False)) / FILE_NAME
        self._busy = asyncio.Lock()
        self._former: str | None = None
        self._sheet_subject = BehaviorSubject(self._sheet(text, exists=watcher.path is not None))
        watcher.texts.subscribe(lambda new: self._sheet_subject.on_next(self._sheet(new, exists=True)))

    @property
    def _path(self) -> Path:
        """The file in force; where there is none yet, the one that saving makes."""
        return self._watcher.path or self._new_path

    @property
    def sheet(self) -> Observable[SettingsSheet]:
        """All settings; at once, then whenever the file changes."""
        return self._sheet_subject

    def _sheet(self, text: str, *, exists: bool) -> SettingsSheet:
        return describe(self._watcher.current, text, self._path, self._watcher.flags, exists=exists)

    def validate(self, name: str, text: str) -> str | None:
        """Return why a setting may not be ``text``, in the words of the start; None if it may."""
        try:
            _own(name)
            value_of(name, text)
        except ConfigRejected as error:
            return error.message
        return None

    async def save(self, changes: Changes) -> None:
        """Write changes into the file and have them take effect."""
        edits = {_own(name): None if text is None else value_of(name, text) for name, text in changes.items()}
        async with self._busy:
            await asyncio.to_thread(save, self._path, edits, self._watcher.flags)
            await self._look()

    async def reset(self) -> None:
        """Leave everything out of the file that is not a secret."""
        async with self._busy:
            former = await self._text()
            named = settings_named_in(table_of(former, self._path))
            kept = set(secrets())
            gone = [name for name in named if name[0] not in OTHERS and name not in kept]
            await self._replace(without(former, gone), former)

    async def export(self) -> str:
        """Return the text of the file without its secrets, and what is not the console's."""
        return with_sections_of(without(await self._text(), secrets()), "", OTHERS)

    async def preview(self, text: str) -> tuple[SettingChange, ...]:
        """Return what taking this text for the file would change."""
        try:
            settings_of(text, self._path, self._watcher.flags)
        except ConfigRejected as error:  # which has been read as if it stood there already
            words = error.message.replace(str(self._path), "the chosen file", 1)
            raise ConfigRejected(words, hint=error.hint) from None
        after = settings_of(_taken(text, await self._text()), self._path, self._watcher.flags)
        return tuple(
            SettingChange(name=name, before=old, after=new)
            for name, (old, new) in differences(self._watcher.current, after).items()
        )

    async def take(self, text: str) -> None:
        """Put this text in the place of the file; secrets that it does not name are kept."""
        async with self._busy:
            former = await self._text()
            settings_of(text, self._path, self._watcher.flags)
            await self._replace(_taken(text, former), former)

    async def undo(self) -> None:
        """Bring back the file as it was before the last ``reset`` or ``take``."""
        async with self._busy:
            if self._former is None:
                raise ConfigRejected("There is nothing to bring back.")
            await self._replace(self._former, None)

    async def test_connection(self, changes: Changes) -> tuple[CheckResult, ...]:
        """Check server, token and database as the start does, with changes that are not saved yet."""
        values: dict[str, Any] = self._watcher.current.connection.model_dump()
        for name, text in changes.items():
            section, key = split(name)
            if section == "connection":
                value = None if text is None else value_of(name, text)
                field = ConnectionSettings.model_fields[key]
                if value is not None and "Path" in str(field.annotation) and not value.startswith("~"):
                    value = str(self._path.parent / value)
                values[key] = field.get_default() if value is None else value
        return await self._probe(ConnectionSettings(**values))

    async def _text(self) -> str:
        def read() -> str:
            return read_file(self._path) if self._path.exists() else NEW_FILE

        return await asyncio.to_thread(read)

    async def _replace(self, text: str, former: str | None) -> None:
        settings_of(text, self._path, self._watcher.flags)
        await asyncio.to_thread(write_file, self._path, text)
        self._former = former
        await self._look()

    async def _look(self) -> None:
        if self._watcher.path is None:
            self._watcher.follow(self._path)
        await self._watcher.look(self._path)


def _own(name: str) -> tuple[str, str]:
    """Return section and key of a setting of the console; raise ConfigRejected for one that is another's."""
    section, key = split(name)
    if section in OTHERS:
        raise ConfigRejected(
            f"{name} is not a setting of the console.",
            hint="The server's are changed through the server, an agent's on its own machine.",
        )
    return section, key


def _taken(text: str, former: str) -> str:
    """Return a text for the file with what the former one says of secrets, server and agent."""
    return with_sections_of(with_secrets_of(text, former), former, OTHERS)


async def open_desk(watcher: SettingsWatcher, probe: Probe) -> SettingsDesk:
    """Return the desk of a watcher, with the text of its file read."""
    path = watcher.path
    text = await asyncio.to_thread(read_file, path) if path is not None else ""
    return SettingsDesk(watcher, text, probe)
