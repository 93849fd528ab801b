"""Holds of a client in its details: its removal, with Undo, and its protection."""

from collections.abc import Callable
from datetime import datetime

import flet as ft

from streams.model.clients import Client
from streams.model.vocabulary import Scope
from ui.base.format import Formatter
from ui.base.permissions import Permissions
from ui.base.theme import TO_BE_REMOVED, Tone
from ui.components.notice import Notice
from ui.views.clients.details_present import present_marked


class HoldsPart:
    """Two notices, neither there for a client that nothing holds."""

    def __init__(self, *, on_keep: Callable[[], None], on_unprotect: Callable[[], None]) -> None:
        self.marked = Notice(TO_BE_REMOVED.icon, Tone.WARNING, verb="Undo", on_click=on_keep)
        self.protected = Notice(ft.Icons.LOCK, Tone.BUSY, verb="End it", on_click=on_unprotect)
        self.controls = (self.marked.control, self.protected.control)

    def show(
        self, client: Client, permissions: Permissions, words: Formatter, now: datetime
    ) -> list[ft.Control]:
        """Show them for a client; return the controls to update."""
        exact = words.exact_time(client.destroy_at) if client.destroy_at is not None else ""
        protected = "Protected: it is not removed, and nothing of it is purged." if client.protected else ""
        return [
            *self.marked.show(
                present_marked(client, words, now),
                refused=permissions.refusal(Scope.OPERATE),
                tooltip=exact,
            ),
            *self.protected.show(protected, refused=permissions.refusal(Scope.DESTROY)),
        ]
