"""A content belongs to those clients that have sent it; what nobody names any more leaves."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.catalogue import migrate
from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import BadQuery, BlobsMissing
from app.catalogue.schema import SCHEMA_VERSION
from app.catalogue.totals import MAX_TOTAL
from app.wire.http import FinishRun
from streams.model.files import FileQuery
from streams.model.vocabulary import RunState, RunTrigger
from tests.app.catalogue.seeds import Clock, ForgetfulStore, add, back_up, enrol, entry, send, sha


async def contents_of(catalogue: Catalogue, client_id: str) -> dict[str, int]:
    """Return the contents of a client, with how many versions name each."""
    found = await catalogue.readers.read(
        lambda connection: connection.exec_driver_sql(
            "SELECT b.sha256, cc.version_count FROM client_contents cc JOIN blobs b ON b.id = cc.blob_id"
            " JOIN clients c ON c.no = cc.client_no WHERE c.id = ?",
            (client_id,),
        )
    )
    return {sha256.hex(): count for sha256, count in found.all()}


async def held(catalogue: Catalogue, client_id: str) -> int:
    return (await catalogue.contents.held(client_id))[0]


async def test_only_who_has_sent_a_content_can_name_it(catalogue: Catalogue) -> None:
    owner, other = await enrol(catalogue, "owner"), await enrol(catalogue, "other")
    await back_up(catalogue, owner, entry("a", "secret"))
    assert await catalogue.contents.owned(other.id, [sha("secret")]) == set()
    run = await catalogue.runs.start(other.id, RunTrigger.AGENT)
    with pytest.raises(BlobsMissing):
        await catalogue.runs.add_entries(run.id, [entry("stolen", "secret")])
    assert (await catalogue.clients.one(other.id)).file_count == 0
    assert (await add(catalogue, run, [entry("mine", "secret")])).accepted == 1
    assert await catalogue.contents.owned(other.id, [sha("secret"), sha("none")]) == {sha("secret")}
    assert (await catalogue.files.summary()).file_count == 2


async def test_a_size_that_is_not_the_contents_own_is_refused(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
    good = entry("a", "1234")
    wrong = replace(entry("b", "1234"), size_bytes=2**63 - 1)
    await send(catalogue, client.id, good)
    with pytest.raises(BadQuery, match="names a content of 4 bytes"):
        await catalogue.runs.add_entries(run.id, [good, wrong])
    assert (await catalogue.clients.one(client.id)).stored_bytes == 0


async def test_versions_and_held_bytes_are_counted(catalogue: Catalogue, clock: Clock) -> None:
    client = await enrol(catalogue)
    await back_up(catalogue, client, entry("a", "one"), entry("b", "one"), entry("c", "three"))
    await back_up(catalogue, client, entry("a", "one", mode=0o600), entry("c", "sixsix"))
    assert await contents_of(catalogue, client.id) == {sha("one"): 3, sha("three"): 1, sha("sixsix"): 1}
    assert await held(catalogue, client.id) == 3 + 5 + 6
    row = (await catalogue.files.page(FileQuery(text="a"))).rows[0]
    await catalogue.files.delete([row.id])
    clock.forward(days=2)
    assert await catalogue.files.purge(clock.at - timedelta(days=1)) == 1
    assert await contents_of(catalogue, client.id) == {sha("one"): 1, sha("three"): 1, sha("sixsix"): 1}
    row = (await catalogue.files.page(FileQuery(text="c"))).rows[0]
    await catalogue.files.delete([row.id])
    clock.forward(days=2)
    assert await catalogue.files.purge(clock.at - timedelta(days=1)) == 1
    assert await contents_of(catalogue, client.id) == {sha("one"): 1}
    assert await held(catalogue, client.id) == 3


async def test_contents_that_no_run_can_name_any_more_are_let_go(catalogue: Catalogue, clock: Clock) -> None:
    client = await enrol(catalogue)
    await send(catalogue, client.id, entry("before", "before"))
    run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
    await add(catalogue, run, [entry("named", "named")])
    await send(catalogue, client.id, entry("lost", "lost"))
    assert await catalogue.contents.forget_unnamed() == 0
    await catalogue.runs.finish(run.id, FinishRun(state=RunState.FAILED))
    await send(catalogue, client.id, entry("next", "next"))
    assert await catalogue.contents.forget_unnamed() == 2
    assert await contents_of(catalogue, client.id) == {sha("named"): 1, sha("next"): 0}
    store = ForgetfulStore()
    assert await catalogue.doomed.drop(store) == 2
    assert set(store.removed) == {sha("before"), sha("lost")}
    clock.forward(days=2)
    assert await catalogue.contents.forget_unnamed() == 1
    assert await held(catalogue, client.id) == 5


async def test_what_came_while_the_clock_was_ahead_waits_no_longer_than_else(
    catalogue: Catalogue, clock: Clock
) -> None:
    client = await enrol(catalogue)
    clock.forward(days=365)
    await send(catalogue, client.id, entry("early", "early"))
    clock.forward(days=-365)
    assert await catalogue.contents.forget_unnamed() == 0
    clock.forward(hours=20)
    assert await catalogue.contents.forget_unnamed() == 0
    clock.forward(hours=5)
    assert await catalogue.contents.forget_unnamed() == 1


async def test_what_came_counts_for_the_open_run(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    await catalogue.contents.receive(client.id, {sha("x"): 1}, sent_bytes=1)
    run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
    await catalogue.contents.receive(client.id, {sha("xy"): 2, sha("xyz"): 3}, sent_bytes=5)
    assert (await catalogue.runs.one(run.id)).bytes_sent == 5


async def test_a_size_that_was_believed_before_is_put_right(catalogue: Catalogue) -> None:
    client, other = await enrol(catalogue, "one"), await enrol(catalogue, "two")
    await send(catalogue, client.id, entry("a", "abc"))
    await catalogue.contents.receive(other.id, {sha("abc"): 2**62})
    await catalogue.contents.receive(client.id, {sha("abc"): 3})
    assert (await held(catalogue, client.id), await held(catalogue, other.id)) == (3, 3)


async def test_a_catalogue_of_before_learns_who_has_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalogue.db"
    monkeypatch.setattr(migrate, "SCHEMA_VERSION", "0004")
    migrate.migrate(path)
    with closing(sqlite3.connect(path)) as database, database:
        for no in (1, 2):
            database.execute(
                "INSERT INTO clients (no, id, name, state, created_at, goal_s, backup_queued, platform,"
                " agent_version, file_count, stored_bytes, unverified_count, damaged_count, deleted_count,"
                " vanished_count) VALUES (?, ?, ?, 'offline', 1, 60, 0, '', '', 1, 9.3e18, 0, 0, 0, 0)",
                (no, f"{no:032}", f"client {no}"),
            )
            database.execute(
                'INSERT INTO runs (id, client_no, "trigger", state, started_at, files_seen, files_new,'
                " files_changed, files_vanished, files_failed, bytes_seen, bytes_sent, correlation_id)"
                f" VALUES (?, ?, 'agent', 'complete', 1, 0, 0, 0, 0, 0, 0, {2**63 - 1}, '')",
                (no, no),
            )
        for blob_id, size in ((1, 2**63 - 1), (2, 2**63 - 1), (3, 5)):
            database.execute(
                "INSERT INTO blobs (id, sha256, size_bytes, stored_bytes, created_at, damaged)"
                " VALUES (?, ?, ?, 1, 1, 0)",
                (blob_id, bytes([blob_id]) * 32, size),
            )
        for version_id, (client_no, blob_id) in enumerate(((1, 1), (1, 2), (1, 2), (2, 3), (2, None)), 1):
            database.execute(
                "INSERT INTO files (id, client_no, client_name, raw_path, path, path_key, kind, suffix,"
                " state, version_id, version_count, size_bytes, modified_at, backed_up_at, blob_id)"
                " VALUES (?, ?, 'x', ?, 'p', 'p', 'file', '', 'stored', ?, 1, 1, 1, 1, ?)",
                (version_id, client_no, f"/{version_id}".encode(), version_id, blob_id),
            )
            database.execute(
                "INSERT INTO file_versions (id, file_id, run_id, created_at, kind, size_bytes, mtime_ns,"
                " mode, blob_id, inconsistent) VALUES (?, ?, ?, 7, 'file', 1, 1, 1, ?, 0)",
                (version_id, version_id, client_no, blob_id),
            )
    monkeypatch.setattr(migrate, "SCHEMA_VERSION", SCHEMA_VERSION)
    catalogue = await Catalogue.open(path)
    try:
        _, _, clients = await catalogue.clients.all()
        assert [client.stored_bytes for client in clients] == [MAX_TOTAL, MAX_TOTAL]
        assert [await held(catalogue, client.id) for client in clients] == [MAX_TOTAL, 5]
        first, second = [await contents_of(catalogue, client.id) for client in clients]
        assert first == {bytes([1] * 32).hex(): 1, bytes([2] * 32).hex(): 2}
        assert second == {bytes([3] * 32).hex(): 1}
        assert (await catalogue.files.summary()).file_count == 2
        assert [run.bytes_sent for run in (await catalogue.runs.page()).rows] == [MAX_TOTAL, MAX_TOTAL]
    finally:
        await catalogue.close()
