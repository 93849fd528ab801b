from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import (
    BadQuery,
    BlobsMissing,
    ContentWithdrawn,
    UnknownClient,
    UnknownFile,
    UnknownVersion,
)
from app.catalogue.paths import path_of, suffix_of
from app.wire.http import AgentEntry
from streams.model.clients import Client
from streams.model.events import Event
from streams.model.files import FileQuery
from streams.model.vocabulary import EntryKind, EventKind, FileState, RunTrigger
from tests.app.catalogue.seeds import Clock, add, back_up, enrol, entry, folder, link, send, sha


async def tree(catalogue: Catalogue, client: Client, **at: object) -> dict[bytes, str | None]:
    found: dict[bytes, str | None] = {}
    after: int | None = 0
    while after is not None:
        entries, after = await catalogue.files.tree(client.id, after=after, limit=2, **at)
        found |= {each.raw_path: each.sha256 for each in entries}
    return found


async def test_what_is_told_twice_is_there_once(catalogue: Catalogue, told: list[Event]) -> None:
    client = await enrol(catalogue)
    run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
    entries = [entry("a.TXT", "one"), entry("b", "one"), folder("dir"), link("l", b"\xff/target")]
    assert (await add(catalogue, run, entries)).accepted == 4
    event = told[-1]
    assert event.kind is EventKind.FILES_CHANGED
    assert event.files is not None
    assert event.files.count == 4
    assert event.client is not None
    assert (event.client.file_count, event.client.stored_bytes) == (3, 6 + len(b"\xff/target"))
    assert (await add(catalogue, run, entries)).accepted == 4
    assert told[-1] is event
    page = await catalogue.files.page(FileQuery())
    assert [(row.path, row.suffix, row.version_count) for row in page.rows] == [
        ("a.TXT", "txt", 1),
        ("b", "", 1),
        ("l", "", 1),
    ]
    entries_now, _ = await catalogue.files.tree(client.id)
    assert [each.kind for each in entries_now] == [
        EntryKind.FILE,
        EntryKind.FILE,
        EntryKind.FOLDER,
        EntryKind.LINK,
    ]
    assert entries_now[3].link_target == b"\xff/target"


async def test_versions_and_the_tree_at_each_time(catalogue: Catalogue, clock: Clock) -> None:
    client = await enrol(catalogue)
    before = clock.forward(hours=1)
    await back_up(catalogue, client, entry("a", "one"), entry("b", "bee"))
    first = clock.forward(hours=1)
    run = await catalogue.runs.start(client.id, RunTrigger.SCHEDULE)
    await add(catalogue, run, [entry("a", "two"), entry("c", "sea")])
    assert (await catalogue.runs.add_vanished(run.id, [b"b", b"never there"])).accepted == 1
    assert (await catalogue.runs.add_vanished(run.id, [b"b"])).accepted == 0
    second = clock.forward(hours=1)
    await back_up(catalogue, client, entry("b", "bee"))
    third = clock.forward(hours=1)

    assert await tree(catalogue, client, at=before) == {}
    assert await tree(catalogue, client, at=first) == {b"a": sha("one"), b"b": sha("bee")}
    assert await tree(catalogue, client, at=second) == {b"a": sha("two"), b"c": sha("sea")}
    now = {b"a": sha("two"), b"b": sha("bee"), b"c": sha("sea")}
    assert await tree(catalogue, client, at=third) == await tree(catalogue, client) == now

    page = await catalogue.files.page(FileQuery())
    assert [row.version_count for row in page.rows] == [2, 2, 1]
    versions = await catalogue.files.versions(page.rows[0].id)
    assert [version.sha256 for version in versions] == [sha("two"), sha("one")]
    assert await catalogue.files.version(versions[1].id) == versions[1]
    assert (await catalogue.clients.one(client.id)).stored_bytes == 9


async def test_vanished_files_stay_in_sight_but_are_not_counted(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    await back_up(catalogue, client, entry("a", "one"), entry("b", "four"))
    run = await catalogue.runs.start(client.id, RunTrigger.SCHEDULE)
    await catalogue.runs.add_vanished(run.id, [b"a"])
    page = await catalogue.files.page(FileQuery())
    assert [row.state for row in page.rows] == [FileState.VANISHED, FileState.STORED]
    counted = await catalogue.clients.one(client.id)
    assert (counted.file_count, counted.stored_bytes) == (1, 4)
    only = await catalogue.files.page(FileQuery(state=FileState.VANISHED))
    assert [row.path for row in only.rows] == ["a"]


async def test_metadata_alone_makes_a_version_of_the_same_content(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    await back_up(catalogue, client, entry("a", "one"))
    await back_up(catalogue, client, entry("a", "one", mode=0o600))
    row = (await catalogue.files.page(FileQuery())).rows[0]
    versions = await catalogue.files.versions(row.id)
    assert [version.mode for version in versions] == [0o600, 0o644]
    assert [blob.sha256 async for blob in catalogue.files.hashes_of([row.id])] == [sha("one")]


async def test_contents_that_are_not_stored_are_refused(tmp_path: Path, told: list[Event]) -> None:
    async def stored(hashes: Collection[str]) -> dict[str, int]:
        return {sha256: 7 for sha256 in hashes if sha256 == sha("there")}

    catalogue = await Catalogue.open(tmp_path / "c.db", on_commit=told.extend, stored_sizes=stored)
    try:
        client = await enrol(catalogue)
        run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
        with pytest.raises(BlobsMissing) as refused:
            await catalogue.runs.add_entries(run.id, [entry("a", "there"), entry("b", "lost")])
        assert set(refused.value.hashes) == {sha("there"), sha("lost")}
        await send(catalogue, client.id, entry("a", "there"))
        with pytest.raises(ContentWithdrawn):
            await send(catalogue, client.id, entry("b", "lost"))
        with pytest.raises(BlobsMissing) as refused:
            await catalogue.runs.add_entries(run.id, [entry("a", "there"), entry("b", "lost")])
        assert refused.value.hashes == (sha("lost"),)
        assert (await catalogue.files.page(FileQuery())).rows == ()
        await add(catalogue, run, [entry("a", "there"), entry("b", "there")])
        assert (await catalogue.files.summary()).blob_bytes == 7
        assert [event.seq for event in told] == list(range(1, len(told) + 1))
    finally:
        await catalogue.close()


@pytest.mark.parametrize(
    "wrong",
    [
        AgentEntry(raw_path=b"", kind=EntryKind.FOLDER, size_bytes=0, mtime_ns=0, mode=0),
        AgentEntry(raw_path=b"a", kind=EntryKind.FILE, size_bytes=0, mtime_ns=0, mode=0),
        AgentEntry(raw_path=b"a", kind=EntryKind.FOLDER, size_bytes=0, mtime_ns=0, mode=0, sha256=sha("x")),
        AgentEntry(raw_path=b"a", kind=EntryKind.FILE, size_bytes=0, mtime_ns=0, mode=0, sha256="../../x"),
        AgentEntry(raw_path=b"a", kind=EntryKind.FILE, size_bytes=-1, mtime_ns=0, mode=0, sha256=sha("x")),
        AgentEntry(raw_path=b"a", kind=EntryKind.FOLDER, size_bytes=0, mtime_ns=2**63, mode=0),
        AgentEntry(raw_path=b"a", kind=EntryKind.FOLDER, size_bytes=0, mtime_ns=0, mode=2**31),
    ],
)
async def test_entries_that_cannot_be(catalogue: Catalogue, wrong: AgentEntry) -> None:
    client = await enrol(catalogue)
    run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
    with pytest.raises(BadQuery):
        await catalogue.runs.add_entries(run.id, [wrong])


async def test_more_than_one_part_with_repeated_names(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
    many = [entry(f"f{number % 1500}", f"{number}") for number in range(2600)]
    assert (await add(catalogue, run, many)).accepted == 2600
    kept = await catalogue.clients.one(client.id)
    assert kept.file_count == 1500
    last = {each.raw_path: each.sha256 for each in many}
    found: dict[bytes, str | None] = {}
    after: int | None = 0
    while after is not None:
        entries, after = await catalogue.files.tree(client.id, after=after)
        found |= {each.raw_path: each.sha256 for each in entries}
    assert found == last
    assert kept.stored_bytes == sum(len(str(number)) for number in (*range(1100, 1500), *range(1500, 2600)))


async def test_what_is_unknown_is_said(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownFile):
        await catalogue.files.versions(5)
    with pytest.raises(UnknownVersion):
        await catalogue.files.version(5)
    with pytest.raises(UnknownClient):
        await catalogue.files.tree("nobody")
    with pytest.raises(UnknownClient):
        await catalogue.files.page(FileQuery(client_id="nobody"))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(st.binary(min_size=1, max_size=40), min_size=1, max_size=12))
async def test_any_bytes_are_a_name(catalogue: Catalogue, names: set[bytes]) -> None:
    client = await catalogue.clients.by_name("odd") or await enrol(catalogue, "odd")
    run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
    entries = [entry(name, name.hex(), mtime_ns=-(2**62)) for name in names]
    await add(catalogue, run, entries)
    kept, _ = await catalogue.files.tree(client.id)
    assert {each.raw_path for each in kept} == names
    for each in kept:
        assert each.sha256 == sha(each.raw_path.hex())
        assert each.path == path_of(each.raw_path)
        found = await catalogue.files.page(
            FileQuery(text=each.path.upper() if each.path.isascii() else each.path)
        )
        assert each.raw_path in {row.raw_path for row in found.rows}
    assert (await catalogue.runs.add_vanished(run.id, list(names))).accepted == len(names)


@pytest.mark.parametrize(
    ("path", "suffix"),
    [
        ("a/b.TXT", "txt"),
        (".profile", ""),
        ("a.tar.gz", "gz"),
        ("x.", ""),
        ("d.d/file", ""),
        ("a." + "b" * 17, ""),
    ],
)
def test_suffixes(path: str, suffix: str) -> None:
    assert suffix_of(path) == suffix
