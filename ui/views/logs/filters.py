"""The bar above the log: sources, levels, search, pause, export, and other filters."""

from collections.abc import Callable
from typing import Any, Final

import flet as ft
import msgspec

from streams.model.log_match import Search, WrongExpression
from streams.model.logs import LogFilter
from streams.model.vocabulary import LogLevel, LogSource
from ui.base.format import Formatter
from ui.base.theme import CARD, INK, LINE, QUIET_INK, SELECTED, SIZE_BODY, SIZE_SMALL, Tone
from ui.components.icon_button import IconButton
from ui.components.menus import minded
from ui.components.toggle_chips import Toggle, ToggleChips
from ui.components.toolbar import HEIGHT, SearchField, toolbar
from ui.views.logs.present import LEVEL_LOOKS

SEARCH_WAIT_S: Final = 0.25
EXPORTS: Final = (("txt", "Text (.txt)"), ("jsonl", "JSON lines (.jsonl)"))
ONE_LINE_FROM: Final = 1160
"""In a window narrower than this the search stands below the chips: beside them it could not be read."""
_NARROW, _WIDE, _PARTS = "narrow", "wide", 100
_SCOPES: Final = ("client_id", "run_id", "correlation_id", "until")


class LogFilters:
    """Holds the filter that is chosen; ``on_filter`` gets each new one."""

    def __init__(
        self,
        formatter: Formatter,
        *,
        on_filter: Callable[[LogFilter], None],
        on_pause: Callable[[], None],
        on_export: Callable[[str], None],
    ) -> None:
        self._format, self._on_filter = formatter, on_filter
        self.value = LogFilter()
        self._names: dict[str, str] = {}
        self._sources = ToggleChips(
            "Source", [Toggle(source.value, source.capitalize()) for source in LogSource], self._on_sources
        )
        self._levels = ToggleChips(
            "Level",
            [
                Toggle(level.value, level.capitalize(), look.icon, look.tone.color)
                for level, look in LEVEL_LOOKS.items()
            ],
            self._on_levels,
        )
        self._levels.set(frozenset(self.value.levels))
        self._search = SearchField("Text or /regex/", self._on_search, wait_s=SEARCH_WAIT_S, width=None)
        self._pause_word = ft.Text("Pause", size=SIZE_BODY, color=INK)
        self._pause_icon = ft.Icon(ft.Icons.PAUSE, size=16, color=QUIET_INK)
        self._pause = _button([self._pause_icon, self._pause_word], lambda _event: on_pause())
        self._pause_named = ft.Semantics(
            content=self._pause, button=True, container=True, label="Pause or follow"
        )
        export = ft.PopupMenuButton(
            content=_button([ft.Icon(ft.Icons.DOWNLOAD, size=16, color=QUIET_INK)], None),
            items=[
                ft.PopupMenuItem(
                    content=ft.Text(label, size=SIZE_BODY, color=INK),
                    height=34,
                    on_click=lambda _event, kind=kind: on_export(kind),
                )
                for kind, label in EXPORTS
            ],
            menu_position=ft.PopupMenuPosition.UNDER,
            tooltip="Export what is filtered",
        )
        chips = toolbar([self._sources.control, ft.Container(width=6), self._levels.control])
        export_named = ft.Semantics(content=minded(export), container=True, label="Export")
        tools = ft.Row([self._search.control, self._pause_named, export_named], spacing=8, height=HEIGHT)
        chips.col, tools.col = {_NARROW: _PARTS, _WIDE: 64}, {_NARROW: _PARTS, _WIDE: 36}
        self.control = ft.ResponsiveRow(
            [chips, tools],
            columns=_PARTS,
            breakpoints={_NARROW: 0, _WIDE: ONE_LINE_FROM},
            spacing=8,
            run_spacing=8,
        )
        self._wrong = ft.Text(
            "", size=SIZE_SMALL, color=Tone.BAD.color, no_wrap=True, visible=False, max_lines=1
        )
        self._chips = ft.Row([], spacing=6, tight=True)
        self.scopes = ft.Row([self._wrong, self._chips], spacing=8, tight=True)
        """What else narrows the log, and why a search was refused."""

    @property
    def narrows(self) -> bool:
        """Whether lines may be hidden that one would otherwise see."""
        return self.value != LogFilter()

    async def focus(self) -> None:
        """Take the keyboard for the search."""
        await self._search.focus()

    def close(self) -> None:
        """Forget what was typed but not told."""
        self._search.close()

    def set(self, wanted: LogFilter) -> list[ft.Control]:
        """Show this filter without telling it; return the controls to update."""
        self.value = wanted
        self._refuse("")
        changed = self._sources.set(frozenset(wanted.sources)) + self._levels.set(frozenset(wanted.levels))
        changed += self._search.set(wanted.text)
        self._chips.controls = [self._scope(name) for name in _SCOPES if getattr(wanted, name) is not None]
        return [*changed, self._search.control, self.scopes]

    def name_client(self, client_id: str, name: str) -> list[ft.Control]:
        """Take the name of a client, once a line tells it; return the controls to update."""
        if self._names.get(client_id) == name:
            return []
        self._names = {client_id: name}
        return self.set(self.value) if self.value.client_id == client_id else []

    def show_paused(self, paused: bool) -> list[ft.Control]:
        """Show whether the list stands still; return the controls to update."""
        self._pause_word.value = "Follow" if paused else "Pause"
        self._pause_icon.icon = ft.Icons.PLAY_ARROW if paused else ft.Icons.PAUSE
        self._pause.bgcolor = SELECTED if paused else CARD
        self._pause.border = ft.Border.all(1, ft.Colors.PRIMARY if paused else LINE)
        return [self._pause]

    def _change(self, **parts: Any) -> None:
        self._on_filter(msgspec.structs.replace(self.value, **parts))

    def _on_sources(self, keys: frozenset[str]) -> None:
        self._change(sources=frozenset(LogSource(key) for key in keys))

    def _on_levels(self, keys: frozenset[str]) -> None:
        self._change(levels=frozenset(LogLevel(key) for key in keys))

    def _on_search(self, text: str) -> None:
        try:
            Search(text)
        except WrongExpression as error:
            self._refuse(error.message)
            self._search.control.update()
            self.scopes.update()
            return
        self._change(text=text)

    def _refuse(self, reason: str) -> None:
        self._wrong.value, self._wrong.visible = reason, bool(reason)
        self._search.control.border = ft.Border.all(1, Tone.BAD.color if reason else LINE)
        # No tooltip: one that comes or goes has the client build the field anew, and the keyboard is lost.

    def _scope(self, name: str) -> ft.Control:
        words = f"{_scope_word(name)} {self._scope_value(name)}"
        return ft.Container(
            ft.Row(
                [
                    ft.Text(words, size=12, color=INK, no_wrap=True),
                    IconButton(
                        ft.Icons.CLOSE,
                        icon_size=13,
                        width=22,
                        height=22,
                        tooltip=f"Show all again, not only {words}",
                        style=ft.ButtonStyle(padding=ft.Padding.all(0)),
                        on_click=lambda _event: self._change(**{name: None}),
                    ),
                ],
                spacing=2,
                tight=True,
            ),
            height=24,
            padding=ft.Padding.only(left=10, right=2),
            border_radius=12,
            bgcolor=SELECTED,
            border=ft.Border.all(1, ft.Colors.PRIMARY),
        )

    def _scope_value(self, name: str) -> str:
        value = getattr(self.value, name)
        if name == "client_id":
            return self._names.get(value, f"{value[:8]}…")
        if name == "until":
            return self._format.clock(value)
        return str(value) if isinstance(value, int) else f"{str(value)[:8]}…"


def _scope_word(name: str) -> str:
    return {"client_id": "client", "run_id": "run", "correlation_id": "request", "until": "up to"}[name]


def _button(content: list[ft.Control], on_click: Callable[[Any], None] | None) -> ft.Container:
    return ft.Container(
        ft.Row(content, spacing=5, tight=True),
        height=32,
        padding=ft.Padding.symmetric(horizontal=10),
        bgcolor=CARD,
        border=ft.Border.all(1, LINE),
        border_radius=10,
        ink=on_click is not None,
        on_click=on_click,
    )
