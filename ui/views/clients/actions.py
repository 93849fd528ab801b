"""Actions with clients: asked for through the commands, told only when the server has answered."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import flet as ft

from streams.model.clients import Client
from streams.model.failures import TidewatchError
from streams.model.vocabulary import Scope
from streams.ports.commands import Commands
from ui.base.context import Place, UiContext
from ui.base.deep_links import client_link
from ui.base.format import counted
from ui.components.confirm import Question, ask
from ui.views.clients.details_present import present_quota
from ui.views.clients.present import present_goal
from ui.views.shared.backup_notifications import force_backup
from ui.views.shared.clipboard import copy_link
from ui.views.shared.command_results import (
    present_cancelled,
    present_lost,
    present_outcome,
    present_verified,
)
from ui.views.shared.revoked_client import copy_enrol_command

Act = Callable[[str, Coroutine[Any, Any, None]], None]


async def keep_client(commands: Commands, context: UiContext, client_id: str, name: str) -> None:
    """Take back the removal of a client, and say so."""
    await commands.keep_client(client_id)
    context.messages.used_up([f"removed {client_id}"])
    context.messages.done(f"{name} is kept and allowed again")


class ClientActions:
    """Runs commands on clients; ``act`` runs them in the background and words their failures."""

    def __init__(
        self,
        commands: Commands,
        context: UiContext,
        *,
        act: Act,
        page: Callable[[], ft.Page],
        names: Callable[[Sequence[str]], Mapping[str, str]],
    ) -> None:
        self._commands, self._context = commands, context
        self._act, self._page, self._names = act, page, names

    def back_up(self, ids: Sequence[str]) -> None:
        """Force a backup of these clients."""
        names = self._names(ids)
        self._act(f"Back up {self._who(ids)}", force_backup(self._commands, self._context, names))

    def cancel(self, run_id: int, name: str) -> None:
        """End a running backup; what it has stored is kept."""

        async def run() -> None:
            run_now = await self._commands.cancel_run(run_id)
            self._context.messages.done(present_cancelled(name, run_now))

        self._act(f"Cancel the backup of {name}", run())

    def disconnect(self, ids: Sequence[str]) -> None:
        """Shut clients out, after asking."""
        if not ids:
            self._context.messages.warn("All of the selected clients are disconnected already")
            return

        async def run() -> None:
            names = self._names(ids)
            who = self._who(ids)
            question = Question(
                title=f"Disconnect {who}?",
                text="A running backup ends, and nothing of it is backed up until it is allowed again."
                if len(ids) == 1
                else "Running backups end, and nothing of them is backed up until they are allowed again.",
                verb="Disconnect",
                names=[names[key] for key in ids] if len(ids) > 1 else (),
                destructive=True,
                needs=Scope.OPERATE,
            )
            if not await ask(self._page(), self._context, question):
                return
            outcome = await self._commands.disconnect(ids)
            text = present_outcome("Disconnected", outcome, names)
            if outcome.refused:
                self._context.messages.warn(text)
                return
            self._context.messages.done(
                text,
                action_label="Allow again",
                action=lambda: self._allow_now(outcome.done),
                needs=Scope.OPERATE,
                undoes=frozenset(f"disconnected {client_id}" for client_id in outcome.done),
            )

        self._act(f"Disconnect {self._who(ids)}", run())

    def allow(self, ids: Sequence[str]) -> None:
        """Let clients in again."""
        if not ids:
            self._context.messages.warn("None of the selected clients is disconnected")
            return
        self._act(f"Allow {self._who(ids)}", self._allow_now(ids))

    async def _allow_now(self, ids: Sequence[str]) -> None:
        outcome = await self._commands.allow(ids)
        self._context.messages.used_up(f"disconnected {client_id}" for client_id in outcome.done)
        text = present_outcome("Allowed", outcome, self._names(ids))
        self._say(text, bool(outcome.refused))

    def verify(self, ids: Sequence[str]) -> None:
        """Read everything these clients have stored and check it, one client after the other."""

        async def run() -> None:
            checked, more, damaged = 0, 0, list[str]()
            problems = list[str]()
            with self._context.messages.working(f"Verifying all files of {self._who(ids)}…"):
                for client_id in ids:
                    try:
                        result = await self._commands.verify_client(client_id)
                    except TidewatchError as error:
                        if len(ids) == 1:
                            raise
                        # The others are looked at all the same.
                        problems.append(f"{self._who([client_id])} could not be verified: {error.line()}")
                        continue
                    checked += result.checked
                    damaged += result.damaged
                    more += result.more_damaged
            text = f"{self._who(ids)}: {present_verified(checked, damaged, more)}"
            if problems:
                text += f"; {len(problems)} of {len(ids)} could not be verified"
            if damaged or problems:
                self._context.messages.error(text, detail="\n".join([*problems, *damaged]))
            else:
                self._context.messages.done(text)

        self._act(f"Verify {self._who(ids)}", run())

    def copy_link_to(self, name: str) -> None:
        """Copy a link that leads to a client."""
        self._act("Copy link", copy_link(self._context, client_link(name)))

    def copy_enrolment(self, name: str) -> None:
        """Copy the command that enrols a client again."""
        self._act("Copy command", copy_enrol_command(self._context, name))

    def remove(self, client_id: str) -> None:
        """Remove a client for good, after saying what is lost with it and having its name typed."""

        async def run() -> None:
            name = self._who([client_id])
            held = await self._commands.holdings(client_id)
            question = Question(
                title=f"Remove {name} for good?",
                text="Its agent is shut out at once. Until its time has come, which the list shows, this can "
                "be undone; then is lost:",
                verb="Remove for good",
                names=present_lost(held, self._context.format),
                destructive=True,
                type_name=held.name,
                needs=Scope.DESTROY,
            )
            if not await ask(self._page(), self._context, question):
                return
            with self._context.messages.working(f"Removing {name}…"):
                lost = await self._commands.remove_client(client_id)
            what = ", ".join(present_lost(lost, self._context.format))
            if lost.destroy_at is not None:
                at = self._context.format.exact_time(lost.destroy_at)
                self._context.messages.done(
                    f"{lost.name} is removed at {at}",
                    detail=f"Gone with it then: {what}.",
                    action_label="Undo",
                    action=lambda: self._keep_now(client_id),
                    needs=Scope.OPERATE,
                    undoes=frozenset({f"removed {client_id}"}),
                )
                return
            self._context.messages.done(f"{lost.name} was removed for good", detail=f"Gone with it: {what}.")

        self._act(f"Remove {self._who([client_id])}", run())

    def keep(self, client_id: str) -> None:
        """Take back the removal of a client."""
        self._act(f"Undo the removal of {self._who([client_id])}", self._keep_now(client_id))

    async def _keep_now(self, client_id: str) -> None:
        await keep_client(self._commands, self._context, client_id, self._who([client_id]))

    def protect(self, client_id: str, *, protected: bool) -> None:
        """Protect a client from removal and purge, or end that."""

        async def run() -> None:
            await self._commands.protect_client(client_id, protected=protected)
            told = "is protected" if protected else "is protected no longer"
            self._context.messages.done(f"{self._who([client_id])} {told}")

        self._act(f"{'Protect' if protected else 'End the protection of'} {self._who([client_id])}", run())

    def protect_run(self, run_id: int, *, protected: bool) -> None:
        """Protect what a run has backed up from the purge, and its client from removal, or end that."""

        async def run() -> None:
            await self._commands.protect_run(run_id, protected=protected)
            told = "is protected" if protected else "is protected no longer"
            self._context.messages.done(f"Backup {run_id} {told}")

        self._act(f"{'Protect' if protected else 'End the protection of'} backup {run_id}", run())

    def set_quota(self, client_id: str, quota_bytes: int | None) -> None:
        """Set how much a client may keep."""

        async def run() -> None:
            await self._commands.set_quota(client_id, quota_bytes)
            words = present_quota(quota_bytes, self._context.format)
            self._context.messages.done(f"Quota of {self._who([client_id])}: {words}")

        self._act(f"Set the quota of {self._who([client_id])}", run())

    def set_goal(self, client_id: str, goal_s: float) -> None:
        """Set how old the last good backup of a client may be."""

        async def run() -> None:
            await self._commands.set_goal(client_id, goal_s)
            self._context.messages.done(f"Goal of {self._who([client_id])} is {present_goal(goal_s)} now")

        self._act(f"Set the goal of {self._who([client_id])}", run())

    def show_log(self, client: Client) -> None:
        """Lead to the log lines of a client."""
        self._context.go(Place("logs", f"client:{client.id}:{client.name}"))

    def show_files(self, client_id: str) -> None:
        """Go to the files of a client."""
        self._context.go(Place("files", f"client:{client_id}"))

    def _who(self, ids: Sequence[str]) -> str:
        if len(ids) == 1:
            return next(iter(self._names(ids).values()), ids[0])
        return counted(len(ids), "client")

    def _say(self, text: str, refused: bool) -> None:
        if refused:
            self._context.messages.warn(text)
        else:
            self._context.messages.done(text)
