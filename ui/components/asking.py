"""The answer to a former question, dimmed while the next one is asked, with a clock and a stop."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import flet as ft
from reactivex.disposable import SerialDisposable

from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.format import rough_duration_text
from ui.base.theme import CARD, FLOAT, INK, LINE, RADIUS, SIZE_BODY

PATIENCE_S: Final = 0.3
"""An answer that comes sooner takes the place of the former one without more ado."""
VEIL: Final = 0.66
"""How much of the former answer is covered: it can be told to be one, and is not read as the new one."""


def _nothing() -> None:
    """Ask nothing again."""


class Asking(BoundView):
    """Holds an answer; ``begin`` with each question and ``end`` with its answer, or when it is given up."""

    def __init__(
        self, answer: ft.Control, *, context: UiContext, key: str, word: str, on_stop: Callable[[], Any]
    ) -> None:
        """``word`` says what takes its time, as in "Asking for 3 s"."""
        self._word = word
        self._since: datetime | None = None
        self._waiting = SerialDisposable()
        self._text = ft.Text("", size=SIZE_BODY, color=INK)
        self._ring = ft.ProgressRing(width=16, height=16, stroke_width=2)
        self._on_stop, self._on_again = on_stop, _nothing
        self._button = ft.TextButton("Stop", on_click=lambda _: self._on_button())
        pill = ft.Container(
            ft.Row(
                [self._ring, self._text, self._button],
                spacing=10,
                tight=True,
            ),
            padding=ft.Padding.only(left=14, right=6),
            bgcolor=FLOAT,
            border=ft.Border.all(1, LINE),
            border_radius=RADIUS,
        )
        self._veil = ft.Container(
            ft.Semantics(content=pill, container=True, live_region=True),
            bgcolor=ft.Colors.with_opacity(VEIL, CARD),
            alignment=ft.Alignment.TOP_CENTER,
            padding=ft.Padding.only(top=48),
            visible=False,
        )
        stack = ft.Stack([answer, self._veil], fit=ft.StackFit.EXPAND, expand=True)
        super().__init__(context=context, key=key, content=stack, expand=True)
        self.bind(context.seconds, self._show_time)

    @property
    def dimmed(self) -> bool:
        """Whether what is shown belongs to the former question."""
        return bool(self._veil.visible)

    def begin(self) -> None:
        """A question is on its way; one that was before it counts no more."""
        self._since = self.context.clock()
        if self._veil.visible:
            self._dim()
        self._waiting.disposable = self.context.scheduler.schedule_relative(
            PATIENCE_S, lambda *_: self._dim()
        )

    def stopped(self, on_again: Callable[[], Any]) -> None:
        """The question was given up: what is shown stays veiled, with a way to ask again."""
        self._since, self._on_again = None, on_again
        self._waiting.disposable = None
        self._ring.visible, self._button.content = False, "Ask again"
        self._text.value = "This is the answer to the former question"
        self._veil.visible = True
        self.touch(self._veil)

    def _on_button(self) -> None:
        if self._since is not None:
            self._on_stop()
        else:
            self._on_again()

    def end(self) -> None:
        """What is shown is the answer to the question that stands."""
        self._since = None
        self._waiting.disposable = None
        if self._veil.visible:
            self._veil.visible = False
            self.touch(self._veil)

    def _dim(self) -> None:
        if self._since is not None:
            self._ring.visible, self._button.content = True, "Stop"
            self._veil.visible = True
            self._show_time(self.context.clock())
            self.touch(self._veil)

    def _show_time(self, now: datetime) -> None:
        if self._since is None or not self._veil.visible:
            return
        text = f"{self._word} for {rough_duration_text((now - self._since).total_seconds())}"
        if text != self._text.value:
            self._text.value = text
            self.touch(self._text)
