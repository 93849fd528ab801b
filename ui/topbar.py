"""The bar over every view: its title, whether the fleet is simulated, the connection, messages and theme."""

from collections.abc import Callable
from typing import Any, Final

import flet as ft

from streams.bag import Streams
from streams.records.link import Link
from ui.bound import BoundView
from ui.components.connection_status import ConnectionChip
from ui.components.icon_button import IconButton
from ui.components.messages import MessageBell
from ui.context import UiContext
from ui.room import TOPBAR_HEIGHT
from ui.theme import (
    CARD,
    FIELD_LINE,
    LINE,
    PAGE,
    PAGE_PADDING,
    QUIET_INK,
    RADIUS,
    SIZE_BODY,
    Tone,
    title_text,
)

_THEMES: Final = {
    ft.ThemeMode.SYSTEM: (ft.Icons.BRIGHTNESS_AUTO, "Theme: as the system"),
    ft.ThemeMode.LIGHT: (ft.Icons.LIGHT_MODE, "Theme: light"),
    ft.ThemeMode.DARK: (ft.Icons.DARK_MODE, "Theme: dark"),
}
_NEXT: Final = {
    ft.ThemeMode.SYSTEM: ft.ThemeMode.LIGHT,
    ft.ThemeMode.LIGHT: ft.ThemeMode.DARK,
    ft.ThemeMode.DARK: ft.ThemeMode.SYSTEM,
}


class TopBar(BoundView):
    """Title at the left; connection chip, bell, theme and keys at the right."""

    def __init__(
        self,
        *,
        streams: Streams,
        context: UiContext,
        theme: ft.ThemeMode,
        on_connection: Callable[[], Any],
        on_messages: Callable[[], Any],
        on_theme: Callable[[ft.ThemeMode], Any],
        on_keys: Callable[[], Any],
        on_search: Callable[[], Any],
    ) -> None:
        self._theme, self._on_theme = theme, on_theme
        self._title = title_text("")
        self._simulated = ft.Container(
            ft.Row(
                [
                    ft.Icon(ft.Icons.SCIENCE_OUTLINED, size=14, color=Tone.QUIET.color),
                    ft.Text("Simulated fleet", size=12, color=Tone.QUIET.color, no_wrap=True),
                ],
                spacing=5,
                tight=True,
            ),
            padding=ft.Padding.symmetric(horizontal=10),
            height=24,
            border_radius=12,
            bgcolor=Tone.QUIET.tint(0.10),
            tooltip="These clients are made up by this computer; nothing of yours is backed up.",
            visible=False,
        )
        self.chip = ConnectionChip(streams=streams, context=context, on_open=on_connection)
        self.bell = MessageBell(context=context, on_open=on_messages)
        icon, tooltip = _THEMES[theme]
        self._theme_button = IconButton(
            icon, icon_size=20, tooltip=tooltip, on_click=lambda _: self._turn_theme()
        )
        super().__init__(
            context=context,
            key="top bar",
            content=ft.Row(
                [
                    ft.Semantics(content=self._title, header=True, heading_level=1),
                    self._simulated,
                    ft.Container(expand=True),
                    _search_button(on_search),
                    self.chip,
                    self.bell,
                    self._theme_button,
                    IconButton(
                        ft.Icons.KEYBOARD_OUTLINED,
                        icon_size=20,
                        tooltip="Keys (F1)",
                        on_click=lambda _: on_keys(),
                    ),
                ],
                spacing=8,
                vertical_alignment=ft.CrossAxisAlignment.CENTER,
            ),
            height=TOPBAR_HEIGHT,
            padding=ft.Padding.only(left=PAGE_PADDING, right=12),
            bgcolor=PAGE,
            border=ft.Border.only(bottom=ft.BorderSide(1, LINE)),
        )
        self.adopt(self.chip)
        self.adopt(self.bell)
        self.bind(streams.link, self._show_link)

    def show_title(self, title: str) -> None:
        """Name the view that is shown."""
        self._title.value = title
        self.touch(self._title)

    def show_theme(self, theme: ft.ThemeMode) -> None:
        """Show which theme has been chosen."""
        self._theme = theme
        self._theme_button.icon, self._theme_button.tooltip = _THEMES[theme]
        self.touch(self._theme_button)

    def _turn_theme(self) -> None:
        self._on_theme(_NEXT[self._theme])

    def _show_link(self, link: Link) -> None:
        if self._simulated.visible != link.simulated:
            self._simulated.visible = link.simulated
            self.touch(self._simulated)


def _search_button(on_search: Callable[[], Any]) -> ft.Control:
    """Return what looks like a search field and opens the palette."""
    words: list[ft.Control] = [
        ft.Icon(ft.Icons.SEARCH, size=16, color=QUIET_INK),
        ft.Text("Search or jump…", size=SIZE_BODY, color=QUIET_INK, no_wrap=True, expand=True),
        ft.Text("Ctrl K", size=11, color=QUIET_INK, no_wrap=True),
    ]
    return ft.Container(
        ft.Row(words, spacing=8),
        key="search button",
        width=280,
        height=32,
        padding=ft.Padding.symmetric(horizontal=10),
        bgcolor=CARD,
        border=ft.Border.all(1, FIELD_LINE),
        border_radius=RADIUS,
        ink=True,
        on_click=lambda _: on_search(),
    )
