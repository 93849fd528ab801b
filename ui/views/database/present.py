"""Texts of the Database view."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import flet as ft

from streams.model.database import (
    COUNT_CAP,
    Blob,
    ColumnInfo,
    Edge,
    Key,
    LongText,
    Masked,
    Outline,
    RawText,
    Row,
    Stored,
    TableInfo,
    TableKind,
    TablePage,
    Value,
)
from streams.model.failures import Failure
from streams.model.statements import ScanKind, SqlResult
from ui.base.format import UNKNOWN, Formatter, count_text, counted, duration_text
from ui.base.theme import QUIET_INK, Tone
from ui.components.data_table.columns import TextCell
from ui.views.database.times import time_of

MASK: Final = "••••••"
_NUMBERS = ("INT", "REAL", "FLOA", "DOUB", "NUM", "DEC")
# Signs that the face of the tables has.
_LINE_MARKS = str.maketrans({"\n": " ¶ ", "\r": None, "\t": " ", "\0": "\\0"})

KIND_ICONS: Final = {
    TableKind.TABLE: ft.Icons.TABLE_ROWS_OUTLINED,
    TableKind.VIEW: ft.Icons.VISIBILITY_OUTLINED,
    TableKind.VIRTUAL: ft.Icons.AUTO_AWESOME_MOSAIC_OUTLINED,
    TableKind.SHADOW: ft.Icons.LAYERS_OUTLINED,
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nothing can be read, in words and with an icon."""

    icon: ft.IconData
    title: str
    advice: str


_TROUBLES: Final[Mapping[str, Trouble]] = {
    "database_not_configured": Trouble(
        ft.Icons.LINK_OFF, "No database is configured", "Name one in connection.database_path."
    ),
    "database_missing": Trouble(
        ft.Icons.SEARCH_OFF, "The database file is not there", "It is opened by itself once it is back."
    ),
    "database_not_served": Trouble(
        ft.Icons.SEARCH_OFF,
        "The server does not serve this file",
        "Name it in the server's server.databases.",
    ),
    "database_unreadable": Trouble(
        ft.Icons.NO_ENCRYPTION_OUTLINED, "The file may not be read", "It is tried again by itself."
    ),
    "database_unsupported": Trouble(
        ft.Icons.UPDATE, "It needs a newer SQLite, or its own program", "The file may be sound."
    ),
    "database_hot_journal": Trouble(
        ft.Icons.HISTORY, "A change was cut off", "Open it once with the program that owns it."
    ),
    "database_locked": Trouble(
        ft.Icons.LOCK_CLOCK, "Another program holds the database", "It is tried again by itself."
    ),
    "database_empty": Trouble(
        ft.Icons.HOURGLASS_EMPTY, "The file is empty", "It is read as soon as something is in it."
    ),
    "database_damaged": Trouble(
        ft.Icons.BROKEN_IMAGE_OUTLINED, "The database is damaged", "Restore it from a copy."
    ),
    "database_encrypted": Trouble(
        ft.Icons.ENHANCED_ENCRYPTION_OUTLINED, "The file is encrypted", "The console has no key for it."
    ),
    "not_a_database": Trouble(
        ft.Icons.DO_NOT_DISTURB_ALT, "That is no SQLite database", "Check connection.database_path."
    ),
}


def present_trouble(failure: Failure) -> Trouble:
    """Return how a failure to read is shown."""
    return _TROUBLES.get(
        failure.code, Trouble(ft.Icons.ERROR_OUTLINE, "The database cannot be read", "It is tried again.")
    )


def trouble_words(failure: Failure) -> str:
    """Return what to do about a failure to read, each thing once."""
    advice = present_trouble(failure).advice
    return failure.hint if advice in failure.hint else f"{failure.hint} {advice}".strip()


def read_by(outline: Outline) -> str:
    """Return which machine reads the database, in short."""
    return f"read by the server {outline.read_by}" if outline.read_by else "read on this machine"


def place_text(outline: Outline) -> str:
    """Return where the database is and which machine reads it."""
    if outline.read_by:
        return f"{outline.path}, read by the server {outline.read_by}"
    return f"read from {outline.path} on this machine"


def present_count(rows: int | None, capped: bool) -> str:
    """Return a count of rows: ``1,204``, ``10,000+``, ``–``."""
    return UNKNOWN if rows is None else f"{count_text(rows)}{'+' if capped else ''}"


def one_line(text: str) -> str:
    """Return text on one line, with its line ends visible."""
    return text.translate(_LINE_MARKS)


def value_text(value: Value, words: Formatter) -> tuple[str, str]:
    """Return a value as a cell shows it, and what stands small behind it."""
    match value:
        case None:
            return "NULL", ""
        case Masked():
            return MASK, ""
        case Blob():
            more = "…" if value.size_bytes > len(value.head) else ""
            return f"{value.head.hex(' ')}{more}", words.size(value.size_bytes)
        case LongText():
            size = "" if value.size_bytes is None else words.size(value.size_bytes)
            return f"{one_line(value.head)}…", size
        case float():
            return repr(value), ""
        case RawText():
            return one_line(value.shown), "not valid text"
        case int():
            return str(value), ""
        case str():
            return one_line(value), ""


def shown_text(value: Value, words: Formatter, *, times: bool) -> tuple[str, str]:
    """Return what ``value_text`` does, but a time in words where the value tells one."""
    at = time_of(value, may_be_number=times)
    return value_text(value, words) if at is None else (words.exact_time(at), "")


def present_value(value: Value, words: Formatter, *, changed: bool = False, times: bool = False) -> TextCell:
    """Return the cell of a value; one that has just changed is in the colour of what moves.

    ``times``: numbers of this column may be times. What is stored is in the tooltip.
    """
    at = time_of(value, may_be_number=times)
    if at is not None:
        color = Tone.BUSY.color if changed else None
        return TextCell(words.exact_time(at), tooltip=f"Stored as {value_text(value, words)[0]}", color=color)
    text, detail = value_text(value, words)
    if value is None or isinstance(value, Masked):
        tip = "Secret: it is never read" if isinstance(value, Masked) else ""
        return TextCell(text, tooltip=tip, color=Tone.BUSY.color if changed else QUIET_INK)
    tip = ""
    if detail:  # first, so that it is seen however long the rest is
        text = f"{detail}   {text}"
    return TextCell(text, tooltip=tip, color=Tone.BUSY.color if changed else None)


def key_text(key: Key) -> str:
    """Return the key of a row for its title."""
    return ", ".join(one_line(whole_text(part, most_chars=60)) for part in key)


def is_numeric(column: ColumnInfo) -> bool:
    """Whether its values stand at the right."""
    return any(word in column.type.upper() for word in _NUMBERS) and not column.secret


@dataclass(frozen=True, slots=True)
class GridRow:
    """A row of a page or of a result."""

    key: Key
    values: Row
    changed: frozenset[int] = field(default_factory=frozenset)
    """Places of the values that have just changed."""


def mark_changes(page: TablePage, before: TablePage | None) -> dict[Key, frozenset[int]]:
    """Return which values of a page differ from those of the same page before; a new row is new in full."""
    if before is None or before.columns != page.columns:
        return {}
    known = dict(zip(before.keys, before.rows, strict=True))
    everything = frozenset(range(len(page.columns)))
    marks: dict[Key, frozenset[int]] = {}
    for key, row in zip(page.keys, page.rows, strict=True):
        old = known.get(key)
        changed = (
            everything
            if old is None
            else frozenset(i for i, (a, b) in enumerate(zip(old, row, strict=True)) if _differ(a, b))
        )
        if changed:
            marks[key] = changed
    return marks


def _differ(before: Value, after: Value) -> bool:
    return before != after or type(before) is not type(after)  # 1 and 1.0 are equal


def present_place(
    page: TablePage, number: int | None, table: TableInfo | None, limit: int, exact: int | None = None
) -> str:
    """Return where in the table one is; ``exact`` is how many rows there are, where all were counted."""
    if not page.rows:
        return "No rows"
    rows, capped = page.matching, page.matching_capped
    if exact is not None:
        rows, capped = exact, False
    elif rows is None and table is not None:
        rows, capped = table.rows, table.capped
    of = f" of {present_count(rows, capped)}" if rows is not None else ""
    if page.ends_early:
        return f"The last of the first {COUNT_CAP:,} rows · no key leads further: ask for the rest with SQL"
    if rows == 1 and not capped:
        return "1 row"
    if number is None:
        return f"The last {count_text(len(page.rows))} rows{of}" if not page.has_after else f"Rows{of}"
    start = number * limit + 1
    return f"Rows {start:,}–{start + len(page.rows) - 1:,}{of}"


def present_answer(result: SqlResult, *, pinned: bool) -> str:
    """Return how many rows a statement found, and how long it took."""
    count = len(result.rows)
    rows = f"The first {count:,} rows" if result.cut else counted(count, "row")
    parts = [rows, duration_text(result.took_s) if result.took_s >= 0.001 else "< 1 ms"]
    if result.masked:
        parts.append(f"secret, read as NULL: {', '.join(result.masked)}")
    if result.stand_ins:
        orders = ", ".join(result.stand_ins)
        parts.append(f"order {orders} is not known here: by bytes, rows may be missing")
    if pinned:
        parts.append("pinned, follows the data")
    return "  ·  ".join(parts)


SCAN_LOOKS: Final[Mapping[ScanKind, tuple[ft.IconData, Tone, str]]] = {
    ScanKind.SEARCH: (ft.Icons.MANAGE_SEARCH, Tone.OK, "finds rows by an index"),
    ScanKind.FULL_SCAN: (ft.Icons.WARNING_AMBER, Tone.WARNING, "full scan: reads every row"),
    ScanKind.INDEX_SCAN: (ft.Icons.LINEAR_SCALE, Tone.BUSY, "reads a whole index"),
    ScanKind.SORT: (ft.Icons.SORT, Tone.BUSY, "sorts in memory"),
    ScanKind.OTHER: (ft.Icons.SUBDIRECTORY_ARROW_RIGHT, Tone.QUIET, ""),
}


def whole_text(value: Stored, *, most_chars: int = 20_000) -> str:
    """Return a value in full as far as a panel can show it; bytes as a dump of hex and text."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        lines: Sequence[str] = [
            _dump_line(at, value[at : at + 8]) for at in range(0, min(len(value), 4096), 8)
        ]
        return "\n".join(lines)
    text = value.shown if isinstance(value, RawText) else str(value)
    return text if len(text) <= most_chars else f"{text[:most_chars]}…"


def _dump_line(at: int, part: bytes) -> str:
    text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in part)
    return f"{at:04x}  {part.hex(' '):<23}  {text}"


NO_EDGE: Final = Edge()
