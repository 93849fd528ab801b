"""Clients: the machines whose files the server keeps."""

from collections.abc import Mapping

from reactivex import Observable

from streams.model.clients import Client
from streams.model.events import Event
from streams.model.snapshot import Delta
from streams.model.vocabulary import Topic
from streams.operators.results import Failed
from streams.sources.feed import FeedItem, Synced
from streams.sources.fold import NumberedFold
from streams.sources.folding import folded
from streams.sources.reading import Fetch, Numbered, OnEvent, OnResponse, Reading

Answer = Numbered[Mapping[str, Client]]
Update = Delta[str, Client] | Failed
FetchClients = Fetch[Answer]
"""All clients by id, and the last event that is already in them."""


def clients(fetch: FetchClients, reading: Reading) -> Observable[Update]:
    """Clients as the server last saw them.

    Source:  GET /api/clients every ``critical_s`` and after each gap, and client events of the WebSocket.
    Emits:   the first answer as a full delta, then each change; an empty delta for an answer without one.
    Shape:   0 to some thousand clients by id; stored_bytes in bytes, times in UTC.
    Sharing: none; the table that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """

    def begin() -> tuple[FetchClients, OnResponse[Answer, Update], OnEvent[Update]]:
        fold: NumberedFold[str, Client] = NumberedFold()

        def read(answer: Answer) -> Delta[str, Client] | None:
            return fold.read(answer.epoch, answer.seq, answer.value)

        def on_event(item: FeedItem) -> Update | None:
            if isinstance(item, Event):  # first, and without a match: two hundred of them come a second
                if (client := item.client) is not None:
                    return fold.write(item.seq, client.id, client, item.committed_at)
                if (removed := item.removed) is not None:
                    return fold.write(item.seq, removed.id, None, item.committed_at)
            elif isinstance(item, Synced):
                fold.restart(item.epoch)
            return None

        return fetch, folded(read), on_event

    return reading.polled(begin, reading.critical_s, Topic.CLIENTS)
