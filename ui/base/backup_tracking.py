"""Backups that were asked for and have not ended, whichever page asked, and who follows them."""

from dataclasses import dataclass, field
from typing import Protocol

from streams.model.clients import Client
from streams.model.runs import Run
from ui.base.messages import Messages


@dataclass(slots=True)
class Batch:
    """Backups that were asked for together, and are told of together."""

    after_run: int
    waiting: set[str]
    queued: bool
    """Whether the client was away when it was asked for; then its start is told, too."""
    ends: dict[str, Run] = field(default_factory=dict[str, Run])
    gone: list[str] = field(default_factory=list[str])
    """Why some come to no end."""
    told: int = 0
    """How many ends the message centre was told of."""
    message: int | None = None
    """The number of the message that says how far they are, among those of ``told_by``."""
    told_by: Messages | None = None
    clients: dict[str, Client] = field(default_factory=dict[str, Client])
    """Those that are waited for, as they are now."""

    @property
    def over(self) -> int:
        """How many are waited for no more."""
        return len(self.ends) + len(self.gone)

    def begin_telling(self, messages: Messages) -> None:
        """Tell of these there from now on, and no more where they were told of before."""
        if self.told_by is messages:
            return
        if self.told_by is not None and self.message is not None:
            self.told_by.over(self.message)
        self.told_by, self.message, self.told = messages, None, 0

    def take(self, client_id: str, runs: tuple[Run, ...]) -> None:
        """Note the end of a backup: the first run since it was asked for, once it has ended."""
        since = [run for run in runs if run.id > self.after_run]
        first = min(since, key=lambda run: run.id, default=None)
        if client_id in self.waiting and first is not None and first.state.ended:
            self.waiting.discard(client_id)
            self.ends[client_id] = first


class Follower(Protocol):
    """A page that tells how backups end, as long as it is looked at."""

    def adopt_batches(self, batches: list[Batch]) -> None:
        """Follow these too."""
        ...


class Followed:
    """Hands backups from a page that is looked at no more to another one; one for all pages of the console.

    Each batch is followed by one page at a time, so that its end is told once; while no page is looked at it
    waits here for the next one.
    """

    def __init__(self) -> None:
        self._followers: list[Follower] = []
        self._waiting: list[Batch] = []

    def come(self, follower: Follower) -> None:
        """Take note of a page that is looked at: it follows what nobody does."""
        self._followers.append(follower)
        waiting, self._waiting = self._waiting, []
        if waiting:
            follower.adopt_batches(waiting)

    def leave(self, follower: Follower, batches: list[Batch]) -> None:
        """Take over what a page has followed that is looked at no more."""
        # Not by likeness: two pages that show the same are equal.
        self._followers = [other for other in self._followers if other is not follower]
        self.hand_over(batches)

    def hand_over(self, batches: list[Batch]) -> None:
        """Have backups followed by a page that is looked at; the one that came last."""
        if not batches:
            return
        if self._followers:
            self._followers[-1].adopt_batches(batches)
        else:
            self._waiting += batches
