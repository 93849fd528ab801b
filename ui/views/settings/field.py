"""One setting: its words, its value to be edited in place, and why a value is refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import flet as ft

from streams.model.settings import Setting, SettingKind
from ui.base.theme import (
    FIELD_LINE,
    INK,
    LINE,
    MONO,
    QUIET_INK,
    SELECTED,
    SIZE_BODY,
    SIZE_SMALL,
    STRONG,
    STRONG_FACE,
    SelectableText,
    Tone,
    text_style,
)
from ui.components.bare_field import named
from ui.components.icon_button import IconButton
from ui.views.settings.present import present_label, present_range, present_reset, present_source

WIDTH: Final = 300
_WIDE: Final = (SettingKind.PATH, SettingKind.LIST)


@dataclass(frozen=True, slots=True)
class FieldEvents:
    """What a setting tells its view."""

    on_commit: Callable[[str, str | None], None]
    """A value is meant: Enter, leaving it, a choice. The setting's name and the text; None: its default."""
    on_take_back: Callable[[str], None]
    """What was meant but could not be saved yet is meant no more."""
    on_typing: Callable[["SettingField", bool], None]
    """It has taken the keyboard, or lost it."""
    touch: Callable[..., None]
    """Updates controls that are still shown: what is typed may be left after another section was chosen."""


class SettingField:
    """The row of one setting; ``control`` goes into the page."""

    def __init__(self, setting: Setting, events: FieldEvents) -> None:
        self._setting, self._events = setting, events
        self._pending: str | None = None
        self.entered = False
        """Whether what was meant last was meant with Enter, which takes the keyboard from the field."""
        self._held = False  # whether the field has the keyboard
        self._seen = self._due = ""  # the text in the field before it was typed into; what belongs there
        self._note = ft.Text("", size=SIZE_SMALL, color=QUIET_INK)
        self._origin = ft.Text("", size=SIZE_SMALL, color=INK, visible=False)
        self.seen = setting.value
        """The value that was seen before it was edited: what a change takes the place of."""
        self._refused = ""  # why it cannot be changed now
        self._waiting = self._answer = False
        self._lock = ft.Icon(ft.Icons.LOCK_OUTLINE, size=16, color=QUIET_INK, visible=False)
        self._reset = IconButton(
            ft.Icons.RESTART_ALT,
            icon_size=18,
            width=32,
            height=32,
            padding=0,
            tooltip="Back to the default",
            on_click=lambda _: self._on_reset(),
        )
        self._input: Any = self._make_input()
        head = ft.Row(
            [
                ft.Text(
                    present_label(setting.key),
                    size=SIZE_BODY,
                    weight=STRONG,
                    font_family=STRONG_FACE,
                    color=INK,
                ),
                SelectableText(setting.name, size=11, font_family=MONO, color=QUIET_INK),
            ],
            spacing=10,
            vertical_alignment=ft.CrossAxisAlignment.CENTER,
            wrap=True,
            run_spacing=0,
        )
        words = ft.Column(
            [head, ft.Text(setting.about, size=SIZE_BODY, color=QUIET_INK), self._note, self._origin],
            spacing=2,
            tight=True,
            col={"xs": 12, "lg": 7},
        )
        value = ft.Row(
            [
                self._lock,
                named(self._input, setting.name)
                if isinstance(self._input, ft.TextField)
                else ft.Semantics(content=self._input, label=setting.name, container=True),
                ft.Text(setting.unit, size=SIZE_BODY, color=QUIET_INK, width=64, visible=bool(setting.unit)),
                self._reset,
            ],
            spacing=8,
            alignment=ft.MainAxisAlignment.END,
            col={"xs": 12, "lg": 5},
        )
        self.control = ft.Container(
            # Below a wide window the value stands under its words, which need the room.
            ft.ResponsiveRow([words, value], spacing=12, run_spacing=8),
            key=f"setting {setting.name}",
            padding=ft.Padding.symmetric(vertical=10, horizontal=16),
            border=ft.Border.only(top=ft.BorderSide(1, LINE)),
        )
        self._put(setting.value)
        self._say("")
        self.show(setting)

    # -- drawing

    @property
    def name(self) -> str:
        """Section and key."""
        return self._setting.name

    @property
    def pending(self) -> str | None:
        """What was meant but is not in the file; None if nothing."""
        return self._pending

    def show(self, setting: Setting) -> ft.Control:
        """Show what is in force, unless something else is meant already; return the control to update."""
        before, self._setting = self._setting, setting
        if self._pending is None and before != setting:  # what is being typed stays while others change
            self._put(setting.value)
            if not self._answer:
                self._say("")
        if not self._held:
            self.seen = setting.value
        self._lock.visible = setting.fixed
        self._show_usable()
        self._reset.visible = not setting.fixed
        self._reset.tooltip = present_reset(setting)
        self._reset.icon_color = None if setting.changed else ft.Colors.TRANSPARENT
        return self.control

    def _show_usable(self) -> None:
        usable = not (self._setting.fixed or self._refused or self._waiting)
        self._input.disabled = not usable
        self._input.tooltip = self._refused or None
        self._reset.disabled = not (usable and self._setting.changed)

    def hold(self, refused: str) -> list[ft.Control]:
        """Hold the value back where ``refused`` says why; return the controls to update."""
        if refused == self._refused:
            return []
        self._refused = refused
        self._show_usable()
        return [self.control]

    def tell(self, origin: str) -> None:
        """Say beside the range where the value comes from."""
        self._origin.value, self._origin.visible = origin, bool(origin)

    def wait(self, words: str) -> ft.Control:
        """Take nothing more until what was meant is answered; return the control to update."""
        self._waiting, self._answer = True, False
        self._show_usable()
        self._say(words)
        return self.control

    def end_wait(self) -> None:
        """Take values again."""
        self._waiting = False
        self._show_usable()

    def answered(self, reason: str, *, keep: bool) -> ft.Control:
        """Show why what was meant was not taken, until the next change; ``keep`` what was typed.

        Returns the control to update.
        """
        self.end_wait()
        if not keep:
            self.seen = self._setting.value
            self._put(self._setting.value)
        self._answer = True
        return self.refuse(reason)

    def refuse(self, reason: str) -> ft.Control:
        """Show why what was meant is not taken; return the control to update."""
        self._say(reason, bad=True)
        return self.control

    def keep(self, text: str | None) -> ft.Control:
        """Hold what was meant until it can be saved with others; return the control to update."""
        self._pending = text if text is not None else self._setting.default
        self._say("Not saved yet.", warn=True)
        return self.control

    def forget(self) -> ft.Control:
        """Drop what was meant and show what is in force; return the control to update."""
        self._pending, self._answer, self.seen = None, False, self._setting.value
        self._put(self._setting.value)
        self._say("")
        return self.control

    def highlight(self, on: bool) -> ft.Control:
        """Show that somebody was led to this setting; return the control to update."""
        self.control.bgcolor = SELECTED if on else None
        return self.control

    def step_back(self) -> bool:
        """Put back what is in force, with nothing said against it; the field is left in one step."""
        waited, self._pending = self._pending is not None, None
        self._input.value = self._seen = self._due = self.seen = self._setting.value
        self._answer = False
        self._say("")
        self._events.touch(self.control)
        if waited:
            self._events.on_take_back(self.name)
        return False

    async def focus(self) -> None:
        """Take the keyboard, where there is something to type into."""
        if isinstance(self._input, ft.TextField):
            await self._input.focus()

    def _say(self, reason: str, *, bad: bool = False, warn: bool = False) -> None:
        fixed = present_source(self._setting)
        self._note.value = reason or fixed or present_range(self._setting)
        tone = Tone.BAD if bad else Tone.WARNING if warn else None
        self._note.color = tone.color if tone is not None else QUIET_INK
        if isinstance(self._input, ft.TextField):
            self._input.border = _bad_border() if bad else _border(FIELD_LINE)

    # -- the value

    def _put(self, text: str) -> None:
        kind = self._setting.kind
        if kind is SettingKind.SWITCH:
            self._input.value = text == "true"
        elif kind is SettingKind.CHOICE:
            self._input.selected = [text]
        else:
            self._due = text
            if not self._held:  # else it would go over what is being typed
                self._input.value = self._seen = text
            if kind is SettingKind.SECRET:
                self._input.hint_text = (
                    "set, not shown; type to replace" if self._setting.is_set else "not set"
                )

    def _make_input(self) -> ft.Control:
        setting = self._setting
        if setting.kind is SettingKind.SWITCH:
            return ft.Switch(on_change=lambda e: self._commit("true" if e.control.value else "false"))
        if setting.kind is SettingKind.CHOICE:
            return ft.SegmentedButton(
                segments=[ft.Segment(word, label=ft.Text(word, size=12)) for word in setting.choices],
                selected=[setting.value],
                show_selected_icon=False,
                on_change=lambda e: self._commit(next(iter(e.control.selected))),
            )
        many, numeric = (
            setting.kind is SettingKind.LIST,
            setting.kind in (SettingKind.WHOLE, SettingKind.NUMBER),
        )
        return ft.TextField(
            text_size=SIZE_BODY,
            color=INK,  # also where it is fixed: its value is to be read
            text_align=ft.TextAlign.RIGHT if numeric else ft.TextAlign.LEFT,
            text_style=ft.TextStyle(font_family=MONO, size=12) if setting.kind in _WIDE else None,
            hint_style=text_style(size=12, color=QUIET_INK),
            password=setting.kind is SettingKind.SECRET,
            multiline=many,
            min_lines=2 if many else None,
            max_lines=6 if many else None,
            width=120 if numeric else WIDTH,
            dense=True,
            content_padding=ft.Padding.symmetric(horizontal=10, vertical=10),
            border=_border(FIELD_LINE),
            on_submit=lambda _: self._on_submit(),
            on_focus=lambda _: self._on_focus(),
            on_blur=self._on_blur,
        )

    def _on_focus(self) -> None:
        self.entered, self._held = False, True
        self.seen = self._setting.value
        self._events.on_typing(self, True)

    def _on_submit(self) -> None:
        self.entered = True
        self._commit_text()

    def _on_blur(self) -> None:
        self._held = False
        self._events.on_typing(self, False)
        if (self._input.value or "") != self._seen:
            self._commit_text()
        elif self._seen != self._due:  # nobody typed, and something else has come meanwhile
            self._put(self._due)
            self._events.touch(self._input)

    def _commit_text(self) -> None:
        text = self._input.value or ""
        self._seen = self._due = text
        if self._setting.kind is SettingKind.SECRET and not text:
            return  # an empty field leaves the secret as it is
        if text != (self._setting.value if self._pending is None else self._pending):
            self._commit(text)
        elif self._pending is None:
            self._say("")
            self._events.touch(self._note, self._input)

    def _commit(self, text: str) -> None:
        self._events.on_commit(self.name, text)

    def _on_reset(self) -> None:
        self._pending = None
        self._events.on_commit(self.name, None)


def _border(color: ft.ColorValue, width: float = 1) -> ft.InputBorder:
    return ft.OutlineInputBorder(side=ft.BorderSide(width, color), border_radius=8)


def _bad_border() -> dict[ft.ControlState, ft.InputBorder]:
    return {
        ft.ControlState.DEFAULT: _border(Tone.BAD.color),
        # Else it would have the colour of the theme while it is typed anew.
        ft.ControlState.FOCUSED: _border(Tone.BAD.color, 2),
    }
