"""The bar above the charts: range, days, comparison, and age of the data."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import flet as ft

from ui.base.context import UiContext
from ui.base.theme import CARD, FIELD_LINE, INK, RADIUS, SIZE_BODY, Tone, small_text, text_style
from ui.components.bare_field import bare_field, named
from ui.components.choice_row import ChoiceRow
from ui.components.toolbar import HEIGHT, toolbar
from ui.views.analytics.range import BadDays, Range, Span, days_of

_DAY_WIDTH = 112


class _DayField:
    """A field for a day; Escape puts back the one in force."""

    def __init__(self, label: str, *, on_done: Callable[[], None], context: UiContext) -> None:
        self._on_done, self._context = on_done, context
        self.day: date | None = None
        """The day that is in force."""
        self.field = bare_field(
            "2026-03-12",
            tooltip=f"{label}, as 2026-03-12",
            content_padding=ft.Padding.only(left=10, right=6, top=11, bottom=9),
            on_submit=lambda _: on_done(),
            on_focus=lambda _: context.begin_typing(self),
            on_blur=lambda _: self._on_blur(),
        )
        self._frame = ft.Container(
            named(self.field, label),
            width=_DAY_WIDTH,
            height=HEIGHT,
            bgcolor=CARD,
            border=ft.Border.all(1, FIELD_LINE),
            border_radius=RADIUS,
        )
        self.control = self._frame

    @property
    def text(self) -> str:
        """What is written."""
        return self.field.value or ""

    def put(self, day: date) -> None:
        """Write the day that is in force."""
        self.day, self.field.value = day, day.isoformat()

    def mark(self, wrong: bool) -> None:
        """Show whether what is written is wrong."""
        self._frame.border = ft.Border.all(1, Tone.BAD.color if wrong else FIELD_LINE)

    def step_back(self) -> bool:
        """Put back the day that is in force; the field is left in one step."""
        if self.day is not None:
            self.put(self.day)
            self.field.update()
        return False

    def _on_blur(self) -> None:
        self._context.end_typing(self)
        self._on_done()


class RangeBar:
    """The row above the charts; ``control`` goes into the page, ``on_range`` gets each complete range."""

    def __init__(self, chosen: Range, on_range: Callable[[Range], None], *, context: UiContext) -> None:
        self.value = chosen
        self._on_range, self._context = on_range, context
        self._spans = ChoiceRow(
            [span.value for span in Span], chosen.span.value, self._on_span, label="Range"
        )
        self._first, self._last = (
            _DayField(label, on_done=self._take_days, context=context) for label in ("First day", "Last day")
        )
        self._wrong = small_text(color=Tone.BAD.color)
        self._days = ft.Row(
            [self._first.control, small_text("to"), self._last.control, self._wrong],
            spacing=6,
            tight=True,
            visible=chosen.span is Span.CUSTOM,
        )
        self._compare = ft.Checkbox(
            label="Compare with previous",
            value=chosen.compare,
            label_style=text_style(size=SIZE_BODY, color=INK),
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

    def _put_days(self) -> None:
        today = self._context.server_clock().astimezone(self._context.format.zone).date()
        self._first.put(self.value.first or today.replace(day=1))
        self._last.put(self.value.last or today)

    def _take_days(self) -> None:
        today = self._context.server_clock().astimezone(self._context.format.zone).date()
        found = days_of(self._first.text, self._last.text, today)
        self._say_wrong(found if isinstance(found, BadDays) else BadDays())
        if not isinstance(found, BadDays):
            self._first.day, self._last.day = found
            self._tell(replace(self.value, span=Span.CUSTOM, first=found[0], last=found[1]))

    def _say_wrong(self, wrong: BadDays) -> None:
        self._first.mark(bool(wrong.first))
        self._last.mark(bool(wrong.last))
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

    def choose(self, chosen: Range) -> None:
        """Choose a range as by hand."""
        self._compare.value = chosen.compare
        self._days.visible = chosen.span is Span.CUSTOM
        self._spans.set(chosen.span.value)
        changed = chosen != self.value
        self.value = chosen
        self._put_days()
        self.control.update()
        if changed:
            self._on_range(chosen)

    def _on_compare(self) -> None:
        self._tell(replace(self.value, compare=bool(self._compare.value)))

    def _tell(self, chosen: Range) -> None:
        if chosen != self.value:
            self.value = chosen
            self._on_range(chosen)
