"""Reading the settings: flags, environment, file and defaults become one value, or one clear refusal."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_origin

import platformdirs
from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SettingsError

from app.config.settings import ENVIRONMENT_PREFIX, Settings
from streams.model.failures import ConfigRejected

FILE_NAME = "tidewatch.toml"
FILE_VARIABLE = f"{ENVIRONMENT_PREFIX}CONFIG"

Flags = Mapping[str, Mapping[str, Any]]
"""Settings given on the command line, by section and key."""


def find_file(named: Path | None = None) -> Path | None:
    """Return the configuration file to read: the named one, else the first there is of the usual ones."""
    if named is None and FILE_VARIABLE in os.environ:
        named = Path(os.environ[FILE_VARIABLE])
    if named is not None:
        return named.expanduser().absolute()
    usual = (Path(FILE_NAME).absolute(), Path(platformdirs.user_config_dir("tidewatch", False)) / FILE_NAME)
    return next((path for path in usual if _there(path)), None)


def _there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the home of another user, say: nothing in it is meant for us
        return False


def load_settings(path: Path | None = None, flags: Flags | None = None) -> Settings:
    """Return the settings of ``path`` (None: no file), environment and flags; raise ``ConfigRejected``."""
    return settings_of(read_file(path) if path else "", path, flags)


def settings_of(text: str, path: Path | None = None, flags: Flags | None = None) -> Settings:
    """Return the settings that a file ``path`` with this text gives, with environment and flags."""
    table = table_of(text, path)
    _refuse_unknown_variables()
    variables = given_variables()
    given: dict[str, Any] = {section: dict(keys) for section, keys in (flags or {}).items()}
    try:
        return Settings(**_merged(table, variables, given))
    except ValidationError as error:
        where = _Where(path, text, table, variables, given)
        raise _rejection(error.errors(include_url=False)[0], where) from None


def given_variables() -> dict[str, Any]:
    """Return the settings of the environment, by section and key; raise ``ConfigRejected``."""
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as error:
        names = ", ".join(name for name in os.environ if _holds_a_list(name))
        raise ConfigRejected(
            f"environment variable {names}: not a list in JSON.", hint='Lists are written as ["a", "b"].'
        ) from error


def _holds_a_list(variable: str) -> bool:
    section, _, key = variable.upper().removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
    field = Settings.model_fields.get(section)
    model = field.annotation if field is not None else None
    keys = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
    return key in keys and get_origin(keys[key].annotation) is tuple


def read_file(path: Path) -> str:
    """Return the text of a configuration file; raise ``ConfigRejected``."""
    hint = f"Check the path given with --config or {FILE_VARIABLE}."
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigRejected(f"{path}: no such file.", hint=hint) from None
    except UnicodeDecodeError as error:
        raise ConfigRejected(
            f"{path}: byte {error.start} is not UTF-8.", hint="Save the file as UTF-8."
        ) from None
    except OSError as error:
        raise ConfigRejected(f"{path}: cannot be read: {error.strerror}.", hint=hint) from None


def table_of(text: str, path: Path | None) -> dict[str, Any]:
    """Return what a configuration file with this text says, relative paths anchored to its folder."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        last = len(text.splitlines())
        reason = str(error).replace("(at end of document)", f"(at the end, line {last})")
        raise ConfigRejected(
            f"{path or 'The text'}: not valid TOML: {reason}.", hint="Mend that line."
        ) from None
    for section, model in Settings.model_fields.items():
        if path is not None:
            _anchor_paths(table.get(section), model.annotation, path.parent)
    return table


def _anchor_paths(values: Any, model: Any, folder: Path) -> None:
    """Make relative paths relative to the folder of the file they stand in."""
    if not isinstance(values, dict):
        return
    for key, field in model.model_fields.items():
        value = values.get(key)
        if "Path" in str(field.annotation) and isinstance(value, str) and not value.startswith("~"):
            values[key] = str(folder / value)
        elif "Path" in str(field.annotation) and isinstance(value, list):
            values[key] = [
                str(folder / each) if isinstance(each, str) and not each.startswith("~") else each
                for each in value
            ]


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers go before earlier ones, key by key."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below: Any = result.get(key)
            both = isinstance(below, Mapping) and isinstance(value, Mapping)
            # A section that is no table stays, to be refused, whatever is given beside it.
            if key not in result or both or not isinstance(value, Mapping):
                result[key] = _merged(below, value) if both else value
    return result


def _refuse_unknown_variables() -> None:
    for name in os.environ:
        upper = name.upper()
        if not upper.startswith(ENVIRONMENT_PREFIX) or upper == FILE_VARIABLE:
            continue
        section, _, key = upper.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if section not in Settings.model_fields or not key:
            raise ConfigRejected(
                f"environment: {name} is not a setting.",
                hint=f"Settings are named {ENVIRONMENT_PREFIX}SECTION__KEY,"
                f" for example {ENVIRONMENT_PREFIX}CONNECTION__HOST.",
            )


class _Where:
    """Tells which layer a value came from."""

    def __init__(self, path: Path | None, text: str, *layers: Mapping[str, Any]) -> None:
        self._path, self._text, self._layers = path, text, layers

    def of(self, section: str, key: str) -> str:
        table, variables, flags = self._layers
        if key in (flags.get(section) or {}):
            return "command line"
        if key in (variables.get(section) or {}):
            return f"environment variable {ENVIRONMENT_PREFIX}{section.upper()}__{key.upper()}"
        if section in table and self._path:
            return f"{self._path}{self._line_of(section, key)}"
        return str(self._path) if self._path else "settings"

    def _line_of(self, section: str, key: str) -> str:
        current = ""
        for number, line in enumerate(self._text.splitlines(), 1):
            header = re.match(r"\s*\[\s*([\w.-]+)\s*\]", line)
            current = header[1] if header else current
            if current == section and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
                return f", line {number}"
            if header and current == section and not key:
                return f", line {number}"
        return ""


def _rejection(error: ErrorDetails, where: _Where) -> ConfigRejected:
    """Word the first thing that is wrong: where it stands, what it is, what is allowed, what to do."""
    path = [str(part) for part in error["loc"]]
    section, key = (*path, "", "")[:2]
    name = ".".join(part for part in (section, key) if part)
    place = where.of(section, key)
    if error["type"] == "extra_forbidden":
        known = Settings.model_fields if not key else model_of(section).model_fields
        close = difflib.get_close_matches(key or section, known, 1)
        hint = f"Did you mean {close[0]}?" if close else f"Known here: {', '.join(sorted(known))}."
        return ConfigRejected(f"{place}: {name} is not a setting.", hint=hint)
    if not section:
        reason = error["msg"].removeprefix("Value error, ")
        return ConfigRejected(f"{place}: {reason}.", hint="Add what is missing or change the other.")
    if not key:
        return ConfigRejected(
            f"{place}: {name} must be a table.", hint=f"Write [{name}] on a line of its own."
        )
    message, hint = refusal(section, key, error["input"])
    return ConfigRejected(f"{place}: {message}", hint=hint)


def refusal(section: str, key: str, value: Any) -> tuple[str, str]:
    """Return what is said of a value that a setting may not have, and what to do; nothing of a secret."""
    field = model_of(section).model_fields[key]
    shown = "(not shown)" if "Secret" in str(field.annotation) else short(value)
    return (
        f"{section}.{key} = {shown} is not allowed; it must be {allowed(field)}.",
        f"Change it, or leave it out for the default, {_default(field)}.",
    )


def told(field: FieldInfo, what: str) -> str:
    """Return what a setting says of itself besides its type: its ``unit``, or what is ``allowed``."""
    extra = field.json_schema_extra
    return str(extra.get(what, "")) if isinstance(extra, dict) else ""


def allowed(field: FieldInfo) -> str:
    """Return the range of a setting in words."""
    if told(field, "allowed"):
        return told(field, "allowed")
    unit = told(field, "unit")
    least = next((m.ge for m in field.metadata if isinstance(m, Ge)), None)
    most = next((m.le for m in field.metadata if isinstance(m, Le)), None)
    if least is not None and most is not None:
        number = "a whole number" if field.annotation is int else "a number"
        return f"{number} from {least:,} to {most:,} {unit}".rstrip()
    if least is not None:
        return f"a whole number, {least:,} or more {unit}".rstrip()
    if field.annotation is bool:
        return "true or false"
    choices: tuple[Any, ...] = getattr(field.annotation, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return f"one of {', '.join(repr(choice) for choice in choices)}"
    if any(isinstance(m, MinLen | MaxLen) for m in field.metadata):
        return "a text that is not empty"
    kind = str(field.annotation)
    return "a path" if "Path" in kind else "a list of texts" if "tuple" in kind else "a text"


def model_of(section: str) -> type[BaseModel]:
    """Return the class of a section."""
    model = Settings.model_fields[section].annotation
    assert isinstance(model, type) and issubclass(model, BaseModel)
    return model


def _default(field: FieldInfo) -> str:
    value = field.get_default()
    return "none" if value is None else short(value)


def short(value: Any) -> str:
    """Return a value as a refusal shows it."""
    if isinstance(value, SecretStr):
        return "(not shown)"
    if isinstance(value, bool):
        return str(value).lower()
    text = f"{value:g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
