"""The settings of a server that is not there, as it would tell them."""

from collections.abc import Sequence

from msgspec.structs import asdict, replace

from app.config.describe import described, text_of
from app.config.sections import ServerSettings
from app.server.live_settings import FIXED, NEXT_START, ON_THE_SERVER, WHEN_LESS
from streams.model.base import utc_now
from streams.model.failures import CommandFailed
from streams.model.server_settings import ServerSetting, ServerSettingEdit, ServerSettingsSheet
from streams.model.settings import SettingSource

_DEFAULT = (SettingSource.DEFAULT, "")


def server_setting(key: str) -> ServerSetting:
    """Return a setting of the server with its default."""
    value = ServerSettings.model_fields[key].get_default()
    told = asdict(described("server", key, value, _DEFAULT))
    told["takes_effect"] = NEXT_START if key in FIXED else ""
    refusal = f"{ON_THE_SERVER}{FIXED[key]}" if key in FIXED else ""
    return ServerSetting(**told, configured=text_of(value), refusal=refusal, when_less=WHEN_LESS.get(key, ""))


def server_sheet() -> ServerSettingsSheet:
    """Return all of them."""
    return ServerSettingsSheet(settings=tuple(server_setting(key) for key in ServerSettings.model_fields))


def changed_sheet(sheet: ServerSettingsSheet, changes: Sequence[ServerSettingEdit]) -> ServerSettingsSheet:
    """Return the sheet after changes, or refuse them as the server does."""
    rows = {setting.name: setting for setting in sheet.settings}
    for change in changes:
        setting = rows.get(change.name)
        if setting is None:
            raise CommandFailed(f"{change.name} is not a setting.", code="unknown_setting")
        if setting.refusal:
            raise CommandFailed(f"{change.name} cannot be changed here.", code="setting_fixed")
        if setting.value != change.before:
            raise CommandFailed(f"{change.name} was changed meanwhile.", code="setting_changed")
        if change.value is None:
            rows[change.name] = replace(
                setting, value=setting.configured, source=SettingSource.DEFAULT, set_by="", set_at=None
            )
        else:
            rows[change.name] = replace(
                setting,
                value=change.value,
                source=SettingSource.SERVER,
                set_by="token console",
                set_at=utc_now(),
            )
    return ServerSettingsSheet(settings=tuple(rows.values()))
