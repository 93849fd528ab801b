"""Texts of the settings view."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import flet as ft

from streams.model.server_settings import ServerSetting
from streams.model.settings import (
    CheckResult,
    Setting,
    SettingChange,
    SettingKind,
    SettingSource,
    SettingsSheet,
)
from ui.base.format import Formatter
from ui.base.theme import Tone

IN_FORCE: Final = "Saved, and in force"

_UNIT_ENDS: Final = ("_bytes_per_s", "_s", "_h", "_bytes", "_days", "_ratio")
_WORDS: Final = {"tls": "TLS", "ca": "CA", "sql": "SQL", "id": "ID"}
_LONGEST_CHANGE: Final = 44
_SWITCH: Final = {"true": "on", "false": "off"}
_HERE: Final = ("", "127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class SectionLook:
    """How a section is named in the list at the left."""

    title: str
    icon: ft.IconData


SERVER: Final = "server"
TOKENS: Final = "tokens"
"""Sections that are not of the console's file: what the server keeps."""
SECTIONS: Final[dict[str, SectionLook]] = {
    "ui": SectionLook("Appearance", ft.Icons.PALETTE_OUTLINED),
    "connection": SectionLook("Connection", ft.Icons.CABLE),
    "polling": SectionLook("Polling", ft.Icons.UPDATE),
    "streams": SectionLook("Streams", ft.Icons.WAVES),
    "mock": SectionLook("Simulated fleet", ft.Icons.SCIENCE_OUTLINED),
    "web": SectionLook("In a browser", ft.Icons.LANGUAGE),
    SERVER: SectionLook("Server", ft.Icons.DNS_OUTLINED),
    TOKENS: SectionLook("Tokens", ft.Icons.KEY),
}
"""In the order of the list; the sections of the file that are not here come behind them."""


def present_section(name: str) -> SectionLook:
    """Return title and icon of a section."""
    return SECTIONS.get(name, SectionLook(name.capitalize(), ft.Icons.TUNE))


def ordered(sheet: SettingsSheet) -> list[str]:
    """Return the names of the sections in the order in which they are listed."""
    names = [section.name for section in sheet.sections]
    return [name for name in SECTIONS if name in names] + [name for name in names if name not in SECTIONS]


def present_label(key: str) -> str:
    """Return a key as people read it: ``backoff_base_s`` is "Backoff base"; its unit stands elsewhere."""
    plain = next((key.removesuffix(end) for end in _UNIT_ENDS if key.endswith(end)), key)
    words = [_WORDS.get(word, word) for word in plain.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def present_range(setting: Setting) -> str:
    """Return what is allowed, the default, and when a change takes effect."""
    parts = []
    if setting.kind not in (SettingKind.SWITCH, SettingKind.CHOICE, SettingKind.SECRET):
        parts.append(setting.allowed[:1].upper() + setting.allowed[1:])
    if setting.kind is not SettingKind.SECRET:
        default = _SWITCH.get(setting.default, setting.default)
        parts.append(f"default {default}" if default else "none by default")
    if setting.takes_effect:
        parts.append(f"takes effect {setting.takes_effect}")
    text = "  ·  ".join(parts)
    return text[:1].upper() + text[1:]


def present_source(setting: Setting) -> str:
    """Return why a setting cannot be changed here; "" if it can."""
    if isinstance(setting, ServerSetting):
        return setting.refusal
    if not setting.fixed:
        return ""
    return f"Fixed by {setting.source_name}, which goes before the file."


def present_reset(setting: Setting) -> str:
    """Return what giving up the value of a setting does."""
    if isinstance(setting, ServerSetting):
        return f"Back to what the configuration says: {setting.configured or 'none'}"
    return "Remove it" if setting.kind is SettingKind.SECRET else "Back to the default"


def present_change(change: SettingChange) -> str:
    """Return what would become of a setting, in one short line."""
    before, after = (_short(text) for text in (change.before, change.after))
    return f"{change.name}: {before} to {after}"


def _short(text: str) -> str:
    line = " ".join(text.split()) or "none"
    return line if len(line) <= _LONGEST_CHANGE else f"{line[: _LONGEST_CHANGE - 1]}…"


def fits(setting: Setting, text: str) -> bool:
    """Whether a setting is one that ``text`` looks for, by its name or what it does."""
    words = text.casefold().split()
    about = f"{setting.name} {present_label(setting.key)} {setting.about}".casefold()
    return all(word in about for word in words)


def present_check(check: CheckResult) -> tuple[str, ft.IconData, Tone]:
    """Return the word, icon and tone of a check."""
    if check.passed is None:
        return "not checked", ft.Icons.REMOVE_CIRCLE_OUTLINE, Tone.QUIET
    if check.passed:
        return "passed", ft.Icons.CHECK_CIRCLE, Tone.OK
    return "failed", ft.Icons.ERROR, Tone.BAD


def three_lines(values: Mapping[str, str]) -> str:
    """Return the lines of the file that make the console look at a real server, with what is known so far."""
    host = values.get("connection.host", "")
    host = "backup.example.org" if host in _HERE else host
    path = values.get("connection.database_path") or "/srv/tidewatch/catalogue.db"
    return f'[connection]\nmock_mode = false\nhost = "{host}"\ndatabase_path = "{path}"'


def present_saved(settings: Iterable[Setting], saved: Mapping[str, str | None]) -> tuple[str, str]:
    """Return that settings were saved, and what they say now; of a secret only that it was."""
    named = [setting for setting in settings if setting.name in saved]
    told = [_told(setting, saved[setting.name]) for setting in named]
    later = {setting.takes_effect for setting in named} - {""}
    if not later:
        return IN_FORCE, "\n".join(told)
    return "Saved", "\n".join([*told, f"Takes effect {' and '.join(sorted(later))}."])


def _told(setting: Setting, text: str | None) -> str:
    if text is None:
        return f"{setting.name} has its default"
    return f"{setting.name} = {'…' if setting.kind is SettingKind.SECRET else text}"


def present_origin(setting: ServerSetting, words: Formatter) -> str:
    """Return where the value of a server's setting comes from, and which still holds; "" for a default."""
    parts: list[str] = []
    if setting.held and setting.held_until is not None:
        until = words.exact_time(setting.held_until)
        parts.append(f"{setting.held} {setting.unit} still hold until {until} at the earliest")
    match setting.source:
        case SettingSource.SERVER if setting.set_at is not None:
            parts.append(
                f"set by {setting.set_by} on {words.exact_time(setting.set_at)};"
                f" the configuration says {setting.configured or 'none'}"
            )
        case SettingSource.FILE:
            parts.append(f"from {setting.source_name} on the server")
        case _:
            pass
    text = ". ".join(part[:1].upper() + part[1:] for part in parts)
    return f"{text}." if text else ""


def present_taken(setting: ServerSetting, words: Formatter) -> tuple[str, str]:
    """Return that the server has taken a setting, and what holds of it."""
    value = _SWITCH.get(setting.value, setting.value)
    if setting.held:
        return f"The server has taken {setting.name} = {value}", present_origin(setting, words)
    return f"In force on the server: {setting.name} = {value}", ""


def less_than(text: str, value: str) -> bool:
    """Whether a text that was typed is a smaller number than a value."""
    try:
        return float(text.replace(",", "")) < float(value)
    except ValueError:
        return False
