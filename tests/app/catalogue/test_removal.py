"""Removing a client for good: nothing of it is left, nothing of others is lost."""

from collections.abc import Sequence

import pytest

from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import UnknownClient
from app.catalogue.schema import metadata
from app.catalogue.tokens import AGENT_ONLY
from streams.records.events import Event
from streams.records.files import FileQuery
from streams.vocabulary import EventKind, FileState, RunTrigger, Topic
from tests.app.catalogue.seeds import back_up, enrol, entry, sha


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
    for table in ("clients", "files", "file_versions", "runs"):
        assert await rows_of(catalogue, table) == before[table], table
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
    dropped: list[str] = []

    async def remove(hashes: Sequence[str]) -> None:
        dropped.extend(hashes)

    assert await catalogue.removal.collect(remove) == 1
    assert dropped == [sha("own")]
    assert await catalogue.removal.collect(remove) == 0
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
