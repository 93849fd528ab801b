"""How backups that somebody forced have ended, told wherever one is by then."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import reactivex as rx

from streams.bag import Streams
from streams.commands import Commands, Outcome
from streams.records.server import Activity
from streams.snapshot import Snapshot
from streams.vocabulary import EventKind, RunState
from ui.bound import BoundView
from ui.context import UiContext
from ui.views.activity_present import present_activity
from ui.views.outcomes import present_ends, present_outcome

_GOOD = (RunState.COMPLETE, RunState.CANCELLED)


@dataclass(slots=True)
class _Batch:
    """Backups that were asked for together, and are told of together."""

    after_seq: int
    waiting: set[str]
    ends: dict[str, Activity] = field(default_factory=dict[str, Activity])

    def take(self, line: Activity) -> None:
        """Note the end of a backup that is waited for."""
        ours = line.kind is EventKind.RUN_FINISHED and line.seq > self.after_seq
        if ours and line.client_id in self.waiting:
            self.waiting.discard(line.client_id)
            self.ends[line.client_id] = line


class BackupEnds(BoundView):
    """Looks at what happens while a forced backup runs, and says how it ended; nothing of it is seen."""

    def __init__(self, *, streams: Streams, context: UiContext) -> None:
        self._streams = streams
        self._batches: list[_Batch] = []
        super().__init__(context=context, key="backup-ends", left=0, top=0, width=0, height=0)
        self._activity = self.bind(rx.never(), self._show)
        context.follow_backups = self.follow

    def follow(self, outcome: Outcome) -> None:
        """Tell how the backups that an order has begun come to their ends."""
        if not outcome.done:
            return
        first = not self._batches
        self._batches.append(_Batch(outcome.after_seq, set(outcome.done)))
        if first:
            self._activity.switch(self._streams.activity)

    def _show(self, lines: Snapshot[tuple[Activity, ...]]) -> None:
        for line in reversed(lines.value or ()):
            for batch in self._batches:
                batch.take(line)
        ended = [batch for batch in self._batches if not batch.waiting]
        self._batches = [batch for batch in self._batches if batch.waiting]
        for batch in ended:
            self._tell(list(batch.ends.values()))
        if ended and not self._batches:
            self._activity.switch(rx.never())

    def _tell(self, ends: list[Activity]) -> None:
        messages, now = self.context.messages, self.context.clock()
        if len(ends) == 1:
            text, detail = present_activity(ends[0], now, self.context.format).text, ""
        else:
            text, detail = present_ends(ends)
        failed = [end for end in ends if end.run_state is RunState.FAILED]
        if failed:
            messages.error(text, detail=detail, run_id=failed[0].run_id if len(ends) == 1 else None)
        elif all(end.run_state in _GOOD for end in ends):
            messages.done(text, detail=detail)
        else:
            messages.warn(text, detail=detail)


async def force_backup(commands: Commands, context: UiContext, names: Mapping[str, str]) -> None:
    """Force a backup of clients, given by id and name: say what the server did, and later how they ended."""
    outcome = await commands.back_up(list(names))
    say = context.messages.warn if outcome.refused else context.messages.done
    say(present_outcome("Backup started for", outcome, names))
    context.follow_backups(outcome)
