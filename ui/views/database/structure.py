"""The Structure tab: columns, indexes, foreign keys and the SQL of a table."""

from collections.abc import Sequence

import flet as ft

from streams.model.database import ColumnInfo, ForeignKey, IndexInfo, TableInfo
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.theme import (
    GAP,
    INK,
    LINE,
    MONO,
    QUIET_INK,
    STRONG,
    STRONG_FACE,
    SelectableText,
    Tone,
    body_text,
    mono_text,
    small_text,
)
from ui.components.card import card


class StructureTab(BoundView):
    """What the schema says of the chosen table."""

    def __init__(self, *, context: UiContext) -> None:
        self._shown: TableInfo | None = None
        self._columns = ft.Column([], spacing=0, tight=True)
        self._indexes = ft.Column([], spacing=0, tight=True)
        self._keys = ft.Column([], spacing=0, tight=True)
        self._sql = SelectableText("", size=12, font_family=MONO, color=INK)
        self._cards = ft.Column(
            [
                card("Columns", self._columns),
                card("Indexes", self._indexes),
                card("Foreign keys", self._keys),
                card("SQL", self._sql),
            ],
            spacing=GAP,
            scroll=ft.ScrollMode.AUTO,
            expand=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )
        super().__init__(context=context, key="database.structure", content=self._cards, expand=True)

    def open(self, table: TableInfo) -> None:
        """Show a table."""
        if self._shown is not None and _same(self._shown, table):
            return
        self._shown = table
        self._columns.controls = _lines(
            ("Name", "Type", "Rules", "Default"), [column_line(column) for column in table.columns]
        )
        self._indexes.controls = _lines(
            ("Name", "Columns", "Rules", ""), [index_line(index) for index in table.indexes]
        ) or [small_text("No index but the key itself.")]
        self._keys.controls = _lines(
            ("Columns", "Refer to", "When changed or deleted", ""),
            [foreign_line(key) for key in table.foreign_keys],
        ) or [small_text("No foreign keys.")]
        self._sql.value = table.sql or "– (made by SQLite itself)"
        self.touch(self._cards)


def _same(one: TableInfo, other: TableInfo) -> bool:
    return (one.name, one.columns, one.indexes, one.foreign_keys, one.sql) == (
        other.name,
        other.columns,
        other.indexes,
        other.foreign_keys,
        other.sql,
    )


def column_line(column: ColumnInfo) -> tuple[str, str, str, str]:
    """Return name, type, rules and default of a column."""
    rules = [
        word
        for word, holds in (
            (
                "primary key" if column.key_place < 2 else f"primary key, part {column.key_place}",
                column.key_place,
            ),
            ("not null", column.not_null),
            ("generated", column.generated),
            ("indexed", column.indexed and not column.key_place),
            ("secret, never read", column.secret),
        )
        if holds
    ]
    return column.name, column.type or "any", ", ".join(rules), column.default or ""


def index_line(index: IndexInfo) -> tuple[str, str, str, str]:
    """Return name, columns and rules of an index."""
    made = {"u": "of a UNIQUE rule", "pk": "of the primary key"}.get(index.origin, "")
    rules = [
        word for word in ("unique" if index.unique else "", "partial" if index.partial else "", made) if word
    ]
    return index.name, ", ".join(index.columns), ", ".join(rules), ""


def foreign_line(key: ForeignKey) -> tuple[str, str, str, str]:
    """Return columns, target and rules of a foreign key."""
    to = f"{key.table} ({', '.join(key.to_columns)})" if key.to_columns else key.table
    rules = ", ".join(
        f"{when} {rule.lower()}"
        for when, rule in (("update:", key.on_update), ("delete:", key.on_delete))
        if rule and rule != "NO ACTION"
    )
    return ", ".join(key.columns), to, rules or "no action", ""


def _lines(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[ft.Control]:
    if not lines:
        return []
    title = ft.Row(
        [
            ft.Text(
                word, size=12, weight=STRONG, font_family=STRONG_FACE, color=QUIET_INK, expand=1, no_wrap=True
            )
            for word in head
        ],
        spacing=12,
        height=26,
    )
    return [title, *(_line(line) for line in lines)]


def _line(parts: Sequence[str]) -> ft.Control:
    cells = [mono_text(parts[0], selectable=True), *(body_text(part, quiet=True) for part in parts[1:])]
    for text in cells:
        text.expand, text.no_wrap = 1, False  # a line is as high as its longest part: nothing is cut
    for text, part in zip(cells[1:], parts[1:], strict=True):
        if "secret" in part:
            text.color = Tone.WARNING.color
    return ft.Container(
        ft.Row(list[ft.Control](cells), spacing=12, vertical_alignment=ft.CrossAxisAlignment.START),
        padding=ft.Padding.symmetric(vertical=6),
        border=ft.Border.only(top=ft.BorderSide(1, LINE)),
    )
