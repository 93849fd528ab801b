"""The bar over every view: its title, whether the fleet is simulated, the connection, messages and theme."""

from collections.abc import Callable
from typing import Any, Final

import flet as ft

from streams.model.link import Link
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.layout import TOPBAR_HEIGHT
from ui.base.theme import (
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
from ui.components.connection_status import ConnectionChip
from ui.components.icon_button import IconButton
from ui.shell.message_centre import MessageBell

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
_FIELD_WIDTH, _SHORT_WIDTH, _ICON_WIDTH = 280, 170, 38
_FIELD_FROM: Final = 1000
"""From this width of the window on the search field has its whole length."""
_WORDS_FROM: Final = 860
"""From this one on there are words beside the icons."""


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
        self._simulated_word = ft.Text("Simulated fleet", size=12, color=Tone.QUIET.color, no_wrap=True)
        icon = ft.Icon(
            ft.Icons.SCIENCE_OUTLINED, size=14, color=Tone.QUIET.color, semantics_label="Simulated fleet"
        )
        self._simulated = ft.Container(
            ft.Row(
                [icon, self._simulated_word],
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
        self._search = _SearchButton(on_search)
        theme_icon, tooltip = _THEMES[theme]
        self._theme_button = IconButton(
            theme_icon, icon_size=20, tooltip=tooltip, on_click=lambda _: self._turn_theme()
        )
        super().__init__(
            context=context,
            key="top bar",
            content=ft.Row(
                [
                    ft.Semantics(content=self._title, header=True, heading_level=1),
                    self._simulated,
                    ft.Container(expand=True),
                    self._search.control,
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

    def fit(self, width: float | None) -> None:
        """Keep all of it in sight: in a narrow window the search field and some words are icons."""
        room = width or 1280
        self.touch(*self._search.fit(room))
        worded = room >= _WORDS_FROM
        if self._simulated_word.visible != worded:
            self._simulated_word.visible = worded
            self.touch(self._simulated)

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


class _SearchButton:
    """What looks like a search field and opens the palette; an icon where there is no room for a field."""

    def __init__(self, on_search: Callable[[], Any]) -> None:
        self._hint = ft.Text("Search or jump…", size=SIZE_BODY, color=QUIET_INK, no_wrap=True, expand=True)
        self._key = ft.Text("Ctrl K", size=11, color=QUIET_INK, no_wrap=True)
        icon = ft.Icon(ft.Icons.SEARCH, size=16, color=QUIET_INK, semantics_label="Search or jump")
        self.control = ft.Container(
            ft.Row([icon, self._hint, self._key], spacing=8),
            key="search button",
            width=_FIELD_WIDTH,
            height=32,
            padding=ft.Padding.symmetric(horizontal=10),
            bgcolor=CARD,
            border=ft.Border.all(1, FIELD_LINE),
            border_radius=RADIUS,
            ink=True,
            tooltip="Search or jump (Ctrl+K)",
            on_click=lambda _: on_search(),
        )

    def fit(self, width: float) -> list[ft.Control]:
        """Take the room that there is in a window of this width; return the control to update."""
        wanted = (
            _FIELD_WIDTH if width >= _FIELD_FROM else _SHORT_WIDTH if width >= _WORDS_FROM else _ICON_WIDTH
        )
        if self.control.width == wanted:
            return []
        self.control.width = wanted
        self._hint.visible = wanted != _ICON_WIDTH
        self._key.visible = wanted == _FIELD_WIDTH
        return [self.control]
