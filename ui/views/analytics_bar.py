"""What stands above the charts: the range, two days for one of one's own, comparing, and how fresh it is."""

from collections.abc import Callable
from dataclasses import replace

import flet as ft

from ui.components.choice_row import ChoiceRow
from ui.components.toolbar import HEIGHT, toolbar
from ui.context import UiContext
from ui.theme import CARD, INK, LINE, QUIET_INK, RADIUS, SIZE_BODY, Tone, small_text
from ui.views.analytics_range import BadDays, Range, Span, days_of

_DAY_WIDTH = 112


class RangeBar:
    """The row above the charts; ``control`` goes into the page, ``on_range`` gets each complete range."""

    def __init__(self, chosen: Range, on_range: Callable[[Range], None], *, context: UiContext) -> None:
        self.value = chosen
        self._on_range, self._context = on_range, context
        self._spans = ChoiceRow(
            [span.value for span in Span], chosen.span.value, self._on_span, label="Range"
        )
        self._first, self._last = self._day("First day"), self._day("Last day")
        self._wrong = small_text(color=Tone.BAD.color)
        self._days = ft.Row(
            [
                self._framed(self._first, "First day"),
                small_text("to"),
                self._framed(self._last, "Last day"),
                self._wrong,
            ],
            spacing=6,
            tight=True,
            visible=chosen.span is Span.CUSTOM,
        )
        self._compare = ft.Checkbox(
            label="Compare with previous",
            value=chosen.compare,
            label_style=ft.TextStyle(size=SIZE_BODY, color=INK),
            on_change=lambda _: self._on_compare(),
        )
        self._as_of = small_text()
        self._put_days()
        self.control = toolbar([self._spans, self._days, self._compare], [self._as_of])

    def show_as_of(self, text: str, exact: str) -> list[ft.Control]:
        """Say when what is drawn was computed; return the controls to update."""
        if text == self._as_of.value:
            return []
        self._as_of.value, self._as_of.tooltip = text, exact
        return [self._as_of]

    # -- the two days

    def _day(self, label: str) -> ft.TextField:
        return ft.TextField(
            hint_text="2026-03-12",
            tooltip=f"{label}, as 2026-03-12",
            text_size=SIZE_BODY,
            color=INK,
            hint_style=ft.TextStyle(size=SIZE_BODY, color=QUIET_INK),
            dense=True,
            content_padding=ft.Padding.only(left=10, right=6, top=11, bottom=9),
            border=ft.NoInputBorder(),
            on_submit=lambda _: self._take_days(),
            on_focus=lambda _: self._typing(True),
            on_blur=lambda _: self._on_blur(),
        )

    def _framed(self, field: ft.TextField, label: str) -> ft.Container:
        return ft.Container(
            ft.Semantics(content=field, label=label),
            width=_DAY_WIDTH,
            height=HEIGHT,
            bgcolor=CARD,
            border=ft.Border.all(1, LINE),
            border_radius=RADIUS,
        )

    def _put_days(self) -> None:
        today = self._context.clock().astimezone(self._context.format.zone).date()
        self._first.value = (self.value.first or today.replace(day=1)).isoformat()
        self._last.value = (self.value.last or today).isoformat()

    def _typing(self, typing: bool) -> None:
        self._context.typing = typing

    def _on_blur(self) -> None:
        self._typing(False)
        self._take_days()

    def _take_days(self) -> None:
        today = self._context.clock().astimezone(self._context.format.zone).date()
        found = days_of(self._first.value or "", self._last.value or "", today)
        self._say_wrong(found if isinstance(found, BadDays) else BadDays())
        if not isinstance(found, BadDays):
            self._tell(replace(self.value, span=Span.CUSTOM, first=found[0], last=found[1]))

    def _say_wrong(self, wrong: BadDays) -> None:
        for field, text in ((self._first, wrong.first), (self._last, wrong.last)):
            frame = field.parent.parent if field.parent is not None else None
            if isinstance(frame, ft.Container):
                frame.border = ft.Border.all(1, Tone.BAD.color if text else LINE)
        self._wrong.value = wrong.first or wrong.last
        self._days.update()

    # -- choosing

    def _on_span(self, word: str) -> None:
        span = Span(word)
        self._days.visible = span is Span.CUSTOM
        self._days.update()
        if span is Span.CUSTOM:
            self._take_days()
        else:
            self._tell(replace(self.value, span=span))

    def _on_compare(self) -> None:
        self._tell(replace(self.value, compare=bool(self._compare.value)))

    def _tell(self, chosen: Range) -> None:
        if chosen != self.value:
            self.value = chosen
            self._on_range(chosen)
