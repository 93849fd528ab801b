"""The list of tables at the left: name, rows and size."""

from collections.abc import Callable, Mapping, Sequence

import flet as ft

from streams.model.database import Outline, TableInfo
from ui.base.context import UiContext
from ui.base.format import UNKNOWN
from ui.base.theme import (
    HOVER,
    LINE,
    QUIET_INK,
    SELECTED,
    SIZE_SMALL,
    Tone,
    body_text,
    small_text,
)
from ui.components.frame import framed
from ui.components.toolbar import SearchField
from ui.views.database.present import KIND_ICONS, place_text, present_count, read_by

WIDTH = 240
MAX_ENTRIES = 200
"""Of so many tables on the others are found by their names: each entry is some controls."""
TYPING_S = 0.15


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
        rows = present_count(table.rows, table.capped)
        if table.problem:
            rows = "index only" if table.index_only else "unreadable"
        before = (self._rows.value, self._size.value, self.control.bgcolor)
        self._rows.value, self._size.value = rows, size
        self._size.visible = bool(size.strip("–"))
        faulty = bool(table.problem) and not table.index_only
        self._rows.color = Tone.WARNING.color if faulty else QUIET_INK
        self._rows.tooltip = table.problem or None
        self.control.bgcolor = SELECTED if chosen else None
        return [] if before == (rows, size, self.control.bgcolor) else [self.control]


class TableList:
    """All tables; ``control`` goes into the page."""

    def __init__(
        self, context: UiContext, on_open: Callable[[str], None], touch: Callable[..., None]
    ) -> None:
        self._format, self._on_open, self._touch = context.format, on_open, touch
        self._entries: dict[str, _Entry] = {}
        self._tables: tuple[TableInfo, ...] = ()
        self._sizes: Mapping[str, int] = {}
        self._chosen: str | None = None
        self._list = ft.ListView([], expand=True, spacing=0, padding=ft.Padding.all(6))
        self._title = small_text("Tables")
        self._foot = small_text("")
        self._search = SearchField("Find a table", self._on_search, wait_s=TYPING_S, width=None)
        self._found = small_text("")
        self._finding = ft.Container(
            ft.Column([ft.Row([self._search.control]), self._found], spacing=4, tight=True),
            padding=ft.Padding.only(left=10, top=6, right=10),
            visible=False,
        )
        content = ft.Container(
            ft.Column(
                [
                    ft.Container(self._title, padding=ft.Padding.only(left=16, top=12, right=16)),
                    self._finding,
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
        words = f"{name}  ·  {self._format.size(outline.size_bytes)}\n{read_by(outline)}"
        changed: list[ft.Control] = []
        if (self._foot.value, self._foot.tooltip) != (words, f"{place_text(outline)}: {own}"):
            self._foot.value, self._foot.tooltip = words, f"{place_text(outline)}: {own}"
            changed.append(self._foot)
        title = f"Tables ({len(outline.tables)})" + ("" if outline.own else "  ·  foreign")
        if title != self._title.value:
            self._title.value = title
            self._title.tooltip = None if outline.own else "It is not Tidewatch's own database."
            changed.append(self._title)
        many = len(outline.tables) > MAX_ENTRIES
        if many != self._finding.visible:
            self._finding.visible = many
            changed.append(self._finding)
        return [*changed, *self._show_entries()]

    def _on_search(self, _text: str) -> None:
        self._touch(*self._show_entries())

    def show_sizes(self, sizes: Mapping[str, int]) -> list[ft.Control]:
        """Take the sizes of the tables with their indexes; return the controls to update."""
        self._sizes = sizes
        return self._show_entries()

    def choose(self, name: str | None) -> list[ft.Control]:
        """Mark a table; return the controls to update."""
        self._chosen = name
        return self._show_entries()

    def _shown(self) -> list[TableInfo]:
        """Return the tables in the list: what the search leaves, up to ``MAX_ENTRIES``."""
        wanted = self._search.value.strip().lower() if self._finding.visible else ""
        matching = [table for table in self._tables if wanted in table.name.lower()]
        words = f"{len(matching):,} match" if wanted else f"The first {MAX_ENTRIES} of {len(self._tables):,}"
        if wanted and len(matching) > MAX_ENTRIES:
            words += f", the first {MAX_ENTRIES} are listed"
        self._found.value = words
        return matching[:MAX_ENTRIES]

    def _show_entries(self) -> list[ft.Control]:
        before = self._found.value
        shown = self._shown()
        changed: list[ft.Control] = (
            [self._found] if self._finding.visible and self._found.value != before else []
        )
        if [table.name for table in shown] != list(self._entries):
            self._entries = {
                table.name: self._entries.get(table.name) or _Entry(table, self._on_open) for table in shown
            }
            self._list.controls = [entry.control for entry in self._entries.values()]
            self._show_numbers(shown)
            return [*changed, self._list]
        return [*changed, *self._show_numbers(shown)]

    def _show_numbers(self, shown: Sequence[TableInfo]) -> list[ft.Control]:
        changed: list[ft.Control] = []
        for table in shown:
            size = self._sizes.get(table.name)
            text = self._format.size(size) if size is not None else (UNKNOWN if self._sizes else "")
            changed += self._entries[table.name].show(table, text, chosen=table.name == self._chosen)
        return changed
