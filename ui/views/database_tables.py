"""The list of tables at the left: name, rows and size."""

from collections.abc import Callable, Mapping

import flet as ft

from streams.records.database import Outline, TableInfo
from ui.components.frame import framed
from ui.context import UiContext
from ui.format import UNKNOWN
from ui.theme import (
    HOVER,
    LINE,
    QUIET_INK,
    SELECTED,
    SIZE_SMALL,
    Tone,
    body_text,
    small_text,
)
from ui.views.database_present import KIND_ICONS, present_count

WIDTH = 240


class _Entry:
    """One table of the list."""

    def __init__(self, table: TableInfo, on_open: Callable[[str], None]) -> None:
        self._icon = ft.Icon(KIND_ICONS[table.kind], size=16, color=QUIET_INK)
        self._name = body_text(table.name)
        self._name.expand, self._name.tooltip = True, f"{table.name} ({table.kind.value})"
        self._rows = ft.Text("", size=12, color=QUIET_INK, text_align=ft.TextAlign.RIGHT, no_wrap=True)
        self._size = ft.Text(
            "", size=SIZE_SMALL, color=QUIET_INK, text_align=ft.TextAlign.RIGHT, no_wrap=True
        )
        self.control = ft.Container(
            ft.Row(
                [
                    self._icon,
                    self._name,
                    ft.Column(
                        [self._rows, self._size],
                        spacing=0,
                        tight=True,
                        horizontal_alignment=ft.CrossAxisAlignment.END,
                    ),
                ],
                spacing=8,
                vertical_alignment=ft.CrossAxisAlignment.CENTER,
            ),
            height=40,
            padding=ft.Padding.symmetric(horizontal=10),
            border_radius=6,
            ink=True,
            ink_color=HOVER,
            on_click=lambda _event: on_open(table.name),
        )

    def show(self, table: TableInfo, size: str, *, chosen: bool) -> list[ft.Control]:
        """Take new numbers; return the controls to update."""
        rows = "unreadable" if table.problem else present_count(table.rows, table.capped)
        before = (self._rows.value, self._size.value, self.control.bgcolor)
        self._rows.value, self._size.value = rows, size
        self._rows.color = Tone.WARNING.color if table.problem else QUIET_INK
        self._rows.tooltip = table.problem or None
        self.control.bgcolor = SELECTED if chosen else None
        return [] if before == (rows, size, self.control.bgcolor) else [self.control]


class TableList:
    """All tables; ``control`` goes into the page."""

    def __init__(self, context: UiContext, on_open: Callable[[str], None]) -> None:
        self._format, self._on_open = context.format, on_open
        self._entries: dict[str, _Entry] = {}
        self._tables: tuple[TableInfo, ...] = ()
        self._sizes: Mapping[str, int] = {}
        self._chosen: str | None = None
        self._list = ft.ListView([], expand=True, spacing=0, padding=ft.Padding.all(6))
        self._title = small_text("Tables")
        self._foot = small_text("")
        content = ft.Container(
            ft.Column(
                [
                    ft.Container(self._title, padding=ft.Padding.only(left=16, top=12, right=16)),
                    self._list,
                    ft.Container(
                        self._foot,
                        padding=ft.Padding.symmetric(horizontal=16, vertical=8),
                        border=ft.Border.only(top=ft.BorderSide(1, LINE)),
                    ),
                ],
                spacing=0,
                expand=True,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
            padding=1,
        )
        self.control = framed(content, width=WIDTH)

    def show(self, outline: Outline) -> list[ft.Control]:
        """Take the outline; return the controls to update."""
        self._tables = outline.tables
        name = outline.path.replace("\\", "/").rpartition("/")[2]
        own = "Tidewatch's own catalogue" if outline.own else "another program's database"
        words = f"{name}  ·  {self._format.size(outline.size_bytes)}"
        changed: list[ft.Control] = []
        if (self._foot.value, self._foot.tooltip) != (words, f"{outline.path}: {own}"):
            self._foot.value, self._foot.tooltip = words, f"{outline.path}: {own}"
            changed.append(self._foot)
        title = f"Tables ({len(outline.tables)})" + ("" if outline.own else "  ·  foreign")
        if title != self._title.value:
            self._title.value = title
            self._title.tooltip = None if outline.own else "It is not Tidewatch's own database."
            changed.append(self._title)
        names = [table.name for table in outline.tables]
        if names != list(self._entries):
            self._entries = {
                table.name: self._entries.get(table.name) or _Entry(table, self._on_open)
                for table in outline.tables
            }
            self._list.controls = [entry.control for entry in self._entries.values()]
            self._show_entries()
            return [*changed, self._list]
        return [*changed, *self._show_entries()]

    def show_sizes(self, sizes: Mapping[str, int]) -> list[ft.Control]:
        """Take the sizes of the tables with their indexes; return the controls to update."""
        self._sizes = sizes
        return self._show_entries()

    def choose(self, name: str | None) -> list[ft.Control]:
        """Mark a table; return the controls to update."""
        self._chosen = name
        return self._show_entries()

    def _show_entries(self) -> list[ft.Control]:
        changed: list[ft.Control] = []
        for table in self._tables:
            size = self._sizes.get(table.name)
            text = self._format.size(size) if size is not None else (UNKNOWN if self._sizes else "")
            changed += self._entries[table.name].show(table, text, chosen=table.name == self._chosen)
        return changed
