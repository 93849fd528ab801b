"""The panel beside the data: one row with all its values, the long ones whole when asked for."""

from collections.abc import Callable, Sequence

import flet as ft
import msgspec

from streams.model.database import (
    AnswerQuery,
    Blob,
    CellQuery,
    LongText,
    Masked,
    RawText,
    TableInfo,
    Value,
    WholeValue,
)
from streams.model.statements import SqlResult
from streams.model.value_text import indented_json
from streams.sources.registry import DatabaseStreams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.theme import (
    INK,
    MONO,
    QUIET_INK,
    SIZE_SMALL,
    STRONG,
    STRONG_FACE,
    SelectableText,
    small_text,
    text_style,
)
from ui.components.side_panel import SidePanel
from ui.views.database.copy_rows import Ask
from ui.views.database.present import GridRow, key_text, value_text, whole_text
from ui.views.database.times import tells_times, time_of


def ask_cell(table: TableInfo, row: GridRow) -> Ask | None:
    """Return what asks for the values of a row of a table; None where it has no key to find it by."""
    if not table.key:
        return None
    return lambda at: CellQuery(table=table.name, column=table.columns[at].name, key=row.key)


def ask_answer(result: SqlResult, row: GridRow) -> Ask:
    """Return what asks for the values of a row of an answer."""
    return lambda at: AnswerQuery(sql=result.sql, row=_number_of(row), column=at)


def _number_of(row: GridRow) -> int:
    return int(str(row.key[0]))


class RowPanel(BoundView):
    """All values of one row; it stays open while one walks the rows."""

    def __init__(
        self, *, streams: DatabaseStreams, context: UiContext, on_close: Callable[[], object]
    ) -> None:
        self._streams = streams
        self._title = ""
        self._row: GridRow | None = None
        self._ask: Ask | None = None
        self._next: dict[int, int] = {}
        """Where the next part of a long value begins, by its column."""
        self._fields = ft.Column([], spacing=12, tight=True)
        self._panel = SidePanel(self._fields, on_close=on_close, label="Row")
        super().__init__(context=context, key="database.row", content=self._panel.control, visible=False)

    @property
    def row(self) -> GridRow | None:
        """The row that is shown."""
        return self._row

    def open(self, table: TableInfo, row: GridRow) -> None:
        """Show a row of a table."""

        title = f"{table.name} {key_text(row.key)}"
        columns = [(column.name, column.type) for column in table.columns]
        self._open(title, columns, row, ask_cell(table, row))

    def open_answer(self, result: SqlResult, row: GridRow) -> None:
        """Show a row of an answer; its key is its number, counted from 0."""
        columns = [(name, "") for name in result.columns]
        self._open(f"Row {_number_of(row) + 1:,}", columns, row, ask_answer(result, row))

    def _open(self, title: str, columns: Sequence[tuple[str, str]], row: GridRow, ask: Ask | None) -> None:
        if self._row is not None and (title, row.values) == (self._title, self._row.values):
            return
        self._title, self._row, self._ask = title, row, ask
        self._next.clear()
        self._fields.controls = [
            self._field(at, name, kind, value)
            for at, ((name, kind), value) in enumerate(zip(columns, row.values, strict=False))
        ]
        self.touch(*self._panel.show(title), self._panel.control)

    def close(self) -> None:
        """Forget the row."""
        self._row = self._ask = None

    def _field(self, at: int, name: str, kind: str, value: Value) -> ft.Control:
        text, detail = value_text(value, self.context.format)
        at_time = time_of(value, may_be_number=tells_times(name, kind))
        if at_time is not None:  # beside what is stored, which is what one copies
            detail = self.context.format.exact_time(at_time)
        quiet = value is None or isinstance(value, Masked)
        shown = SelectableText(
            whole_text(value) if isinstance(value, str | RawText) else text,
            size=12,
            font_family=MONO,
            color=QUIET_INK if quiet else INK,
        )
        head: list[ft.Control] = [
            ft.Text(name, size=SIZE_SMALL, weight=STRONG, font_family=STRONG_FACE, color=QUIET_INK),
            small_text(" ".join(part for part in (kind.lower(), detail) if part)),
        ]
        if isinstance(value, Masked):
            head.append(small_text("secret, never read"))
        if isinstance(value, Blob | LongText) and self._ask is not None:
            head.append(
                ft.TextButton(
                    content="Show whole",
                    height=24,
                    style=ft.ButtonStyle(
                        padding=ft.Padding.symmetric(horizontal=6), text_style=text_style(size=SIZE_SMALL)
                    ),
                    on_click=lambda _event: self.act(f"Read {name}", self._show_whole(at, shown)),
                )
            )
        return ft.Column([ft.Row(head, spacing=8, height=24), shown], spacing=2, tight=True)

    async def _show_whole(self, at: int, shown: ft.Text) -> None:
        ask, row = self._ask, self._row
        if ask is None or row is None:
            return
        start = self._next.get(at, 0)
        query = msgspec.structs.replace(ask(at), start_bytes=start)
        whole: WholeValue = await self._streams.whole_value(query)
        if row is not self._row:
            return  # another row has been opened meanwhile
        short = row.values[at]
        if not start and isinstance(short, LongText) and not whole_text(whole.value).startswith(short.head):
            shown.value = "It has changed since. Run the statement again."
            self.touch(shown)
            return
        text = whole_text(whole.value)
        if start or whole.cut:
            size = self.context.format.size
            text += f"\n… {size(start)} to {size(whole.end_bytes)} of {size(whole.size_bytes)}."
            text += " Show whole again for the next part." if whole.cut else " The end."
        else:
            text = indented_json(text)
        self._next[at] = whole.end_bytes if whole.cut else 0
        shown.value = text
        self.touch(shown)
