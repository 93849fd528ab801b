"""The console's own settings, which are kept in a file and take effect in running streams."""

from collections.abc import Mapping
from typing import Protocol

from reactivex import Observable

from streams.model.settings import CheckResult, SettingChange, SettingsSheet

Changes = Mapping[str, str | None]
"""Text by ``section.key`` as it would be typed; None leaves the setting out, which gives its default."""


class SettingsPort(Protocol):
    """The settings and their file; every method that may fail raises ``ConfigRejected``."""

    @property
    def sheet(self) -> Observable[SettingsSheet]:
        """All settings; at once, then whenever the file changes."""
        ...

    def validate(self, name: str, text: str) -> str | None:
        """Return why a setting may not be ``text``, in the words of the start; None if it may."""
        ...

    async def save(self, changes: Changes) -> None:
        """Write changes into the file, its comments kept, and have them take effect."""
        ...

    async def reset(self) -> None:
        """Leave all the console's settings but secrets out of the file, which gives their defaults."""
        ...

    async def export(self) -> str:
        """Return the text of the file without its secrets, and what is not the console's."""
        ...

    async def preview(self, text: str) -> tuple[SettingChange, ...]:
        """Return what taking this text for the file would change."""
        ...

    async def take(self, text: str) -> None:
        """Put this text in the place of the file; secrets that it does not name are kept.

        So is what the file says for a server or an agent, whatever the text says of them.
        """
        ...

    async def undo(self) -> None:
        """Bring back the file as it was before the last ``reset`` or ``take``."""
        ...

    async def test_connection(self, changes: Changes) -> tuple[CheckResult, ...]:
        """Check server, token and database as the start does, with changes that are not saved yet."""
        ...
