"""The lines of the log view: those that are shown, and those that wait while it is paused."""

from typing import Final

from streams.model.logs import LogLine
from streams.ports.logs import LineKey, LogChange, key_of
from ui.views.logs.buffer import LineBuffer

MAX_LINES: Final = 20_000
MAX_WAITING: Final = 10_000


class PausedLines:
    """Follows, or stands still: then older lines are put above, and newer ones wait and are counted."""

    def __init__(self, *, most: int = MAX_LINES, most_waiting: int = MAX_WAITING) -> None:
        self.shown = LineBuffer(most)
        self.waiting = LineBuffer(most_waiting)
        self.paused = self.by_hand = False
        self.new = 0
        """Lines that came since it stands still."""
        self.dropped = 0
        """Lines that could not be kept up with, since the view was made."""
        self.more = False
        """Whether older lines can be asked for."""
        self._starts_over = False
        self._waiting_replaces = False

    @property
    def lines(self) -> list[LogLine]:
        """The lines that are shown, oldest first."""
        return self.shown.lines

    @property
    def can_grow(self) -> bool:
        """Whether there are older lines, and room for them."""
        return self.more and not self.shown.full

    def start_over(self, *, clear: bool = False) -> None:
        """Expect other lines in the place of all these, which stay until the first of those comes."""
        self._starts_over = True
        self._waiting_replaces = False
        self.waiting.clear()
        self.new = 0
        if clear or self.paused:
            self.shown.clear()

    def take(self, change: LogChange) -> None:
        """Take what came."""
        self.more = change.more
        self.dropped += change.dropped
        self._starts_over = self._starts_over or change.full
        if self._starts_over:
            if not (change.loaded or change.lines or change.failure is not None):
                return  # nothing to put in the place yet
            self._starts_over = False
            self.waiting.clear()
            if self.paused and len(self.shown):
                self._waiting_replaces = True
            else:
                self.shown.clear()
        if self.paused and len(self.shown):
            self._take_standing(change.lines)
        else:
            self.shown.insert(change.lines)

    def _take_standing(self, lines: tuple[LogLine, ...]) -> None:
        first = self.shown.first
        older = 0
        while first is not None and older < len(lines) and key_of(lines[older]) < first:
            older += 1
        if not self.shown.full:
            self.shown.insert(lines[:older])
        self.new += self.waiting.insert(lines[older:])

    def pause(self, *, by_hand: bool = False) -> None:
        """Stand still."""
        self.paused = True
        self.by_hand = self.by_hand or by_hand

    def follow(self) -> None:
        """Show what waits, and all that comes."""
        self.paused = self.by_hand = False
        if self._waiting_replaces:
            self._waiting_replaces = False
            self.shown.clear()
        self.shown.insert(self.waiting.lines)
        self.waiting.clear()
        self.new = 0

    def key_at(self, index: int) -> LineKey | None:
        """Return where the line at an index stands."""
        return key_of(self.lines[index]) if 0 <= index < len(self.lines) else None
