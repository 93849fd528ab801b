"""Deleting, bringing back, purging and verifying."""

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

import pytest

from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import BadQuery, UnknownFile
from streams.model.events import Event
from streams.model.files import FileQuery, FilesSummary
from streams.model.vocabulary import EventKind, FileState, RunTrigger
from tests.app.catalogue.seeds import Clock, ForgetfulStore, back_up, enrol, entry, folder, sha


async def counted(catalogue: Catalogue) -> FilesSummary:
    """What the files themselves say; the counters must say the same."""
    rows = (await catalogue.files.page(FileQuery(limit=1000))).rows
    present = [row for row in rows if row.state is not FileState.VANISHED]
    deleted = await catalogue.files.page(FileQuery(limit=1000, state=FileState.DELETED))
    kept = await catalogue.files.summary()
    return FilesSummary(
        file_count=len(present),
        total_bytes=sum(row.size_bytes for row in present),
        blob_bytes=kept.blob_bytes,
        recent_run_count=kept.recent_run_count,
        unverified_count=sum(row.state is FileState.STORED for row in present),
        damaged_count=sum(row.state is FileState.DAMAGED for row in present),
        deleted_count=len(deleted.rows),
        vanished_count=len(rows) - len(present),
    )


async def test_deleting_and_bringing_back(catalogue: Catalogue, told: list[Event]) -> None:
    client = await enrol(catalogue)
    await back_up(catalogue, client, entry("a", "one"), entry("b", "two"), entry("c", "three"))
    run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
    await catalogue.runs.add_vanished(run.id, [b"c"])
    ids = {row.path: row.id for row in (await catalogue.files.page(FileQuery())).rows}
    outcome = await catalogue.files.delete([ids["a"], ids["c"], 999])
    assert outcome.done == (str(ids["a"]), str(ids["c"]))
    assert outcome.refused == {"999": "no such file"}
    assert told[-1].kind is EventKind.FILES_DELETED
    assert told[-1].activity is not None
    assert (told[-1].activity.files, told[-1].activity.bytes) == (2, 8)
    assert told[-1].activity.reason == "a and 1 more"
    assert await catalogue.files.summary() == await counted(catalogue)
    assert [each.raw_path for each in (await catalogue.files.tree(client.id))[0]] == [b"b"]
    assert len((await catalogue.files.tree(client.id, include_deleted=True))[0]) == 2
    assert (await catalogue.files.versions(ids["a"]))[0].state is FileState.DELETED
    assert (await catalogue.files.delete([ids["a"]])).refused == {str(ids["a"]): "it is deleted already"}

    back = await catalogue.files.undelete([ids["a"], ids["c"], ids["b"]])
    assert back.done == (str(ids["a"]), str(ids["c"]))
    assert back.refused == {str(ids["b"]): "it is not deleted"}
    states = [row.state for row in (await catalogue.files.page(FileQuery())).rows]
    assert states == [FileState.STORED, FileState.STORED, FileState.VANISHED]
    assert await catalogue.files.summary() == await counted(catalogue)


async def test_a_new_version_brings_a_deleted_file_back(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    await back_up(catalogue, client, entry("a", "one"))
    row = (await catalogue.files.page(FileQuery())).rows[0]
    await catalogue.files.delete([row.id])
    await back_up(catalogue, client, entry("a", "two"))
    assert (await catalogue.files.page(FileQuery())).rows[0].state is FileState.STORED
    assert await catalogue.files.summary() == await counted(catalogue)


async def test_verifying(catalogue: Catalogue, told: list[Event], clock: Clock) -> None:
    desk, mail = await enrol(catalogue, "desk"), await enrol(catalogue, "mail")
    await back_up(catalogue, desk, entry("a", "one"), entry("b", "two"), folder("d"))
    await back_up(catalogue, mail, entry("x", "one"), entry("y", "three"))
    assert {blob.sha256 async for blob in catalogue.files.hashes_of(client_id=mail.id)} == {
        sha("one"),
        sha("three"),
    }
    assert len([blob async for blob in catalogue.files.hashes_of()]) == 3
    at = clock.forward(hours=1)
    result = await catalogue.files.mark_verified({sha("one"): False, sha("two"): True, sha("other"): True})
    assert (result.checked, result.damaged) == (3, ("a", "x"))
    kinds = [event.kind for event in told[-4:]]
    assert kinds == [EventKind.FILE_DAMAGED, EventKind.FILES_VERIFIED] * 2
    page = await catalogue.files.page(FileQuery())
    assert [row.state for row in page.rows] == [
        FileState.DAMAGED,
        FileState.VERIFIED,
        FileState.DAMAGED,
        FileState.STORED,
    ]
    verified = page.rows[1].verified_at
    assert verified is not None
    assert abs(verified - at) < timedelta(seconds=1)
    assert await catalogue.files.summary() == await counted(catalogue)
    asked = [sha("one"), sha("two"), sha("other")]
    assert await catalogue.contents.owned(desk.id, asked) == {sha("two")}
    assert await catalogue.contents.owned(mail.id, asked) == set()
    with pytest.raises(BadQuery):
        await catalogue.files.mark_verified({"zz": True})


async def test_a_damaged_content_that_is_sent_again_is_whole(tmp_path: Path) -> None:
    async def stored(hashes: Collection[str]) -> dict[str, int]:
        return dict.fromkeys(hashes, 5)

    catalogue = await Catalogue.open(tmp_path / "c.db", stored_sizes=stored)
    try:
        client = await enrol(catalogue)
        await back_up(catalogue, client, entry("a", "one"), entry("b", "one"))
        await catalogue.files.mark_verified({sha("one"): False})
        assert (await catalogue.files.summary()).damaged_count == 2
        await back_up(catalogue, client, entry("c", "one"))
        assert {row.state for row in (await catalogue.files.page(FileQuery())).rows} == {FileState.STORED}
        assert await catalogue.files.summary() == await counted(catalogue)
    finally:
        await catalogue.close()


async def test_purging_drops_only_what_nothing_needs(catalogue: Catalogue, clock: Clock) -> None:
    store = ForgetfulStore()
    client = await enrol(catalogue)
    await back_up(catalogue, client, entry("a", "one"), entry("b", "shared"), entry("c", "shared"))
    await back_up(catalogue, client, entry("a", "two"))
    await catalogue.files.mark_verified({sha("one"): True})
    ids = {row.path: row.id for row in (await catalogue.files.page(FileQuery())).rows}
    await catalogue.files.delete([ids["a"], ids["b"]])
    assert await catalogue.files.purge(clock.at - timedelta(days=1)) == 0
    clock.forward(days=2)
    assert await catalogue.files.purge(clock.at - timedelta(days=1)) == 2
    assert await catalogue.doomed.drop(store) == 2
    assert sorted(store.removed) == sorted([sha("one"), sha("two")])
    with pytest.raises(UnknownFile):
        await catalogue.files.versions(ids["a"])
    assert await catalogue.contents.known([sha("shared"), sha("one")]) == {sha("shared")}
    assert await catalogue.files.summary() == await counted(catalogue)
    # Numbers are not used again.
    await back_up(catalogue, client, entry("new", "four"))
    newest = max(row.id for row in (await catalogue.files.page(FileQuery())).rows)
    assert newest > max(ids.values())
