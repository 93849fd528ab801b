"""Streams: something at once for everybody, the last of it for who comes late, and nothing after the end."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from reactivex import Observable

from streams.model.files import FileQuery
from streams.model.snapshot import Delta, Snapshot
from streams.model.vocabulary import Health
from streams.sources.registry import Streams, TableStream
from tests.contract.conftest import Screen
from tests.servers import until

ASKED: dict[str, Callable[[Screen], Observable[Any]]] = {
    "file_page": lambda s: s.streams.file_page(FileQuery(limit=5)),
    "file_versions": lambda s: s.streams.file_versions(s.file_id),
    "client_runs": lambda s: s.streams.client_runs(s.client_id),
    "run": lambda s: s.streams.run(1),
    "client_activity": lambda s: s.streams.client_activity(s.client_id),
}
TABLES = ("clients", "progress", "transfers")
OTHERS = ("analytics", "logs", "database")
"""Bags of their own, whose streams are asked for with a period, a filter or a statement."""
SINGLE = [f.name for f in fields(Streams) if f.name not in {*ASKED, *TABLES, *OTHERS}]
DERIVED = ("link", "latency", "problems")
"""Known by the console itself, or folded from others: no snapshots of an answer."""
READ = [name for name in SINGLE if name not in DERIVED]


def stream_of(screen: Screen, name: str) -> Observable[Any]:
    """Return a stream of single values by its name."""
    if name in ASKED:
        return ASKED[name](screen)
    if name in TABLES:
        return table_of(screen, name).freshness
    return getattr(screen.streams, name)


def table_of(screen: Screen, name: str) -> TableStream[Any, Any]:
    return getattr(screen.streams, name)


async def test_every_stream_says_something_at_once(screen: Screen) -> None:
    for name in (*SINGLE, *TABLES, *ASKED):
        seen: list[Any] = []
        looking = stream_of(screen, name).subscribe(seen.append)
        if name in ("latency", "problems"):  # a clock of its own: a little later
            await until(lambda seen=seen: seen)
        assert seen, name
        looking.dispose()
        if name not in DERIVED:
            assert isinstance(seen[0], Snapshot), name


async def test_every_subject_is_read_and_who_comes_late_gets_the_last_of_it(screen: Screen) -> None:
    for name in (*READ, *TABLES, *ASKED):
        stream = stream_of(screen, name)
        first: list[Snapshot[Any]] = []
        late: list[Snapshot[Any]] = []
        looking = stream.subscribe(first.append)
        await until(lambda seen=first: seen[-1].health is Health.OK)
        assert first[-1].value is not None and first[-1].at is not None, name
        stream.subscribe(late.append).dispose()
        looking.dispose()
        if name not in ASKED:  # those are asked anew by each
            assert late[-1].value == first[-1].value, name


@pytest.mark.parametrize("name", TABLES)
async def test_who_comes_late_gets_a_whole_table_at_once(screen: Screen, name: str) -> None:
    table = table_of(screen, name)
    rows: dict[Any, Any] = {}
    counted: list[Snapshot[int]] = []

    def take(delta: Delta[Any, Any]) -> None:
        if delta.full:
            rows.clear()
        rows.update(delta.changed)
        for key in delta.removed:
            del rows[key]

    table.deltas.subscribe(take)
    table.freshness.subscribe(counted.append)
    await until(lambda: counted[-1].health is Health.OK and counted[-1].value == len(rows))
    late: list[Delta[Any, Any]] = []
    table.deltas.subscribe(late.append)
    assert len(late) == 1
    assert late[0].full
    assert dict(late[0].changed) == rows


async def test_a_change_reaches_who_looks_and_nobody_else(screen: Screen) -> None:
    """Nothing is said to one who has stopped looking, though others still look."""
    table = table_of(screen, "clients")
    stayed: list[Delta[Any, Any]] = []
    left: list[Delta[Any, Any]] = []
    table.deltas.subscribe(stayed.append)
    leaving = table.deltas.subscribe(left.append)
    await until(lambda: stayed and left)
    leaving.dispose()
    before, known = len(stayed), len(left)
    client = stayed[-1].changed[screen.client_id]
    await screen.change(client)
    await until(lambda: len(stayed) > before)
    assert len(left) == known
    assert screen.client_id in stayed[-1].changed
    assert not stayed[-1].full
