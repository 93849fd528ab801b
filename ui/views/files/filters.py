"""The filters of the files view: a search field and a menu for each thing the database can be asked for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import flet as ft

from ui.components.picker import Picker
from ui.components.toolbar import Choice, FilterMenu, SearchField
from ui.views.files.present import ANY, DATES, SIZES, STATES, FileFilter, present_types

SEARCH_WAIT_S = 0.3
SEARCH_WIDTH = 230
SPACING = 8


class FileFilters:
    """Search and menus; tells the whole filter whenever a part of it changes.

    ``top`` is where in the view the list of clients opens; its ``layers`` lie over the view.
    """

    def __init__(
        self,
        on_filter: Callable[[FileFilter], None],
        *,
        top: float = 0.0,
        on_closed: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_filter = on_filter
        self.value = FileFilter()
        self._types: set[str] = set()
        self._clients: dict[str, str] = {}
        self._search = SearchField("Name or path", self._on_search, wait_s=SEARCH_WAIT_S, width=SEARCH_WIDTH)
        self.client = Picker(
            "Client",
            [Choice(ANY, "Any")],
            self._setter("client_id"),
            left=SEARCH_WIDTH + SPACING,
            top=top,
            on_closed=on_closed,
        )
        self._menus: dict[str, FilterMenu | Picker] = {
            "client_id": self.client,
            "suffix": FilterMenu("Type", present_types(()), self._setter("suffix")),
            "size": FilterMenu("Size", SIZES, self._setter("size")),
            "date": FilterMenu("Date", DATES, self._setter("date")),
            "state": FilterMenu("Status", STATES, self._setter("state")),
        }
        self.control = ft.Row(
            [self._search.control, *(menu.control for menu in self._menus.values())], spacing=SPACING
        )

    async def focus(self) -> None:
        """Take the keyboard."""
        await self._search.focus()

    def set(self, value: FileFilter) -> list[ft.Control]:
        """Show this filter without telling it; return the controls to update."""
        self.value = value
        self._search.set(value.text)
        self._offer_clients()
        for name, menu in self._menus.items():
            menu.set(getattr(value, name))
        return [self.control]

    def see_types(self, suffixes: Iterable[str]) -> list[ft.Control]:
        """Offer these types too."""
        new = set(suffixes) - self._types - {""}
        if not new:
            return []
        self._types |= new
        menu = self._menus["suffix"]
        changed = menu.set_choices(present_types(self._types))
        menu.set(self.value.suffix)
        return changed

    def know_clients(self, names: Mapping[str, str]) -> list[ft.Control]:
        """Offer these clients."""
        if names == self._clients:
            return []
        self._clients = dict(names)
        return self._offer_clients()

    def _offer_clients(self) -> list[ft.Control]:
        chosen = self.value.client_id
        shown = sorted(self._clients.items(), key=lambda item: item[1].casefold())
        if chosen not in self._clients and chosen != ANY:
            shown.append((chosen, chosen[:8]))
        menu = self.client
        changed = menu.set_choices([Choice(ANY, "Any"), *(Choice(key, name) for key, name in shown)])
        menu.set(chosen)
        return changed

    def _on_search(self, text: str) -> None:
        self.value = replace(self.value, text=text)
        self._on_filter(self.value)

    def _setter(self, name: str) -> Callable[[str], None]:
        def choose(key: str) -> None:
            self.value = replace(self.value, **{name: key})
            self._on_filter(self.value)

        return choose
