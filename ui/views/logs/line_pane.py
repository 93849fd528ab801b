"""The lines of the log on the screen: they follow the present or stand still, below bars of how many."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from streams.model.logs import LogLine
from streams.ports.logs import LogChange
from ui.base.context import UiContext
from ui.base.theme import Density
from ui.components.data_table.line_list import LineList, LineRow
from ui.views.logs.notes import LogNotes
from ui.views.logs.paused_lines import PausedLines
from ui.views.logs.present import present_volume
from ui.views.logs.volume import VolumeBars

REDRAW_S: Final = 0.1
FLOOD_LINES: Final = 100
FLOOD_REDRAW_S: Final = 0.3
"""How often a list is drawn of which every line is another one, which nobody reads at that pace."""
VOLUME_S: Final = 0.9
"""A little less than the beat of a second, which is not quite even."""
_ROW_HEIGHTS: Final = {Density.COMFORTABLE: 32, Density.STANDARD: 26, Density.COMPACT: 22}


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardEvents:
    """What the owner of a board hears and is asked."""

    on_open: Callable[[LogLine], None]
    """A line was chosen."""
    on_close: Callable[[], bool]
    """The details are to be closed; says whether they were open."""
    on_older: Callable[[], None]
    """Lines from further back are wanted."""
    on_paused: Callable[[bool], None]
    ends_early: Callable[[], bool]
    """Whether the lines end before the present, so that there is nothing to follow."""
    to_present: Callable[[], None]
    """Lines up to the present are wanted again."""
    touch: Callable[..., None]


class LogBoard:
    """Takes changes; ``list``, ``volume`` and ``notes`` go into the page."""

    def __init__(
        self,
        context: UiContext,
        make_row: Callable[[int, Callable[[Any], None]], LineRow[LogLine]],
        events: BoardEvents,
    ) -> None:
        self._context, self._events = context, events
        self.held = PausedLines()
        self.list: LineList[LogLine] = LineList(
            make_row,
            row_height=_ROW_HEIGHTS[context.density],
            on_scroll=self._on_scroll,
            on_open=lambda index: events.on_open(self.held.lines[index]),
            on_cancel=events.on_close,
            label="Log lines",
        )
        self.list.lines = self.held.lines
        self.volume = VolumeBars(context.format, self.jump)
        self.notes = LogNotes(self.follow)
        self._goal: datetime | None = None
        self._volume_at: datetime | None = None
        self._flooded = False

    def line_at(self, slot: int) -> LogLine | None:
        """Return the line in a row of the screen."""
        index = self.list.window.offset + slot
        return self.held.lines[index] if index < len(self.held.lines) else None

    def redraw_s(self) -> float:
        """Return how long to gather changes before they are taken."""
        return FLOOD_REDRAW_S if self._flooded and not self.held.paused else REDRAW_S

    # -- what is shown

    def take(self, change: LogChange) -> None:
        """Show what came."""
        held = self.held
        top = held.key_at(self.list.window.offset) if held.paused else None
        held.take(change)
        self.list.show(offset=held.shown.index_of(top) if top is not None else None)
        self._flooded = len(change.lines) > FLOOD_LINES
        self._tell()
        if self._goal is not None:
            self._reach(self._goal)
        self.show_volume(None)

    def start_over(self) -> None:
        """Expect the lines of another filter."""
        self.held.paused = self.held.by_hand
        self.held.start_over()
        self._volume_at = None
        self._events.on_paused(self.held.paused)

    def show_volume(self, now: datetime | None) -> None:
        """Draw the bars anew, but not more often than once a second while lines come."""
        at = now or self._context.clock()
        if self._volume_at is not None and at - self._volume_at < timedelta(seconds=VOLUME_S):
            return
        self._volume_at = at
        self._events.touch(*self.volume.show(present_volume(self.held.lines)))

    def _tell(self) -> None:
        self._events.touch(*self.notes.show(self.held))

    # -- standing still and following

    def pause(self, *, by_hand: bool = False) -> None:
        """Stand still, and count what comes."""
        self.held.pause(by_hand=by_hand)
        self._events.on_paused(True)
        self._tell()

    def follow(self) -> None:
        """Show what waits, and all that comes."""
        self._goal = None
        self.held.follow()
        self._events.on_paused(False)
        if self._events.ends_early():
            self._events.to_present()
        self.list.show()
        self._volume_at = None
        self.show_volume(None)
        self._tell()

    def toggle(self) -> None:
        """Stand still until told otherwise, or follow again."""
        if self.held.paused:
            self.follow()
        else:
            self.pause(by_hand=True)

    def go_to(self, moment: datetime) -> None:
        """Stand still at a moment as soon as its lines are here; what is shown now is of no use for that."""
        self.held.start_over(clear=True)
        self.pause()
        self._goal = moment

    def jump(self, moment: datetime) -> None:
        """Show the lines from a moment on."""
        self.pause()
        index = next((i for i, line in enumerate(self.held.lines) if line.at >= moment), None)
        if index is not None:
            self.list.show(offset=max(0, index - 1))
        self._ask_older()

    def _reach(self, moment: datetime) -> None:
        """Go on to a moment that was asked for before its lines were here."""
        lines = self.held.lines
        if not lines:
            return
        if lines[0].at <= moment or not self.held.can_grow:
            self._goal = None
            self.jump(moment)
        else:
            self._events.on_older()

    def _on_scroll(self) -> None:
        self._goal = None
        if not self.list.at_end:
            self.pause()
        elif self.held.paused and not self.held.by_hand and not self._events.ends_early():
            self.follow()
        self._ask_older()

    def _ask_older(self) -> None:
        if self.held.can_grow and self.list.near_start:
            self._events.on_older()
