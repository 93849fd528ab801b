"""The port of a source to the event socket: frames of its topics, and when to read all again."""

from dataclasses import dataclass
from typing import Protocol

from reactivex import Observable

from streams.model.events import DatabaseFrame, Event, LogFrame, ProgressFrame, StatusFrame, TransferFrame
from streams.model.vocabulary import Topic


@dataclass(frozen=True, slots=True)
class Synced:
    """From now on every frame of the topics arrives; what was before has to be read."""

    epoch: str


@dataclass(frozen=True, slots=True)
class Lost:
    """No frames arrive for now; polling carries the data."""


Frame = Event | StatusFrame | ProgressFrame | TransferFrame | LogFrame | DatabaseFrame
FeedItem = Synced | Lost | Frame


class Feed(Protocol):
    """The event socket, as the sources see it."""

    def frames(self, *topics: Topic) -> Observable[FeedItem]:
        """Frames of the server about some topics.

        Source:  the event socket; subscribing asks the server for the topics, disposing takes that back.
        Emits:   Lost at once where there is no connection; Synced once the server is known to send, and
                 again after each gap; then each frame in order, an event never twice.
        Shape:   up to some hundred frames a second.
        Sharing: one socket for all.
        Errors:  none; a lost connection is Lost.
        """
        ...
