"""The settings told to the screen, and the screen's text turned into values by the rules of the start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from app.config.load import Flags, allowed, given_variables, model_of, refusal, table_of, told
from app.config.settings import ENVIRONMENT_PREFIX, Settings
from streams.model.failures import ConfigRejected
from streams.model.settings import Setting, SettingKind, SettingSource, SettingsSection, SettingsSheet

_NEXT: Final = {
    "connection": "when the console starts again",
    "mock": "when the console starts again",
    "web": "when the console starts again",
}
CONSOLE_SECTIONS: Final = tuple(name for name in Settings.model_fields if name not in ("server", "agent"))
"""Those that a console's file is for. Server and agents have files of their own, on their own machines."""


Source = tuple[SettingSource, str]
"""Where a value comes from: the layer, and the file, variable or flag."""


def describe(settings: Settings, text: str, path: Path, flags: Flags, *, exists: bool) -> SettingsSheet:
    """Return the console's settings in force, with where each comes from; ``text`` is that of the file."""

    def section(name: str) -> SettingsSection:
        sources = sources_of(name, text, path, flags)
        values = getattr(settings, name)
        return SettingsSection(
            name=name,
            about=(model_of(name).__doc__ or "").replace("``", ""),
            settings=tuple(described(name, key, getattr(values, key), sources[key]) for key in sources),
        )

    sections = tuple(section(name) for name in CONSOLE_SECTIONS)
    return SettingsSheet(sections=sections, file=str(path), file_exists=exists)


def sources_of(section: str, text: str, path: Path | None, flags: Flags) -> dict[str, Source]:
    """Return for each key of a section where its value comes from; ``text`` is that of the file."""
    variables = given_variables().get(section) or {}
    given, table = flags.get(section) or {}, table_of(text, path).get(section) or {}

    def source(key: str) -> Source:
        if key in given:
            return SettingSource.FLAG, "the command line"
        if key in variables:
            return SettingSource.ENVIRONMENT, f"{ENVIRONMENT_PREFIX}{section}__{key}".upper()
        if key in table:
            return SettingSource.FILE, str(path)
        return SettingSource.DEFAULT, ""

    return {key: source(key) for key in model_of(section).model_fields}


def described(section: str, key: str, value: Any, source: Source) -> Setting:
    """Return a setting with its value in force and all that its field says of it."""
    field = model_of(section).model_fields[key]
    kind, (where, name) = _kind(field), source
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
            return "\n".join(map(str, value))
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
        ("tuple", SettingKind.LIST),
        ("Path", SettingKind.PATH),
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
