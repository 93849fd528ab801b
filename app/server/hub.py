"""The event hub: what is committed leaves for every console that wants to see it, within bounded memory.

Numbered events are never dropped: a reader that lags beyond its bound is closed and can resume. What is
conflated (status, progress, transfers, databases) keeps only the newest of each key while a reader is slow.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.server.limits import Limits
from app.wire.http import TOKEN_REVOKED
from streams.model.events import (
    DatabaseFrame,
    Event,
    LogFrame,
    ProgressFrame,
    SocketProblem,
    StatusFrame,
    TransferFrame,
    encode,
)
from streams.model.runs import Progress
from streams.model.server import Transfer
from streams.model.vocabulary import Topic

ConflatedFrame = StatusFrame | ProgressFrame | TransferFrame | DatabaseFrame

TOO_SLOW = SocketProblem(code="too_slow", message="You read too slowly; connect again and resume.")
WRONG_TOKEN = SocketProblem(code="wrong_token", message=TOKEN_REVOKED)


@dataclass(frozen=True, slots=True)
class Encoded:
    """One event, encoded once for all sockets."""

    seq: int
    topics: frozenset[Topic]
    payload: bytes


class Reader:
    """What waits for one console socket; filled by the hub, emptied by the socket's writer."""

    def __init__(self, limits: Limits, token_id: object) -> None:
        self.token_id = token_id
        self.topics: frozenset[Topic] = frozenset()
        self.problem: SocketProblem | None = None
        self.replayed_seq = 0
        """Events up to this number went out by replay; live ones are skipped."""
        self._limits = limits
        self._events: deque[Encoded] = deque()
        self._bytes = 0
        self._status: bytes | None = None
        self._progress: dict[int, Progress] = {}
        self._ended: set[int] = set()
        self._transfers: dict[str, Transfer] = {}
        self._databases: dict[str, bytes] = {}
        self._logs: deque[tuple[int, bytes]] = deque()
        self._log_lines = 0
        self._logs_dropped = 0
        self._wake = asyncio.Event()

    @property
    def lag(self) -> int:
        """How many events wait."""
        return len(self._events)

    def offer(self, event: Encoded) -> None:
        """Queue an event that the topics ask for; beyond the bound the reader is closed."""
        if self.problem is not None or self.topics.isdisjoint(event.topics):
            return
        self._events.append(event)
        self._bytes += len(event.payload)
        if len(self._events) > self._limits.reader_events or self._bytes > self._limits.reader_bytes:
            self.close(TOO_SLOW)
        self._wake.set()

    def offer_conflated(self, frame: ConflatedFrame, payload: bytes) -> None:
        """Keep the newest of each key of ``frame`` until the writer comes."""
        if self.problem is not None:
            return
        match frame:
            case StatusFrame():
                if Topic.STATUS not in self.topics:
                    return
                self._status = payload
            case ProgressFrame():
                if Topic.PROGRESS not in self.topics:
                    return
                self._progress.update((progress.run_id, progress) for progress in frame.runs)
                for run_id in frame.ended:
                    self._progress.pop(run_id, None)
                self._ended.update(frame.ended)
            case TransferFrame():
                if Topic.TRANSFERS not in self.topics:
                    return
                self._transfers.update((transfer.id, transfer) for transfer in frame.transfers)
            case DatabaseFrame():
                if Topic.DATABASE not in self.topics:
                    return
                self._databases[frame.path] = payload
        self._wake.set()

    def offer_logs(self, count: int, payload: bytes) -> None:
        """Queue a frame of ``count`` log lines; beyond the bound the oldest go, and are counted."""
        if self.problem is not None or Topic.LOGS not in self.topics:
            return
        self._logs.append((count, payload))
        self._log_lines += count
        while self._log_lines > self._limits.reader_log_lines and len(self._logs) > 1:
            gone, _ = self._logs.popleft()
            self._log_lines -= gone
            self._logs_dropped += gone
        self._wake.set()

    def close(self, problem: SocketProblem) -> None:
        """Say goodbye with ``problem``; what waits is let go, a console can resume."""
        if self.problem is None:
            self.problem = problem
            self._events.clear()
            self._bytes = 0
            self._status = None
            self._progress.clear()
            self._transfers.clear()
            self._databases.clear()
            self._logs.clear()
        self._wake.set()

    async def take(self) -> list[bytes]:
        """Wait until something is there and return it in order, events first; empty once closed."""
        await self._wake.wait()
        self._wake.clear()
        if self.problem is not None:
            return []
        payloads = [event.payload for event in self._events if event.seq > self.replayed_seq]
        self._events.clear()
        self._bytes = 0
        if self._progress or self._ended:
            frame = ProgressFrame(runs=tuple(self._progress.values()), ended=tuple(self._ended))
            payloads.append(encode(frame))
            self._progress.clear()
            self._ended.clear()
        if self._transfers:
            payloads.append(encode(TransferFrame(transfers=tuple(self._transfers.values()))))
            self._transfers.clear()
        if self._status is not None:
            payloads.append(self._status)
            self._status = None
        payloads += self._databases.values()
        self._databases.clear()
        if self._logs_dropped:
            payloads.append(encode(LogFrame(dropped=self._logs_dropped)))
            self._logs_dropped = 0
        payloads += [payload for _, payload in self._logs]
        self._logs.clear()
        self._log_lines = 0
        return payloads


class Hub:
    """Hands events to readers; ``publish`` is called by the catalogue right after each commit."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._readers: set[Reader] = set()
        self._listeners: list[Callable[[Event], None]] = []
        self._topic_waiters: list[Callable[[frozenset[Topic]], None]] = []
        self._newest: dict[Topic, Callable[[], ConflatedFrame | None]] = {}

    def __len__(self) -> int:
        return len(self._readers)

    @property
    def lag(self) -> int:
        """How many events wait for the slowest reader."""
        return max((reader.lag for reader in self._readers), default=0)

    def listened(self, topic: Topic) -> bool:
        """Whether any console wants to see ``topic``."""
        return any(topic in reader.topics for reader in self._readers)

    def on_event(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener`` with every committed event, before it leaves."""
        self._listeners.append(listener)

    def on_topics(self, listener: Callable[[frozenset[Topic]], None]) -> None:
        """Call ``listener`` with the topics that a reader has just begun to listen to."""
        self._topic_waiters.append(listener)

    def keep(self, topic: Topic, newest: Callable[[], ConflatedFrame | None]) -> None:
        """Give what ``newest`` returns to every reader that begins to listen to ``topic``."""
        self._newest[topic] = newest

    def publish(self, events: Iterable[Event]) -> None:
        """Send committed events to all sockets; each is encoded once."""
        for event in events:
            for listener in self._listeners:
                listener(event)
            if self._readers:
                encoded = Encoded(event.seq, frozenset(event.topics), encode(event))
                for reader in self._readers:
                    reader.offer(encoded)

    def publish_conflated(self, frame: ConflatedFrame) -> None:
        """Send a frame of which only the newest counts."""
        if self._readers:
            payload = encode(frame)
            for reader in self._readers:
                reader.offer_conflated(frame, payload)

    def publish_logs(self, frame: LogFrame) -> None:
        """Send log lines to the consoles that listen to them; encoded once."""
        if self.listened(Topic.LOGS):
            payload = encode(frame)
            for reader in self._readers:
                reader.offer_logs(len(frame.lines), payload)

    def sockets_of(self, token_id: object) -> int:
        """Return how many readers a token has."""
        return sum(reader.token_id == token_id for reader in self._readers)

    def attach(self, token_id: object) -> Reader:
        """Return a new reader, which gets what is published from now on and fits its topics."""
        reader = Reader(self._limits, token_id)
        self._readers.add(reader)
        return reader

    def listen(self, reader: Reader, topics: Iterable[Topic]) -> None:
        """Replace the topics of ``reader``; of new conflated ones it gets the newest at once."""
        before, reader.topics = reader.topics, frozenset(topics)
        added = reader.topics - before
        for topic in added & self._newest.keys():
            frame = self._newest[topic]()
            if frame is not None:
                reader.offer_conflated(frame, encode(frame))
        for waiter in self._topic_waiters:
            waiter(added)

    def detach(self, reader: Reader) -> None:
        """Forget ``reader``."""
        self._readers.discard(reader)

    def close_token(self, token_id: object) -> None:
        """Close the sockets that were opened with a token that is now revoked."""
        for reader in self._readers:
            if reader.token_id == token_id:
                reader.close(WRONG_TOKEN)

    def close(self) -> None:
        """Close all sockets because the server ends."""
        for reader in self._readers:
            reader.close(SocketProblem(code="shutting_down", message="The server ends."))
