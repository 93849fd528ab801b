"""Writing the settings: single values change, all else in the file stays as it is; never half a file."""

import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import BaseModel, SecretStr
from tomlkit.items import AbstractTable

from app.config.load import Flags, model_of, read_file, settings_of
from app.config.settings import Settings
from streams.model.failures import ConfigRejected

Edits = Mapping[tuple[str, str], Any]
"""Values by section and key; None leaves the setting out."""

NEW_FILE = "# Settings of Tidewatch; what is left out has its default.\n"


def edited(text: str, edits: Edits) -> str:
    """Return the text of a configuration file with these settings changed, comments and order kept."""
    document = tomlkit.parse(text)
    for (section, key), value in edits.items():
        table = document.get(section)
        if value is None:
            if isinstance(table, AbstractTable) and key in table:
                table.remove(key)
            continue
        if not isinstance(table, AbstractTable):
            table = tomlkit.table()
            if text.strip() and not tomlkit.dumps(document).endswith("\n"):
                document.add(tomlkit.nl())
            document.append(section, table)
        _put(table, key, _plain(value))
    result = tomlkit.dumps(document)
    return result.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in text else result


def _put(table: AbstractTable, key: str, value: Any) -> None:
    """Set a key; a new one goes behind the last one, before the comments that lead to the next table."""
    body = table.value.body
    tail: list[Any] = []
    while key not in table and body and body[-1][0] is None:
        tail.insert(0, body.pop())
    table[key] = value
    body.extend(tail)


def save(path: Path, edits: Edits, flags: Flags | None = None) -> Settings:
    """Change settings in a file and return what is in force then; on ConfigRejected nothing is changed."""
    text = read_file(path) if path.exists() else NEW_FILE
    settings_of(text, path, flags)  # what is wrong already is said before anything is touched
    new = edited(text, edits)
    settings = settings_of(new, path, flags)
    write_file(path, new)
    return settings


def write_file(path: Path, text: str) -> None:
    """Put this text in the place of the file, whole or not at all; a new file is its owner's alone."""
    target = path.resolve()  # a link stays one
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            part.chmod(mode)
            part.replace(target)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
    except OSError as error:
        raise ConfigRejected(
            f"{path}: cannot be written: {error.strerror}.", hint="Nothing was changed."
        ) from error


def secrets() -> tuple[tuple[str, str], ...]:
    """Return section and key of every setting that is a secret."""
    return tuple(
        (section, key)
        for section in Settings.model_fields
        for key, field in model_of(section).model_fields.items()
        if "Secret" in str(field.annotation)
    )


def without(text: str, names: Iterable[tuple[str, str]]) -> str:
    """Return the text without these settings."""
    return edited(text, dict.fromkeys(names))


def with_secrets_of(text: str, former: str) -> str:
    """Return the text with the secrets of a former one, as far as it names none itself."""
    old, new = tomlkit.parse(former).unwrap(), tomlkit.parse(text).unwrap()
    kept = {
        (section, key): old[section][key]
        for section, key in secrets()
        if key in old.get(section, {}) and key not in new.get(section, {})
    }
    return edited(text, kept)


def with_sections_of(text: str, former: str, sections: Iterable[str]) -> str:
    """Return the text with these sections as a former one has them, whatever it says of them itself."""
    new, old = tomlkit.parse(text), tomlkit.parse(former)
    for section in sections:
        if section in new:
            new.remove(section)
        if section in old:
            new.append(section, old[section])
    return tomlkit.dumps(new)


def settings_named_in(table: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return section and key of all that a file says."""
    return [(section, key) for section, keys in table.items() if isinstance(keys, dict) for key in keys]


def _plain(value: Any) -> Any:
    """Return a value as TOML has it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return list(value)
    assert not isinstance(value, BaseModel)
    return value
