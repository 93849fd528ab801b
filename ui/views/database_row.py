"""The panel beside the data: one row with all its values, the long ones whole when asked for."""

import json
from collections.abc import Callable

import flet as ft

from streams.records.database import Blob, CellQuery, LongText, Masked, TableInfo, Value, WholeValue
from streams.sources.database import DatabaseStreams
from ui.bound import BoundView
from ui.components.side_panel import SidePanel
from ui.context import UiContext
from ui.theme import INK, MONO, QUIET_INK, SIZE_SMALL, small_text
from ui.views.database_present import GridRow, value_text, whole_text


class RowPanel(BoundView):
    """All values of one row; it stays open while one walks the rows."""

    def __init__(self, *, streams: DatabaseStreams, context: UiContext, on_close: Callable[[], None]) -> None:
        self._streams = streams
        self._table: TableInfo | None = None
        self._row: GridRow | None = None
        self._fields = ft.Column([], spacing=12, tight=True)
        self._panel = SidePanel(self._fields, on_close=on_close, label="Row")
        super().__init__(context=context, key="database.row", content=self._panel.control, visible=False)

    @property
    def row(self) -> GridRow | None:
        """The row that is shown."""
        return self._row

    def open(self, table: TableInfo, row: GridRow) -> None:
        """Show a row."""
        if (table.name, row.key, row.values) == (
            self._table.name if self._table else None,
            self._row.key if self._row else None,
            self._row.values if self._row else None,
        ):
            return
        self._table, self._row = table, row
        title = f"{table.name} {', '.join(str(part) for part in row.key)}"
        self._fields.controls = [
            self._field(column.name, column.type, value)
            for column, value in zip(table.columns, row.values, strict=False)
        ]
        self.touch(*self._panel.show(title), self._panel.control)

    def close(self) -> None:
        """Forget the row."""
        self._table = self._row = None

    def _field(self, name: str, kind: str, value: Value) -> ft.Control:
        text, detail = value_text(value, self.context.format)
        quiet = value is None or isinstance(value, Masked)
        shown = ft.Text(
            text if not isinstance(value, str) else whole_text(value),
            size=12,
            font_family=MONO,
            color=QUIET_INK if quiet else INK,
            selectable=True,
        )
        head: list[ft.Control] = [
            ft.Text(name, size=SIZE_SMALL, weight=ft.FontWeight.W_600, color=QUIET_INK),
            small_text(" ".join(part for part in (kind.lower(), detail) if part)),
        ]
        if isinstance(value, Masked):
            head.append(small_text("secret, never read"))
        if isinstance(value, Blob | LongText) and self._table is not None and self._table.key:
            head.append(
                ft.TextButton(
                    content="Show whole",
                    height=24,
                    style=ft.ButtonStyle(
                        padding=ft.Padding.symmetric(horizontal=6), text_style=ft.TextStyle(size=SIZE_SMALL)
                    ),
                    on_click=lambda _event: self.act(f"Read {name}", self._show_whole(name, shown)),
                )
            )
        return ft.Column([ft.Row(head, spacing=8, height=24), shown], spacing=2, tight=True)

    async def _show_whole(self, column: str, shown: ft.Text) -> None:
        table, row = self._table, self._row
        if table is None or row is None:
            return
        whole: WholeValue = await self._streams.whole_value(
            CellQuery(table=table.name, column=column, key=row.key)
        )
        if row is not self._row:
            return  # another row has been opened meanwhile
        text = pretty(whole_text(whole.value))
        if whole.cut:
            text += f"\n… the first 1 MiB of {self.context.format.size(whole.size_bytes)}"
        shown.value = text
        self.touch(shown)


def pretty(text: str) -> str:
    """Return JSON with its parts on lines of their own, any other text as it is."""
    if text[:1] not in ("{", "["):
        return text
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    except ValueError:
        return text
