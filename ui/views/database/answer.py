"""Below the editor: the rows of an answer, the plan of a statement, or what is wrong with it."""

from collections.abc import Callable, Sequence
from typing import Final

import flet as ft

from streams.model.database import Key, Row, Value
from streams.model.failures import Failure
from streams.model.statements import Plan, SqlProblem, SqlResult
from streams.sources.registry import DatabaseStreams
from ui.base.context import UiContext
from ui.base.keymap import RowNavigator
from ui.base.theme import INK, QUIET_INK, SIZE_BODY, SelectableText, Tone, mono_text, small_text
from ui.components.data_table.pager import Pager, Turn
from ui.components.data_table.table_surface import table_surface
from ui.views.database.copy_rows import Ask
from ui.views.database.grid import Grid, GridColumn, room_for
from ui.views.database.present import SCAN_LOOKS, GridRow, present_answer
from ui.views.database.row import ask_answer
from ui.views.database.times import tells_times

PAGE: Final = 200


class Answer:
    """Shows one thing at a time and keeps its size; ``control`` goes into the page."""

    def __init__(
        self,
        context: UiContext,
        streams: DatabaseStreams,
        *,
        on_open: Callable[[GridRow], None],
        on_close: Callable[[], bool],
    ) -> None:
        self._format = context.format
        self._result: SqlResult | None = None
        self._page = 0
        self._grid = Grid(
            context, label="Result", streams=streams, ask_of=self._ask_of, on_open=on_open, on_cancel=on_close
        )
        self._pager = Pager(self._on_turn)
        self._rows = ft.Column([self._grid.control, self._pager.control], spacing=0, expand=True)
        self._plan = ft.Column([], spacing=0, scroll=ft.ScrollMode.AUTO, expand=True)
        self._words = ft.Column(
            [],
            spacing=6,
            tight=True,
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
        )
        self._status = ft.Text(
            "", size=SIZE_BODY, color=QUIET_INK, no_wrap=True, overflow=ft.TextOverflow.ELLIPSIS, expand=True
        )
        self.status = ft.Row([self._status], expand=True)
        self._plan_box = ft.Container(self._plan, padding=16, expand=True)
        self._words_box = ft.Container(self._words, padding=16, expand=True, alignment=ft.Alignment.CENTER)
        self.control = table_surface([self._rows, self._plan_box, self._words_box])
        self.say(ft.Icons.TERMINAL, "Write a statement and run it with Ctrl+Enter.", tone=Tone.QUIET)

    @property
    def result(self) -> SqlResult | None:
        """The answer that is shown."""
        return self._result

    @property
    def row_navigator(self) -> RowNavigator | None:
        """The rows, while they are shown."""
        return self._grid.table if self._rows.visible else None

    def row(self, key: Key) -> GridRow | None:
        """Return a row of the page that is shown."""
        return self._grid.table.get(key) if self._grid.table is not None and self._result else None

    def let_go(self) -> None:
        """Mark no row as the one that is shown beside."""
        if self._grid.table is not None:
            self._grid.table.set_current(None)

    def tell(self, text: str) -> list[ft.Control]:
        """Say something in the status line."""
        self._status.value, self._status.tooltip = text, text or None
        return [self._status]

    def say(self, icon: ft.IconData, text: str, *more: str, tone: Tone) -> list[ft.Control]:
        """Show words in the place of rows."""
        self._words.controls = [
            ft.Row(
                [
                    ft.Icon(icon, size=22, color=tone.color),
                    SelectableText(text, size=SIZE_BODY, color=INK),
                ],
                alignment=ft.MainAxisAlignment.CENTER,
                spacing=10,
                tight=True,
            ),
            *(small_text(line) for line in more if line),
        ]
        return self._only(self._words_box)

    def show_problem(self, problem: SqlProblem) -> list[ft.Control]:
        """Say what is wrong with a statement, and where."""
        where = f"Line {problem.line}, column {problem.column}: " if problem.line is not None else ""
        self._result = None
        return [
            *self.say(ft.Icons.ERROR, f"{where}{problem.message}", problem.hint, tone=Tone.BAD),
            *self.tell(""),
        ]

    def show_failure(self, failure: Failure) -> list[ft.Control]:
        """Say why the database did not answer at all."""
        self._result = None
        return [*self.say(ft.Icons.ERROR, failure.message, failure.hint, tone=Tone.BAD), *self.tell("")]

    def show_result(self, result: SqlResult, *, pinned: bool, again: bool) -> list[ft.Control]:
        """Show rows; ``again`` keeps the page of the run before."""
        before = self._result if again else None
        self._result = result
        if not again:
            self._page = 0
        changed: list[ft.Control] = []
        if before is None or before.columns != result.columns:
            changed += self._grid.show_columns(
                [self._column(result, at) for at in range(len(result.columns))], new=True
            )
        parts = (present_answer(result, pinned=pinned), self._grid.left_out)
        changed += self.tell("  ·  ".join(part for part in parts if part))
        self._show_page(before)
        if self._grid.table is not None and not result.rows:
            self._grid.table.show_overlay(small_text("No rows."))
        elif self._grid.table is not None:
            self._grid.table.show_overlay(None)
        return [*changed, *self._only(self._rows)]

    def _ask_of(self, row: GridRow) -> Ask | None:
        return None if self._result is None else ask_answer(self._result, row)

    def _column(self, result: SqlResult, at: int) -> GridColumn:
        first = [row[at] for row in result.rows[:40]]
        name = result.columns[at]
        return GridColumn(
            name,
            "",
            _numeric(first),
            sortable=False,
            width=room_for(name, first, self._format, times=tells_times(name)),
            times=tells_times(name),
        )

    def show_plan(self, plan: Plan) -> list[ft.Control]:
        """Show how a statement would be answered, or what is wrong with it."""
        if plan.problem is not None:
            return self.show_problem(plan.problem)
        self._plan.controls = plan_rows(plan) or [small_text("Nothing has to be read for this.")]
        return self._only(self._plan_box)

    def _only(self, part: ft.Control) -> list[ft.Control]:
        for each in (self._rows, self._plan_box, self._words_box):
            each.visible = each is part
        return [self.control]

    # -- pages of what has been read

    def _show_page(self, before: SqlResult | None = None) -> None:
        result = self._result
        if result is None:
            return
        start = self._page * PAGE
        if start >= len(result.rows):
            start = self._page = 0
        same = before is not None and before.columns == result.columns
        known = set(map(_with_kinds, before.rows)) if same and before is not None else None
        everything = frozenset(range(len(result.columns)))
        rows = [
            GridRow(
                (start + i,),
                row,
                everything if known is not None and _with_kinds(row) not in known else frozenset(),
            )
            for i, row in enumerate(result.rows[start : start + PAGE])
        ]
        self._grid.show_rows(rows, fresh=before is None)
        total = len(result.rows)
        ways: set[Turn] = set()
        if start:
            ways |= {Turn.FIRST, Turn.PREVIOUS}
        if start + PAGE < total:
            ways |= {Turn.NEXT, Turn.LAST}
        place = (
            f"Rows {start + 1:,}–{start + len(rows):,} of {total:,}{'+' if result.cut else ''}"
            if rows
            else ""
        )
        self._pager.show(place, ways)

    def _on_turn(self, turn: Turn) -> None:
        if self._result is None:
            return
        last = (len(self._result.rows) - 1) // PAGE
        self._page = {
            Turn.FIRST: 0,
            Turn.PREVIOUS: max(0, self._page - 1),
            Turn.NEXT: min(last, self._page + 1),
            Turn.LAST: last,
        }[turn]
        self._show_page()
        self._pager.control.update()


def _with_kinds(row: Row) -> tuple[Row, tuple[type, ...]]:
    """Return a row that differs from one with other kinds of equal numbers, such as 1 and 1.0."""
    return row, tuple(map(type, row))


def _numeric(first: Sequence[Value]) -> bool:
    """Whether a column of an answer holds numbers, by what is in its first rows."""
    seen = [value for value in first if value is not None]
    return bool(seen) and all(isinstance(value, int | float) for value in seen)


def plan_rows(plan: Plan) -> list[ft.Control]:
    """Return a line for each step of a plan, indented as a tree, with what is costly marked."""
    return [_plan_row(step.depth, step.detail, *SCAN_LOOKS[step.kind]) for step in plan.steps]


def _plan_row(depth: int, detail: str, icon: ft.IconData, tone: Tone, meaning: str) -> ft.Control:
    parts: Sequence[ft.Control] = [
        ft.Container(width=20 * depth),
        ft.Icon(icon, size=16, color=tone.color),
        mono_text(detail, selectable=True),
        ft.Text(meaning, size=12, color=tone.color, no_wrap=True),
    ]
    return ft.Row(list(parts), spacing=8, height=28, vertical_alignment=ft.CrossAxisAlignment.CENTER)
