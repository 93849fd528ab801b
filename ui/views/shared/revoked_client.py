"""A client whose token was revoked: why it cannot come back, and how to enrol it again."""

import shlex

import flet as ft

from streams.model.vocabulary import ClientState
from ui.base.context import UiContext
from ui.base.theme import INK, MONO, SIZE_BODY, SIZE_SMALL, SelectableText, Tone, look
from ui.components.icon_button import IconButton

WORDS = "Its token was revoked: it can neither connect nor back up until it is enrolled again."


def enrol_command(name: str) -> str:
    """Return the command that prints a code with which a client of this name enrols."""
    return f"tidewatch server enrol {shlex.quote(name)} --data DIR"


async def copy_enrol_command(context: UiContext, name: str) -> None:
    """Copy the command, and say where it is for."""
    await ft.Clipboard().set(enrol_command(name))
    context.messages.done(
        "Command copied; run it on the server, and start the agent with the code that it prints",
        detail=enrol_command(name),
    )


class RevokedPart:
    """Says in the details of a client that it has to be enrolled again, and how; not there for any other."""

    def __init__(self) -> None:
        tone = Tone.WARNING
        self._command = SelectableText("", size=SIZE_SMALL, font_family=MONO, color=INK, expand=True)
        self._copy = IconButton(
            ft.Icons.CONTENT_COPY, icon_size=16, tooltip="Copy the command", width=30, height=30, padding=0
        )
        icon = ft.Icon(look(ClientState.REVOKED).icon, size=18, color=tone.color)
        words = ft.Column(
            [
                ft.Text(WORDS, size=SIZE_BODY, color=INK),
                ft.Text("On the server, for a code for its agent:", size=SIZE_SMALL, color=INK),
                ft.Row([self._command, self._copy], spacing=4),
            ],
            spacing=4,
            tight=True,
            expand=True,
        )
        self.control = ft.Container(
            ft.Row([icon, words], spacing=10, vertical_alignment=ft.CrossAxisAlignment.START),
            padding=10,
            border_radius=8,
            bgcolor=tone.tint(0.08),
            visible=False,
        )

    def show(self, name: str, revoked: bool) -> list[ft.Control]:
        """Show it for a client of this name if its token was revoked; return what changed."""
        command = enrol_command(name)
        if (self.control.visible, self._command.value) == (revoked, command):
            return []
        self.control.visible, self._command.value = revoked, command
        self._copy.action = ft.CopyToClipboard(command)
        return [self.control]
