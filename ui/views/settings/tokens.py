"""Tokens of consoles in the settings: which there are, a new one that is shown once, and an end to one."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import flet as ft

from streams.model.failures import TidewatchError
from streams.model.link import Link
from streams.model.tokens import ConsoleToken, NewToken
from streams.model.vocabulary import CONSOLE_SCOPES, Scope
from streams.ports.commands import Commands
from ui.base.context import UiContext
from ui.base.format import age_text
from ui.base.permissions import Permissions
from ui.base.theme import (
    HOVER,
    INK,
    LINE,
    MONO,
    QUIET_INK,
    RADIUS,
    SIZE_BODY,
    STRONG,
    STRONG_FACE,
    SelectableText,
    Tone,
    body_text,
    card_title,
    small_text,
)
from ui.components.confirm import Question, ask
from ui.components.icon_button import IconButton
from ui.components.orders import hold_back

SCOPE_WORDS: Final = {
    Scope.LOOK: "see everything but the contents of files",
    Scope.OPERATE: "backups, connections, goals, quotas, verification, new clients, deletions with undo",
    Scope.RESTORE: "read the contents of files; with operate also let a client enrol again",
    Scope.DESTROY: "remove clients, end protection, manage tokens, change the server's settings",
}
NO_TOKENS: Final = "There is no token yet."
ENDS: Final = (("", "no end"), ("1", "1 day"), ("7", "7 days"), ("30", "30 days"), ("365", "1 year"))
Act = Callable[[str, Coroutine[Any, Any, None]], None]


class TokensCard:
    """Lists the tokens and makes new ones; ``act`` runs commands, ``touch`` updates what is still shown."""

    def __init__(
        self,
        commands: Commands,
        context: UiContext,
        *,
        act: Act,
        touch: Callable[..., None],
        page: Callable[[], ft.Page],
    ) -> None:
        self._commands, self._context = commands, context
        self._act, self._touch, self._page = act, touch, page
        self._rows = ft.Column([], spacing=0, tight=True)
        self._name = ft.TextField(
            label="Name",
            dense=True,
            width=220,
            max_length=60,
            counter="",
            content_padding=ft.Padding.symmetric(horizontal=14, vertical=16),  # as high as the menu beside it
        )
        boxes = {scope: ft.Checkbox(value=scope is Scope.LOOK) for scope in CONSOLE_SCOPES}
        boxes[Scope.LOOK].disabled = True  # part of every token
        self._scopes = {scope: box for scope, box in boxes.items() if scope is not Scope.LOOK}
        self._end = ft.Dropdown(
            label="Ends after",
            dense=True,
            width=140,
            value="",
            options=[ft.DropdownOption(key=key, text=text) for key, text in ENDS],
        )
        self._add = ft.FilledTonalButton("Add token", icon=ft.Icons.ADD, on_click=lambda _: self._on_add())
        self._made = ft.Column([], spacing=6, tight=True)
        self._revokes: list[ft.TextButton] = []
        self._permissions = Permissions()
        self.control = ft.Container(
            ft.Column(
                [
                    self._rows,
                    self._made,
                    card_title("New token"),
                    ft.Column(
                        [_scope_line(scope, box) for scope, box in boxes.items()], spacing=0, tight=True
                    ),
                    ft.Row(
                        [self._name, self._end, self._add],
                        spacing=12,
                        wrap=True,
                        vertical_alignment=ft.CrossAxisAlignment.CENTER,
                    ),
                    small_text("A token is shown once. On the server: tidewatch server token add NAME."),
                ],
                spacing=14,
                tight=True,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
            padding=ft.Padding.only(left=16, right=16, bottom=14),
        )

    def open(self) -> None:
        """Read the tokens anew; a secret that was shown before is gone."""
        self._made.controls = []
        self._act("Read the tokens", self._load())

    def show_link(self, link: Link) -> list[ft.Control]:
        """Hold back what cannot be ordered now; return the controls to update."""
        self._permissions = Permissions.of(link)
        return self._show_orders()

    def _show_orders(self) -> list[ft.Control]:
        refused = self._permissions.refusal(Scope.DESTROY)
        changed = hold_back(self._add, refused)
        for revoke in self._revokes:
            changed += hold_back(revoke, refused)
        return changed

    async def _load(self) -> None:
        try:
            tokens = await self._commands.tokens()
        except TidewatchError as failure:
            self._rows.controls = [ft.Text(failure.line(), size=SIZE_BODY, color=Tone.BAD.color)]
        else:
            self._revokes = []
            self._rows.controls = [self._row(token) for token in tokens] or [body_text(NO_TOKENS, quiet=True)]
        self._show_orders()
        self._touch(self.control)

    def _row(self, token: ConsoleToken) -> ft.Control:
        now = self._context.server_clock()
        ended = token.expires_at is not None and token.expires_at <= now
        end = "no end" if token.expires_at is None else self._context.format.exact_time(token.expires_at)
        used = "never used" if token.used_at is None else f"used {age_text(token.used_at, now)}"
        revoke = ft.TextButton(
            "Revoke…",
            style=ft.ButtonStyle(
                color={ft.ControlState.DEFAULT: Tone.BAD.color, ft.ControlState.DISABLED: QUIET_INK}
            ),
            on_click=lambda _, one=token: self._act(f"Revoke {one.name}", self._revoke(one)),
        )
        self._revokes.append(revoke)
        facts = f"{'ended' if ended else 'ends'} {end}" if token.expires_at is not None else end
        tone = Tone.WARNING.color if ended else QUIET_INK
        return ft.Container(
            ft.Row(
                [
                    ft.Text(
                        token.name,
                        size=SIZE_BODY,
                        weight=STRONG,
                        font_family=STRONG_FACE,
                        color=INK,
                        width=160,
                    ),
                    ft.Text(", ".join(token.scopes), size=SIZE_BODY, color=INK, width=220),
                    ft.Text(facts, size=SIZE_BODY, color=tone, width=200),
                    ft.Text(
                        f"{used} · made by {token.made_by or 'an earlier release'}",
                        size=SIZE_BODY,
                        color=QUIET_INK,
                        expand=True,
                        no_wrap=True,
                    ),
                    revoke,
                ],
                spacing=10,
            ),
            padding=ft.Padding.symmetric(vertical=4),
            border=ft.Border.only(bottom=ft.BorderSide(1, LINE)),
        )

    def _on_add(self) -> None:
        name = (self._name.value or "").strip()
        if not name:
            self._context.messages.warn("A token needs a name")
            return
        scopes = [Scope.LOOK, *(scope for scope, box in self._scopes.items() if box.value)]
        days = float(self._end.value) if self._end.value else None
        self._act(f"Add the token {name}", self._make(name, scopes, days))

    async def _make(self, name: str, scopes: Sequence[Scope], days: float | None) -> None:
        made = await self._commands.add_token(name, scopes, days)
        self._name.value = ""
        for box in self._scopes.values():
            box.value = False
        self._made.controls = [_shown_once(made)]
        await self._load()

    async def _revoke(self, token: ConsoleToken) -> None:
        question = Question(
            title=f"Revoke the token {token.name}?",
            text="Whoever uses it is shut out at once, and its open connections are closed.",
            verb="Revoke",
            destructive=True,
            needs=Scope.DESTROY,
        )
        if not await ask(self._page(), self._context, question):
            return
        await self._commands.revoke_token(token.id)
        self._made.controls = []
        self._context.messages.done(f"The token {token.name} is revoked")
        await self._load()


def _scope_line(scope: Scope, box: ft.Checkbox) -> ft.Control:
    """Return a scope with its box and what it allows."""
    return ft.Row(
        [
            box,
            ft.Text(scope.value, size=SIZE_BODY, weight=STRONG, font_family=STRONG_FACE, color=INK, width=70),
            ft.Text(SCOPE_WORDS[scope], size=SIZE_BODY, color=QUIET_INK, expand=True, no_wrap=True),
        ],
        spacing=8,
        height=32,
    )


def _shown_once(made: NewToken) -> ft.Control:
    copy = IconButton(ft.Icons.CONTENT_COPY, icon_size=16, tooltip="Copy the token")
    copy.action = ft.CopyToClipboard(made.secret)
    return ft.Container(
        ft.Column(
            [
                small_text(f"The token {made.token.name}; it is shown this once:"),
                ft.Row(
                    [
                        SelectableText(made.secret, font_family=MONO, color=INK, expand=True),
                        copy,
                    ]
                ),
            ],
            spacing=4,
            tight=True,
        ),
        padding=ft.Padding.symmetric(vertical=10, horizontal=14),
        bgcolor=HOVER,
        border=ft.Border.all(1, LINE),
        border_radius=RADIUS,
    )
