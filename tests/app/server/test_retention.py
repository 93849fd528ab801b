"""What is too old goes, as the settings say."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.server.retention import tidy
from streams.records.base import utc_now
from tests.servers import a_server


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
