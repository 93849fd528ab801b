"""Values in exported files: CSV and JSON that hold what the answer holds, by value and kind.

In CSV NULL is nothing, empty text is ``""``, bytes stand as ``x'00ff'``, and text that is not valid UTF-8
passes byte by byte. Text that a spreadsheet would run gets an apostrophe, or one more where it has one:
taking one away gives back what was there.
"""

import re
from collections.abc import Callable, Sequence
from typing import TextIO

from streams.model.database import RawText, Stored
from streams.model.statements import ExportFormat
from streams.model.value_text import json_object, json_text, unique_names

ENCODING, ERRORS = "utf-8", "surrogateescape"
"""Of exported files: with these, text that is not valid goes through unchanged."""

Write = Callable[[list[Sequence[Stored]], int], None]
"""Writes rows; the number says how many there are before them."""

_QUOTED = re.compile(r'[",\r\n]|^\s|\s$|^$')
_WIDE = str.maketrans("＝＋－＠", "=+-@")
"""Signs that some spreadsheets read as the plain ones."""
_FIRST = frozenset("=+-@＝＋－＠\t\r\n'")
_COMMAND = re.compile(r"'*[\t\r\n]*(?P<command>[=+\-@].*)", re.DOTALL)
_NUMBER = re.compile(r"[+-]\s?[€$£¥]?[\d.][\d.,' ]*(?:e[+-]?\d+)?\s?%?", re.IGNORECASE)
_PHONE = re.compile(r"\+[\d\s().\-/]+")
_LIST_ITEM = re.compile(r"[+\-]+(?:[\s\d.,].*)?", re.DOTALL)
_OPERATION = re.compile(r"(?<!^)[+*^&=|!(@;]")
"""A sign that makes of a list item what a spreadsheet computes or calls."""


def writer_of(kind: ExportFormat, file: TextIO, columns: Sequence[str]) -> Write:
    """Begin a file and return what writes rows into it."""
    if kind is ExportFormat.JSON:
        return _json_writer(file, columns)
    return _csv_writer(file, columns, guard=kind is ExportFormat.CSV)


def ending_of(kind: ExportFormat, count: int) -> str:
    """Return what stands behind the last row."""
    return "" if kind is not ExportFormat.JSON else "\n]\n" if count else "]\n"


def is_run(text: str) -> bool:
    """Whether a spreadsheet would run a value, or one with apostrophes before it."""
    if text[:1] not in _FIRST:
        return False
    found = _COMMAND.match(text.translate(_WIDE))
    if found is None:
        return False
    command = found["command"]
    if command[0] in "=@":
        return True
    if _NUMBER.fullmatch(command) or _PHONE.fullmatch(command):
        return False
    return _LIST_ITEM.fullmatch(command) is None or _OPERATION.search(command) is not None


def _csv_writer(file: TextIO, columns: Sequence[str], *, guard: bool) -> Write:
    def text_field(text: str) -> str:
        if guard and is_run(text):
            text = f"'{text}"
        return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text

    def field(value: Stored) -> str:
        match value:
            case str():
                return text_field(value)
            case None:
                return ""
            case bytes():
                return f"x'{value.hex()}'"
            case RawText():
                return text_field(value.raw.decode(ENCODING, ERRORS))
            case _:
                return repr(value)

    def write(batch: list[Sequence[Stored]], _count: int) -> None:
        file.writelines(",".join(map(field, row)) + "\r\n" for row in batch)

    file.write(",".join(map(text_field, columns)) + "\r\n")
    return write


def _json_writer(file: TextIO, columns: Sequence[str]) -> Write:
    names = unique_names(columns)
    file.write("[")

    def write(batch: list[Sequence[Stored]], count: int) -> None:
        for number, row in enumerate(batch, count):
            file.write((",\n" if number else "\n") + json_object(names, [json_text(value) for value in row]))

    return write
