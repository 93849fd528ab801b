"""A filter with more choices than a menu has room for: a list that gets shorter while one types."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import flet as ft

from ui.base.context import context_of
from ui.base.format import count_text
from ui.base.theme import LINE, QUIET_INK, SELECTED, SIZE_BODY, body_text, small_text
from ui.components.bare_field import bare_field, named
from ui.components.card import floating_panel
from ui.components.toolbar import Choice, FilterFace

WIDTH: Final = 280
ROW: Final = 32
MAX_ROWS: Final = 10
"""So many are seen at once; the others are scrolled to."""
MAX_LISTED: Final = 200
"""So many are listed; of more, the others are found by typing."""


def matching(choices: Sequence[Choice], text: str) -> list[Choice]:
    """Return the choices with this text in their label, first those that begin with it.

    The first choice, which stands for "no filter", is found where nothing is typed.
    """
    wanted = text.strip().casefold()
    if not wanted:
        return list(choices)
    found = [choice for choice in choices[1:] if wanted in choice.label.casefold()]
    return sorted(found, key=lambda choice: not choice.label.casefold().startswith(wanted))


class Picker:
    """``control`` is the button in the toolbar; ``layers`` lie over the view, which is a stack.

    ``left`` and ``top`` say where below the button the list opens. ``on_closed`` is told when the list no
    longer wants the keyboard.
    """

    def __init__(
        self,
        label: str,
        choices: Sequence[Choice],
        on_choose: Callable[[str], None],
        *,
        left: float,
        top: float,
        on_closed: Callable[[], None],
    ) -> None:
        self._label, self._on_choose, self._on_closed = label, on_choose, on_closed
        self._choices, self.value = tuple(choices), choices[0].key
        self._listed: list[Choice] = []
        self._rows: list[ft.Container] = []
        self._at, self._scrolled = 0, 0.0
        self._face = FilterFace(label)
        self._face.box.ink, self._face.box.on_click = True, self._on_click
        self._face.box.tooltip = f"Filter by {label.lower()}"
        self.control = ft.Semantics(
            content=self._face.box, button=True, container=True, label=f"Filter by {label.lower()}"
        )
        self.field = bare_field(
            f"Find a {label.lower()}",
            content_padding=ft.Padding.symmetric(horizontal=6, vertical=8),
            expand=True,
            autofocus=True,
            ignore_up_down_keys=True,
            on_change=self._on_change,
            on_submit=lambda _event: self._on_enter(),
        )
        self._note = small_text()
        self._nothing = ft.Container(
            ft.Text(f"No {label.lower()} matches.", size=SIZE_BODY, color=QUIET_INK),
            padding=ft.Padding.symmetric(horizontal=6),
            alignment=ft.Alignment.CENTER_LEFT,
        )
        self._list = ft.ListView(
            [], spacing=0, item_extent=ROW, scroll=ft.ScrollMode.ALWAYS, on_scroll=self._on_scroll
        )
        finder = named(self.field, f"Find a {label.lower()}", expand=True)
        look: dict[str, Any] = floating_panel(width=WIDTH) | {"padding": 6}
        self._panel = ft.Container(
            ft.Column(
                [
                    ft.Row(
                        [ft.Icon(ft.Icons.SEARCH, size=17, color=QUIET_INK), finder], spacing=4, height=36
                    ),
                    ft.Divider(height=1, color=LINE),
                    self._list,
                    self._note,
                ],
                spacing=4,
                tight=True,
            ),
            left=left,
            top=top,
            visible=False,
            **look,
        )
        self._behind = ft.Container(
            left=0, top=0, right=0, bottom=0, visible=False, on_click=lambda _event: self.close()
        )
        self.layers: tuple[ft.Control, ...] = (self._behind, self._panel)

    # -- as a filter

    def set_choices(self, choices: Sequence[Choice]) -> list[ft.Control]:
        """Take other choices; the first stands for "no filter". Returns the controls to update."""
        if tuple(choices) == self._choices:
            return []
        self._choices = tuple(choices)
        return self.set(self.value)

    def set(self, key: str) -> list[ft.Control]:
        """Show this choice without telling it; return the controls to update."""
        self.value = key
        chosen = next((choice.label for choice in self._choices[1:] if choice.key == key), None)
        self._face.show(chosen)
        return [self.control]

    # -- open and closed

    @property
    def is_open(self) -> bool:
        """Whether the list is shown."""
        return bool(self._panel.visible)

    async def _on_click(self, _event: object) -> None:
        self.field.value, self._scrolled = "", 0.0
        self._behind.visible = self._panel.visible = True
        self._list.height = ROW * min(MAX_ROWS, len(self._choices))
        keys = [choice.key for choice in self._choices]
        self._show_list(at=keys.index(self.value) if self.value in keys else 0)
        self._behind.update()
        context = context_of(self._panel)
        if context is not None:
            context.begin_typing(self)
        await self.field.focus()
        await self._reveal()

    def close(self) -> None:
        """Put the list away; what is chosen stays."""
        if not self.is_open:
            return
        self._behind.visible = self._panel.visible = False
        self._behind.update()
        self._panel.update()
        context = context_of(self._panel)
        if context is not None:
            context.end_typing(self)
        self._on_closed()

    def step_back(self) -> bool:
        """Empty the field, or close the list: what Escape does here."""
        if self.field.value:
            self.field.value = ""
            self._show_list()
        else:
            self.close()
        return True

    # -- the list

    async def _on_change(self) -> None:
        self._show_list()
        await self._reveal()

    def _show_list(self, at: int = 0) -> None:
        found = matching(self._choices, self.field.value or "")
        self._listed, more = found[:MAX_LISTED], len(found) - MAX_LISTED
        self._at = min(at, max(0, len(self._listed) - 1))
        self._rows = [self._row(choice) for choice in self._listed]
        self._list.controls = [*self._rows] or [self._nothing]
        self._note.value = f"and {count_text(more)} more: type to find them" if more > 0 else ""
        self._note.visible = more > 0
        self._paint(self._at)
        self._panel.update()

    def _row(self, choice: Choice) -> ft.Container:
        mark = ft.Colors.PRIMARY if choice.key == self.value else ft.Colors.TRANSPARENT
        name = body_text(choice.label)
        name.expand = True
        return ft.Container(
            ft.Row([ft.Icon(ft.Icons.CHECK, size=16, color=mark), name], spacing=8),
            height=ROW,
            padding=ft.Padding.only(left=6, right=12),
            border_radius=6,
            ink=True,
            on_click=lambda _event: self._choose(choice),
        )

    def _paint(self, at: int) -> list[ft.Control]:
        before, self._at = self._at, at
        changed = list[ft.Control]()
        for number in {before, at}:
            if number < len(self._rows):
                self._rows[number].bgcolor = SELECTED if number == at else None
                changed.append(self._rows[number])
        return changed

    async def take_key(self, event: ft.KeyboardEvent) -> None:
        """Walk the list with the arrow keys."""
        step = {"Arrow Down": 1, "Arrow Up": -1}.get(event.key)
        if step is None or not self._rows:
            return
        for row in self._paint((self._at + step) % len(self._rows)):
            row.update()
        await self._reveal()

    async def _reveal(self) -> None:
        """Scroll as far as it takes to see the row that Enter would choose."""
        seen = self._list.height or ROW
        top = min(max(self._scrolled, (self._at + 1) * ROW - seen), self._at * ROW)
        if top != self._scrolled:
            self._scrolled = top
            await self._list.scroll_to(offset=top, duration=0)

    def _on_scroll(self, event: ft.OnScrollEvent) -> None:
        self._scrolled = event.pixels

    def _on_enter(self) -> None:
        if self._listed and self.is_open:
            self._choose(self._listed[self._at])

    def _choose(self, choice: Choice) -> None:
        for control in self.set(choice.key):
            control.update()
        self.close()
        self._on_choose(choice.key)
