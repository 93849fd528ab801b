"""Values of a database as JSON, complete: nothing is shortened, and what JSON has no form for can be told."""

import json
import math
from collections.abc import Sequence

from streams.model.database import RawText, Stored


def unique_names(columns: Sequence[str]) -> list[str]:
    """Return the names of columns with a number behind those that are there already."""
    taken, used = set(columns), set[str]()
    names: list[str] = []
    for column in columns:
        name, number = column, 1
        while name in used or (number > 1 and name in taken):
            number += 1
            name = f"{column} ({number})"
        used.add(name)
        names.append(name)
    return names


def json_text(value: Stored) -> str:
    """Return a value as JSON: bytes and text that is not valid as an object with their hex digits."""
    match value:
        case bytes():
            return f'{{"hex": "{value.hex()}"}}'
        case RawText():
            return f'{{"text_hex": "{value.raw.hex()}"}}'
        case float() if math.isinf(value):
            return "1e999" if value > 0 else "-1e999"  # as SQLite writes it: a number that readers take
        case _:
            return json.dumps(value, ensure_ascii=False)


def json_object(names: Sequence[str], values: Sequence[str], *, indent: int | None = None) -> str:
    """Return an object of values that are JSON already; ``names`` differ from each other."""
    parts = [
        f"{json.dumps(name, ensure_ascii=False)}: {value}" for name, value in zip(names, values, strict=True)
    ]
    if indent is None:
        return f"{{{', '.join(parts)}}}"
    space = "\n" + " " * indent
    return f"{{{space}{f',{space}'.join(parts)}\n}}" if parts else "{}"


def indented_json(text: str) -> str:
    """Return JSON with its parts on lines of their own and all its values as written; other text as it is."""
    if text[:1] not in ("{", "["):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return "".join(_indented(text))


def _indented(text: str) -> list[str]:
    pieces: list[str] = []
    depth, in_string, escaped, breaks = 0, False, False, False
    for sign in text:
        if in_string:
            pieces.append(sign)
            in_string = escaped or sign != '"'
            escaped = sign == "\\" and not escaped
            continue
        if sign.isspace():
            continue
        closes, opens = sign in "}]", sign in "{["
        depth -= closes
        if breaks != closes:  # what is empty stays on its line
            pieces.append(f"\n{' ' * depth}")
        depth += opens
        breaks = opens or sign == ","
        in_string = sign == '"'
        pieces.append(": " if sign == ":" else sign)
    return pieces
