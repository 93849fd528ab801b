"""The SQL tab: an editor, the answer below it, and what was run before at its side."""

import flet as ft
import reactivex as rx

from streams.model.database import Outline
from streams.model.snapshot import Snapshot
from streams.model.statements import ExportFormat, SqlResult
from streams.sources.registry import DatabaseStreams, QueryRun
from ui.base.binding import Binding
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.delivery import Delivery
from ui.base.keymap import RowNavigator
from ui.base.theme import GAP
from ui.components.asking import Asking
from ui.views.database.answer import Answer
from ui.views.database.editor import SqlEditor
from ui.views.database.export import DatabaseExport, Exporting
from ui.views.database.history import QueryLists
from ui.views.database.present import GridRow
from ui.views.database.row import RowPanel
from ui.views.database.sql_tools import SqlActs, SqlTools, grip

_DRAFT, _HEIGHT = "database.draft", "database.editor_height"
_MIN, _MAX = 90.0, 520.0


class SqlTab(BoundView):
    """Runs statements that only read; a running one can be cancelled, a finished one pinned or exported."""

    def __init__(self, *, streams: DatabaseStreams, context: UiContext) -> None:
        self._streams = streams
        self._query: QueryRun | None = None
        self._binding: Binding[Snapshot[SqlResult]] | None = None
        self._sql = ""
        self._pinned = False
        self._answered = False
        height = context.prefs.get(_HEIGHT, 170)
        self._writing = SqlEditor(
            str(context.prefs.get(_DRAFT, "") or ""),
            float(height) if isinstance(height, int | float) else 170.0,
            on_typing=self._on_typing,
            on_focus=lambda: self.act("Write", self._take_keyboard()),
            touch=self.touch,
        )
        self._editor, self._editor_box = self._writing.field, self._writing.control
        self._lists = QueryLists(context, self.put)
        self._answer = Answer(context, streams, on_open=self._on_open, on_close=self._on_close)
        self._exporting = Exporting(
            DatabaseExport(streams, lambda: self.page, Delivery(lambda: self.page, context.hand_out)),
            context,
            say=lambda text: self.touch(*self._answer.tell(text)),
            on_running=self._show_running,
        )
        self._panel = RowPanel(streams=streams, context=context, on_close=self._on_close)
        self._tools = SqlTools(
            SqlActs(
                run=self.run,
                cancel=self.cancel,
                explain=self._on_explain,
                pin=self._on_pin,
                save=self._on_save,
                export=self._on_export,
            ),
            self._answer.status,
        )
        self._stop = self._tools.stop
        self._asking = Asking(
            self._answer.control, context=context, key="sql.asking", word="Running", on_stop=self.cancel
        )
        self._main = ft.Column(
            [
                self._editor_box,
                grip(self._on_drag, lambda: context.prefs.put(_HEIGHT, self._editor_box.height)),
                self._tools.control,
                ft.Container(height=6),
                self._asking,
            ],
            spacing=0,
            expand=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )
        self._content_row = ft.Row(
            [self._main, self._panel, self._lists.control],
            spacing=GAP,
            expand=True,
            vertical_alignment=ft.CrossAxisAlignment.STRETCH,
        )
        super().__init__(
            context=context,
            key="database.sql",
            content=self._content_row,
            expand=True,
        )
        self.adopt(self._panel)
        self.adopt(self._asking)

    @property
    def row_navigator(self) -> RowNavigator | None:
        """The rows of the answer."""
        return self._answer.row_navigator

    # -- what the view around it says

    def know(self, outline: Outline) -> None:
        """Offer the names of tables and columns while one types."""
        self._writing.know(outline)

    def put(self, sql: str) -> None:
        """Put a statement into the editor."""
        self._writing.put(sql)

    def complete(self) -> None:
        """Complete the name before the caret."""
        self._writing.complete()

    def will_unmount(self) -> None:
        """Stop the statement that runs."""
        super().will_unmount()
        if self._query is not None:
            self._query.close()

    # -- running

    def run(self) -> None:
        """Run what is selected, or all that is written."""
        sql = self._writing.statement
        if not sql:
            self.touch(*self._answer.tell("There is nothing to run."))
            return
        self._writing.tidy()  # what was run is what is seen
        self.context.prefs.put(_DRAFT, self._writing.text)
        self.touch(*self._lists.ran(sql))
        self._start(sql)

    def _start(self, sql: str) -> None:
        self._end()
        self._sql, self._answered = sql, False
        self._writing.mark(None)
        self._query = self._streams.run(sql, self._pinned)
        if self._binding is None:
            self._binding = self.bind(self._query.stream, self._show, name="show_result")
        else:
            self._binding.switch(self._query.stream)
        self._show_running(True)
        self._asking.begin()
        self.touch(*self._answer.tell("Running…"))

    def cancel(self) -> None:
        """Stop the statement that runs."""
        if self._exporting.cancel():
            return
        self._end()
        self._show_running(False)
        self._asking.end()
        self.touch(*self._answer.tell("Cancelled: what is shown answers the statement before."))

    def _end(self) -> None:
        run, self._query = self._query, None
        if run is not None:
            if self._binding is not None:
                self._binding.switch(rx.never())
            run.close()

    def _show_running(self, running: bool) -> None:
        self._tools.show_running(running, exporting=self._exporting.busy)
        self.touch(self._tools.control)

    def _show(self, snapshot: Snapshot[SqlResult]) -> None:
        result = snapshot.value
        if self._query is None or (result is None and snapshot.failure is None):
            return
        self._show_running(False)
        self._asking.end()
        if result is None:
            if snapshot.failure is not None:
                self.touch(*self._answer.show_failure(snapshot.failure))
            return
        if result.sql != self._sql:
            return
        if result.problem is not None:
            self._writing.mark(result.problem)
            self.touch(*self._answer.show_problem(result.problem))
            return
        again, self._answered = self._answered, True
        self.touch(*self._answer.show_result(result, pinned=self._pinned, again=again))
        open_row = self._panel.row
        row = self._answer.row(open_row.key) if again and open_row is not None else None
        if row is not None:
            self._panel.open_answer(result, row)
        else:
            self._on_close()

    # -- the other buttons

    def _on_explain(self) -> None:
        sql = self._writing.statement
        if not sql:
            self.touch(*self._answer.tell("There is nothing to explain."))
            return
        self._writing.mark(None)

        async def explain() -> None:
            plan = await self._streams.plan(sql)
            if plan.problem is not None:
                self._writing.mark(plan.problem)
            said = "" if plan.problem is not None else "How the database would answer"
            self.touch(*self._answer.show_plan(plan), *self._answer.tell(said))

        self.act("Explain", explain())

    def _on_pin(self) -> None:
        self._pinned = not self._pinned
        self._tools.show_pinned(self._pinned)
        self.touch(self._tools.pin)
        if self._sql and self._answer.result is not None:
            self._start(self._sql)

    def _on_save(self) -> None:
        sql = self._writing.text.strip()
        if sql:
            self.touch(*self._lists.toggle_saved(sql))

    def _on_export(self, kind: ExportFormat) -> None:
        sql = self._sql or self._writing.statement
        if not sql or self._exporting.busy:
            word = "An export is running." if self._exporting.busy else "Run a statement first."
            self.touch(*self._answer.tell(word))
            return
        what = f"query {' '.join(sql.split())[:60]}"
        self.act("Export", self._exporting.run(sql, kind, what))

    # -- the row beside the answer

    def _on_open(self, row: GridRow) -> None:
        result = self._answer.result
        if result is None:
            return
        if not self._panel.visible:
            self._lists.control.visible = False  # there is room for one of the two
            self._panel.set_visible(True)
            self.touch(self._content_row)
        self._panel.open_answer(result, row)

    def _on_close(self) -> bool:
        if not self._panel.visible:
            return False
        self._panel.close()
        self._panel.set_visible(False)
        self._answer.let_go()
        self._lists.control.visible = True
        self.touch(self._content_row)
        return True

    # -- small things

    async def _take_keyboard(self) -> None:
        await self._editor.focus()

    def _on_typing(self, typing: bool) -> None:
        (self.context.begin_typing if typing else self.context.end_typing)(self._writing)
        if not typing:
            self.context.prefs.put(_DRAFT, self._writing.text)

    def _on_drag(self, event: ft.DragUpdateEvent[ft.GestureDetector]) -> None:
        delta = event.primary_delta or 0
        height = min(_MAX, max(_MIN, float(self._editor_box.height or 0) + delta))
        if height != self._editor_box.height:
            self._editor_box.height = height
            self.touch(self._main)
