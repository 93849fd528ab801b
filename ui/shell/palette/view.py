"""The palette: one field that finds views, clients, files and actions, and goes there or does it."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Any, Final

import flet as ft
import reactivex as rx
from reactivex import Observable
from reactivex import operators as ops
from reactivex.subject import BehaviorSubject

from streams.model.clients import Client
from streams.model.link import Link
from streams.model.server import ServerStatus
from streams.model.snapshot import Delta, Snapshot
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.deep_links import parse_link
from ui.base.palette import PaletteEntry, ranked
from ui.base.permissions import Permissions
from ui.base.theme import LINE, QUIET_INK, SELECTED, mono_text
from ui.components.bare_field import bare_field, named
from ui.components.card import floating_panel
from ui.shell.palette.rows import ROW_HEIGHT, TITLE_HEIGHT, entry_row, group_title, nothing_called

WIDTH: Final = 640
FRAME_HEIGHT: Final = 112
"""Of the field, the line below it, the foot and what is kept free around them."""
SEARCH_WAIT_S: Final = 0.25
SHORTEST_SEARCH: Final = 2

Found = dict[str, Sequence[PaletteEntry]]
"""Answers by the name of the search."""


@dataclass(slots=True)
class Known:
    """What the palette sees of the fleet while it is open."""

    clients: dict[str, Client] = field(default_factory=dict)
    status: ServerStatus | None = None
    permissions: Permissions = field(default_factory=Permissions)


class _Keyboard(Enum):
    """Who has the keyboard while the palette is open."""

    FIELD = "field"
    LOST = "lost"
    """Nobody: the field will have it at once, and what is pressed now is meant for it."""
    AWAY = "away"
    """What somebody has walked to with Tab."""


class PaletteView(BoundView):
    """Lies over the page while it is open; reads nothing while it is not."""

    def __init__(
        self, *, streams: Streams, context: UiContext, on_close: Callable[[], Any], **container: Any
    ) -> None:
        self._on_close = on_close
        self.known = Known()
        self._entries: list[PaletteEntry] = []
        self._found: Found = {}
        self.shown: list[PaletteEntry] = []
        """What is listed, in order."""
        self._chosen = 0
        self._rows: list[ft.Container] = []
        self._queries: BehaviorSubject[str] = BehaviorSubject("")
        self._submitted = False
        """Enter was pressed before there was anything to choose; the first that is found will be."""
        self._keyboard = _Keyboard.LOST
        self.field = bare_field(
            "Search or jump…",
            size=15,
            dense=False,
            content_padding=ft.Padding.symmetric(horizontal=8, vertical=12),
            expand=True,
            ignore_up_down_keys=True,
            autofocus=True,
            on_change=self._on_text,
            on_submit=self._on_submit,
            on_focus=self._on_focus,
            on_blur=self._on_blur,
        )
        self._list = ft.Column([], spacing=0, tight=True, scroll=ft.ScrollMode.AUTO)
        self._room: float | None = None
        super().__init__(
            context=context,
            key="palette",
            content=ft.Semantics(
                content=ft.Column(
                    [
                        ft.Row(
                            [
                                ft.Icon(ft.Icons.SEARCH, size=20, color=QUIET_INK),
                                named(self.field, "Search or jump", expand=True),
                            ],
                            spacing=6,
                        ),
                        ft.Divider(height=1, color=LINE),
                        self._list,
                        ft.Container(
                            mono_text("↑ ↓ choose   Enter open   Esc close", quiet=True),
                            padding=ft.Padding.only(left=6, top=6),
                        ),
                    ],
                    spacing=4,
                    tight=True,
                ),
                container=True,
                label="Palette",
            ),
            **floating_panel(width=WIDTH) | {"padding": ft.Padding.symmetric(vertical=8, horizontal=10)},
            **container,
        )
        self.bind(self._answers(), self._show_found, merge=lambda a, b: {**a, **b}, name="found")
        self.bind_deltas(streams.clients.deltas, self._keep_clients)
        self.bind(streams.status, self._keep_status)
        self.bind(streams.link, self._keep_link)

    # -- what is asked and found

    def _answers(self) -> Observable[Found]:
        def ask(query: str) -> Observable[Found]:
            if len(query) < SHORTEST_SEARCH:
                return rx.of(Found())
            return rx.merge(
                *(
                    search(query).pipe(ops.map(lambda found, name=name: {name: found}))
                    for name, search in self.context.palette.searches.items()
                )
            )

        return self._queries.pipe(
            ops.debounce(SEARCH_WAIT_S, scheduler=self.context.scheduler), ops.map(ask), ops.switch_latest()
        )

    def _keep_clients(self, delta: Delta[str, Client]) -> None:
        clients = self.known.clients
        other = bool(delta.full or delta.removed or any(key not in clients for key in delta.changed))
        delta.apply_to(clients)
        if other:
            self._renew()

    def _keep_status(self, status: Snapshot[ServerStatus]) -> None:
        before, self.known.status = self.known.status, status.value
        if status.value is not None and (before is None or before.state is not status.value.state):
            self._renew()

    def _keep_link(self, link: Link) -> None:
        permissions = Permissions.of(link)
        if permissions != self.known.permissions:
            self.known.permissions = permissions
            self._renew()

    def _renew(self) -> None:
        self._take_entries()
        self._show_list(keep=True)

    def _take_entries(self) -> None:
        self._entries = list(self.context.palette.entries(self.known.permissions))

    def _show_found(self, found: Found) -> None:
        self._found.update(found)
        self._show_list(keep=True)
        if self._submitted and self.shown:
            self._choose(self.shown[self._chosen])

    def _on_text(self) -> None:
        self._queries.on_next(self._query)
        self._submitted = False
        if len(self._query) < SHORTEST_SEARCH:
            self._found = {}
        self._show_list()

    @property
    def _query(self) -> str:
        return (self.field.value or "").strip()

    # -- opening and closing

    def begin(self) -> None:
        """Open with an empty field and all that is offered now."""
        self.field.value = ""
        self._found = {}
        self._take_entries()
        self._queries.on_next("")
        self._submitted, self._keyboard = False, _Keyboard.LOST
        self.context.typing, self.context.text_input = True, None
        self.set_visible(True)
        self.touch(self.field)
        self._show_list()
        self.act("Search", self._take_keyboard())

    async def _take_keyboard(self) -> None:
        await self.field.focus()

    def _on_focus(self) -> None:
        self._keyboard = _Keyboard.FIELD

    def _on_blur(self) -> None:
        if self.visible and self._keyboard is not _Keyboard.AWAY:
            self._keyboard = _Keyboard.LOST
            # Enter takes the keyboard from a field; so may the tree for screen readers when it is rebuilt.
            self.act("Search", self._take_keyboard())

    def _link(self, query: str) -> list[PaletteEntry]:
        place = parse_link(query)
        if place is None or not place.show or place.view not in self.context.places:
            return []
        return [PaletteEntry("Link", f"Go to {query}", ft.Icons.LINK, lambda: self.context.go(place))]

    # -- the list

    def fit(self, room: float | None) -> None:
        """Keep to this height in px, the foot included: what there is no room for is scrolled to."""
        self._room = None if room is None else max(ROW_HEIGHT, room - FRAME_HEIGHT)
        self._fit_list()

    def _fit_list(self) -> None:
        needed = self._top_of(len(self.shown))
        short = self._room is not None and needed > self._room
        self._list.height = self._room if short else None

    def _top_of(self, number: int) -> float:
        """Return where a row begins in the list, in px."""
        groups = [entry.group for entry in self.shown[: number + 1]]
        titles = sum(before != group for before, group in pairwise(["", *groups]))
        return number * ROW_HEIGHT + titles * TITLE_HEIGHT

    async def _reveal(self, room: float) -> None:
        middle = self._top_of(self._chosen) - (room - ROW_HEIGHT) / 2
        await self._list.scroll_to(offset=max(0.0, middle))

    def _show_list(self, *, keep: bool = False) -> None:
        before = self.shown[self._chosen].label if keep and self.shown else None
        query = self._query
        found = [entry for entries in self._found.values() for entry in entries]
        self.shown = self._link(query) + ranked(query, self._entries, found)
        labels = [entry.label for entry in self.shown]
        self._chosen = labels.index(before) if before in labels and self._chosen else 0
        self._rows = [
            entry_row(entry, chosen=number == self._chosen, on_click=self._choose)
            for number, entry in enumerate(self.shown)
        ]
        controls: list[ft.Control] = []
        for number, entry in enumerate(self.shown):
            if not number or self.shown[number - 1].group != entry.group:
                controls.append(group_title(entry.group))
            controls.append(self._rows[number])
        self._list.controls = controls or [nothing_called(query)]
        self._fit_list()
        self.touch(self._list)

    # -- keys

    def move(self, step: int) -> None:
        """Choose another row."""
        if not self._rows:
            return
        before, self._chosen = self._chosen, (self._chosen + step) % len(self._rows)
        self._rows[before].bgcolor = None
        self._rows[self._chosen].bgcolor = SELECTED
        self.touch(self._rows[before], self._rows[self._chosen])
        if self._list.height is not None:
            self.act("Walk the list", self._reveal(self._list.height))

    def take_key(self, event: ft.KeyboardEvent) -> None:
        """Take a key that came while the palette is open: Enter, where the field has lost the keyboard."""
        if event.key == "Tab":
            self._keyboard = _Keyboard.AWAY
        elif event.key == "Enter" and self._keyboard is _Keyboard.LOST:
            self._on_submit()

    def _on_submit(self) -> None:
        if not self.visible:
            return  # the key was heard before the field told of it
        if self.shown:
            self._choose(self.shown[self._chosen])
        else:
            self._submitted = len(self._query) >= SHORTEST_SEARCH

    def _choose(self, entry: PaletteEntry) -> None:
        if entry.refused:
            return  # its row says why
        self._on_close()
        result = entry.run()
        if inspect.iscoroutine(result):
            self.act(entry.label, result)
