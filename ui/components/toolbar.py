"""The bar above a table: a search field, filters, and the actions for what is selected."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import flet as ft

from ui.base.context import context_of
from ui.base.theme import CARD, FIELD_LINE, INK, QUIET_INK, RADIUS, SELECTED, SIZE_BODY, Tone
from ui.components.bare_field import bare_field, named
from ui.components.icon_button import IconButton
from ui.components.menus import minded

HEIGHT = 36


class SearchField:
    """A search field that tells its first letter at once, the rest once typing has paused for ``wait_s``.

    Without a ``width`` it takes what is left of its line.
    """

    def __init__(
        self,
        hint: str,
        on_search: Callable[[str], None],
        *,
        wait_s: float = 0.0,
        width: int | None = 260,
    ) -> None:
        self._on_search, self._wait_s = on_search, wait_s
        self._timer: asyncio.TimerHandle | None = None
        self._told = ""
        self._typed_s = -wait_s
        """When the last letter was typed."""
        self._clear = IconButton(
            ft.Icons.CLOSE,
            icon_size=15,
            width=28,
            height=28,
            tooltip="Clear search",
            visible=False,
            style=ft.ButtonStyle(padding=ft.Padding.all(0)),
            on_click=lambda _event: self.step_back(),
        )
        self.field = bare_field(
            hint,
            content_padding=ft.Padding.symmetric(horizontal=8, vertical=9),
            expand=True,
            on_change=self._on_change,
            on_submit=self._tell_now,
            on_focus=self._on_focus,
            on_blur=self._on_blur,
        )
        self.control = ft.Container(
            ft.Row(
                [
                    ft.Icon(ft.Icons.SEARCH, size=17, color=QUIET_INK),
                    named(self.field, hint, expand=True),
                    self._clear,
                ],
                spacing=2,
                vertical_alignment=ft.CrossAxisAlignment.CENTER,
            ),
            width=width,
            expand=width is None,
            height=HEIGHT,
            padding=ft.Padding.only(left=10, right=4),
            bgcolor=CARD,
            border=ft.Border.all(1, FIELD_LINE),
            border_radius=RADIUS,
        )

    @property
    def value(self) -> str:
        """What has been told last."""
        return self._told

    def set(self, text: str) -> list[ft.Control]:
        """Put text into the field without telling it; return the controls to update.

        What is being typed stays where this text was told already: it will be told itself in a moment.
        """
        if text == self._told:
            return []
        self.close()
        self._told = text
        self.field.value = text
        self._clear.visible = bool(text)
        return [self.control]

    async def focus(self) -> None:
        """Take the keyboard."""
        await self.field.focus()

    def step_back(self) -> bool:
        """Take away what was typed, and tell it; return whether there was anything."""
        if not self.field.value:
            return False
        self.field.value = ""
        self._clear.visible = False
        self.control.update()
        self._tell_now()
        return True

    def close(self) -> None:
        """Forget what was typed but not told."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_change(self) -> None:
        has_text = bool(self.field.value)
        if self._clear.visible != has_text:
            self._clear.visible = has_text
            self.control.update()
        self.close()
        loop = asyncio.get_running_loop()
        paused, self._typed_s = loop.time() - self._typed_s >= self._wait_s, loop.time()
        if paused:
            self._tell_now()
        else:
            self._timer = loop.call_later(self._wait_s, self._tell_now)

    def _tell_now(self) -> None:
        self.close()
        text = (self.field.value or "").strip()
        if text != self._told:
            self._told = text
            self._on_search(text)

    def _on_focus(self) -> None:
        context = context_of(self.field)
        if context is not None:
            context.begin_typing(self)

    def _on_blur(self) -> None:
        context = context_of(self.field)
        if context is not None:
            context.end_typing(self)


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a filter."""

    key: str
    label: str
    icon: ft.IconData | None = None
    tone: Tone | None = None


class FilterFace:
    """What a filter looks like while it is closed: its label, and what is chosen where that narrows."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._word = ft.Text(label, size=SIZE_BODY, color=INK, no_wrap=True)
        self.box = ft.Container(
            ft.Row(
                [self._word, ft.Icon(ft.Icons.ARROW_DROP_DOWN, size=18, color=QUIET_INK)],
                spacing=2,
                tight=True,
            ),
            height=HEIGHT,
            padding=ft.Padding.only(left=12, right=6),
            border_radius=RADIUS,
        )
        self.show(None)

    def show(self, chosen: str | None) -> None:
        """Name what is chosen; None where nothing is narrowed."""
        on = chosen is not None
        self._word.value = f"{self._label}: {chosen}" if on else self._label
        self.box.bgcolor = SELECTED if on else CARD
        self.box.border = ft.Border.all(1, ft.Colors.PRIMARY if on else FIELD_LINE)


class FilterMenu:
    """A button that opens a list of choices; with another than the first chosen it looks switched on."""

    def __init__(self, label: str, choices: Sequence[Choice], on_choose: Callable[[str], None]) -> None:
        self._on_choose = on_choose
        self._choices: dict[str, Choice] = {}
        self._checks: dict[str, ft.Icon] = {}
        self._face = FilterFace(label)
        self._button = minded(
            ft.PopupMenuButton(
                content=self._face.box,
                items=[],
                menu_position=ft.PopupMenuPosition.UNDER,
                size_constraints=ft.BoxConstraints(min_width=160, max_width=320, max_height=420),
                tooltip=f"Filter by {label.lower()}",
            )
        )
        self.control = ft.Semantics(content=self._button, container=True, label=f"Filter by {label.lower()}")
        self.set_choices(choices)
        self.value = choices[0].key if choices else ""
        self.set(self.value)

    def set_choices(self, choices: Sequence[Choice]) -> list[ft.Control]:
        """Take other choices; the first stands for "no filter"."""
        if list(self._choices.values()) == list(choices):
            return []
        self._choices = {choice.key: choice for choice in choices}
        self._checks = {}
        self._button.items = [self._item(choice) for choice in choices]
        return [self._button]

    def set(self, key: str) -> list[ft.Control]:
        """Show this choice without telling it; return the controls to update."""
        self.value = key
        first = next(iter(self._choices), "")
        choice = self._choices.get(key)
        self._face.show(choice.label if choice is not None and key != first else None)
        for entry, check in self._checks.items():
            check.color = ft.Colors.PRIMARY if entry == key else ft.Colors.TRANSPARENT
        return [self._button]

    def _item(self, choice: Choice) -> ft.PopupMenuItem:
        # The client draws its own check mark in a tile taller than these rows, hence this one.
        check = self._checks[choice.key] = ft.Icon(ft.Icons.CHECK, size=16, color=ft.Colors.TRANSPARENT)
        words: list[ft.Control] = [check]
        if choice.icon is not None:
            color = choice.tone.color if choice.tone is not None else None
            words.append(ft.Icon(choice.icon, size=16, color=color))
        words.append(ft.Text(choice.label, size=SIZE_BODY, color=INK))
        return ft.PopupMenuItem(
            content=ft.Row(words, spacing=8, tight=True),
            height=32,
            on_click=lambda _event: self._choose(choice.key),
        )

    def _choose(self, key: str) -> None:
        for control in self.set(key):
            control.update()
        self._on_choose(key)


def toolbar(left: Sequence[ft.Control], right: Sequence[ft.Control] = ()) -> ft.Row:
    """Return the row above a table; it keeps its height whatever is shown in it.

    Where there is not room for all, what is at the left scrolls.
    """
    return ft.Row(
        [ft.Row([*left], spacing=8, expand=True, scroll=ft.ScrollMode.HIDDEN), *right],
        spacing=8,
        height=HEIGHT,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )
