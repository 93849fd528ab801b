"""Transfers: bytes on their way."""

from collections.abc import Mapping

from reactivex import Observable

from streams.model.events import TransferFrame
from streams.model.server import Transfer
from streams.model.snapshot import Delta
from streams.model.vocabulary import Topic
from streams.operators.results import Failed
from streams.sources.feed import FeedItem
from streams.sources.fold import NewestFold
from streams.sources.folding import folded
from streams.sources.reading import Fetch, OnEvent, OnResponse, Reading

Answer = Mapping[str, Transfer]
Update = Delta[str, Transfer] | Failed
FetchTransfers = Fetch[Answer]
"""The transfers that run or have just ended, by id."""


def transfers(fetch: FetchTransfers, reading: Reading) -> Observable[Update]:
    """Uploads, downloads and verifications as they move.

    Source:  GET /api/transfers every ``critical_s`` and after each gap, and transfer frames of the WebSocket.
    Emits:   the first answer as a full delta, then each change; an ended one goes with the next answer.
    Shape:   by id, as many as run at once; bytes, and bytes per second.
    Sharing: none; the table that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """

    def begin() -> tuple[FetchTransfers, OnResponse[Answer, Update], OnEvent[Update]]:
        fold: NewestFold[str, Transfer] = NewestFold()

        def ask() -> Observable[Answer]:
            fold.ask()
            return fetch()

        def on_event(item: FeedItem) -> Update | None:
            if not isinstance(item, TransferFrame):
                return None
            return fold.write({row.id: row for row in item.transfers})

        return ask, folded(fold.read), on_event

    return reading.polled(begin, reading.critical_s, Topic.TRANSFERS)
