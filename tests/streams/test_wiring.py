"""Everything together on a real loop in its own thread, as a page runs it: poll, socket, query, screen."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from reactivex import abc
from reactivex import operators as ops
from reactivex.disposable import CompositeDisposable
from reactivex.subject import BehaviorSubject

from streams.core.safe import subscribe_safe
from streams.core.schedulers import RunTaskScheduler, redirect_default_timers
from streams.core.subjects import LoopSubject
from streams.model.snapshot import Delta
from streams.model.vocabulary import Health
from streams.operators import (
    Down,
    Failed,
    Msg,
    Ok,
    conflate_deltas,
    exactly_once,
    from_aiter,
    from_coro,
    gate_latest,
    live_query,
    observe_on_batched,
    poll,
    reconnecting,
)
from streams.state.cell import Cell
from streams.state.manager import StateManager
from streams.state.table_cell import TableCell

Frame = tuple[int, str, int]
"""Number, key, value."""


class Page:
    """A loop in a thread, reached through ``run_task`` only."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="page")
        self.thread.start()

    def run_task(self, handler: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(handler(*args), self.loop)

    def run(self, handler: Callable[..., Any], *args: Any) -> Any:
        async def body() -> Any:
            return handler(*args)

        return self.run_task(body).result(30)

    def until(self, condition: Callable[[], object]) -> None:
        async def body() -> None:
            async with asyncio.timeout(30):
                while not condition():  # noqa: ASYNC110  (a condition with a deadline)
                    await asyncio.sleep(0.001)

        self.run_task(body).result(40)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
        self.loop.close()


@pytest.fixture
def page() -> Iterator[Page]:
    page = Page()
    with redirect_default_timers(None):
        yield page
    page.close()


class Server:
    """The far end: a status to poll, a socket that is cut once, and rows to count."""

    def __init__(self) -> None:
        self.polls = 0
        self.queries = 0
        self.sessions = 0
        self.open_sockets = 0
        self.sent: list[Frame] = [(number, f"client-{number % 5}", number) for number in range(1, 41)]

    async def status(self) -> str:
        self.polls += 1
        await asyncio.sleep(0.001)
        if self.polls == 2:
            raise OSError("the server is away for a moment")
        return f"status {self.polls}"

    async def count(self) -> int:
        self.queries += 1
        await asyncio.sleep(0.002)
        return len(self.sent)

    async def frames(self) -> AsyncIterator[Frame]:
        self.sessions += 1
        self.open_sockets += 1
        try:
            # The second session replays half of what the first has said.
            for frame in self.sent[:20] if self.sessions == 1 else self.sent[10:]:
                yield frame
            if self.sessions == 1:
                raise OSError("cut")
            await asyncio.Event().wait()
        finally:
            self.open_sockets -= 1


class Console:
    """Sources, cells and components, put together as the console does."""

    def __init__(self, page: Page, server: Server) -> None:
        self.reported: list[Exception] = []
        self.threads: set[int] = set()
        self.statuses: list[Any] = []
        self.rows: dict[str, int] = {}
        self.deliveries = 0
        self.counts: list[Any] = []
        self.outside: list[int] = []
        self.downs: list[Down] = []
        self.crashes = 0
        self.visible = BehaviorSubject(True)
        self.from_outside: LoopSubject[int] = LoopSubject()

        self.scheduler = RunTaskScheduler(page.run_task, self.reported.append)
        self.state = StateManager(self.scheduler, report=self.reported.append, linger_s=0.01)
        self._build_sources(page, server)
        self._subscriptions = CompositeDisposable(*self._components())

    def _build_sources(self, page: Page, server: Server) -> None:
        scheduler, spawn = self.scheduler, page.run_task

        def soon(_: int) -> float:
            return 0.005

        self.status: Cell[str] = self.state.cell("status", 0.5)
        self.status.follow(
            poll(
                lambda: from_coro(server.status, spawn=spawn),
                0.005,
                scheduler=scheduler,
                timeout_s=1.0,
                backoff=soon,
                visible_stream=self.visible,
            )
        )
        happenings = reconnecting(
            lambda: from_aiter(server.frames, spawn=spawn, yield_every=8), scheduler=scheduler, backoff=soon
        )
        changed: LoopSubject[int] = LoopSubject()

        def messages(happening: Any) -> bool:
            if isinstance(happening, Down):
                self.downs.append(happening)
            return isinstance(happening, Msg)

        def as_delta(frame: Frame) -> Delta[str, int]:
            changed.on_next(frame[0])
            return Delta({frame[1]: frame[2]})

        self.clients: TableCell[str, int] = self.state.table("clients")
        changes = happenings.pipe(
            ops.filter(messages),
            ops.map(lambda message: message.value),
            exactly_once(lambda frame: frame[0]),
            ops.map(as_delta),
        )
        first: Delta[str, int] = Delta({}, full=True)  # the answer that makes a table of the changes
        self.clients.follow(changes.pipe(ops.start_with(first)))
        self.count: Cell[int] = self.state.cell("count")
        self.count.follow(
            live_query(
                lambda: from_coro(server.count, spawn=spawn), changed, scheduler=scheduler, settle_s=0.005
            )
        )

    def _components(self) -> list[abc.DisposableBase]:
        report = self.reported.append
        shown = self.status.stream.pipe(gate_latest(self.visible), observe_on_batched(self.scheduler))
        per_frame = self.clients.deltas.pipe(conflate_deltas(0.01, scheduler=self.scheduler))
        outside = self.from_outside.pipe(observe_on_batched(self.scheduler))
        return [
            subscribe_safe(per_frame, self._crash, report=report),
            subscribe_safe(shown, self._show_status, report=report),
            subscribe_safe(per_frame, self._show_rows, report=report),
            subscribe_safe(self.count.stream, self._show_count, report=report),
            subscribe_safe(outside, self._show_outside, report=report),
        ]

    def _note(self) -> None:
        self.threads.add(threading.get_ident())

    def _crash(self, _: Any) -> None:
        self.crashes += 1
        raise ZeroDivisionError("a widget with a mistake")

    def _show_status(self, snapshot: Any) -> None:
        self._note()
        self.statuses.append(snapshot)

    def _show_rows(self, delta: Delta[str, int]) -> None:
        self._note()
        self.deliveries += 1
        self.rows.update(delta.changed)

    def _show_count(self, snapshot: Any) -> None:
        self._note()
        self.counts.append(snapshot)

    def _show_outside(self, number: int) -> None:
        self._note()
        self.outside.append(number)

    def dispose(self) -> None:
        self._subscriptions.dispose()
        self.state.close()


def test_everything_together(page: Page) -> None:
    threads = threading.active_count()
    server = Server()
    console: Console = page.run(Console, page, server)

    page.until(lambda: console.rows.get("client-0") == 40)
    page.until(lambda: server.polls >= 4 and console.counts[-1].value == 40)
    for number in range(1_000):
        console.from_outside.on_next(number)
    page.until(lambda: len(console.outside) == 1_000)

    # The socket was cut and came back; what it replayed was taken once.
    assert server.sessions == 2 and len(console.downs) == 1
    assert console.rows == {f"client-{index}": 36 + (index - 1) % 5 for index in range(5)}
    assert console.deliveries < 40
    # The failed poll was a value, then health came back.
    page.until(lambda: console.statuses[-1].health is Health.OK)
    assert Health.ERROR in {snapshot.health for snapshot in console.statuses}
    # A burst of invalidations made few queries.
    assert 2 <= server.queries <= 12
    # The crashing widget was reported each time and nobody else noticed.
    assert console.crashes > 0
    mistakes = [error for error in console.reported if isinstance(error, ZeroDivisionError)]
    assert len(mistakes) == console.crashes
    assert console.outside == list(range(1_000))
    # All of it on the page's thread, and no other thread was started.
    assert console.threads == {page.thread.ident}
    assert threading.active_count() == threads

    _hide_and_show(page, console, server)

    page.run(console.dispose)
    page.until(lambda: server.open_sockets == 0)
    page.until(lambda: len(asyncio.all_tasks(page.loop)) == 1)
    assert threading.active_count() == threads
    assert not [error for error in console.reported if not isinstance(error, ZeroDivisionError | OSError)]


def _hide_and_show(page: Page, console: Console, server: Server) -> None:
    page.run(console.visible.on_next, False)
    asked, shown = server.polls, len(console.statuses)
    page.run_task(asyncio.sleep, 0.05).result(10)  # ten periods in which nothing may be asked
    assert (server.polls, len(console.statuses)) == (asked, shown)
    page.run(console.visible.on_next, True)
    page.until(lambda: server.polls > asked and len(console.statuses) > shown)


async def test_failures_without_a_listener_are_kept_for_the_next() -> None:
    """A cell that failed while it was watched tells so to who comes later, without another read."""
    reported: list[Exception] = []
    scheduler = RunTaskScheduler(
        lambda handler, *args: asyncio.run_coroutine_threadsafe(handler(*args), asyncio.get_running_loop()),
        reported.append,
    )
    state = StateManager(scheduler, report=reported.append)
    cell: Cell[int] = state.cell("count")
    source: LoopSubject[Ok[int] | Failed] = LoopSubject()
    cell.follow(source)
    with cell.hold():
        source.on_next(Ok(1))
        source.on_next(Failed(OSError("gone")))
    assert not source.observed
    assert (cell.current.value, cell.current.health) == (1, Health.ERROR)
    state.close()
