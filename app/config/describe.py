"""The settings told to the screen, and the screen's text turned into values by the rules of the start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from app.config.load import Flags, allowed, given_variables, model_of, refusal, table_of, told
from app.config.settings import ENVIRONMENT_PREFIX, Settings
from streams.failures import ConfigRejected
from streams.records.settings import Setting, SettingKind, SettingSource, SettingsSection, SettingsSheet

_NEXT: Final = {
    "connection": "when the console starts again",
    "mock": "when the console starts again",
    "web": "when the console starts again",
    "server": "when the server starts again",
    "agent": "when the agent starts again",
}


def describe(settings: Settings, text: str, path: Path, flags: Flags, *, exists: bool) -> SettingsSheet:
    """Return all settings in force, with where each value comes from; ``text`` is that of the file."""
    table, variables = table_of(text, path), given_variables()

    def source(section: str, key: str) -> tuple[SettingSource, str]:
        if key in (flags.get(section) or {}):
            return SettingSource.FLAG, "the command line"
        if key in (variables.get(section) or {}):
            return SettingSource.ENVIRONMENT, f"{ENVIRONMENT_PREFIX}{section}__{key}".upper()
        if key in (table.get(section) or {}):
            return SettingSource.FILE, str(path)
        return SettingSource.DEFAULT, ""

    def of(section: str, key: str, field: FieldInfo) -> Setting:
        kind, value = _kind(field), getattr(getattr(settings, section), key)
        where, name = source(section, key)
        return Setting(
            section=section,
            key=key,
            kind=kind,
            about=field.description or "",
            unit=told(field, "unit"),
            allowed=allowed(field),
            choices=tuple(field.annotation.__args__) if kind is SettingKind.CHOICE else (),  # type: ignore[union-attr]
            default=text_of(field.get_default()),
            value=text_of(value),
            is_set=value is not None,
            source=where,
            source_name=name,
            takes_effect=_NEXT.get(section, ""),
        )

    sections = tuple(
        SettingsSection(
            name=section,
            about=(model_of(section).__doc__ or "").replace("``", ""),
            settings=tuple(of(section, key, field) for key, field in model_of(section).model_fields.items()),
        )
        for section in Settings.model_fields
    )
    return SettingsSheet(sections=sections, file=str(path), file_exists=exists)


def text_of(value: Any) -> str:
    """Return a value as it is written in a field; nothing for a secret or for none."""
    match value:
        case None | SecretStr():
            return ""
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.6f}".rstrip("0").rstrip(".")
        case tuple():
            return "\n".join(value)
        case _:
            return str(value)


def value_of(name: str, text: str) -> Any:
    """Return what ``text`` means for a setting, as the file would say it; None where it leaves it out.

    Raises ConfigRejected with the words that the start has for it.
    """
    section, key = split(name)
    field = model_of(section).model_fields[key]
    value = _parsed(_kind(field), text)
    if value is None and field.get_default() is None:
        return None
    try:
        model_of(section)(**{key: value})
    except ValidationError:
        message, hint = refusal(section, key, value)
        raise ConfigRejected(message, hint=hint) from None
    return value


def split(name: str) -> tuple[str, str]:
    """Return section and key of ``section.key``; raise ConfigRejected if there is no such setting."""
    section, _, key = name.partition(".")
    if section not in Settings.model_fields or key not in model_of(section).model_fields:
        raise ConfigRejected(f"{name} is not a setting.")
    return section, key


def differences(before: Settings, after: Settings) -> Mapping[str, tuple[str, str]]:
    """Return what differs, by name, as it would be written; of a secret only that it does."""
    found: dict[str, tuple[str, str]] = {}
    for section in Settings.model_fields:
        for key in model_of(section).model_fields:
            old, new = getattr(getattr(before, section), key), getattr(getattr(after, section), key)
            if old != new:
                secret = isinstance(old or new, SecretStr)
                found[f"{section}.{key}"] = _presence(old, new) if secret else (text_of(old), text_of(new))
    return found


def _presence(old: SecretStr | None, new: SecretStr | None) -> tuple[str, str]:
    return "set" if old else "not set", "another one" if old and new else "set" if new else "not set"


def _kind(field: FieldInfo) -> SettingKind:
    words = str(field.annotation)
    for word, kind in (
        ("<class 'bool'>", SettingKind.SWITCH),
        ("<class 'int'>", SettingKind.WHOLE),
        ("<class 'float'>", SettingKind.NUMBER),
        ("Literal", SettingKind.CHOICE),
        ("Secret", SettingKind.SECRET),
        ("Path", SettingKind.PATH),
        ("tuple", SettingKind.LIST),
    ):
        if word in words:
            return kind
    return SettingKind.TEXT


def _parsed(kind: SettingKind, text: str) -> Any:
    """Return the value that was meant; what is none of its kind stays a text, which is then refused."""
    text = text.strip()
    match kind:
        case SettingKind.SWITCH:
            return {"true": True, "false": False}.get(text.lower(), text)
        case SettingKind.WHOLE | SettingKind.NUMBER:
            plain = text.replace(",", "").replace("_", "") if kind is SettingKind.WHOLE else text
            for number in (int, float):
                try:
                    return number(plain)
                except ValueError:
                    continue
            return text
        case SettingKind.LIST:
            return tuple(line.strip() for line in text.splitlines() if line.strip())
        case SettingKind.PATH | SettingKind.SECRET:
            return text or None
        case _:
            return text
