"""Retention removes what is too old by the settings."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.catalogue.clock_trust import first
from app.server.retention import tidy
from streams.model.base import utc_now
from tests.servers import a_server, sha256_of


@pytest.mark.parametrize(("days", "kept"), [(30, True), (1e-9, False)])
async def test_events_and_activity_are_kept_as_long_as_asked_for(
    tmp_path: Path, days: float, kept: bool
) -> None:
    async with a_server(tmp_path, keep_events_days=days) as server:
        room = server.room
        await (await server.enrol("alpha")).back_up({"/a": b"a"})
        await tidy(room.catalogue, room.store, room.limits)
        assert bool(await room.catalogue.events.after(0)) is kept
        assert bool(await room.catalogue.activity.page()) is kept
        # What was purged cannot be replayed, and nothing is numbered anew.
        last = room.catalogue.last_seq
        await server.enrol("beta")
        assert room.catalogue.last_seq > last
        async with server.events() as console:
            await console.resume(room.catalogue.epoch, 1)
            frame = await console.frame()
            assert (type(frame).__name__ == "Reset") is not kept


async def test_nothing_is_purged_while_the_clock_cannot_be_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(tmp_path, keep_events_days=1) as server:
        room = server.room
        await tidy(room.catalogue, room.store, room.limits)
        monkeypatch.setattr(room.catalogue.known_time, "_now", lambda: utc_now() + timedelta(days=365))
        await server.enrol("alpha")
        await tidy(room.catalogue, room.store, room.limits)
        assert await room.catalogue.events.after(0)


async def test_what_comes_while_the_clock_is_not_trusted_is_no_older_once_it_is(tmp_path: Path) -> None:
    """The server was off for ten days: all that day it judges by the time before, and then by that of now."""
    async with a_server(tmp_path) as server:
        room, known = server.room, server.room.catalogue.known_time
        agent = await server.enrol("alpha")
        await known.times()
        known._clock = first(utc_now() - timedelta(days=10))  # pyright: ignore[reportPrivateUsage]
        await agent.put(b"sent, not named yet")
        interrupted = room.data_dir / "store" / "tmp" / f"{agent.client_id}.{'a' * 64}.part"
        interrupted.touch()
        await tidy(room.catalogue, room.store, room.limits)
        assert known.held_at is not None
        known._clock = first(utc_now())  # pyright: ignore[reportPrivateUsage]
        await tidy(room.catalogue, room.store, room.limits)
        assert interrupted.exists()
        assert await room.catalogue.contents.owned(agent.client_id, [sha256_of(b"sent, not named yet")])
