"""The database view: the tables at the left; data, structure, SQL, statistics and health of one database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote

import flet as ft

from streams.model.database import Outline, TableInfo
from streams.model.database_state import Statistics
from streams.model.failures import Failure
from streams.model.snapshot import Snapshot
from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.format import rough_duration_text
from ui.base.keymap import HasRows, RowNavigator
from ui.base.theme import GAP, INK, QUIET_INK, SIZE_BODY, STRONG, STRONG_FACE, VIEW_PADDING, text_style
from ui.components.loading_states import Empty, StateBox
from ui.views.database.data import DataTab
from ui.views.database.error_state import Banner, TroublePage
from ui.views.database.health import HealthTab
from ui.views.database.sql import SqlTab
from ui.views.database.statistics import StatisticsTab
from ui.views.database.structure import StructureTab
from ui.views.database.tables import TableList
from ui.views.shared.client_lookup import say_missing

TABS: Final = ("data", "structure", "sql", "statistics", "health")
_LABELS: Final = ("Data", "Structure", "SQL", "Statistics", "Health")
_TAB, _TABLE = "database.tab", "database.table"


class DatabaseView(BoundView):
    """One SQLite file, whoever wrote it; only read, and followed while others write."""

    def __init__(self, *, streams: Streams, commands: Commands, context: UiContext) -> None:
        database = streams.database
        self._outline: Outline | None = None
        self._chosen: str | None = None
        kept = context.prefs.get(_TABLE)
        self._wanted = kept if isinstance(kept, str) else None
        self._led_to = ""
        """The table that somebody was led to, until it is known whether it is there."""
        self._list = TableList(context, self.open_table, self.touch)
        self._data = DataTab(streams=database, context=context)
        self._structure = StructureTab(context=context)
        self.sql = SqlTab(streams=database, context=context)
        statistics = StatisticsTab(streams=database, context=context)
        health = HealthTab(streams=database, context=context)
        self._tabs: dict[str, BoundView] = dict(
            zip(TABS, (self._data, self._structure, self.sql, statistics, health), strict=True)
        )
        tab = context.prefs.get(_TAB)
        self._tab = tab if tab in TABS else "data"
        for name, view in self._tabs.items():
            view.set_visible(name == self._tab)
        self._name = ft.Text(
            "",
            size=SIZE_BODY,
            weight=STRONG,
            font_family=STRONG_FACE,
            color=INK,
            no_wrap=True,
            overflow=ft.TextOverflow.ELLIPSIS,
        )
        self._bar = ft.Tabs(
            length=len(TABS),
            selected_index=TABS.index(self._tab),
            animation_duration=ft.Duration(milliseconds=0),
            on_change=self._on_tab,
            content=ft.TabBar(
                [ft.Tab(label=label) for label in _LABELS],
                tab_alignment=ft.TabAlignment.START,
                scrollable=True,
                divider_color=ft.Colors.TRANSPARENT,
                label_text_style=text_style(size=13, strong=True),
                unselected_label_text_style=text_style(size=13),
                unselected_label_color=QUIET_INK,
            ),
        )
        self._banner = Banner()
        self._failure: Failure | None = None
        self._stack = ft.Stack(list(self._tabs.values()), expand=True, fit=ft.StackFit.EXPAND)
        middle = ft.Column(
            [
                ft.Row(
                    [
                        ft.Container(self._bar, expand=True),
                        ft.Container(self._name, alignment=ft.Alignment.CENTER_RIGHT),
                    ],
                    height=44,
                    spacing=GAP,
                ),
                self._stack,
            ],
            spacing=GAP,
            expand=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )
        self._box = StateBox(
            ft.Row(
                [self._list.control, middle],
                spacing=GAP,
                expand=True,
                vertical_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
            empty=Empty("This database has no tables yet.", ft.Icons.TABLE_CHART_OUTLINED),
            skeleton_rows=16,
            skeleton_height=18,
            expand=True,
        )
        body = ft.Column([self._banner.control, self._box], spacing=GAP, expand=True)  # it is never dimmed
        self._trouble = TroublePage(self._retry, context.log_of)
        super().__init__(
            context=context,
            key="database",
            content=ft.Stack([body, self._trouble.control], expand=True, fit=ft.StackFit.EXPAND),
            padding=VIEW_PADDING,
            expand=True,
        )
        for view in self._tabs.values():
            self.adopt(view)
        self._outlines = self.bind(database.outline, self._show_outline, box=self._box, name="show_outline")
        self.bind(database.statistics, self._show_sizes, name="show_sizes")
        self.bind(context.seconds, self._show_trouble, name="show_trouble")

    def _retry(self) -> None:
        self._outlines.retry()

    # -- what there is

    def _show_outline(self, snapshot: Snapshot[Outline]) -> None:
        outline, failure = snapshot.value, snapshot.failure
        if outline is not None and outline is not self._outline:
            self._outline = outline
            self.touch(*self._list.show(outline))
            self.sql.know(outline)
            self._show_table()
        self._box.show(snapshot, empty=outline is not None and not outline.tables)
        self.touch_box(self._box)
        self._failure = failure
        self._show_trouble(self.context.clock())

    def _show_trouble(self, now: datetime) -> None:
        failure, shown = self._failure, self._outline is not None
        since = rough_duration_text((now - failure.since).total_seconds()) if failure is not None else ""
        if self._banner.show(failure if shown else None, since):
            self.touch(self._banner.control)
        if self._trouble.show(None if shown else failure, since):
            self._box.visible = not self._trouble.control.visible  # keys would still reach what lies below
            self.touch(self._trouble.control, self._box)

    def _show_sizes(self, snapshot: Snapshot[Statistics]) -> None:
        if snapshot.value is None:
            return
        sizes: dict[str, int] = {}
        for part in snapshot.value.parts:
            sizes[part.table] = sizes.get(part.table, 0) + part.size_bytes
        self.touch(*self._list.show_sizes(sizes))

    # -- the chosen table

    def open_table(self, name: str) -> None:
        """Show a table; from SQL, statistics and health this leads to its data."""
        self._wanted = name
        self.context.prefs.put(_TABLE, name)
        if self._tab not in ("data", "structure"):
            self.show_tab("data")
        self._show_table()

    def _show_table(self) -> None:
        outline = self._outline
        if outline is None or not outline.tables:
            return
        found = outline.table(self._wanted)
        if self._led_to:
            if found is None:
                say_missing(self, f"table {self._led_to} in this database")
            self._led_to = ""
        table = found or _first(outline.tables)
        self._chosen = table.name
        self.touch(*self._list.choose(table.name))
        self._show_name()
        self._data.open(table)
        self._structure.open(table)

    def _show_name(self) -> None:
        name = (self._chosen or "") if self._tab in ("data", "structure") else ""
        if self._name.value != name:
            self._name.value = name
            self.touch(self._name)

    def show_tab(self, name: str) -> None:
        """Show a tab."""
        if name == self._tab or name not in TABS:
            return
        self._tab = name
        self.context.prefs.put(_TAB, name)
        self.context.typing = False
        for each, view in self._tabs.items():
            view.set_visible(each == name)
        self._bar.selected_index = TABS.index(name)
        self._show_name()
        self.touch(self._bar, self._stack)

    def _on_tab(self, event: ft.Event[ft.Tabs]) -> None:
        self.show_tab(TABS[int(event.control.selected_index or 0)])

    # -- what others ask of it

    def arrive(self, show: str) -> None:
        """Show a tab (``sql``), a table (``table:NAME`` or its name) or a statement (``query:SQL``)."""
        word, _, rest = show.partition(":")
        if word == "query" and rest:
            self.show_tab("sql")
            self.sql.put(rest)
        elif show in TABS:
            self.show_tab(show)
        else:
            self._led_to = rest if word == "table" and rest else show
            self.open_table(self._led_to)

    @property
    def address(self) -> str:
        """The chosen table, or the tab that is of no table."""
        if self._tab not in ("data", "structure"):
            return f"/{self._tab}"
        if self._chosen is None:
            return ""
        return "/" + quote(f"table:{self._chosen}" if self._chosen in TABS else self._chosen, safe="")

    def on_key(self, event: ft.KeyboardEvent) -> bool:
        """Run with Ctrl+Enter, complete a name with Ctrl+Space."""
        if self._tab != "sql" or not event.ctrl:
            return False
        act = {"Enter": self.sql.run, "Numpad Enter": self.sql.run, " ": self.sql.complete}.get(event.key)
        if act is not None:
            act()
        return act is not None

    @property
    def row_navigator(self) -> RowNavigator | None:
        """The rows of the tab that is shown."""
        tab = self._tabs[self._tab]
        return tab.row_navigator if isinstance(tab, HasRows) else None

    def find(self) -> bool:
        """Put the keyboard into the filter of the data."""
        if self._tab == "data":
            self._data.search()
        return self._tab == "data"


def _first(tables: Sequence[TableInfo]) -> TableInfo:
    """Return the table to begin with: the first that can be read and has rows."""
    return next((table for table in tables if table.rows and not table.problem), tables[0])
