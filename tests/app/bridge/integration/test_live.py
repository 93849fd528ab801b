"""A real server and a bridge: values arrive at once, nothing is lost or doubled when the socket is cut."""

import asyncio
import socket
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from app.config import ServerSettings
from app.database import Rows
from streams.model.clients import Client
from streams.model.link import Link
from streams.model.server import Activity, ServerStatus
from streams.model.snapshot import Delta, Snapshot
from streams.model.vocabulary import Health, LinkState
from streams.operators.results import Failed, Ok
from tests.app.bridge.support import SLOW_POLLS, Connected, Served, connected, serving
from tests.servers import until


class Screen:
    """What a table on a screen would show, and each change that came."""

    def __init__(self, console: Connected) -> None:
        self.rows: dict[str, Client] = {}
        self.deltas: list[Delta[str, Client]] = []
        self.subscription = console.streams.clients.deltas.subscribe(self._take)

    def _take(self, delta: Delta[str, Client]) -> None:
        self.deltas.append(delta)
        if delta.full:
            self.rows.clear()
        self.rows.update(delta.changed)
        for key in delta.removed:
            del self.rows[key]


async def test_a_change_at_the_server_is_on_the_screen_without_a_poll(served: Served) -> None:
    one = await served.enrol("one")
    async with connected(served.connection, SLOW_POLLS) as console:
        realtime = console.bridge.realtime
        await until(lambda: realtime.up)
        screen = Screen(console)
        await until(lambda: screen.rows and not realtime._syncs)
        assert screen.rows == {one.id: one}
        await served.room.catalogue.clients.set_goal(one.id, 4321)
        await until(lambda: screen.rows[one.id].goal_s == 4321)
        requests = console.bridge.http.requests  # until here it may have been read twice
        two = await served.enrol("two")
        await until(lambda: two.id in screen.rows)
        assert console.bridge.http.requests == requests
        last = screen.deltas[-1]
        assert last.committed_at is not None
        assert not last.full


async def test_a_cut_socket_loses_and_doubles_nothing(served: Served) -> None:
    clients = [await served.enrol(f"c{n}") for n in range(5)]
    async with connected(served.connection, SLOW_POLLS) as console:
        screen = Screen(console)
        lines: list[tuple[Activity, ...]] = []
        console.streams.activity.subscribe(lambda s: lines.append(s.value or ()))
        await until(lambda: console.bridge.connection.current.state is LinkState.LIVE and screen.rows)
        seen: list[tuple[str, float]] = []
        screen.deltas.clear()
        cuts = 0

        def back() -> bool:  # there is no socket to cut before
            return console.bridge.connection.current.reconnects == cuts

        for number in range(1, 121):
            client = clients[number % 5]
            await served.room.catalogue.clients.set_goal(client.id, 1000 + number)
            if number % 20 == 10:
                await until(back)
                console.bridge.realtime.cut()
                cuts += 1
            await asyncio.sleep(0.002)
        last = {clients[n % 5].id: 1000 + n for n in range(116, 121)}
        await until(lambda: {key: row.goal_s for key, row in screen.rows.items()} == last)
        for delta in screen.deltas:
            seen += [(key, row.goal_s) for key, row in delta.changed.items()]
        assert len(seen) == len(set(seen)), "a change came twice"
        for key in last:  # each row only ever moves on
            goals = [goal for row, goal in seen if row == key]
            assert goals == sorted(goals)
        await until(back)
        numbers = [line.seq for line in lines[-1]]
        assert numbers == sorted(set(numbers), reverse=True)


async def test_a_server_that_is_restarted_comes_back_by_itself(tmp_path: Path) -> None:
    links: list[Link] = []
    async with serving(tmp_path / "data") as first:
        client = await first.enrol("one")
        connection = first.connection
        port = first.info.port
        entered = connected(connection)
        console = await entered.__aenter__()
        try:
            screen = Screen(console)
            fresh: list[Snapshot[int]] = []
            console.streams.clients.freshness.subscribe(fresh.append)
            console.streams.link.subscribe(links.append)
            await until(lambda: links[-1].state is LinkState.LIVE and screen.rows)
        except BaseException:
            await entered.__aexit__(None, None, None)
            raise
    try:
        await until(lambda: links[-1].state is LinkState.DOWN and fresh[-1].health is Health.ERROR)
        assert links[-1].failure is not None
        assert links[-1].failure.code in ("server_refused", "server_unreachable")
        assert links[-1].failure.retry_at is not None
        assert screen.rows == {client.id: client}, "the last good value stays"
        async with serving(tmp_path / "data", port) as second:
            await second.room.catalogue.clients.set_goal(client.id, 77)
            await until(lambda: links[-1].state is LinkState.LIVE and fresh[-1].health is Health.OK)
            await until(lambda: screen.rows[client.id].goal_s == 77)
            assert links[-1].last_gap_s is not None
            assert links[-1].reconnects >= 1
    finally:
        await entered.__aexit__(None, None, None)


async def test_a_server_that_dies_is_known_to_be_down_long_before_the_next_poll(tmp_path: Path) -> None:
    links: list[Link] = []
    async with serving(tmp_path / "data") as served:
        # Without the database beside it nothing but the requests themselves can tell.
        alone = {"database_path": None, "token_file": served.info.token_file}
        entered = connected(served.connection.model_copy(update=alone), SLOW_POLLS)
        console = await entered.__aenter__()
        screen = Screen(console)
        console.streams.link.subscribe(links.append)
        await served.enrol("one")
        await until(lambda: links[-1].state is LinkState.LIVE and screen.rows)
    try:
        await until(lambda: links[-1].state is LinkState.DOWN)
        assert links[-1].failure is not None
    finally:
        await entered.__aexit__(None, None, None)


async def test_a_token_that_is_revoked_while_running_is_a_state_and_not_an_exit(served: Served) -> None:
    async with connected(served.connection) as console:
        links: list[Link] = []
        fresh: list[Snapshot[int]] = []
        console.streams.link.subscribe(links.append)
        console.streams.clients.freshness.subscribe(fresh.append)
        await until(lambda: links[-1].state is LinkState.LIVE and fresh[-1].health is Health.OK)
        token = served.info.token_file.read_text().strip()
        known = await served.room.catalogue.tokens.check(token)
        assert known is not None
        await served.room.catalogue.tokens.revoke(known.id)
        await until(lambda: links[-1].state is LinkState.DOWN)
        await until(lambda: links[-1].failure is not None and links[-1].failure.code == "wrong_token")
        await until(lambda: fresh[-1].health is Health.ERROR)


async def test_without_the_socket_polling_carries_the_data(served: Served) -> None:
    one = await served.enrol("one")
    async with connected(served.connection) as console:
        links: list[Link] = []
        console.streams.link.subscribe(links.append)
        screen = Screen(console)
        await until(lambda: links[-1].state is LinkState.LIVE and screen.rows)
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            address = console.bridge.http.address
            console.bridge.http.address = replace(address, events_port=nobody.getsockname()[1])
            console.bridge.realtime.cut()
            await until(lambda: links[-1].state is LinkState.POLLING)
            await served.room.catalogue.clients.set_goal(one.id, 99)
            await until(lambda: screen.rows[one.id].goal_s == 99)
            console.bridge.http.address = address
            await console.bridge.commands.reconnect()
            await until(lambda: links[-1].state is LinkState.LIVE)


async def test_nothing_is_asked_while_nobody_looks(served: Served) -> None:
    async with connected(served.connection) as console:
        statuses: list[Snapshot[ServerStatus]] = []
        looking = console.streams.status.subscribe(statuses.append)
        await until(lambda: statuses[-1].health is Health.OK)
        await until(lambda: len(statuses) >= 3)
        looking.dispose()
        requests = console.bridge.http.requests
        await asyncio.sleep(1.2)
        assert console.bridge.http.requests == requests


async def test_views_that_look_at_the_same_share_one_request(served: Served) -> None:
    async with connected(served.connection, SLOW_POLLS) as console:
        await until(lambda: console.bridge.realtime.up)
        requests = console.bridge.http.requests
        seen: list[Snapshot[ServerStatus]] = []
        for _ in range(3):
            console.streams.status.subscribe(seen.append)
        await until(lambda: seen[-1].health is Health.OK)
        assert console.bridge.http.requests == requests + 1


async def test_the_round_trip_and_the_clocks_are_measured(served: Served) -> None:
    async with connected(served.connection) as console:
        links: list[Link] = []
        console.streams.link.subscribe(links.append)
        await until(lambda: links[-1].round_trip_s is not None)
        assert 0 < (links[-1].round_trip_s or 0) < 1
        assert abs(console.bridge.realtime.offset.seconds) < 0.5


async def test_the_database_of_the_server_is_open_and_read_only(served: Served) -> None:
    await served.enrol("one")
    async with connected(served.connection) as console:
        database = console.bridge.database
        assert database is not None
        assert (await database.query("SELECT name FROM clients")).rows == (("one",),)
        with closing(sqlite3.connect(served.info.database_path)) as plain:
            assert plain.execute("SELECT count(*) FROM clients").fetchone() == (1,)


async def test_too_many_missed_events_are_read_instead(tmp_path: Path) -> None:
    async with serving(tmp_path / "data", settings=ServerSettings(replay_events=0)) as served:
        one = await served.enrol("one")
        async with connected(served.connection, SLOW_POLLS) as console:
            screen = Screen(console)
            await until(lambda: console.bridge.realtime.up and screen.rows)
            realtime = console.bridge.realtime
            realtime.cut()
            await until(lambda: not realtime.up)
            await served.room.catalogue.clients.set_goal(one.id, 5)
            await served.room.catalogue.clients.set_goal(one.id, 6)
            await until(lambda: screen.rows[one.id].goal_s == 6)
            await until(lambda: realtime.up)
            await served.room.catalogue.clients.set_goal(one.id, 7)
            await until(lambda: screen.rows[one.id].goal_s == 7)


async def test_without_the_socket_a_change_of_the_database_is_noticed(served: Served) -> None:
    one = await served.enrol("one")
    async with connected(served.connection, SLOW_POLLS) as console:
        screen = Screen(console)
        await until(lambda: console.bridge.realtime.up and screen.rows)
        realtime = console.bridge.realtime
        realtime.stop()
        await until(lambda: not realtime.up)
        await asyncio.sleep(0)
        await served.room.catalogue.clients.set_goal(one.id, 8)
        await until(lambda: screen.rows[one.id].goal_s == 8)


async def test_a_query_runs_again_when_the_database_has_changed(served: Served) -> None:
    async with connected(served.connection, SLOW_POLLS) as console:
        assert console.bridge.queries is not None
        found: list[Ok[Rows] | Failed] = []
        looking = console.bridge.queries.rows("SELECT name FROM clients ORDER BY name").subscribe(
            found.append
        )
        await until(lambda: found)
        await served.enrol("one")
        await until(lambda: len(found) == 2)
        assert [result.value.rows for result in found if isinstance(result, Ok)] == [(), (("one",),)]
        looking.dispose()
        wrong: list[Ok[Rows] | Failed] = []
        console.bridge.queries.rows("SELECT nothing").subscribe(wrong.append)
        await until(lambda: wrong)
        assert isinstance(wrong[0], Failed)
