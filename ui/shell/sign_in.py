"""The page before the console: whether the server's key is its own, and the token to be let in with."""

from typing import Final

import flet as ft

from streams.model.base import Record
from streams.ports.sign_in import (
    KeyQuestion,
    SignInPort,
    Step,
    TokenQuestion,
    Trouble,
    TrustKey,
    TryAgain,
    Trying,
    UseToken,
)
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.theme import (
    CARD,
    INK,
    LINE,
    MONO,
    PAGE,
    QUIET_INK,
    RADIUS,
    SIZE_BODY,
    SIZE_SMALL,
    STRONG,
    STRONG_FACE,
    SelectableText,
    Tone,
    small_text,
    text_style,
)
from ui.components.token_dialog import token_field

WIDTH: Final = 480
NEW_KEY: Final = (
    "This machine does not know the server yet. Its public key is below. Compare it with what the server"
    " prints at its start: if both are the same, nobody is in between. It is remembered, and no other key is"
    " accepted."
)
OTHER_KEY: Final = (
    "The server shows another key than the one that this console trusts. Somebody may be in between. Go on"
    " only if the server was set up anew, and prints this key itself."
)
WHERE_FROM: Final = (
    "The server writes one into console.token in its data folder at its first start;"
    " “server token add” makes one with the rights that you choose."
)


class Words(Record, frozen=True, kw_only=True):
    """What the page says at one step."""

    title: str
    text: str = ""
    keys: tuple[tuple[str, str], ...] = ()
    """What each fingerprint is, and the fingerprint."""
    error: str = ""
    hint: str = ""
    verb: str
    """The word on the button."""
    small: str = ""
    asks_token: bool = False
    careful: bool = False
    """Whether the button does what may be a mistake: it has to be armed first."""


def present_step(step: Step) -> Words:
    """Return what the page says."""
    match step:
        case Trying():
            return Words(title=f"Connecting to {step.server}", verb="Connecting…")
        case KeyQuestion(trusted=""):
            return Words(
                title=f"Is this {step.server}?",
                text=NEW_KEY,
                keys=(("Key of the server", step.seen),),
                verb="It is the same",
            )
        case KeyQuestion():
            return Words(
                title=f"{step.server} has another key",
                text=OTHER_KEY,
                keys=(("Trusted so far", step.trusted), ("Shown now", step.seen)),
                verb="Trust the new key",
                careful=True,
            )
        case TokenQuestion():
            return Words(
                title=f"A token for {step.server}",
                text=WHERE_FROM,
                error=step.refused,
                verb="Connect",
                small=f"Asked once. It is kept in {step.kept_in}.",
                asks_token=True,
            )
        case Trouble():
            return Words(
                title=f"No connection to {step.server}", error=step.message, hint=step.hint, verb="Try again"
            )


class SignInScreen(BoundView):
    """A card in the middle of the page with the question that stands."""

    def __init__(self, sign_in: SignInPort, *, context: UiContext) -> None:
        self._sign_in = sign_in
        self._step: Step | None = None
        self._title = ft.Text("", size=20, weight=STRONG, font_family=STRONG_FACE, color=INK)
        self._text = ft.Text("", size=SIZE_BODY, color=QUIET_INK)
        self._keys = ft.Column([], spacing=10, tight=True)
        self._token = token_field(self._on_go, self._show_button)
        self._armed = ft.Checkbox(
            label="I have compared the new key with what the server prints",
            label_style=text_style(size=SIZE_BODY, color=INK),
            value=False,
            on_change=lambda _: self._show_button(),
        )
        self._error = ft.Text("", size=SIZE_BODY, color=Tone.BAD.color)
        self._hint = ft.Text("", size=SIZE_BODY, color=QUIET_INK)
        self._small = ft.Text("", size=SIZE_SMALL, color=QUIET_INK)
        self._button = ft.FilledButton("", on_click=lambda _: self._on_go())
        self._busy = ft.ProgressRing(width=18, height=18, stroke_width=2, visible=False)
        self._card = ft.Container(
            ft.Column(
                [
                    ft.Text("Tidewatch", size=SIZE_BODY, color=QUIET_INK),
                    ft.Semantics(content=self._title, heading_level=1),
                    self._text,
                    self._keys,
                    self._token,
                    self._armed,
                    ft.Semantics(
                        content=ft.Column([self._error, self._hint], spacing=4, tight=True), live_region=True
                    ),
                    ft.Row([self._button, self._busy], spacing=12),
                    self._small,
                ],
                spacing=14,
                tight=True,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
            padding=28,
            bgcolor=CARD,
            border=ft.Border.all(1, LINE),
            border_radius=RADIUS,
            width=WIDTH,
        )
        # It scrolls where a window is lower than what it says.
        column = ft.Column(
            [ft.Container(self._card, padding=16, alignment=ft.Alignment.CENTER)],
            scroll=ft.ScrollMode.AUTO,
            alignment=ft.MainAxisAlignment.CENTER,
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
            expand=True,
        )
        super().__init__(context=context, key="sign in", content=column, bgcolor=PAGE, expand=True)
        self.bind(sign_in.steps, self._show_step)

    def _show_step(self, step: Step) -> None:
        self._armed.value = False
        if not isinstance(step, Trying | TokenQuestion):
            self._token.value = ""
        self._step = step
        said = present_step(step)
        self._title.value, self._text.value = said.title, said.text
        self._keys.controls = [_key(name, key) for name, key in said.keys]
        self._token.visible, self._armed.visible = said.asks_token, said.careful
        self._error.value, self._hint.value, self._small.value = said.error, said.hint, said.small
        for control, has in (
            (self._text, said.text),
            (self._keys, said.keys),
            (self._error, said.error),
            (self._hint, said.hint),
            (self._small, said.small),
        ):
            control.visible = bool(has)
        self._busy.visible = isinstance(step, Trying)
        self._button.content = said.verb
        self._button.disabled = self._held_back()
        self.touch(self._card)

    def _held_back(self) -> bool:
        match self._step:
            case KeyQuestion(trusted=trusted) if trusted:
                return not self._armed.value
            case TokenQuestion():
                return not (self._token.value or "").strip()
            case KeyQuestion() | Trouble():
                return False
            case _:
                return True

    def _show_button(self) -> None:
        held = self._held_back()
        if self._button.disabled is not held:
            self._button.disabled = held
            self.touch(self._button)

    def _on_go(self) -> None:
        if self._held_back():
            return
        match self._step:
            case KeyQuestion(seen=seen):
                self._sign_in.answer(TrustKey(fingerprint=seen))
            case TokenQuestion():
                self._sign_in.answer(UseToken(token=(self._token.value or "").strip()))
            case _:
                self._sign_in.answer(TryAgain())


def _key(name: str, key: str) -> ft.Control:
    """Return a fingerprint under what it is, to be compared and copied."""
    return ft.Column(
        [small_text(name), SelectableText(key, size=13, font_family=MONO, color=INK)], spacing=2, tight=True
    )
