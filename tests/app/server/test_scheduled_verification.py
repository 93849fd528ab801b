"""Every content is read again within a number of days, the one first that has waited longest."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.catalogue.errors import CatalogueFull
from app.server import scheduled_verification
from app.server.data_dir import STORE_FOLDER
from app.server.scheduled_verification import MIN_BYTES_PER_S, Pace, ScheduledVerification
from app.store.errors import StoreFailure, StoreLost, StoreUnreadable
from app.store.store import Store, Verified
from app.wire.http import Hashes
from streams.model.base import utc_now
from streams.model.server import ServerStatus, VerificationStatus
from streams.model.vocabulary import VerificationState
from tests.servers import RunningServer, sha256_of, until

DAY_US = 86400 * 1_000_000
FILES = {f"/f{number}": b"content %d" % number for number in range(6)}


async def age(server: RunningServer, days: dict[bytes, float]) -> None:
    """Let contents have been received so many days ago."""

    def work(transaction: Any) -> None:
        for content, by in days.items():
            transaction.run(
                text("UPDATE blobs SET created_at = :at, verified_at = NULL WHERE sha256 = :sha256"),
                {"at": transaction.now_us - round(by * DAY_US), "sha256": bytes.fromhex(sha256_of(content))},
            )

    await server.room.catalogue.writer.write(work)


def path_of(server: RunningServer, content: bytes) -> Path:
    sha256 = sha256_of(content)
    return server.room.data_dir / STORE_FOLDER / sha256[:2] / sha256[2:]


async def revision_of(server: RunningServer) -> str:
    return (await server.room.catalogue.readers.rows(text("SELECT revision FROM clients")))[0].revision


async def in_thread(work: Any, *arguments: Any) -> Any:
    return await asyncio.to_thread(work, *arguments)


class Watched(Store):
    """A store that notes what is verified, in order, and can let one hang or fail."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read: list[str] = []
        self.held: str | None = None
        self.holding = asyncio.Event()
        self.failing: dict[str, StoreFailure] = {}

    async def verify(self, sha256: str, **more: Any) -> Verified:
        if sha256 == self.held:
            self.holding.set()
            await asyncio.Event().wait()
        self.read.append(sha256)
        if sha256 in self.failing:
            raise self.failing[sha256]
        return await super().verify(sha256, **more)


@asynccontextmanager
async def scheduled(
    server: RunningServer, **limits: Any
) -> AsyncGenerator[tuple[ScheduledVerification, Watched]]:
    store = Watched(server.room.data_dir / STORE_FOLDER)
    await store.prepare()
    schedule = ScheduledVerification(
        catalogue=server.room.catalogue,
        store=store,
        uploads=server.room.uploads,
        limits=replace(server.room.limits, **limits),
    )
    try:
        yield schedule, store
    finally:
        await store.close()


def known(schedule: ScheduledVerification) -> VerificationStatus:
    status = schedule.status()
    assert status is not None
    return status


async def test_what_has_waited_longest_is_read_first_and_only_what_is_due(
    running_server: RunningServer,
) -> None:
    await (await running_server.enrol("web")).back_up(FILES)
    contents = list(FILES.values())
    await age(running_server, dict(zip(contents, (25, 40, 1, 23, 90, 22), strict=True)))
    lines = len(await running_server.room.catalogue.activity.page())
    async with scheduled(running_server, verify_days=30) as (schedule, store):
        await schedule.verify_due()
        due = [contents[number] for number in (4, 1, 0, 3)]
        assert store.read == [sha256_of(content) for content in due]
        status = known(schedule)
        assert (status.state, status.content_count, status.overdue_count) == (VerificationState.IDLE, 6, 0)
        assert status.oldest_at is not None
        assert timedelta(days=21.9) < utc_now() - status.oldest_at < timedelta(days=22.1)
        await schedule.verify_due()
        assert len(store.read) == len(due)
    states = [row["state"] for row in (await running_server.get("/api/files"))["rows"]]
    assert sorted(states) == ["stored", "stored", *["verified"] * 4]
    # It is routine: no line for each of thousands of steps.
    assert len(await running_server.room.catalogue.activity.page()) == lines


async def test_what_was_read_is_noted_when_it_is_cut_off(running_server: RunningServer) -> None:
    await (await running_server.enrol("web")).back_up(FILES)
    contents = list(FILES.values())
    await age(running_server, {content: 90 - number for number, content in enumerate(contents)})
    async with scheduled(running_server) as (schedule, store):
        store.held = sha256_of(contents[3])
        task = asyncio.create_task(schedule.verify_due())
        await store.holding.wait()
        assert known(schedule).state is VerificationState.RUNNING
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with scheduled(running_server) as (schedule, store):
        await schedule.verify_due()
        assert store.read == [sha256_of(content) for content in contents[3:]]


async def test_what_was_read_is_noted_later_where_that_fails(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await running_server.enrol("web")).back_up(FILES)
    await age(running_server, dict.fromkeys(FILES.values(), 90))
    files = running_server.room.catalogue.files
    mark, tries = files.mark_verified, 0

    async def failing_once(*arguments: Any, **more: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise CatalogueFull("It is full.")
        return await mark(*arguments, **more)

    monkeypatch.setattr(files, "mark_verified", failing_once)
    monkeypatch.setattr(scheduled_verification, "MARK_EVERY_S", -1.0)
    async with scheduled(running_server) as (schedule, store):
        with pytest.raises(CatalogueFull):
            await schedule.verify_due()
        before = list(store.read)
        assert len(before) == 1
        await schedule.verify_due()
        assert store.read.count(before[0]) == 1, "what was read is not read again"


async def test_damage_is_told_and_mended_by_the_next_backup(running_server: RunningServer) -> None:
    agent = await running_server.enrol("web")
    await agent.back_up(FILES)
    bad = FILES["/f2"]
    await age(running_server, dict.fromkeys(FILES.values(), 40))
    await in_thread(os.truncate, path_of(running_server, bad), 9)
    before = await revision_of(running_server)
    async with scheduled(running_server) as (schedule, _):
        await schedule.verify_due()
        status = known(schedule)
        assert (status.damaged_count, status.content_count) == (1, 5)
    rows = (await running_server.get("/api/files"))["rows"]
    assert {row["path"]: row["state"] for row in rows}["/f2"] == "damaged"
    kinds = [line.kind for line in await running_server.room.catalogue.activity.page()]
    assert "file_damaged" in kinds
    # Its agent is told to look again, and is asked for that content.
    assert await revision_of(running_server) != before
    body = Hashes(hashes=tuple(sha256_of(content) for content in FILES.values()))
    lacking = await running_server.post("/api/agent/blobs/missing", body, http=agent.http)
    assert [each["sha256"] for each in lacking["missing"]] == [sha256_of(bad)]
    await agent.back_up({"/f2": bad})
    async with scheduled(running_server) as (schedule, _):
        await schedule.verify_due()
        assert known(schedule).damaged_count == 0


async def test_one_that_came_again_while_it_was_judged_is_not_damaged(running_server: RunningServer) -> None:
    agent = await running_server.enrol("web")
    await agent.back_up(FILES)
    bad = sha256_of(FILES["/f1"])
    files = running_server.room.catalogue.files
    result = await files.mark_verified({bad: False}, present=running_server.room.store.sizes)
    assert result.damaged == ()
    assert {row["state"] for row in (await running_server.get("/api/files"))["rows"]} == {"stored"}
    assert (await files.mark_verified({bad: False})).damaged == ("/f1",)


async def test_one_that_cannot_be_read_does_not_stop_the_others(running_server: RunningServer) -> None:
    await (await running_server.enrol("web")).back_up(FILES)
    contents = list(FILES.values())
    await age(running_server, {content: 90 - number for number, content in enumerate(contents)})
    async with scheduled(running_server) as (schedule, store):
        store.failing[sha256_of(contents[0])] = StoreUnreadable("no permission")
        await schedule.verify_due()
        assert len(store.read) == len(contents)
        status = known(schedule)
        assert (status.state, status.overdue_count, status.damaged_count) == (VerificationState.FAILING, 1, 0)
        assert "1 contents cannot be read" in status.reason
        store.failing.clear()
        await schedule.verify_due()
        assert (known(schedule).state, known(schedule).overdue_count) == (VerificationState.IDLE, 0)


async def test_a_store_that_is_lost_is_told_and_nothing_becomes_damaged(
    running_server: RunningServer,
) -> None:
    await (await running_server.enrol("web")).back_up(FILES)
    await age(running_server, dict.fromkeys(FILES.values(), 40))
    async with scheduled(running_server) as (schedule, store):
        store.failing[sha256_of(FILES["/f0"])] = StoreLost("the disk is away", hint="Mount it.")
        with pytest.raises(StoreLost):
            await schedule.verify_due()
        status = known(schedule)
        assert (status.state, status.reason) == (VerificationState.FAILING, "the disk is away Mount it.")
    assert {row["state"] for row in (await running_server.get("/api/files"))["rows"]} <= {
        "stored",
        "verified",
    }


async def test_uploads_go_first_but_cannot_hold_back_what_is_overdue(running_server: RunningServer) -> None:
    agent = await running_server.enrol("web")
    await agent.back_up(FILES)
    contents = list(FILES.values())
    await age(running_server, dict(zip(contents, (40, 25, 25, 25, 1, 1), strict=True)))
    async with scheduled(running_server, verify_days=30) as (schedule, store):
        async with running_server.room.uploads.turn(agent.client_id):
            task = asyncio.create_task(schedule.verify_due())
            await until(lambda: schedule.status() and known(schedule).state is VerificationState.PAUSED)
            assert store.read == [sha256_of(contents[0])]
        await task
        assert len(store.read) == 4


async def test_a_time_from_a_wrong_clock_is_mended(running_server: RunningServer) -> None:
    await (await running_server.enrol("web")).back_up(FILES)
    await age(running_server, {FILES["/f0"]: -400})
    async with scheduled(running_server) as (schedule, store):
        await schedule.verify_due()
        assert store.read == [sha256_of(FILES["/f0"])]
        await schedule.verify_due()
        assert len(store.read) == 1


async def test_switched_off_it_reads_nothing(running_server: RunningServer) -> None:
    await (await running_server.enrol("web")).back_up(FILES)
    await age(running_server, dict.fromkeys(FILES.values(), 4000))
    async with scheduled(running_server, verify_days=0) as (schedule, store):
        await schedule.verify_due()
        assert store.read == []
        assert (known(schedule).state, known(schedule).overdue_count) == (VerificationState.OFF, 0)


async def test_the_server_tells_how_far_it_is(running_server: RunningServer) -> None:
    await until(running_server.room.scheduled_verification.status)
    status = await running_server.get("/api/status", ServerStatus)
    assert status.verification == VerificationStatus(state=VerificationState.IDLE, within_days=30.0)
    assert status.verification.verified_ratio is None


async def test_reading_is_spread_over_time() -> None:
    now = 100.0
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    pace = Pace(clock=lambda: now, sleep=sleep)
    for _ in range(10):
        await pace.spend(MIN_BYTES_PER_S / 2, MIN_BYTES_PER_S)
    assert sum(slept) == pytest.approx(5.0)
    # What was not read while it rested is not made up for in a burst.
    now += 1000
    await pace.spend(MIN_BYTES_PER_S, MIN_BYTES_PER_S)
    assert slept[-1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("stored", "days", "rate"),
    [(0, 30, MIN_BYTES_PER_S), (10**13, 30, 10**13 / (30 * 86400 / 4)), (10**15, 30, 64 * 1024 * 1024)],
)
async def test_the_rate_follows_from_what_is_stored(
    running_server: RunningServer, stored: int, days: float, rate: float
) -> None:
    await (await running_server.enrol("web")).back_up(FILES)
    await age(running_server, {FILES["/f0"]: 25})
    spent: list[float] = []

    class Noting(Pace):
        async def spend(self, count: float, bytes_per_s: float) -> None:
            spent.append(bytes_per_s)

    def grow(transaction: Any) -> None:
        transaction.run(
            text("UPDATE meta SET value = :value WHERE name = 'blob_bytes'"), {"value": str(stored)}
        )

    await running_server.room.catalogue.writer.write(grow)
    schedule = ScheduledVerification(
        catalogue=running_server.room.catalogue,
        store=running_server.room.store,
        uploads=running_server.room.uploads,
        limits=replace(running_server.room.limits, verify_days=days),
        pace=Noting(),
    )
    await schedule.verify_due()
    assert spent == [pytest.approx(rate)]
