"""A row for the clipboard, with its values themselves: what a cell has shortened is read in full."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from streams.model.database import AnswerQuery, Blob, CellQuery, LongText, Masked, RawText, Stored, Value
from streams.model.value_text import json_object, json_text, unique_names
from streams.sources.registry import DatabaseStreams
from ui.views.database.present import MASK, GridRow

Ask = Callable[[int], CellQuery | AnswerQuery]
"""Says what to ask for the whole value in a column, counted from 0."""
MAX_BYTES: Final = 16 * 1024**2
"""Of one value on the clipboard; what is longer is copied up to there, with its size."""


async def row_as_json(
    names: Sequence[str], row: GridRow, ask: Ask | None, streams: DatabaseStreams
) -> tuple[str, int]:
    """Return a row as JSON, and how many of its values are not complete."""
    texts: list[str] = []
    cut = 0
    for at, value in enumerate(row.values):
        text, whole = await _value_as_json(value, None if ask is None else ask(at), streams)
        texts.append(text)
        cut += not whole
    return json_object(unique_names(names), texts, indent=1), cut


async def _value_as_json(
    value: Value, query: CellQuery | AnswerQuery | None, streams: DatabaseStreams
) -> tuple[str, bool]:
    match value:
        case Masked():
            return json_text(MASK), True
        case Blob() if len(value.head) >= value.size_bytes:
            return json_text(value.head), True
        case Blob() | LongText():
            if query is None:
                return _beginning(value.head, value.size_bytes), False
            parts, size, whole = await _parts(query, streams)
            found = _joined(parts)
            if not _begins(found, value.head):
                return _beginning(value.head, value.size_bytes), False  # it has changed since
            return (json_text(found), True) if whole else (_beginning(found, size), False)
        case _:
            return json_text(value), True


async def _parts(query: CellQuery | AnswerQuery, streams: DatabaseStreams) -> tuple[list[Stored], int, bool]:
    parts: list[Stored] = []
    start = 0
    while True:
        part = await streams.whole_value(msgspec.structs.replace(query, start_bytes=start))
        parts.append(part.value)
        if not part.cut:
            return parts, part.size_bytes, True
        if part.end_bytes >= MAX_BYTES or part.end_bytes <= start:
            return parts, part.size_bytes, False
        start = part.end_bytes


def _joined(parts: Sequence[Stored]) -> Stored:
    raw = [part for part in parts if isinstance(part, RawText)]
    if raw:
        encoding = raw[0].encoding
        return RawText(b"".join(_bytes_of(part, encoding) for part in parts), encoding)
    if all(isinstance(part, str) for part in parts):
        return "".join(str(part) for part in parts)
    if all(isinstance(part, bytes) for part in parts):
        return b"".join(_bytes_of(part, "") for part in parts)
    return parts[-1]  # it has become another kind of value meanwhile


def _begins(found: Stored, head: str | bytes) -> bool:
    shown = found.shown if isinstance(found, RawText) else found
    return (isinstance(shown, str) and isinstance(head, str) and shown.startswith(head)) or (
        isinstance(shown, bytes) and isinstance(head, bytes) and shown.startswith(head)
    )


def _bytes_of(part: Stored, encoding: str) -> bytes:
    match part:
        case RawText():
            return part.raw
        case str():
            return part.encode(encoding)
        case bytes():
            return part
        case _:
            return b""


def _beginning(head: Stored, size_bytes: int | None) -> str:
    return json_object(["beginning", "size_bytes"], [json_text(head), json_text(size_bytes)])
