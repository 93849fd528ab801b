"""A row that cannot be read costs itself, and a page of long names ends early and goes on."""

from pathlib import Path

import pytest

from app.catalogue import files as files_module
from app.catalogue import readable
from app.catalogue.catalogue import Catalogue
from streams.model.files import FileQuery
from streams.model.vocabulary import RunState, RunTrigger
from tests.app.catalogue.seeds import back_up, enrol, entry


async def spoil(catalogue: Catalogue, sql: str) -> None:
    await catalogue.writer.write(lambda transaction: transaction.connection.exec_driver_sql(sql) and None)


@pytest.mark.parametrize(
    "change", ["state = 'asleep'", f"created_at = {2**62}", "created_at = 'soon'", "last_run_state = 'odd'"]
)
async def test_the_other_clients_are_told(catalogue: Catalogue, change: str) -> None:
    await enrol(catalogue, "bad")
    good = await enrol(catalogue, "good")
    await spoil(catalogue, f"UPDATE clients SET {change} WHERE name = 'bad'")
    assert [client.name for client in (await catalogue.clients.all())[2]] == [good.name]


async def test_runs_lines_events_and_files_that_cannot_be_read_are_left_out(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    await back_up(catalogue, client, entry("a", "one"))
    await back_up(catalogue, client, entry("b", "two"))
    count = len(await catalogue.events.after(0))
    await spoil(catalogue, "UPDATE runs SET state = 'odd' WHERE id = 1")
    await spoil(catalogue, "UPDATE activity SET kind = 'odd' WHERE seq = 1")
    await spoil(catalogue, "UPDATE events SET payload = '[[[' WHERE seq = 2")
    await spoil(catalogue, "UPDATE files SET state = 'odd' WHERE path = 'a'")
    assert [run.id for run in (await catalogue.runs.page()).rows] == [2]
    assert 1 not in [line.seq for line in await catalogue.activity.page()]
    assert len(await catalogue.events.after(0)) == count - 1
    assert [row.path for row in (await catalogue.files.page(FileQuery())).rows] == ["b"]


async def test_the_server_starts_whatever_stands_in_an_open_run(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    catalogue = await Catalogue.open(path)
    bad, good = await enrol(catalogue, "bad"), await enrol(catalogue, "good")
    runs = [await catalogue.runs.start(client.id, RunTrigger.AGENT) for client in (bad, good)]
    await spoil(catalogue, f"UPDATE clients SET created_at = {2**62}, state = 'online' WHERE name = 'bad'")
    await catalogue.close()
    again = await Catalogue.open(path)
    try:
        await again.clients.mark_all_offline()
        ended = await again.runs.fail_orphans("restarted")
        assert [run.id for run in ended] == [runs[1].id]
        assert (await again.runs.one(runs[0].id)).state is RunState.FAILED
        assert (await again.runs.active())[2] == ()
        assert [client.name for client in (await again.clients.all())[2]] == ["good"]
    finally:
        await again.close()


async def test_a_page_of_long_names_ends_early_and_goes_on(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readable.fitting, "__defaults__", (100_000,))
    monkeypatch.setattr(files_module, "TREE_AT_ONCE", 7)
    client = await enrol(catalogue)
    names = [f"/{number:02}" + "\udcff/x" * 1000 for number in range(30)]
    raw = [name.encode("utf-8", "surrogateescape") for name in names]
    await back_up(catalogue, client, *(entry(name, "x") for name in raw))
    found: list[bytes] = []
    after: int | None = 0
    pages = 0
    while after is not None:
        rows, after = await catalogue.files.tree(client.id, after=after, limit=1000)
        found += [row.raw_path for row in rows]
        pages += 1
    assert found == raw
    assert pages > 5
    for sort in ("path", "name", "size", "client"):
        forwards, backwards = [], []
        page = await catalogue.files.page(FileQuery(limit=100, sort=sort))
        last = page.last_cursor
        while True:
            forwards += [row.raw_path for row in page.rows]
            if page.next_cursor is None:
                break
            assert len(page.next_cursor) < 4000
            page = await catalogue.files.page(FileQuery(limit=100, sort=sort, cursor=page.next_cursor))
        assert sorted(forwards) == sorted(raw), sort
        page = await catalogue.files.page(FileQuery(limit=100, sort=sort, cursor=last))
        while True:
            backwards[:0] = [row.raw_path for row in page.rows]
            if page.previous_cursor is None:
                break
            page = await catalogue.files.page(FileQuery(limit=100, sort=sort, cursor=page.previous_cursor))
        assert backwards == forwards, sort
