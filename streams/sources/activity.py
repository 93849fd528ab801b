"""Activity: what happened, for people."""

import heapq

from reactivex import Observable

from streams.model.events import Event
from streams.model.server import Activity
from streams.model.vocabulary import Topic
from streams.operators.results import Failed, Ok
from streams.sources.feed import FeedItem, Synced
from streams.sources.reading import Fetch, OnEvent, OnResponse, Reading

KEPT = 100

Lines = tuple[Activity, ...]
Update = Ok[Lines] | Failed


def activity(fetch: Fetch[Lines], reading: Reading, client_id: str | None = None) -> Observable[Update]:
    """What happened, or what happened to one client.

    Source:  GET /api/activity every ``background_s`` and after each gap, and events of the WebSocket.
    Emits:   the newest 100 lines, newest first, at once and then on each new one.
    Shape:   up to 100 lines, each number once.
    Sharing: none; the cell that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """

    def begin() -> tuple[Fetch[Lines], OnResponse[Lines, Update], OnEvent[Update]]:
        newest = _Newest(client_id)
        return fetch, newest.read, newest.on_event

    return reading.polled(begin, reading.background_s, Topic.ACTIVITY)


class _Newest:
    """The lines that are known, by number."""

    def __init__(self, client_id: str | None) -> None:
        self._client_id = client_id
        self._lines: dict[int, Activity] = {}
        self._epoch = ""
        self._loaded = False

    def read(self, answer: Ok[Lines] | Failed) -> Update | None:
        """Take an answer of the server, or a failure."""
        if isinstance(answer, Failed):
            return answer
        self._loaded = True
        self._lines.update((line.seq, line) for line in answer.value)
        return self._tell()

    def on_event(self, item: FeedItem) -> Update | None:
        """Take what the feed says."""
        match item:
            case Event(activity=Activity() as line) if self._client_id in (None, line.client_id):
                self._lines[line.seq] = line
                return self._tell()
            case Synced(epoch=epoch):
                if self._epoch not in ("", epoch):  # numbered afresh: the old lines have other numbers
                    self._lines.clear()
                self._epoch = epoch
            case _:
                pass
        return None

    def _tell(self) -> Update | None:
        lines = self._lines
        for seq in heapq.nsmallest(len(lines) - KEPT, lines):
            del lines[seq]
        return Ok(tuple(lines[seq] for seq in sorted(lines, reverse=True))) if self._loaded else None
