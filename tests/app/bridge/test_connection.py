"""The link's state after the end of requests and news of the event socket."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from app.bridge.connection import ConnectionManager
from app.bridge.realtime import RealtimeUpdater, SocketDown, SocketNews, SocketPong, SocketUp
from streams.core.schedulers import LoopScheduler
from streams.core.subjects import LoopSubject
from streams.model.failures import CommandFailed, ServerRefused, WrongVersion
from streams.model.vocabulary import LinkState


class _Socket:
    """The event socket, as far as the manager sees it."""

    def __init__(self) -> None:
        self.up = False
        self.news: LoopSubject[SocketNews] = LoopSubject()
        self.hurries = 0
        self.heard_at: datetime | None = None
        self.heard_s: float | None = None
        self.last_seq = 0

    def hurry(self) -> None:
        self.hurries += 1

    def ping(self) -> None:
        pass

    def rise(self) -> None:
        self.up = True
        self.news.on_next(SocketUp(1, "1"))

    def fall(self, retry_in_s: float = 20.0) -> None:
        self.up = False
        self.news.on_next(SocketDown(_refused(), retry_in_s))


def _refused() -> ServerRefused:
    return ServerRefused("Nothing listens there.")


Stage = tuple[ConnectionManager, _Socket, Callable[[float], None]]


@asynccontextmanager
async def _stage() -> AsyncGenerator[Stage]:
    socket = _Socket()
    now, passed_s = datetime(2026, 3, 1, tzinfo=UTC), 0.0

    def pass_time(seconds: float) -> None:
        nonlocal now, passed_s
        now, passed_s = now + timedelta(seconds=seconds), passed_s + seconds

    faults: list[Exception] = []
    scheduler: Any = LoopScheduler(asyncio.get_running_loop(), faults.append)
    manager = ConnectionManager(
        cast("RealtimeUpdater", socket), scheduler=scheduler, now=lambda: now, seconds=lambda: passed_s
    )
    yield manager, socket, pass_time
    manager.close()
    assert not faults


async def test_the_first_answer_after_an_absence_has_the_event_socket_try_at_once() -> None:
    async with _stage() as (manager, socket, _):
        socket.rise()
        socket.fall()
        manager.heard(_refused())
        assert manager.current.state is LinkState.DOWN
        assert socket.hurries == 0
        manager.heard(None)
        assert socket.hurries == 1
        for _again in range(3):
            manager.heard(None)
            socket.fall()
        assert socket.hurries == 1, "an answer is a reason to try once, not with each request"
        manager.heard(_refused())
        manager.heard(CommandFailed("No."))
        assert socket.hurries == 2, "a refusal is an answer too"


async def test_a_socket_that_alone_is_lost_waits_its_time() -> None:
    async with _stage() as (manager, socket, _):
        socket.rise()
        socket.fall()
        manager.heard(None)
        assert manager.current.state is LinkState.POLLING
        assert socket.hurries == 0


async def test_an_answer_while_the_socket_is_up_hurries_nothing() -> None:
    async with _stage() as (manager, socket, _):
        socket.fall()
        manager.heard(_refused())
        socket.rise()
        manager.heard(None)
        socket.fall()
        manager.heard(None)
        assert socket.hurries == 0


async def test_what_fails_for_want_of_the_server_has_failed_since_it_was_lost() -> None:
    async with _stage() as (manager, socket, pass_time):
        socket.rise()
        assert manager.lost_since(_refused()) is None
        socket.fall()
        manager.heard(_refused())
        lost = manager.current.failure
        assert lost is not None
        pass_time(40)
        assert manager.lost_since(_refused()) == lost.since
        assert manager.lost_since(CommandFailed("No.")) is None, "it answered"
        socket.rise()
        assert manager.lost_since(_refused()) is None


async def test_silence_is_judged_by_a_clock_that_nobody_sets() -> None:
    async with _stage() as (manager, socket, pass_time):
        with contextlib.closing(_Looking(manager)):
            socket.heard_at, socket.heard_s = datetime(2026, 3, 1, 3, tzinfo=UTC), 0.0
            socket.rise()
            assert manager.current.state is LinkState.LIVE
            # The last word came "in three hours" by the clock on the wall, which was set back since.
            pass_time(60)
            socket.news.on_next(SocketPong(0.1))
            assert manager.current.state is LinkState.STALE


class _Looking:
    """Somebody who looks at the link."""

    def __init__(self, manager: ConnectionManager) -> None:
        self._looking = manager.link.subscribe(lambda _: None)

    def close(self) -> None:
        self._looking.dispose()


async def test_a_server_of_another_protocol_is_no_server_though_it_answers() -> None:
    async with _stage() as (manager, socket, pass_time):
        socket.rise()
        assert manager.foreign is None
        socket.up = False
        wrong = WrongVersion("The server speaks version 9 of the protocol, this console 1.", hint="Update.")
        socket.news.on_next(SocketDown(wrong, 5.0))
        for _again in range(3):
            manager.heard(None)
            pass_time(5)
        link = manager.current
        assert link.state is LinkState.DOWN and link.lost
        assert link.failure is not None and "version 9" in link.failure.message
        assert manager.foreign is not None
        socket.rise()
        assert manager.current.state is LinkState.LIVE
        assert manager.foreign is None
