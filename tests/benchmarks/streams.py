"""One event through decoding, keyed deduplication, state and conflation, against two other ways.

All three are fed the same bytes on the same loop, some events a turn, and end in the same callback. What the
feeding costs by itself is measured in the same rounds and taken off all of them.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import reactivex as rx
from reactivex import operators as ops
from reactivex.scheduler.eventloop import AsyncIOScheduler
from reactivex.subject import Subject

from app.bridge.listeners import Listeners
from streams.core.schedulers import LoopScheduler
from streams.model.clients import Client
from streams.model.events import Event, decode_server_frame, encode
from streams.model.snapshot import Delta
from streams.model.vocabulary import ClientState, EventKind, Topic
from streams.operators.conflate import conflate
from streams.operators.conflate_deltas import conflate_deltas
from streams.operators.keyed_distinct import keyed_distinct
from streams.sources.clients import clients
from streams.sources.reading import Numbered, Reading
from streams.state.manager import StateManager
from tests.benchmarks.report import Result, rounds

CLIENTS = 60
TURN = 7
"""Events in one turn of the loop, which here is one frame: some nine hundred a second at 125 frames."""
EPOCH = "epoch"
REPEATED = 4
"""Each so many-th event says what is known already."""
MAX, MIN = 2.5, 4.0
"""The bars: how many times the hand-written way, and how many times less than the stock one."""
AT = datetime(2026, 1, 1, tzinfo=UTC)


def make_frames(count: int) -> list[bytes]:
    """Return events as the socket brings them: the clients in turn, each time with another size."""
    frames: list[bytes] = []
    for seq in range(1, count + 1):
        turn, index = divmod(seq, CLIENTS)
        version = turn - 1 if turn and (seq + turn) % REPEATED == 0 else turn
        client = Client(
            id=f"{index:032x}", name=f"client-{index}", state=ClientState.ONLINE, created_at=AT,
            goal_s=86_400.0, last_seen_at=AT, last_success_at=AT, file_count=version,
            stored_bytes=version * 1000, platform="Debian 12", agent_version="0.1.0",
        )  # fmt: skip
        frames.append(
            encode(
                Event(
                    seq=seq,
                    at=AT,
                    committed_at=AT,
                    kind=EventKind.CLIENT_CHANGED,
                    topics=(Topic.CLIENTS,),
                    client=client,
                )
            )
        )
    return frames


def _client(frame: Any) -> Client:
    return frame.client


def ours(seen: Callable[[Any], None], loop: asyncio.AbstractEventLoop) -> Callable[[bytes], None]:
    """The way of a value in the console: who listens, its source, its table, one delta a frame."""
    scheduler = LoopScheduler(loop, _report)
    listeners = Listeners(lambda: None)
    listeners.connected = True
    table = StateManager(scheduler, report=_report).table("clients", 5.0)
    answer: Numbered[dict[str, Client]] = Numbered(EPOCH, 0, {})
    table.follow(clients(lambda: rx.return_value(answer), Reading(scheduler, listeners)))
    table.deltas.pipe(conflate_deltas(0.0, scheduler=scheduler)).subscribe(seen)
    listeners.synced(frozenset(Topic), EPOCH)

    def on_frame(data: bytes) -> None:
        listeners.tell(decode_server_frame(data))

    return on_frame


def by_hand(seen: Callable[[Any], None], loop: asyncio.AbstractEventLoop) -> Callable[[bytes], None]:
    """The same without a stream: a dictionary, and one call to the loop for each frame."""
    rows: dict[str, Client] = {}
    pending: dict[str, Client] = {}

    def flush() -> None:
        nonlocal pending
        delivered, pending = pending, {}
        seen(Delta(delivered))

    def on_frame(data: bytes) -> None:
        client = _client(decode_server_frame(data))
        if rows.get(client.id) == client:
            return
        rows[client.id] = client
        if not pending:
            loop.call_soon(flush)
        pending[client.id] = client

    return on_frame


def stock(seen: Callable[[Any], None], loop: asyncio.AbstractEventLoop) -> Callable[[bytes], None]:
    """The same with what RxPY has for it: a stream for each key, and ``observe_on``."""
    source: Subject[bytes] = Subject()
    rows: dict[str, Client] = {}

    def keep(client: Client) -> Delta[str, Client]:
        rows[client.id] = client
        return Delta({client.id: client})

    source.pipe(
        ops.map(decode_server_frame),
        ops.map(_client),
        ops.group_by(lambda client: client.id),
        ops.flat_map(lambda group: group.pipe(ops.distinct_until_changed())),
        ops.map(keep),
        ops.observe_on(AsyncIOScheduler(loop)),
    ).subscribe(seen)
    return source.on_next


def conflated(seen: Callable[[Any], None], loop: asyncio.AbstractEventLoop) -> Callable[[Client], None]:
    """Only the way from one side of the loop to the other: deduplicated and one delivery a frame."""
    source: Subject[Client] = Subject()
    scheduler = LoopScheduler(loop, _report)
    source.pipe(
        keyed_distinct(lambda client: client.id),
        conflate(lambda client: client.id, 0.0, scheduler=scheduler),
    ).subscribe(seen)
    return source.on_next


def observed(seen: Callable[[Any], None], loop: asyncio.AbstractEventLoop) -> Callable[[Client], None]:
    """The same way with stock ``observe_on``."""
    source: Subject[Client] = Subject()
    source.pipe(keyed_distinct(lambda client: client.id), ops.observe_on(AsyncIOScheduler(loop))).subscribe(
        seen
    )
    return source.on_next


def _report(error: Any) -> None:
    raise error


class _Sink:
    """Where every way ends; knows when the last value has come."""

    def __init__(self, last: Client) -> None:
        self._last, self.value = last, None

    def __call__(self, value: Any) -> None:
        self.value = value

    def full(self) -> bool:
        """Return whether what came last carries the last value."""
        value = self.value
        if isinstance(value, Client):
            return value == self._last
        changed = value.changed if isinstance(value, Delta) else value or {}
        return changed.get(self._last.id) == self._last


async def _feed(push: Callable[[Any], None], frames: list[Any], full: Callable[[], bool]) -> None:
    for start in range(0, len(frames), TURN):
        for frame in frames[start : start + TURN]:
            push(frame)
        await asyncio.sleep(0)
    while not full():  # noqa: ASYNC110  (a turn of the loop, which is what delivers, is what is measured)
        await asyncio.sleep(0)


def _job(way: Callable[..., Callable[[Any], None]], frames: list[Any], last: Client) -> Callable[[], int]:
    def run() -> int:
        async def turns() -> None:
            sink = _Sink(last)
            await _feed(way(sink, asyncio.get_running_loop()), frames, sink.full)

        asyncio.run(turns())
        return len(frames)

    return run


def _feeding(frames: list[Any]) -> Callable[[], int]:
    def run() -> int:
        asyncio.run(_feed(lambda _: None, frames, lambda: True))
        return len(frames)

    return run


async def measure(*, quick: bool = False) -> list[Result]:
    """Compare the three ways, then the handover from one side of the loop to the other alone."""
    frames = make_frames(700 if quick else 7000)
    values = [_client(decode_server_frame(frame)) for frame in frames]
    last = next(client for before, client in _pairs(values) if before != client)
    jobs = [_feeding(frames)]
    jobs += [_job(way, frames, last) for way in (ours, by_hand, stock)]
    jobs += [_job(way, values, last) for way in (conflated, observed)]
    feeding, *whole = await asyncio.to_thread(rounds, jobs, times=5 if quick else 25)
    our, hand, rxpy, over, rx_over = (each.less(feeding.median) for each in whole)
    what = f"one event, {CLIENTS} keys: decode, deduplicate, state, conflate"
    slower, cheaper, handed = our.median / hand.median, rxpy.median / our.median, rx_over.median / over.median
    least = f"at least {MIN:g}x cheaper"
    return [
        Result("streams/by hand", what, our, f"at most {MAX:g}x", slower <= MAX,
               hand, "hand-written asyncio and dict", slower),
        Result("streams/stock", what, our, least, cheaper >= MIN,
               rxpy, "stock operators, group_by and observe_on", cheaper),
        Result("streams/handover", "of that: keyed_distinct and conflate", over, least, handed >= MIN,
               rx_over, "keyed_distinct and stock observe_on", handed),
    ]  # fmt: skip


def _pairs(values: list[Client]) -> list[tuple[Client | None, Client]]:
    """Return each value with the one before it of the same client, the newest first."""
    before: dict[str, Client] = {}
    pairs: list[tuple[Client | None, Client]] = []
    for client in values:
        pairs.append((before.get(client.id), client))
        before[client.id] = client
    return pairs[::-1]
