"""Asking for another token while the console runs: the server no longer takes the one that it was given."""

from collections.abc import Callable, Coroutine
from typing import Any

import flet as ft

from streams.model.failures import TidewatchError
from streams.ports.sign_in import AccessPort
from ui.base.context import UiContext
from ui.base.theme import QUIET_INK, SIZE_BODY, STRONG, STRONG_FACE, Tone
from ui.components.dialogs import show_dialog

WIDTH = 420

Act = Callable[[str, Coroutine[Any, Any, None]], None]


def token_field(on_submit: Callable[[], Any], on_change: Callable[[], Any]) -> ft.TextField:
    """Return a field that hides what is typed into it until that is asked for."""
    return ft.TextField(
        label="Token",
        password=True,
        can_reveal_password=True,
        autofocus=True,
        max_length=4096,
        counter="",
        on_submit=lambda _: on_submit(),
        on_change=lambda _: on_change(),
    )


class TokenDialog:
    """A field for a token, tried before it is kept; what the server says against it stands below."""

    def __init__(
        self, page: ft.Page, context: UiContext, access: AccessPort, *, act: Act, on_taken: Callable[[], None]
    ) -> None:
        self._access, self._act, self._on_taken = access, act, on_taken
        self._messages = context.messages
        self._field = token_field(self._on_go, self._show_button)
        self._field.width = WIDTH
        self._error = ft.Text("", size=SIZE_BODY, color=Tone.BAD.color, visible=False)
        self._button = ft.FilledButton("Connect", on_click=lambda _: self._on_go(), disabled=True)
        self._trying = False
        text = ft.Text(
            "The server does not take the token that this console has. “server token add” makes one.",
            size=SIZE_BODY,
            color=QUIET_INK,
        )
        body: list[ft.Control] = [text, self._field, ft.Semantics(content=self._error, live_region=True)]
        self._dialog = ft.AlertDialog(
            title=ft.Text("Another token", size=18, weight=STRONG, font_family=STRONG_FACE),
            content=ft.Container(ft.Column(body, spacing=14, tight=True), width=WIDTH),
            actions=[ft.TextButton("Not now", on_click=lambda _: self._close()), self._button],
            shape=ft.RoundedRectangleBorder(radius=14),
        )
        show_dialog(page, context, self._dialog)

    def _close(self) -> None:
        if self._dialog.open:
            self._dialog.open = False
            self._dialog.update()

    def _show_button(self) -> None:
        self._button.disabled = self._trying or not (self._field.value or "").strip()
        self._button.update()

    def _on_go(self) -> None:
        token = (self._field.value or "").strip()
        if token and not self._trying:
            self._act("Try the token", self._try(token))

    async def _try(self, token: str) -> None:
        self._trying = True
        self._show_button()
        try:
            await self._access.use(token)
        except TidewatchError as error:
            self._error.value, self._error.visible = error.message, True
            self._error.update()
            await self._field.focus()  # Enter has taken the keyboard from it
            return
        finally:
            self._trying = False
            self._show_button()
        self._close()
        if not self._access.kept_in:
            self._messages.warn("The token could not be kept", detail="The next start asks for it again.")
        self._on_taken()
