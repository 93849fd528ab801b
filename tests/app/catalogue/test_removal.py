"""Removing a client for good: nothing of it is left, nothing of others is lost."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.catalogue import batch_write, removal
from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import UnknownClient, UnknownFile, UnknownVersion
from app.catalogue.paging import ORDERS
from app.catalogue.schema import metadata
from app.catalogue.search_check import search_findings
from app.catalogue.tokens import AGENT_ONLY
from app.catalogue.transaction import Transaction
from streams.model.events import Event
from streams.model.files import FileQuery
from streams.model.vocabulary import EventKind, FileState, RunTrigger, Topic
from tests.app.catalogue.seeds import ForgetfulStore, back_up, enrol, entry, sha


class Killed(Exception):
    """Stands for the end of the process between two statements."""


async def rows_of(catalogue: Catalogue, table: str) -> int:
    counted = await catalogue.readers.read(
        lambda connection: connection.exec_driver_sql(f"SELECT count(*) FROM {table}")
    )
    return counted.scalar_one()


async def test_a_client_goes_with_all_that_is_kept_of_it(catalogue: Catalogue, told: list[Event]) -> None:
    before = {table.name: await rows_of(catalogue, table.name) for table in metadata.sorted_tables}
    client = await enrol(catalogue, "old-laptop")
    await back_up(catalogue, client, entry("a", "one"), entry("b", "two"))
    await back_up(catalogue, client, entry("a", "three"))
    run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
    await catalogue.runs.add_vanished(run.id, [b"b"])
    assert await rows_of(catalogue, "run_names") == 1
    await catalogue.files.delete([(await catalogue.files.page(FileQuery(limit=1))).rows[0].id])
    held = await catalogue.removal.holdings(client.id)
    assert (held.name, held.files, held.runs) == ("old-laptop", 2, 3)
    assert await catalogue.removal.remove(client.id) == held
    event = told[-1]
    assert (event.kind, event.removed and event.removed.id) == (EventKind.CLIENT_REMOVED, client.id)
    assert set(event.topics) == {Topic.CLIENTS, Topic.RUNS, Topic.FILES, Topic.ACTIVITY}
    assert event.activity is not None
    assert (event.activity.reason, event.activity.files) == ("old-laptop", 2)
    with pytest.raises(UnknownClient):
        await catalogue.clients.one(client.id)
    assert await catalogue.removal.finish() > 0
    for table in (
        "clients",
        "files",
        "file_versions",
        "runs",
        "client_contents",
        "blobs",
        "run_rollup",
        "run_names",
    ):
        # The sums of all clients together stay.
        left = 1 if table == "run_rollup" else 0
        assert await rows_of(catalogue, table) == before[table] + left, table
    assert await catalogue.removal.finish() == 0
    assert (await catalogue.activity.page())[0].kind is EventKind.CLIENT_REMOVED
    assert (await catalogue.files.summary()).file_count == 0


async def test_its_token_is_good_no_longer(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    token = await catalogue.tokens.issue(AGENT_ONLY, client.id)
    heard: list[object] = []
    catalogue.tokens.on_revoked.append(heard.append)
    await catalogue.removal.remove(client.id)
    assert await catalogue.tokens.check(token) is None
    assert heard


async def test_contents_go_unless_another_client_needs_them(catalogue: Catalogue) -> None:
    gone, stays = await enrol(catalogue, "gone"), await enrol(catalogue, "stays")
    await back_up(catalogue, gone, entry("a", "own"), entry("b", "shared"))
    await back_up(catalogue, stays, entry("c", "shared"))
    await catalogue.removal.remove(gone.id)
    store = ForgetfulStore()
    await catalogue.removal.finish()
    assert await catalogue.doomed.drop(store) == 1
    assert store.removed == [sha("own")]
    assert await catalogue.doomed.drop(store) == 0
    page = await catalogue.files.page(FileQuery())
    assert [(row.path, row.state) for row in page.rows] == [("c", FileState.STORED)]


async def test_a_name_can_be_enrolled_again_as_another_client(catalogue: Catalogue) -> None:
    first = await enrol(catalogue, "twice")
    await catalogue.removal.remove(first.id)
    assert (await enrol(catalogue, "twice")).id != first.id


async def test_an_unknown_client_cannot_be_removed(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownClient):
        await catalogue.removal.holdings("f" * 32)
    with pytest.raises(UnknownClient):
        await catalogue.removal.remove("f" * 32)


async def test_it_is_gone_for_everybody_before_its_rows_are(catalogue: Catalogue, told: list[Event]) -> None:
    gone, stays = await enrol(catalogue, "gone"), await enrol(catalogue, "stays")
    await back_up(catalogue, gone, entry("a", "own"), entry("b", "shared"))
    await back_up(catalogue, stays, entry("c", "shared"), entry("d", "other"))
    listed = (await catalogue.files.page(FileQuery(client_id=gone.id))).rows
    await catalogue.removal.remove(gone.id)
    assert await rows_of(catalogue, "files") == 4
    again = await enrol(catalogue, "gone")

    assert {client.id for client in (await catalogue.clients.all())[2]} == {stays.id, again.id}
    for sort in ORDERS:
        page = await catalogue.files.page(FileQuery(sort=sort))
        assert {row.path for row in page.rows} == {"c", "d"}
        assert page.total == 2
    assert (await catalogue.files.page(FileQuery(text="a"))).rows == ()
    assert (await catalogue.files.page(FileQuery(client_id=again.id))).rows == ()
    with pytest.raises(UnknownClient):
        await catalogue.files.page(FileQuery(client_id=gone.id))
    with pytest.raises(UnknownVersion):
        await catalogue.files.version(listed[0].version_id)
    with pytest.raises(UnknownFile):
        await catalogue.files.versions(listed[0].id)
    assert await catalogue.files.small_contents([row.version_id for row in listed], 10**6) == {}
    assert (await catalogue.files.delete([listed[0].id])).refused == {str(listed[0].id): "no such file"}
    assert {run.client_id for run in (await catalogue.runs.page()).rows} == {stays.id}
    assert (await catalogue.runs.results()).complete == 1
    assert (await catalogue.files.summary()).file_count == 2
    assert (await catalogue.files.summary()).recent_run_count == 1
    assert {line.client_id for line in await catalogue.activity.page()} == {stays.id, again.id, None}

    told.clear()
    await catalogue.files.mark_verified({sha("shared"): False, sha("own"): False})
    assert {event.client.id for event in told if event.client} == {stays.id}
    await catalogue.removal.finish()
    assert await rows_of(catalogue, "files") == 2
    assert (await catalogue.files.summary()).damaged_count == 1


async def test_it_goes_in_small_writes_and_goes_on_after_a_crash(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await enrol(catalogue)
    for round_ in range(2):
        await back_up(catalogue, client, *(entry(f"f{n}", f"{n} {round_}") for n in range(12)))
    await catalogue.removal.remove(client.id)
    monkeypatch.setattr(batch_write, "FIRST_ROWS", 10)
    monkeypatch.setattr(batch_write, "next_rows", lambda rows, _took: rows)
    steps = 0
    work = removal._forget_rows

    def killed(transaction: Transaction, most: int) -> int:
        nonlocal steps
        steps += 1
        if steps % 4 == 0:
            raise Killed
        changed = work(transaction, most)
        assert changed <= 10
        return changed

    monkeypatch.setattr(removal, "_forget_rows", killed)
    finished = False
    while not finished:
        try:
            await catalogue.removal.finish()
            finished = True
        except Killed:
            with closing(sqlite3.connect(tmp_path / "catalogue.db")) as database:
                assert database.execute("PRAGMA foreign_key_check").fetchall() == []
                assert search_findings(database) == []
    assert steps > 8
    for table in ("clients", "files", "file_versions", "runs", "client_contents", "blobs"):
        assert await rows_of(catalogue, table) == 0, table
    assert await rows_of(catalogue, "doomed_contents") == 24
