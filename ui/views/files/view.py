"""The files view: cards, filters answered by the database, one page of the table, versions, transfers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import flet as ft

from streams.model.clients import Client
from streams.model.files import BackupFile, FilesSummary
from streams.model.snapshot import Delta, Snapshot
from streams.model.vocabulary import FileState, Health
from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.deep_links import file_link, filters_part, paths_meant
from ui.base.theme import GAP, VIEW_PADDING
from ui.components.asking import Asking
from ui.components.data_table.master_detail import MasterDetail
from ui.components.data_table.pager import HEIGHT as PAGER_HEIGHT
from ui.components.data_table.pager import Pager, Turn
from ui.components.data_table.selection_bar import SelectionBar
from ui.components.data_table.table import DataTable, TableEvents
from ui.components.data_table.table_surface import nothing_found, room_for_table, table_box
from ui.components.filter_cards import HEIGHT as CARDS_HEIGHT
from ui.components.filter_cards import CardWords, FilterCards
from ui.components.loading_states import Empty
from ui.components.toolbar import HEIGHT as TOOLS_HEIGHT
from ui.components.toolbar import toolbar
from ui.views.files.actions import FileActions
from ui.views.files.deeplink import Led, led_to
from ui.views.files.filters import FileFilters
from ui.views.files.pages import Asked, FilePages
from ui.views.files.present import (
    ANY,
    CARDS,
    FileFilter,
    file_columns,
    kept_filter,
    present_cards,
)
from ui.views.files.transfers import TransferStrip
from ui.views.files.versions import FileVersions
from ui.views.shared.client_lookup import ClientNamed, client_named, say_missing


class FilesView(BoundView):
    """Files page by page; sorting, searching and filtering happen in the database."""

    def __init__(self, *, streams: Streams, commands: Commands, context: UiContext) -> None:
        prefs = context.prefs
        self._filter = kept_filter(prefs.get("files.filter"))
        self._picked: dict[int, BackupFile] = {}
        self._clients: dict[str, Client] = {}
        self._wanted = ""
        self._actions = FileActions(
            commands,
            context,
            act=self.act,
            page=lambda: self.page,
            on_moved=self._on_moved,
        )
        self._versions = FileVersions(streams, context, actions=self._actions, on_close=self._on_close)
        self._transfers = TransferStrip(streams, context)
        self._table: DataTable[int, BackupFile] = DataTable(
            file_columns(context.format, context.server_clock),
            name=lambda file: file.path,
            actions=lambda file: self._bar.of_row(self._actions.of_row(file, self._on_open)),
            events=TableEvents(
                on_open=self._on_open,
                on_current=self._on_walk,
                on_selection=self._on_selection,
                on_sort=self._on_sort,
                on_cancel=self._on_close,
                on_columns=lambda kept: prefs.put("files.columns", kept),
            ),
            columns_kept=prefs.get("files.columns"),
            sort=self._filter.sort,
            descending=self._filter.descending,
            paged=True,
            density=context.density,
            label="Files",
        )
        self.row_navigator = self._table
        self._cards = FilterCards(CARDS, self._on_card)
        self._tools = FileFilters(
            self._on_filter,
            top=CARDS_HEIGHT + GAP + TOOLS_HEIGHT + 4,
            on_closed=lambda: self.act("Walk the files", self._table.focus()),
        )
        self._tools.set(self._filter)
        self._bar = SelectionBar(self._actions.of_selected(self._selected), self._table.clear_selection)
        context.palette.offer("files.selected", lambda: self._bar.offers("file") if self.looking else ())
        self._pager = Pager(self._on_turn)
        self._asking = Asking(
            # The pager tells of the rows above it: it comes and goes with them.
            ft.Column([self._table.control, self._pager.control], spacing=0),
            context=context,
            key="files.asking",
            word="Looking",
            on_stop=self._on_stop,
        )
        self._box = table_box(
            self._asking,
            Empty("No file has been backed up yet.", ft.Icons.INVENTORY_2),
        )
        self._box.on_failure = self._asking.end
        self._master_detail = MasterDetail(
            self._table, self._box, self._versions, on_closed=self._versions.close, touch=self.touch
        )
        tools = toolbar([self._tools.control], [self._box.note, self._bar.control])
        parts: list[ft.Control] = [self._cards.control, tools, self._master_detail.control, self._transfers]
        super().__init__(
            context=context,
            key="files",
            content=ft.Stack([ft.Column(parts, spacing=GAP, expand=True), *self._tools.client.layers]),
            padding=VIEW_PADDING,
            expand=True,
        )
        self.adopt(self._versions)
        self.adopt(self._asking)
        self.adopt(self._transfers)
        self._card_words: dict[str, CardWords] | None = None
        self._pages = FilePages(streams.file_page, self._filter.query(context.server_clock()))
        self.bind_snapshot(self._pages.stream, self._box, self._show_page, is_empty=self._is_empty)
        self.bind(streams.files_summary, self._show_summary)
        self.bind_deltas(streams.clients.deltas, self._show_clients)
        self.bind(streams.link, lambda link: self.touch(*self._bar.show_link(link)), name="link")
        self._named = ClientNamed(self, streams.clients)

    def did_mount(self) -> None:
        """Begin to look, with as many rows as the window has room for."""
        super().did_mount()
        above = CARDS_HEIGHT + TOOLS_HEIGHT + 2 * GAP
        below = PAGER_HEIGHT + self._transfers.room + GAP + 2
        self._table.guess(*room_for_table(self.page, above=above, below=below))

    # -- asking

    def _on_stop(self) -> None:
        self._pages.stop()
        self._asking.stopped(self._ask_again)

    def _ask_again(self) -> None:
        self._pages.ask_again()
        self._asking.begin()

    def _ask(self) -> None:
        self.context.prefs.put("files.filter", asdict(self._filter))
        self._pages.ask(self._filter.query(self.context.server_clock()), first=True)
        self._asking.begin()

    def _on_filter(self, chosen: FileFilter) -> None:
        self._named.forget()  # what is chosen by hand holds, whoever a link still looks for
        self._take_filter(chosen)

    def _take_filter(self, chosen: FileFilter) -> None:
        self._wanted = ""
        self._filter = replace(chosen, sort=self._filter.sort, descending=self._filter.descending)
        self._show_chosen_card()
        self._ask()

    def _on_sort(self, key: str, descending: bool) -> None:
        self._filter = replace(self._filter, sort=key, descending=descending)
        self._ask()

    def _on_turn(self, turn: Turn) -> None:
        if self._pages.turn(turn):
            self._asking.begin()

    def _set_filter(self, chosen: FileFilter) -> None:
        self.touch(*self._tools.set(chosen))
        self._on_filter(chosen)

    def _on_card(self, name: str) -> None:
        clear = FileFilter()
        if name == "large":
            self._filter = replace(self._filter, sort="size", descending=True)
            self._table.sort_by("size", True)
        chosen = {
            "recent": replace(clear, date="1"),
            "unverified": replace(clear, state=FileState.STORED.value),
        }.get(name, clear)
        self._set_filter(clear if chosen.narrows and self._tools.value == chosen else chosen)

    # -- arriving

    def arrive(self, show: str) -> None:
        """Show the files that somebody was led to; see ``led_to``."""
        led = led_to(show)
        self._named.forget()
        if led is None:
            say_missing(self, f"such place among the files: {show.lstrip('?')}")
        elif led.transfers:
            self._transfers.expand_list()
        elif led.card:
            self._tools.set(FileFilter())
            self._on_card(led.card)
        elif not led.client:
            self._set_filter(led.filter)
        elif (known := client_named(self._clients.values(), led.client)) is not None:
            self._lead(led, known)
        else:
            self._named.find(led.client, lambda client: self._lead(led, client))

    @property
    def address(self) -> str:
        """The file whose versions are open, else the filter."""
        file = self._versions.file
        if file is not None and self._versions.visible:
            return file_link(file.client_name, file.path).removeprefix("files")
        chosen = {
            key: value
            for key, value in asdict(self._filter).items()
            if key not in ("client_id", "sort", "descending") and value != ANY
        }
        client = self._clients.get(self._filter.client_id)
        known = "" if self._filter.client_id == ANY else self._filter.client_id
        return filters_part(client=client.name if client is not None else known, **chosen)

    def restore(self, show: str) -> None:
        """Show files or the versions of one, and no others; "" shows all files."""
        self._on_close()
        if show:
            self.arrive(show)
        else:
            self._set_filter(FileFilter())

    def _lead(self, led: Led, client: Client) -> None:
        self._set_filter(replace(led.filter, client_id=client.id))
        self._wanted = led.path

    def find(self) -> bool:
        """Put the keyboard into the search field."""
        self.act("Find", self._tools.focus())
        return True

    def on_key(self, event: ft.KeyboardEvent) -> bool:
        """Walk the list of clients while it is open."""
        if self._tools.client.is_open:
            self.act("Walk the clients", self._tools.client.take_key(event))
        return self._tools.client.is_open

    def set_visible(self, visible: bool) -> None:
        """Show or hide the view, without what had been opened over it."""
        self._tools.client.close()
        super().set_visible(visible)

    # -- drawing

    def _is_empty(self, asked: Asked) -> bool:
        query, page = asked
        return not page.rows and not self._filter.narrows and query.cursor is None

    def _show_page(self, asked: Asked) -> None:
        fresh = self._pages.take(asked)
        if fresh is not None:
            self._asking.end()
        if fresh is None:
            return
        page = asked[1]
        self._table.show_page([(file.id, file) for file in page.rows], fresh=fresh)
        self._picked.update((file.id, file) for file in page.rows if file.id in self._picked)
        self._on_selection(frozenset(self._picked))
        self.touch(*self._pager.show(self._pages.place, self._pages.ways))
        self.touch(*self._tools.see_types(file.suffix for file in page.rows))
        if page.rows:
            self._table.show_overlay(None)
        else:
            clear = ft.TextButton("Clear filters", on_click=lambda _event: self._set_filter(FileFilter()))
            self._table.show_overlay(nothing_found("No file matches these filters.", clear))
        wanted, self._wanted = self._wanted, ""
        meant = paths_meant(wanted)
        for file in page.rows:
            if wanted and file.path in meant:
                self._on_open(file.id)
            elif file.id == self._versions.file_id:
                self._versions.open(file)
        if wanted and page.next_cursor is None and all(file.path not in meant for file in page.rows):
            say_missing(self, f"file {wanted} of that client", hint="It may have been purged, or renamed.")

    def _show_summary(self, summary: Snapshot[FilesSummary]) -> None:
        if summary.value is not None:
            words = present_cards(summary.value, self.context.format)
            old = summary.health in (Health.STALE, Health.ERROR)
            self.touch(*self._cards.dim(old))
            if old and summary.at is not None:
                as_of = f"as of {self.context.format.clock(self.context.at_server(summary.at))}"
                words = {name: replace(card, note=as_of) for name, card in words.items()}
            self._card_words = words
            self._show_chosen_card()

    def _show_chosen_card(self) -> None:
        if self._card_words is None:
            return
        chosen = {
            (ANY, "1"): "recent",
            (FileState.STORED.value, ANY): "unverified",
        }.get((self._filter.state, self._filter.date))
        self.touch(*self._cards.show(self._card_words, chosen))

    def _show_clients(self, delta: Delta[str, Client]) -> None:
        delta.apply_to(self._clients)
        chosen = self._filter.client_id
        if chosen in delta.removed or (delta.full and chosen not in (ANY, *self._clients)):
            # It was removed for good, or is of another server: to ask for its files would only fail.
            others = replace(self._filter, client_id=ANY)
            self.touch(*self._tools.set(others))
            self._take_filter(others)
        names = {key: client.name for key, client in self._clients.items()}
        self.touch(*self._tools.know_clients(names))

    # -- selection and versions

    def _selected(self) -> list[BackupFile]:
        return list(self._picked.values())

    def _on_moved(self, ids: Sequence[int], deleted: bool) -> None:
        self._table.deselect(ids)
        if self._versions.file_id in ids:
            self._versions.show_moved(deleted)

    def _on_selection(self, keys: frozenset[int]) -> None:
        known: Mapping[int, BackupFile] = self._picked
        found = ((key, known.get(key) or self._table.get(key)) for key in keys)
        self._picked = {key: file for key, file in found if file is not None}
        self.touch(*self._bar.show(len(keys), len(keys.difference(self._table.keys()))))

    def _on_open(self, key: int) -> None:
        file = self._table.get(key)
        if file is None:
            return
        self._master_detail.open(key)
        self._versions.open(file)

    def _on_walk(self, key: int) -> None:
        if self._versions.visible:
            self._on_open(key)

    def _on_close(self) -> bool:
        return self._master_detail.close()
