"""Questions about the past, against a plain computation over the very same runs."""

import random
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.catalogue import migrate
from app.catalogue.analytics_period import MAX_POINTS, Period, period_of
from app.catalogue.bulk_insert import HistoryClient, HistoryRun, write_history
from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import BadQuery
from app.catalogue.metrics import KEPT
from app.catalogue.totals import MAX_TOTAL
from app.catalogue.wall_clock import wall_clock
from app.wire.http import FinishRun
from streams.model.analytics import AnalyticsQuery, BackupInterval
from streams.model.vocabulary import RunState, RunTrigger
from tests.app.catalogue.seeds import Clock, add, enrol, entry
from ui.views.analytics.range import SPAN_S, Range, Span, query_of

STATES = (RunState.COMPLETE, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED)
HOUR, DAY = 3600, 86400


def random_past(rng: random.Random, now: datetime, clients: int, days: float) -> list[HistoryClient]:
    past: list[HistoryClient] = []
    for number in range(clients):
        ends = sorted(now - timedelta(seconds=rng.uniform(1, days * DAY)) for _ in range(rng.randint(0, 40)))
        runs = [
            HistoryRun(
                started_at=end - timedelta(seconds=rng.uniform(1, 300)),
                finished_at=end,
                state=rng.choice(STATES),
                bytes_seen=rng.randrange(10**9),
                bytes_sent=rng.randrange(10**8),
            )
            for end in ends
        ]
        created = now - timedelta(days=days + 1)
        past.append(HistoryClient(name=f"c{number:02d}", created_at=created, runs=runs))
    return past


def naive_intervals(
    runs: list[HistoryRun], since: datetime, until: datetime, step_s: int, offset_s: int
) -> dict[datetime, BackupInterval]:
    """Count run by run; weeks begin on Mondays, days at the reader's midnight."""
    zero = datetime(1969, 12, 29, tzinfo=UTC) - timedelta(seconds=offset_s)
    step = timedelta(seconds=step_s)
    at = zero + (since - zero) // step * step
    found: dict[datetime, BackupInterval] = {}
    while at < until:
        inside = [run for run in runs if at <= run.finished_at < at + step]
        states = Counter(run.state for run in inside)
        found[at] = BackupInterval(
            at=at,
            complete=states[RunState.COMPLETE],
            partial=states[RunState.PARTIAL],
            failed=states[RunState.FAILED],
            cancelled=states[RunState.CANCELLED],
            bytes_sent=sum(run.bytes_sent or 0 for run in inside),
            bytes_seen=sum(run.bytes_seen for run in inside),
        )
        at += step
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("span_s", [HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY, 200 * DAY])
async def test_backups_are_those_that_ran(
    catalogue: Catalogue, clock: Clock, seed: int, span_s: float
) -> None:
    rng = random.Random(f"{seed} {span_s}")
    past = random_past(rng, clock(), 5, 2.2 * span_s / DAY)
    runs = [run for client in past for run in client.runs]
    await write_history(catalogue, past)
    offset_s = rng.choice([0, HOUR, -5 * HOUR, 5 * HOUR + 1800])
    told = await catalogue.analytics.backups(AnalyticsQuery(span_s=span_s, offset_s=offset_s, compare=True))
    expected = naive_intervals(runs, told.since, told.until, told.step_s, offset_s)
    assert {each.at: each for each in told.intervals} == expected
    assert len(told.intervals) == len(told.before) <= MAX_POINTS
    shift = timedelta(seconds=told.shift_s)
    assert [each.at + shift for each in told.before] == [each.at for each in told.intervals]
    assert {each.at: each for each in told.before} == naive_intervals(
        runs, told.since - shift, told.until - shift, told.step_s, offset_s
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("most", [3, 60])
async def test_hours_are_those_of_the_runs(catalogue: Catalogue, clock: Clock, seed: int, most: int) -> None:
    rng = random.Random(seed)
    past = random_past(rng, clock(), 8, 12)
    await write_history(catalogue, past)
    offset_s = rng.choice([0, 2 * HOUR, -7 * HOUR])
    heat = await catalogue.analytics.hours(AnalyticsQuery(span_s=9 * DAY, offset_s=offset_s), most)
    assert heat.client_count == 8
    assert [each.name for each in heat.clients] == sorted(each.name for each in heat.clients)
    assert len(heat.clients) == min(most, 8)

    def hours_of(clients: list[HistoryClient], *states: RunState) -> list[int]:
        hours = Counter(
            (run.finished_at + timedelta(seconds=offset_s)).hour
            for client in clients
            for run in client.runs
            if heat.since <= run.finished_at < heat.until and run.state in states
        )
        return [hours[hour] for hour in range(24)]

    by_name = {client.name: client for client in past}
    for told in heat.clients:
        assert list(told.runs) == hours_of([by_name.pop(told.name)], *STATES)
    if most < 8:
        assert heat.others is not None
        assert heat.others.name == "5 others"
        assert list(heat.others.runs) == hours_of(list(by_name.values()), *STATES)
        assert list(heat.others.failed) == hours_of(list(by_name.values()), RunState.FAILED)
    else:
        assert heat.others is None


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("now", [datetime(2026, 4, 6, 10, tzinfo=UTC), datetime(2026, 11, 2, 10, tzinfo=UTC)])
@pytest.mark.parametrize("span", [Span.DAY, Span.WEEK, Span.MONTH, Span.QUARTER])
async def test_days_are_those_of_the_wall_clock_also_when_it_is_changed(
    catalogue: Catalogue, clock: Clock, now: datetime, span: Span
) -> None:
    clock.at = now - timedelta(days=6.4) if span is Span.DAY else now
    past = random_past(random.Random(span), clock(), 5, 2.3 * SPAN_S[span] / DAY)
    runs = [run for client in past for run in client.runs]
    await write_history(catalogue, past)
    query = query_of(Range(span, compare=True), clock(), BERLIN)
    assert query.offset_changes.count(":") >= 2
    told = await catalogue.analytics.backups(query)
    assert len(told.intervals) == len(told.before)
    for intervals, first_of_next in ((told.before, told.before[-1].at), (told.intervals, told.until)):
        starts = [each.at for each in intervals]
        local = [at.astimezone(BERLIN) for at in starts]
        if told.step_s == DAY:
            assert {at.hour for at in local} == {0}
            assert [b.date() - a.date() for a, b in pairwise(local)] == [timedelta(days=1)] * (len(local) - 1)
        for begin, end, each in zip(starts, [*starts[1:], first_of_next], intervals, strict=True):
            if begin != first_of_next:
                assert each.runs == sum(begin <= run.finished_at < end for run in runs)
    heat = await catalogue.analytics.hours(query)
    hours = Counter(
        run.finished_at.astimezone(BERLIN).hour for run in runs if heat.since <= run.finished_at < heat.until
    )
    assert [sum(each.runs[hour] for each in heat.clients) for hour in range(24)] == [
        hours[hour] for hour in range(24)
    ]


async def test_a_run_counts_when_it_ends_and_once(catalogue: Catalogue, clock: Clock) -> None:
    client = await enrol(catalogue)
    run = await catalogue.runs.start(client.id, RunTrigger.SCHEDULE)
    query = AnalyticsQuery(span_s=HOUR)
    assert sum(each.runs for each in (await catalogue.analytics.backups(query)).intervals) == 0
    await add(catalogue, run, [entry("a", "x" * 70)])
    finish = FinishRun(state=RunState.PARTIAL)
    await catalogue.runs.finish(run.id, finish)
    await catalogue.runs.finish(run.id, finish)
    clock.forward(minutes=1)
    last = [each for each in (await catalogue.analytics.backups(query)).intervals if each.runs]
    assert [(each.partial, each.bytes_sent, each.bytes_seen, each.success_ratio) for each in last] == [
        (1, 70, 70, 0.0)
    ]
    heat = await catalogue.analytics.hours(query)
    assert sum(heat.clients[0].runs) == 1


def test_the_migration_counts_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "catalogue.db"
    monkeypatch.setattr(migrate, "SCHEMA_VERSION", "0001")
    migrate.migrate(path)
    monkeypatch.undo()
    rng = random.Random(7)
    rows = [
        (n, rng.randint(1, 3), rng.choice([*STATES, RunState.RUNNING]).value, rng.randrange(10**13))
        for n in range(400)
    ]
    with closing(sqlite3.connect(path)) as database, database:
        for n, client, state, ended in rows:
            end = None if state == "running" else ended
            database.execute(
                "INSERT INTO runs VALUES (?, ?, 'schedule', ?, 0, ?, NULL, 0, 0, 0, 0, 0, ?, ?, '')",
                (n, client, state, end, n * 10, n),
            )
    migrate.migrate(path)
    with closing(sqlite3.connect(path)) as database:
        got = {row[:3]: row[3:] for row in database.execute("SELECT * FROM run_rollup")}
    expected: dict[tuple[int, int, int], list[int]] = {}
    for n, client, state, ended in rows:
        if state == "running":
            continue
        for step, whose in ((300, 0), (3600, client), (86400, client)):
            key = (step, whose, ended - ended % (step * 10**6))
            counts = expected.setdefault(key, [0] * 6)
            counts[STATES.index(RunState(state))] += 1
            counts[4] += n
            counts[5] += n * 10
    assert got == {key: tuple(counts) for key, counts in expected.items()}


def test_sums_of_before_that_64_bits_do_not_hold_end_no_migration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sparse files of 8 EiB are enough."""
    path = tmp_path / "catalogue.db"
    monkeypatch.setattr(migrate, "SCHEMA_VERSION", "0001")
    migrate.migrate(path)
    monkeypatch.undo()
    with closing(sqlite3.connect(path)) as database, database:
        for n in (1, 2):
            database.execute(
                "INSERT INTO runs VALUES (?, 1, 'schedule', 'complete', 0, 5, NULL, 0, 0, 0, 0, 0, ?, 7, '')",
                (n, 2**63 - 1),
            )
    migrate.migrate(path)
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT complete, bytes_sent + bytes_seen FROM run_rollup").fetchall()
    assert rows == [(2, MAX_TOTAL + 14)] * 3


@pytest.mark.parametrize("span_s", [HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY, 1000 * DAY])
async def test_load_keeps_its_peaks_in_few_points(catalogue: Catalogue, clock: Clock, span_s: float) -> None:
    now = clock()
    rng = random.Random(span_s)
    times = sorted(now - timedelta(seconds=rng.uniform(10, span_s * 1.9)) for _ in range(2000))
    samples = [(at, {"cpu_ratio": rng.random()}) for at in times]
    await write_history(catalogue, [], samples)
    told = await catalogue.analytics.performance(AnalyticsQuery(span_s=span_s, compare=True))
    for (series, *_), since, until in (
        (told.series, told.since, told.until),
        (
            told.before,
            told.since - timedelta(seconds=told.shift_s),
            told.until - timedelta(seconds=told.shift_s),
        ),
    ):
        assert len(series.points) <= MAX_POINTS
        first = series.points[0].at
        inside = [sample["cpu_ratio"] for at, sample in samples if max(first, since) <= at < until]
        assert max(point.greatest for point in series.points) >= max(inside)
        assert min(point.least for point in series.points) <= min(inside)
        assert all(point.least <= point.mean <= point.greatest for point in series.points)


def test_a_period_is_told_in_intervals_that_are_kept() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for span_s in (300, HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY, 1800 * DAY):
        for ago_days in (0, 1, 20, 100):
            until = now - timedelta(days=ago_days)
            period = Period(now, until - timedelta(seconds=span_s), until, wall_clock(0))
            step_s = period.load_step_s(KEPT)
            assert span_s / step_s < MAX_POINTS
            source = max(each for each in KEPT if each <= step_s)
            assert step_s % source == 0
            assert KEPT[source] >= now - period.since or source == max(KEPT)
            assert len(period.edges_us(period.run_step_s())) - 1 <= MAX_POINTS


@pytest.mark.parametrize(
    "query",
    [
        AnalyticsQuery(),
        AnalyticsQuery(span_s=10),
        AnalyticsQuery(span_s=float("nan")),
        AnalyticsQuery(span_s=10 * 366 * DAY),
        AnalyticsQuery(span_s=DAY, since=datetime(2026, 1, 1, tzinfo=UTC)),
        AnalyticsQuery(since=datetime(2026, 1, 2, tzinfo=UTC), until=datetime(2026, 1, 1, tzinfo=UTC)),
        AnalyticsQuery(since=datetime(2030, 1, 1, tzinfo=UTC), until=datetime(2031, 1, 1, tzinfo=UTC)),
        AnalyticsQuery(span_s=DAY, offset_s=1),
        AnalyticsQuery(span_s=DAY, offset_changes="soon"),
        AnalyticsQuery(span_s=DAY, offset_changes="200:3600,100:0"),
        AnalyticsQuery(span_s=DAY, offset_changes="100:1"),
    ],
)
def test_no_period(query: AnalyticsQuery) -> None:
    with pytest.raises(BadQuery):
        period_of(query, datetime(2026, 6, 1, tzinfo=UTC))
