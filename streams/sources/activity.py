"""Activity: what happened, for people."""

import heapq
from collections.abc import Callable

from reactivex import Observable

from streams.operators.results import Failed, Ok
from streams.records.events import Event
from streams.records.server import Activity
from streams.sources.feed import Synced
from streams.sources.reading import Fetch, Item, Reading
from streams.vocabulary import Topic

KEPT = 100

Lines = tuple[Activity, ...]


def activity(
    fetch: Fetch[Lines], reading: Reading, client_id: str | None = None
) -> Observable[Ok[Lines] | Failed]:
    """What happened, or what happened to one client.

    Source:  GET /api/activity every ``background_s`` and after each gap, and events of the WebSocket.
    Emits:   the newest 100 lines, newest first, at once and then on each new one.
    Shape:   up to 100 lines, each number once.
    Sharing: none; the cell that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """

    return reading.polled(lambda: (fetch, _newest(client_id)), reading.background_s, Topic.ACTIVITY)


def _newest(client_id: str | None) -> Callable[[Item[Lines]], Ok[Lines] | Failed | None]:
    lines: dict[int, Activity] = {}
    epoch = ""
    loaded = False

    def take(item: Item[Lines]) -> Ok[Lines] | Failed | None:
        nonlocal epoch, loaded
        match item:
            case Failed():
                return item
            case Ok(value=answer):
                loaded = True
                lines.update((line.seq, line) for line in answer)
            case Event(activity=Activity() as line) if client_id in (None, line.client_id):
                lines[line.seq] = line
            case Synced(epoch=new):
                if epoch and new != epoch:  # numbered afresh: the old lines have other numbers
                    lines.clear()
                epoch = new
                return None
            case _:
                return None
        for seq in heapq.nsmallest(len(lines) - KEPT, lines):
            del lines[seq]
        return Ok(tuple(lines[seq] for seq in sorted(lines, reverse=True))) if loaded else None

    return take
