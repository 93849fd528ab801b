"""Actions with the server as a whole; they ask first where something ends or much begins."""

from collections import Counter
from collections.abc import Callable, Collection

import flet as ft

from streams.model.clients import Client
from streams.model.outcome import Outcome
from streams.model.server import ServerStatus
from streams.model.vocabulary import Scope
from streams.ports.commands import Commands
from ui.base.context import UiContext
from ui.base.format import count_text
from ui.components.confirm import Question, ask
from ui.views.shared.present import present_back_up_all


class ServerActions:
    """Each method is a command to be run with ``BoundView.act``; what it did is said afterwards."""

    def __init__(self, commands: Commands, context: UiContext, *, page: Callable[[], ft.Page]) -> None:
        self._commands, self._context, self._page = commands, context, page

    async def stop(self, status: ServerStatus | None, *, agreed: Callable[[], None] = lambda: None) -> None:
        """Have the server take no new backups, after asking; ``agreed`` is called when the order goes out."""
        running = status.runs_active if status is not None else 0
        ends = (
            "No backup is running."
            if not running
            else "The running backup comes to its end first."
            if running == 1
            else f"{count_text(running)} running backups come to their end first."
        )
        question = Question(
            "Stop taking backups?",
            f"New backups are refused until the server is started again. {ends} The console stays connected.",
            "Stop the server",
            destructive=True,
            needs=Scope.OPERATE,
        )
        if not await ask(self._page(), self._context, question):
            return
        agreed()
        await self._commands.stop_server()
        self._context.messages.done(
            "The server takes no new backups.",
            action_label="Start",
            action=self.start,
            needs=Scope.OPERATE,
            undoes=frozenset({"stopped"}),
        )

    async def start(self) -> None:
        """Have the server take backups again."""
        await self._commands.start_server()
        self._context.messages.done("The server takes backups again.")

    async def back_up_all(self, clients: Collection[Client]) -> None:
        """Force a backup of everybody, after asking."""
        names, text = present_back_up_all(clients)
        question = Question("Back up all clients?", text, "Back up all", names, needs=Scope.OPERATE)
        if not await ask(self._page(), self._context, question):
            return
        outcome = await self._commands.back_up(None)
        say = self._context.messages.warn if outcome.refused else self._context.messages.done
        say(_told(outcome), detail=_refusals(outcome))
        self._context.follow_backups(outcome)


def _refusals(outcome: Outcome) -> str:
    """Return why some were refused: ``3 refused: a backup is running already``, a line for each reason."""
    reasons = Counter(outcome.refused.values())
    return "\n".join(f"{count_text(number)} refused: {reason}" for reason, number in reasons.most_common())


def _told(outcome: Outcome) -> str:
    parts = [f"{count_text(len(outcome.done))} begin now"]
    if outcome.queued:
        parts.append(f"{count_text(len(outcome.queued))} when they are back")
    if outcome.refused:
        parts.append(f"{count_text(len(outcome.refused))} refused")
    return f"Backup of all asked for: {', '.join(parts)}."
