from datetime import timedelta

import pytest

from app.catalogue.bulk_insert import HistoryClient, HistoryRun, write_history
from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import BadQuery
from app.catalogue.forecast import forecast
from streams.model.events import Event
from streams.model.files import FileQuery
from streams.model.vocabulary import EventKind, FileState, RunState, Topic
from tests.app.catalogue.seeds import START, Clock, back_up, enrol, entry, folder, replayed, sha

DAY = timedelta(days=1)


async def test_samples_keep_their_peaks(catalogue: Catalogue, clock: Clock) -> None:
    start = START.replace(second=0, microsecond=0)
    for second in range(120):
        await catalogue.metrics.record(
            {"cpu_ratio": 9.0 if second == 70 else 1.0}, start + timedelta(seconds=second)
        )
    (minutes,) = await catalogue.metrics.series(["cpu_ratio"], start, 60)
    assert [(point.at, point.least, point.greatest) for point in minutes.points] == [
        (start, 1.0, 1.0),
        (start + timedelta(minutes=1), 1.0, 9.0),
    ]
    assert minutes.points[1].mean == pytest.approx(68 / 60)
    (tens, nothing) = await catalogue.metrics.series(["cpu_ratio", "unknown"], start, 10)
    assert len(tens.points) == 12
    assert nothing.points == ()
    (hour,) = await catalogue.metrics.series(["cpu_ratio"], start, 3600)
    assert [point.greatest for point in hour.points] == [9.0]
    clock.forward(days=20)
    await catalogue.metrics.record({"cpu_ratio": 2.0})
    assert await catalogue.metrics.rollup() == 14
    (hours,) = await catalogue.metrics.series(["cpu_ratio"], start, 3600)
    assert [point.greatest for point in hours.points] == [9.0, 2.0]


async def test_what_is_written_twice_is_merged(catalogue: Catalogue) -> None:
    for value in (4.0, 2.0):
        await catalogue.metrics.record({"connections": value}, START)
        await catalogue.metrics.flush()
    (series,) = await catalogue.metrics.series(["connections"], START, 10)
    (point,) = series.points
    assert (point.least, point.mean, point.greatest) == (2.0, 3.0, 4.0)


def test_a_forecast_says_when_and_how_sure() -> None:
    history = [(START + timedelta(hours=hour), 1000.0 * hour + hour % 2) for hour in range(100)]
    now = history[-1][0]
    found = forecast(history, now=now, disk_total_bytes=10**6, disk_free_bytes=240_000)
    assert found.growth_bytes_per_day == pytest.approx(24_000, rel=0.01)
    assert found.full_at is not None
    assert abs(found.full_at - (now + 10 * DAY)) < timedelta(hours=1)
    assert found.full_earliest is not None
    assert found.full_latest is not None
    assert found.full_earliest < found.full_at < found.full_latest
    short = forecast(history[:10], now=now, disk_total_bytes=1, disk_free_bytes=1)
    assert short.growth_bytes_per_day is None
    flat = forecast([(at, 5.0) for at, _ in history], now=now, disk_total_bytes=1, disk_free_bytes=1)
    assert (flat.growth_bytes_per_day, flat.full_at) == (0.0, None)
    slow = forecast(history, now=now, disk_total_bytes=1, disk_free_bytes=10**12)
    assert slow.full_at is None


async def test_events_are_found_by_number_and_topic_and_purged(
    catalogue: Catalogue, told: list[Event]
) -> None:
    assert await catalogue.events.oldest_seq() is None
    client = await enrol(catalogue)
    await back_up(catalogue, client, entry("a"))
    await catalogue.events.record(EventKind.SERVER_STARTED, reason="test")
    assert await catalogue.events.after(0) == replayed(told)
    assert await catalogue.events.after(2, limit=1) == replayed(told[2:3])
    files = await catalogue.events.after(0, limit=1, topics=[Topic.FILES])
    assert [event.kind for event in files] == [EventKind.FILES_CHANGED]
    assert [event.kind for event in await catalogue.events.after(0, topics=[Topic.SERVER])] == [
        EventKind.SERVER_STARTED
    ]
    lines = await catalogue.activity.page()
    assert [line.seq for line in lines] == sorted((line.seq for line in lines), reverse=True)
    assert await catalogue.activity.page(before=lines[0].seq) == lines[1:]
    assert await catalogue.events.purge(keep=2) == len(told) - 2
    assert await catalogue.events.oldest_seq() == told[-2].seq
    assert await catalogue.activity.page() == lines
    assert await catalogue.events.purge(told[-1].at) == 1
    assert await catalogue.events.purge(told[-1].at + DAY) == 1
    assert await catalogue.events.oldest_seq() is None
    assert await catalogue.activity.purge(START + DAY) == len(lines)


async def test_a_past_is_as_if_it_had_happened(catalogue: Catalogue, told: list[Event]) -> None:
    known = await enrol(catalogue, "known")
    before = len(told)
    times = [START - 3 * DAY, START - 2 * DAY, START - DAY]
    runs = [
        HistoryRun(at, at + timedelta(minutes=5), state, entries=entries, vanished=vanished, reason=reason)
        for at, state, entries, vanished, reason in (
            (times[0], RunState.COMPLETE, [entry("a", "one"), entry("b", "two"), folder("d")], [], None),
            (times[1], RunState.COMPLETE, [entry("a", "three")], [b"b"], None),
            (times[2], RunState.FAILED, [], [], "disk gone"),
        )
    ]
    samples = [(START - 3 * DAY + timedelta(hours=hour), {"store_bytes": 10.0 * hour}) for hour in range(72)]
    seeded = await write_history(
        catalogue,
        [
            HistoryClient("old", START - 4 * DAY, START, runs=runs),
            HistoryClient("known", START, runs=runs[:1]),
        ],
        samples,
        stored_size=lambda _sha256, size: size + 1,
        verified={sha("three"): times[2]},
    )
    assert len(told) == before
    assert seeded["known"].id == known.id
    info = await catalogue.tokens.check(seeded["old"].token)
    assert info is not None
    assert info.client_id == seeded["old"].id
    client = await catalogue.clients.one(seeded["old"].id)
    assert (client.file_count, client.stored_bytes) == (1, 5)
    assert (client.last_success_at, client.failing_since, client.failure_reason) == (
        times[1] + timedelta(minutes=5),
        times[2],
        "disk gone",
    )
    page = await catalogue.files.page(FileQuery(client_id=client.id))
    assert [(row.path, row.state, row.version_count) for row in page.rows] == [
        ("a", FileState.VERIFIED, 2),
        ("b", FileState.VANISHED, 1),
    ]
    then, _ = await catalogue.files.tree(client.id, times[0] + timedelta(hours=1))
    assert {each.raw_path for each in then} == {b"a", b"b", b"d"}
    newest = await catalogue.runs.page(client.id)
    assert [run.files_new for run in newest.rows] == [0, 0, 3]
    assert (newest.rows[1].files_changed, newest.rows[1].files_vanished) == (1, 1)
    lines = await catalogue.activity.page(client.id)
    assert [line.run_state for line in lines[:3]] == [RunState.FAILED, RunState.COMPLETE, RunState.COMPLETE]
    summary = await catalogue.files.summary()
    assert (summary.file_count, summary.unverified_count, summary.blob_bytes) == (3, 2, 4 + 4 + 6)
    assert len(await catalogue.metrics.storage_history(10)) == 72
    found = await catalogue.metrics.forecast(10**6, 10**5)
    assert found.growth_bytes_per_day == pytest.approx(240)
    # What happens next is numbered after the past, and told.
    await catalogue.clients.set_goal(client.id, 9)
    assert told[-1].seq == catalogue.last_seq
    with pytest.raises(BadQuery, match="past"):
        await write_history(catalogue, [HistoryClient("old", START, runs=runs)])
