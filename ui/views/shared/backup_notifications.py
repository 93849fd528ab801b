"""Notifications about backups that somebody forced, wherever one is by then."""

import operator
from collections.abc import Mapping

import reactivex as rx
from reactivex import Observable
from reactivex import operators as ops
from reactivex.subject import Subject

from streams.model.clients import Client
from streams.model.outcome import Outcome
from streams.model.runs import Run
from streams.model.snapshot import Delta
from streams.model.vocabulary import ClientState, Health, RunState
from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.backup_tracking import Batch
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.views.shared.command_results import present_end, present_ends, present_how_far, present_outcome

CHECK_S = 1.0
"""So long after a client has changed its runs are asked for: one that was told to begin does so meanwhile."""
AT_ONCE = 4
"""So many clients are asked for their runs at the same time."""
REMOVED = "it was removed before its backup had ended"

_GOOD = (RunState.COMPLETE, RunState.CANCELLED)
_Answers = tuple[tuple[str, tuple[Run, ...]], ...]
"""Ids of clients, each with its newest runs."""


class BackupEnds(BoundView):
    """Follows a forced backup, and says how it ended; nothing of it is seen.

    A page that is left, or loaded anew, hands what it follows to the next one: see ``Followed``.

    Of several the message centre says how many have ended, until all have.

    What has changed while nobody could see the window is found on waking: a client that neither waits for a
    backup nor makes one is asked for its runs, and these say how the one that is meant has ended.
    """

    def __init__(self, *, streams: Streams, context: UiContext) -> None:
        self._streams = streams
        self._batches: list[Batch] = []
        self._present = False
        """Whether the others know that this page is looked at."""
        self._to_check: set[str] = set()
        self._asked: Subject[str] = Subject()
        super().__init__(context=context, key="backup-ends", left=0, top=0, width=0, height=0)
        answers = self._asked.pipe(ops.map(self._runs_of), ops.merge(max_concurrent=AT_ONCE))
        self.bind(answers, self._take_runs, merge=operator.add)
        self._table = self.bind_deltas(rx.never(), self._take_clients)
        context.follow_backups = self.follow

    def follow(self, outcome: Outcome) -> None:
        """Tell how the backups that an order has begun, or will, come to their ends."""
        batches = [Batch(outcome.after_run, set(outcome.done), queued=False)] if outcome.done else []
        # Each comes back at a time of its own.
        batches += [Batch(outcome.after_run, {each}, queued=True) for each in outcome.queued]
        if self._present:
            self.adopt_batches(batches)
        else:  # the page was left before the server had answered
            self.context.followed.hand_over(batches)

    def adopt_batches(self, batches: list[Batch]) -> None:
        """Tell of these here from now on."""
        first = not self._batches
        for batch in batches:
            batch.begin_telling(self.context.messages)
        self._batches += batches
        if first and self._batches:
            self._table.switch(self._streams.clients.deltas)
        else:
            self._check_soon(self._waiting())

    def _settle(self) -> None:
        super()._settle()
        if self.looking == self._present:
            return
        self._present = self.looking
        if self._present:
            self.context.followed.come(self)
        else:
            left, self._batches = self._batches, []
            self._table.switch(rx.never())
            self.context.followed.leave(self, left)

    def _waiting(self) -> set[str]:
        return set[str]().union(*(batch.waiting for batch in self._batches))

    def _client(self, client_id: str) -> Client | None:
        return next((b.clients[client_id] for b in self._batches if client_id in b.clients), None)

    # -- what becomes of the clients

    def _take_clients(self, delta: Delta[str, Client]) -> None:
        waiting = self._waiting()
        gone = waiting - delta.changed.keys() if delta.full else waiting & delta.removed
        for client_id in gone:
            self._give_up(client_id, REMOVED)
        changed = waiting & delta.changed.keys()
        for client_id in changed:
            for batch in self._batches:
                if client_id in batch.waiting:
                    batch.clients[client_id] = delta.changed[client_id]
            self._tell_start(delta.changed[client_id])
        self._tell_ended()
        self._check_soon(changed)

    def _tell_start(self, client: Client) -> None:
        run_id = client.running_run_id
        for batch in self._batches:
            if (
                batch.queued
                and client.id in batch.waiting
                and run_id is not None
                and run_id > batch.after_run
            ):
                batch.queued = False
                self.context.messages.info(f"{client.name} is back and began its backup")

    def _give_up(self, client_id: str, why: str) -> None:
        client = self._client(client_id)
        for batch in self._batches:
            if client_id in batch.waiting:
                batch.waiting.discard(client_id)
                batch.gone.append(f"{client.name if client else client_id}: {why}")

    def _check_soon(self, client_ids: set[str]) -> None:
        first = not self._to_check
        self._to_check |= client_ids
        if first and self._to_check:
            self.context.scheduler.schedule_relative(CHECK_S, lambda *_: self._check())

    def _check(self) -> None:
        to_check, self._to_check = self._to_check, set()
        for client_id in sorted(to_check & self._waiting()):
            client = self._client(client_id)
            if client is not None and client.running_run_id is None and not client.backup_queued:
                self._asked.on_next(client_id)

    # -- what became of their backups

    def _runs_of(self, client_id: str) -> Observable[_Answers]:
        return self._streams.client_runs(client_id).pipe(
            ops.filter(lambda snapshot: snapshot.health is Health.OK and snapshot.value is not None),
            ops.take(1),
            ops.map(lambda snapshot: ((client_id, snapshot.value.rows if snapshot.value else ()),)),
        )

    def _take_runs(self, answers: _Answers) -> None:
        for client_id, runs in answers:
            for batch in self._batches:
                batch.take(client_id, runs)
            client = self._client(client_id)
            if client is not None and client.state is ClientState.REVOKED:
                self._give_up(client_id, "its token was revoked")
        self._tell_ended()

    def _tell_ended(self) -> None:
        ended = [batch for batch in self._batches if not batch.waiting]
        self._batches = [batch for batch in self._batches if batch.waiting]
        for batch in ended:
            self._tell(batch)
        for batch in self._batches:
            batch.clients = {key: each for key, each in batch.clients.items() if key in batch.waiting}
            if batch.told != batch.over:
                self._tell_how_far(batch)
        if ended and not self._batches:
            self._table.switch(rx.never())

    def _tell_how_far(self, batch: Batch) -> None:
        batch.told = batch.over
        ends = list(batch.ends.values())
        text, detail = present_how_far(ends, batch.gone, batch.over + len(batch.waiting))
        if batch.message is None:
            batch.message = self.context.messages.info(text, detail=detail, ongoing=True, quiet=True)
        else:
            self.context.messages.retell(batch.message, text, detail)

    def _tell(self, batch: Batch) -> None:
        messages, ends = self.context.messages, list(batch.ends.values())
        if batch.message is not None:
            messages.over(batch.message)
        run_id = None
        if not ends and len(batch.gone) == 1:
            text, detail = f"No backup of {batch.gone[0]}", ""
        elif len(ends) == 1 and not batch.gone:
            text, detail = present_end(ends[0], self.context.format), ""
            run_id = ends[0].id
        else:
            text, detail = present_ends(ends, batch.gone)
        if any(end.state is RunState.FAILED for end in ends):
            messages.error(text, detail=detail, run_id=run_id)
        elif not batch.gone and all(end.state in _GOOD for end in ends):
            messages.done(text, detail=detail)
        else:
            messages.warn(text, detail=detail)


async def force_backup(commands: Commands, context: UiContext, names: Mapping[str, str]) -> None:
    """Force a backup of clients, given by id and name: say what the server did, and later how they ended."""
    outcome = await commands.back_up(list(names))
    say = context.messages.warn if outcome.refused else context.messages.done
    say(present_outcome("Backup started for", outcome, names))
    context.follow_backups(outcome)
