"""The clients view: cards, toolbar, the table of all clients, and the details of one at its right."""

from datetime import datetime

import flet as ft

from streams.model.clients import Client
from streams.model.runs import Progress
from streams.model.snapshot import Delta
from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.deep_links import client_link, filters_of, filters_part
from ui.base.layout import WIDE_FROM
from ui.base.theme import GAP, QUIET_INK, SIZE_BODY, VIEW_PADDING, Density
from ui.components.data_table.master_detail import MasterDetail
from ui.components.data_table.selection_bar import SelectionBar
from ui.components.data_table.table import DataTable, TableEvents
from ui.components.data_table.table_surface import nothing_found, room_for_table, table_box
from ui.components.filter_cards import HEIGHT as CARDS_HEIGHT
from ui.components.filter_cards import FilterCards
from ui.components.icon_button import IconButton
from ui.components.loading_states import Empty
from ui.components.toolbar import HEIGHT as TOOLS_HEIGHT
from ui.components.toolbar import FilterMenu, SearchField, toolbar
from ui.views.clients.actions import ClientActions
from ui.views.clients.details import ClientDetails
from ui.views.clients.filters import (
    ALL,
    CARDS,
    FILTERS,
    STATES,
    average_bytes,
    filter_named,
    matcher,
    present_cards,
)
from ui.views.clients.menu import bar_actions, row_actions
from ui.views.clients.present import ClientRow, client_columns
from ui.views.clients.rows import ClientRows
from ui.views.shared.client_lookup import ClientNamed, client_named, say_missing

_AGES_S = 10
"""Ages in the table grow this often; between two of these only what changed is drawn."""


class ClientsView(BoundView):
    """All clients, live; every command's effect comes back on the streams."""

    def __init__(self, *, streams: Streams, commands: Commands, context: UiContext) -> None:
        self._rows = ClientRows()
        self._state, self._text = ALL, ""
        self._ticks = 0
        self._wanted = ""
        prefs = context.prefs
        self._actions = ClientActions(
            commands, context, act=self.act, page=lambda: self.page, names=self._rows.names
        )
        self._details = ClientDetails(
            streams, context, actions=self._actions, on_close=self._on_close, as_of=self._as_of
        )
        kept = prefs.get("clients.sort", ["name", False])
        sort, descending = kept if isinstance(kept, list) and len(kept) == 2 else ("name", False)
        self._table: DataTable[str, ClientRow] = DataTable(
            client_columns(context.format, context.server_clock, self._as_of),
            name=lambda row: row.client.name,
            actions=lambda row: self._bar.of_row(row_actions(self._actions, row, self._on_open)),
            events=TableEvents(
                on_open=self._on_open,
                on_current=self._on_walk,
                on_selection=self._on_selection,
                on_sort=lambda key, down: prefs.put("clients.sort", [key, down]),
                on_cancel=self._on_close,
                on_columns=lambda kept: prefs.put("clients.columns", kept),
            ),
            columns_kept=prefs.get("clients.columns"),
            sort=str(sort),
            descending=bool(descending),
            density=context.density,
            label="Clients",
        )
        self.row_navigator = self._table
        self._cards = FilterCards(CARDS, self._on_state)
        self._search = SearchField("Find a client", self._on_search)
        self._menu = FilterMenu("Status", STATES, self._on_state)
        self._count = ft.Text("", size=SIZE_BODY, color=QUIET_INK, no_wrap=True)
        self._bar = SelectionBar(
            bar_actions(self._actions, lambda fits: self._rows.chosen(self._table.selection.keys, fits)),
            self._table.clear_selection,
        )
        context.palette.offer("clients.selected", lambda: self._bar.offers("client") if self.looking else ())
        self._box = table_box(
            self._table.control,
            Empty(
                "No client is enrolled yet. On the server: tidewatch server enrol NAME --data DIR",
                ft.Icons.DEVICES,
            ),
        )
        self._box.on_stale = self._on_stale
        self._master_detail = MasterDetail(
            self._table, self._box, self._details, on_closed=self._details.close, touch=self.touch
        )
        self._beside = IconButton(
            ft.Icons.VIEW_COLUMN_OUTLINED,
            selected_icon=ft.Icon(ft.Icons.VIEW_COLUMN, size=20, color=ft.Colors.PRIMARY),
            selected=bool(prefs.get("clients.side_by_side")),
            icon_size=20,
            width=36,
            height=36,
            tooltip="Rows side by side: more clients, fewer columns",
            style=ft.ButtonStyle(padding=ft.Padding.all(0)),
            on_click=lambda _event: self._on_beside(),
        )
        tools = toolbar(
            [self._search.control, self._menu.control, self._count],
            [self._box.note, self._bar.control, self._beside],
        )
        super().__init__(
            context=context,
            key="clients",
            content=ft.Column(
                [self._cards.control, tools, self._master_detail.control], spacing=GAP, expand=True
            ),
            padding=VIEW_PADDING,
            expand=True,
        )
        self._table.set_screens(self._screens())
        self.adopt(self._details)
        self.bind_table(streams.clients, self._box, self._show_clients)
        self._named = ClientNamed(self, streams.clients)
        self.bind_deltas(streams.progress.deltas, self._show_progress, name="progress")
        self.bind(context.server_seconds, self._show_ages, name="ages")
        self.bind(streams.link, lambda link: self.touch(*self._bar.show_link(link)), name="link")
        match prefs.get("clients.filter"):
            case [str(state), str(text)] if state in FILTERS:
                self._set_filter(state, text)
            case _:
                pass

    def did_mount(self) -> None:
        """Begin to look, with as many rows as the window has room for."""
        super().did_mount()
        if self.context.prefs.get("clients.side_by_side") is None:
            # Beside each other rows have less to say: only where there is plenty of room, unless asked for.
            wide = (self.page.width or 0) >= WIDE_FROM
            self._beside.selected = wide and self.context.density is Density.COMPACT
            self._table.set_screens(self._screens())
            self.touch(self._beside)
        above = CARDS_HEIGHT + TOOLS_HEIGHT + 2 * GAP
        self._table.guess(*room_for_table(self.page, above=above))

    # -- arriving

    def arrive(self, show: str) -> None:
        """Show a filter, or the details of the client that somebody was led to."""
        word, _, rest = show.partition(":")
        filters = filters_of(show) or {}
        state = filter_named(filters.get("state", ALL if "text" in filters else "") if filters else show)
        self._named.forget()
        if word == "client" and rest:
            self._set_filter(ALL, "")
            known = client_named(self._rows.clients.values(), rest)
            if known is not None:
                self._on_found(known)
            else:
                self._named.find(rest, self._on_found)
        elif state is None:
            say_missing(self, f"such place among the clients: {show.lstrip('?')}")
        else:
            self._set_filter(state, filters.get("text", ""))

    @property
    def address(self) -> str:
        """The client whose details are open, else the filter."""
        row = self._table.get(self._details.client_id or "") if self._details.visible else None
        if row is not None:
            return client_link(row.client.name).removeprefix("clients")
        return filters_part(state="" if self._state == ALL else self._state, text=self._text)

    def restore(self, show: str) -> None:
        """Show a filter or details, and no others; "" shows all clients."""
        self._on_close()
        if show:
            self.arrive(show)
        else:
            self._set_filter(ALL, "")

    def _on_found(self, client: Client) -> None:
        self._wanted = client.id
        self._open_wanted()

    def _open_wanted(self) -> None:
        """Open the client somebody was led to, once its row is there."""
        if self._wanted in self._rows.clients:
            key, self._wanted = self._wanted, ""
            self._table.set_current(key, reveal=True)
            self._on_open(key)

    def find(self) -> bool:
        """Put the keyboard into the search field."""
        self.act("Find", self._search.focus())
        return True

    # -- drawing

    def _show_clients(self, delta: Delta[str, Client]) -> None:
        changed = self._rows.take_clients(delta)
        self._table.apply(changed, delta.removed, full=delta.full)
        self._show_around()
        shown = self._details.client_id
        if shown in changed:
            self._details.refresh(changed[shown])
        elif shown is not None and shown not in self._rows.clients:
            self._on_close()
        if self._wanted:
            self._open_wanted()

    def _show_progress(self, delta: Delta[int, Progress]) -> None:
        rows = self._rows.take_progress(delta)
        self._table.apply(rows)
        shown = self._details.client_id
        if shown in rows:
            self._details.refresh(rows[shown])

    def _show_ages(self, _now: object) -> None:
        self._ticks += 1
        if self._ticks % _AGES_S == 0 or self._as_of() is not None:
            self._refresh()

    def _refresh(self) -> None:
        self._table.refresh()
        row = self._table.get(self._details.client_id or "")
        if row is not None:
            self._details.refresh(row)

    def _as_of(self) -> datetime | None:
        """Return since when, by the server's clock, no more is known; None while there is a server."""
        at = self._box.as_of
        return None if at is None else self.context.at_server(at)

    def _on_stale(self) -> None:
        self.touch(*self._cards.dim(self._as_of() is not None))
        self._refresh()

    def _show_around(self) -> None:
        self._on_selection(frozenset(self._table.selection.keys))
        if not self._rows.known:
            return
        words = present_cards(list(self._rows.clients.values()), self.context.format)
        chosen = self._state if self._state in words and self._state != ALL else None
        self.touch(*self._cards.show(words, chosen))
        shown, total = len(self._table), len(self._rows.clients)
        text = f"{shown:,} of {total:,}" if shown != total else ""
        if self._count.value != text:
            self._count.value = text
            self.touch(self._count)
        if not shown and total:
            clear = ft.TextButton("Clear filters", on_click=lambda _event: self._set_filter(ALL, ""))
            self._table.show_overlay(nothing_found("No client matches these filters.", clear))
        else:
            self._table.show_overlay(None)

    # -- filters

    def _on_state(self, state: str) -> None:
        if state == ALL:  # all are all, also of those that were searched
            self._set_filter(ALL, "")
        else:
            self._set_filter(ALL if state == self._state else state, self._text)

    def _on_search(self, text: str) -> None:
        self._set_filter(self._state, text)

    def _set_filter(self, state: str, text: str) -> None:
        self._named.forget()  # what is chosen by hand holds, whoever a link still looks for
        self._wanted = ""
        self._state, self._text = state, text
        self.context.prefs.put("clients.filter", [state, text])
        self.touch(*self._menu.set(state))
        self.touch(*self._search.set(text))
        average = average_bytes(self._rows.clients.values())
        self._table.filter_by(matcher(state, text, clock=self.context.server_clock, average=average))
        self._show_around()

    # -- how dense

    def _screens(self) -> int | None:
        """On how many screens all clients should fit: side by side they take one, as far as there is room."""
        return 1 if self._beside.selected else None

    def _on_beside(self) -> None:
        self._beside.selected = not self._beside.selected
        self.context.prefs.put("clients.side_by_side", self._beside.selected)
        self._table.set_screens(self._screens())
        self.touch(self._beside)

    # -- selection and details

    def _on_selection(self, keys: frozenset[str]) -> None:
        self.touch(*self._bar.show(len(keys), len(keys.difference(self._table.keys()))))

    def _on_open(self, key: str) -> None:
        row = self._table.get(key)
        if row is None:
            return
        self._master_detail.open(key)
        self._details.open(row)

    def _on_walk(self, key: str) -> None:
        if self._details.visible:
            self._on_open(key)

    def _on_close(self) -> bool:
        return self._master_detail.close()
