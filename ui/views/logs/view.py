"""The log view: what console, server and database say, in one list in order of time."""

from datetime import datetime, timedelta
from typing import Final

import flet as ft
import msgspec
from reactivex import operators as ops
from reactivex.subject import BehaviorSubject, Subject

from streams.model.clients import Client
from streams.model.log_match import Search
from streams.model.logs import LogFilter, LogLine
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Health
from streams.operators.conflate import conflate_merge
from streams.ports.commands import Commands
from streams.ports.logs import LogChange
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import Place, UiContext
from ui.base.deep_links import filter_link, filters_part, is_id
from ui.base.delivery import Delivery
from ui.base.theme import GAP, VIEW_PADDING
from ui.components.data_table.table_surface import nothing_found, table_box, table_surface
from ui.components.loading_states import Empty
from ui.views.logs.deeplink import led_to, named_client, words_of
from ui.views.logs.details import LogDetails
from ui.views.logs.export import LogExport
from ui.views.logs.filters import LogFilters
from ui.views.logs.line_pane import BoardEvents, LogBoard
from ui.views.logs.memory import keep_filter, kept_filter
from ui.views.logs.present import copy_text
from ui.views.logs.row import LogRow, Marking
from ui.views.shared.client_lookup import ClientNamed, say_missing
from ui.views.shared.clipboard import copy_link

AROUND: Final = timedelta(seconds=30)


class LogsView(BoundView):
    """Follows the log until somebody scrolls or pauses; then nothing moves, and it counts what came."""

    def __init__(self, *, streams: Streams, commands: Commands, context: UiContext) -> None:
        del commands  # a log is read
        self._streams = streams.logs
        self._marking = Marking()
        self._filters = LogFilters(
            context.format,
            on_filter=self._on_filter,
            on_pause=self._on_pause,
            on_export=self._on_export,
        )
        self._board = LogBoard(
            context,
            lambda slot, on_open: LogRow(
                context.format, self._marking, on_open=on_open, on_copy=lambda _event: self._copy_slot(slot)
            ),
            BoardEvents(
                on_open=self._on_open,
                on_close=self._on_close,
                on_older=lambda: self._more_subject.on_next(None),
                on_paused=lambda paused: self.touch(*self._filters.show_paused(paused)),
                ends_early=lambda: self._filters.value.until is not None,
                to_present=lambda: self._on_filter(msgspec.structs.replace(self._filters.value, until=None)),
                touch=self.touch,
            ),
        )
        self.row_navigator = self._board.list
        self._details = LogDetails(
            context.format,
            go=self._go,
            on_copy=self._copy,
            on_around=self._around,
            on_link=self._copy_link,
            on_close=self._on_close,
        )
        self._export = LogExport(self._streams, Delivery(lambda: self.page, context.hand_out))
        notes = self._board.notes
        self._box = table_box(self._board.list.control, Empty("No log entries yet.", ft.Icons.NOTES))
        self._main = ft.Row(
            [
                ft.Stack(
                    [table_surface([self._box]), notes.pill],
                    expand=True,
                    fit=ft.StackFit.EXPAND,
                    alignment=ft.Alignment.BOTTOM_CENTER,
                ),
                self._details.control,
            ],
            expand=True,
            spacing=GAP,
            vertical_alignment=ft.CrossAxisAlignment.STRETCH,
        )
        status = ft.Row(
            [
                self._filters.scopes,
                ft.Container(expand=True),
                notes.dropped,
                self._box.note,
                notes.count,
            ],
            height=24,
            spacing=12,
        )
        head = ft.Column([self._board.volume.control, status], spacing=2)
        super().__init__(
            context=context,
            key="logs",
            content=ft.Column([self._filters.control, head, self._main], spacing=GAP, expand=True),
            padding=VIEW_PADDING,
            expand=True,
        )
        self._more_subject: Subject[None] = Subject()
        self._recall()
        self._filter_subject: BehaviorSubject[LogFilter] = BehaviorSubject(self._filters.value)
        changes = self._filter_subject.pipe(
            ops.map(lambda wanted: self._streams.lines(wanted, self._more_subject)),
            ops.switch_latest(),
            conflate_merge(LogChange.merge, self._board.redraw_s, scheduler=context.scheduler),
        )
        self.bind(changes, self._show_change, merge=LogChange.merge, box=self._box, name="show_change")
        self._box.log_of = lambda _at: None  # its own failure would lead from the log to the log
        self.bind(context.seconds, self._board.show_volume, name="show_volume")
        self._named = ClientNamed(self, streams.clients)

    # -- what is shown

    def _show_change(self, change: LogChange) -> None:
        self._learn_name(change.lines)
        self._board.take(change)
        self._show_state(change)

    def _show_state(self, change: LogChange) -> None:
        lines = self._board.held.lines
        health = Health.LOADING
        if change.failure is not None:
            health = Health.ERROR
        elif change.loaded or lines:
            health = Health.OK
        known = bool(lines) or (change.loaded and change.failure is None)
        # Not the time of the last line: this console goes on speaking while the server is lost.
        as_of = change.as_of or (change.failure.since if change.failure is not None else None)
        count = len(lines) if known else None
        snapshot: Snapshot[int] = Snapshot(count, health, as_of, failure=change.failure)
        self._box.show(snapshot, empty=not lines and not self._filters.narrows)
        self.touch_box(self._box)
        if lines or not self._filters.narrows:
            self._board.list.show_overlay(None)
        elif known:
            clear = ft.TextButton("Show all lines", on_click=lambda _event: self._on_filter(LogFilter()))
            word = "No line so far; looking further back." if change.more else self._why_none()
            self._board.list.show_overlay(nothing_found(word, clear))

    def _why_none(self) -> str:
        wanted = self._filters.value
        old = wanted.client_id is not None or wanted.run_id is not None
        return "No line matches these filters." + (" Those of long ago are no longer kept." if old else "")

    def _learn_name(self, lines: tuple[LogLine, ...]) -> None:
        wanted = self._filters.value.client_id
        if wanted is not None and lines and "client" in lines[-1].fields:
            self.touch(*self._filters.name_client(wanted, lines[-1].fields["client"]))

    # -- filter

    def _on_filter(self, wanted: LogFilter) -> None:
        self._named.forget()  # what is chosen by hand holds, whoever a link still looks for
        self.touch(*self._filters.set(wanted))
        self._marking.search = Search(wanted.text)
        self._board.start_over()
        self._remember()
        self._filter_subject.on_next(wanted)

    def _remember(self) -> None:
        keep_filter(self.context.prefs, self._filters.value, paused=self._board.held.by_hand)

    def _recall(self) -> None:
        kept, paused = kept_filter(self.context.prefs)
        self._marking.search = Search(kept.text)
        self._filters.set(kept)
        if paused:
            self._board.held.pause(by_hand=True)
            self._filters.show_paused(True)

    def _on_pause(self) -> None:
        self._board.toggle()
        self._remember()

    # -- one line

    def _on_open(self, line: LogLine) -> None:
        self._board.pause()
        self._details.show(line)
        self._board.list.set_current(line)
        self.touch(self._main)
        self.act("Walk the lines", self._board.list.focus())

    def _on_close(self) -> bool:
        if self._details.line is None:
            return False
        self._details.close()
        self._board.list.set_current(None)
        self.touch(self._main)
        return True

    def _go(self, place: Place) -> None:
        if place.view == "logs":
            self.arrive(place.show)
        else:
            self.context.go(place)

    def _around(self, line: LogLine) -> None:
        self.arrive(f"at:{line.at.isoformat()}")

    def _copy_slot(self, slot: int) -> None:
        line = self._board.line_at(slot)
        if line is not None:
            self._copy(line)

    def _copy(self, line: LogLine) -> None:
        async def copy() -> None:
            await ft.Clipboard().set(copy_text(line))
            self.context.messages.done("Line copied")

        self.act("Copy line", copy())

    def _copy_link(self, line: LogLine) -> None:
        self.act("Copy link", copy_link(self.context, filter_link("logs", at=line.at.isoformat())))

    # -- export

    def _on_export(self, kind: str) -> None:
        async def export() -> None:
            told = await self._export.save(self._filters.value, kind, self.context.clock())
            if told is not None:
                self.context.messages.done(f"Log exported: {told}")

        self.act("Export log", export())

    # -- arriving

    def arrive(self, show: str) -> None:
        """Show the lines that somebody was led to; see ``led_to``."""
        led = led_to(show)
        self._named.forget()
        if led is None:
            say_missing(self, f"such place in the log: {show.lstrip('?')}")
        elif (named := named_client(show)) is not None:
            self.touch(*self._filters.name_client(*named))
            self._lead(*led)
        elif show.startswith("?") and (name := led[0].client_id) is not None and not is_id(name):
            self._named.find(name, lambda client: self._lead_to(client, *led))
        else:  # also lines of one who has been removed, by its id
            self._lead(*led)

    @property
    def address(self) -> str:
        """The filter, as ``led_to`` reads it."""
        return filters_part(**words_of(self._filters.value))

    def restore(self, show: str) -> None:
        """Show the lines of a filter; "" is the usual one."""
        if show:
            self.arrive(show)
        else:
            self._on_filter(LogFilter())

    def _lead_to(self, client: Client, wanted: LogFilter, moment: datetime | None) -> None:
        self.touch(*self._filters.name_client(client.id, client.name))
        self._lead(msgspec.structs.replace(wanted, client_id=client.id), moment)

    def _lead(self, wanted: LogFilter, moment: datetime | None) -> None:
        self._board.held.by_hand = False
        if moment is None:
            self._on_filter(wanted)
            return
        until = moment + AROUND
        present = until >= self.context.server_clock()
        self._on_filter(msgspec.structs.replace(wanted, until=None if present else until))
        self._board.go_to(moment)

    def find(self) -> bool:
        """Put the keyboard into the search field."""
        self.act("Find", self._filters.focus())
        return True

    def on_key(self, event: ft.KeyboardEvent) -> bool:
        """Pause or follow with P."""
        wanted = event.key.upper() == "P" and not (event.ctrl or event.alt or event.meta)
        if wanted and not self.context.typing:
            self._on_pause()
            return True
        return False

    def will_unmount(self) -> None:
        """Stop looking."""
        self._filters.close()
        super().will_unmount()
