"""The server's own settings: the value in force, its default, and who set it."""

from datetime import datetime
from typing import Annotated

import msgspec

from streams.model.base import Record
from streams.model.settings import Setting, SettingSource

MAX_TEXT = 1000
MAX_CHANGES = 100


class ServerSetting(Setting, frozen=True, kw_only=True):
    """One setting of the server, as the server itself tells it."""

    configured: str = ""
    """Its value without the one that was set through the server: what the configuration says."""
    set_by: str = ""
    """The name of the token that set it; empty where nobody did."""
    set_at: datetime | None = None
    refusal: str = ""
    """Why it cannot be changed through the server; empty where it can."""
    held: str = ""
    """The value that still holds, where the new one has less and waits; else empty."""
    held_until: datetime | None = None
    """When the new value holds at the earliest."""
    when_less: str = ""
    """What is destroyed after the value was made less; empty where nothing is."""

    @property
    def fixed(self) -> bool:
        """Whether it cannot be changed through the server."""
        return bool(self.refusal)

    @property
    def changed(self) -> bool:
        """Whether it was set through the server."""
        return self.source is SettingSource.SERVER


class ServerSettingsSheet(Record, frozen=True, kw_only=True):
    """All settings of the server, in the order of its configuration file."""

    settings: tuple[ServerSetting, ...]


class ServerSettingEdit(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new value of a setting, and the one it takes the place of."""

    name: Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
    value: Annotated[str, msgspec.Meta(max_length=MAX_TEXT)] | None
    """As it is written; None gives up what was set through the server."""
    before: Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
    """The value that was seen: the change is refused where it is another one by now."""


class ServerSettingEdits(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes that are made together or not at all."""

    changes: Annotated[tuple[ServerSettingEdit, ...], msgspec.Meta(min_length=1, max_length=MAX_CHANGES)]
