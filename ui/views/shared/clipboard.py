"""Putting words on the clipboard, and saying so."""

import flet as ft

from ui.base.context import UiContext
from ui.base.deep_links import command_of


async def copy_link(context: UiContext, link: str) -> None:
    """Copy the command that opens a link."""
    command = command_of(link)
    await ft.Clipboard().set(command)
    context.messages.done("Link copied", detail=command)
