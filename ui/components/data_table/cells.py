"""The controls of a cell: made once, re-bound to whatever record scrolls into their row."""

from collections.abc import Callable
from typing import Any, Protocol, cast
from unicodedata import east_asian_width

import flet as ft

from streams.model.safe_text import label_text
from ui.base.theme import INK, MONO, QUIET_INK, SIZE_BODY
from ui.components.data_table.columns import CellKind, CellValue, Column, ProgressCell, StatusCell, TextCell
from ui.components.data_table.layout import Layout
from ui.components.progress import ProgressLine

SMALL_SIZE = 12
SHORT = 20
"""Columns of text that fit into the narrowest cell with a detail, and leave some room for that."""


class Cell(Protocol):
    """A control that shows one value of a column."""

    control: ft.LayoutControl

    def show(self, value: CellValue) -> list[ft.Control]:
        """Take the value; return the leaves that must be updated, none where nothing is new."""
        ...


def _text(size: float = SIZE_BODY, **settings: Any) -> ft.Text:
    return ft.Text("", size=size, no_wrap=True, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS, **settings)


class _TextCellView:
    def __init__(self, column: Column[Any]) -> None:
        mono = column.kind is CellKind.MONO
        self._text = _text(
            SMALL_SIZE if mono else SIZE_BODY,
            font_family=MONO if mono else None,
            text_align=ft.TextAlign.END if column.numeric else ft.TextAlign.START,
        )
        self._shown: CellValue | None = None
        self.control = place(self._text, column)

    def show(self, value: CellValue) -> list[ft.Control]:
        if value == self._shown:
            return []
        self._shown = value
        cell = cast(TextCell, value)
        text = self._text
        text.value = label_text(cell.text)
        text.color = cell.color or INK
        text.tooltip = label_text(cell.tooltip) or None
        return [text]


class _DetailCellView:
    """Two texts, since one with a span in another style is cut without an ellipsis."""

    def __init__(self, column: Column[Any]) -> None:
        self._text, self._detail = _text(), _text(SMALL_SIZE, color=QUIET_INK, expand=2)
        self._row = ft.Row([self._text, self._detail], spacing=10)
        self._shown: CellValue | None = None
        self.control = place(self._row, column)

    def show(self, value: CellValue) -> list[ft.Control]:
        if value == self._shown:
            return []
        self._shown = value
        cell = cast(TextCell, value)
        self._text.value, self._text.color = label_text(cell.text), cell.color or INK
        self._detail.value, self._detail.visible = label_text(cell.detail), bool(cell.detail)
        # A short text takes what it needs and leaves the rest to the detail; a long one shares the room.
        long = not cell.detail or text_columns(cell.text) > SHORT
        self._text.expand, self._text.expand_loose = (3, True) if long else (None, False)
        self._row.tooltip = label_text(cell.tooltip) or None
        return [self._row]


class _StatusCellView:
    def __init__(self, column: Column[Any]) -> None:
        self._icon = ft.Icon(ft.Icons.CIRCLE, size=15)
        self._word, self._detail = _text(), _text(SMALL_SIZE, color=QUIET_INK, expand=True)
        self._row = ft.Row([self._icon, self._word, self._detail], spacing=6)
        self._shown: CellValue | None = None
        self.control = place(self._row, column)

    def show(self, value: CellValue) -> list[ft.Control]:
        if value == self._shown:
            return []
        self._shown = value
        cell = cast(StatusCell, value)
        self._word.value, self._word.color = cell.word, cell.color
        self._word.expand = not cell.detail  # alone it may be cut, beside a detail that is
        self._detail.value, self._detail.visible = label_text(cell.detail), bool(cell.detail)
        self._icon.icon, self._icon.color = cell.icon, cell.color
        self._row.tooltip = label_text(cell.tooltip) or None
        return [self._row]  # one message: looking at both costs less than a second one


class _ProgressCellView:
    def __init__(self, column: Column[Any]) -> None:
        self._bar = ProgressLine(width=64)
        self._text = _text(SMALL_SIZE, color=QUIET_INK, expand=True)
        # Its own semantics would make the row a progress bar that cannot be clicked; the text says it.
        self._shell = ft.Semantics(content=self._bar, exclude_semantics=True, visible=False)
        self._row = ft.Row([self._shell, self._text], spacing=8)
        self._shown: CellValue | None = None
        self.control = place(self._row, column)

    def show(self, value: CellValue) -> list[ft.Control]:
        if value == self._shown:
            return []
        before = cast("ProgressCell | None", self._shown)
        self._shown = value
        cell = cast(ProgressCell, value)
        moved = self._bar.set(cell.ratio)
        self._shell.visible = cell.active
        self._text.value = label_text(cell.text)
        self._row.tooltip = label_text(cell.tooltip) or None
        if before is None or (before.active, before.tooltip) != (cell.active, cell.tooltip):
            return [self._row]
        changed: list[ft.Control] = []
        if moved:
            changed.append(self._bar)
        if before.text != cell.text:
            changed.append(self._text)
        return changed


_VIEWS: dict[CellKind, Callable[[Column[Any]], Cell]] = {
    CellKind.TEXT: _TextCellView,
    CellKind.MONO: _TextCellView,
    CellKind.DETAIL: _DetailCellView,
    CellKind.STATUS: _StatusCellView,
    CellKind.PROGRESS: _ProgressCellView,
}


def cell_of(column: Column[Any]) -> Cell:
    """Return a new, empty cell of a column."""
    return _VIEWS[column.kind](column)


def text_columns(text: str) -> int:
    """Return how many columns a text takes: two for each wide character."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def place(control: ft.LayoutControl, column: Column[Any]) -> ft.LayoutControl:
    """Give a control the room of its column; heads and cells line up because both go through here."""
    if column.width is not None:
        control.width = column.width
    else:
        control.expand = column.flex
    return control


def give_room(control: ft.LayoutControl, layout: Layout, key: str) -> None:
    """Give a control of a column the room that it has in a layout, or take it away."""
    control.visible = key in layout.widths
    if control.visible:
        control.width, control.expand = layout.widths[key], layout.parts.get(key)
