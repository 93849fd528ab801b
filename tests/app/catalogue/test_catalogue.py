import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from app.catalogue import migrate
from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import (
    CatalogueLocked,
    CatalogueTooNew,
    CatalogueUnwritable,
    UnknownClient,
)
from app.catalogue.schema import SCHEMA_VERSION, metadata
from app.catalogue.transaction import Transaction
from app.catalogue.writer import Writer
from streams.model.base import utc_now
from streams.model.events import Event
from streams.model.failures import NotADatabase
from streams.model.vocabulary import ClientState, EventKind
from tests.app.catalogue.seeds import back_up, enrol, entry, replayed
from tests.servers import lay_blank


async def test_it_keeps_everything_over_a_reopening(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "catalogue.db"
    first = await Catalogue.open(path)
    client = await enrol(first)
    await back_up(first, client, entry("a.txt"))
    epoch, last = first.epoch, first.last_seq
    kept = await first.clients.one(client.id)
    await first.close()
    again = await Catalogue.open(path)
    try:
        assert (again.epoch, again.last_seq) == (epoch, last)
        assert await again.clients.one(client.id) == kept
        assert len(await again.events.after(0)) == last
    finally:
        await again.close()


async def test_opening_tells_no_old_events(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    first = await Catalogue.open(path)
    client = await enrol(first)
    for goal in range(1, 40):
        await first.clients.set_goal(client.id, goal)
    await first.close()
    told: list[Event] = []
    again = await Catalogue.open(path, on_commit=told.extend)
    try:
        last = again.last_seq
        await again.clients.set_goal(client.id, 99)
    finally:
        await again.close()
    assert [event.seq for event in told] == [last + 1]


def test_migrations_lead_to_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    migrate.migrate(path)
    migrate.migrate(path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        # The full-text index and the tables in which SQLite keeps it are no tables of ours.
        ours = {
            "include_object": lambda _what, name, *_: not str(name).startswith(("files_text", "files_trig"))
        }
        assert compare_metadata(MigrationContext.configure(connection, opts=ours), metadata) == []
    engine.dispose()
    assert ScriptDirectory(str(migrate.MIGRATIONS)).get_current_head() == SCHEMA_VERSION


async def test_a_newer_catalogue_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    migrate.migrate(path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CatalogueTooNew, match="9999"):
        await Catalogue.open(path)


async def test_what_is_no_catalogue_is_said(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(NotADatabase):
        await Catalogue.open(path)
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as database, database:
        database.execute("CREATE TABLE songs (title)")
    with pytest.raises(NotADatabase, match="not a catalogue"):
        await Catalogue.open(other)


async def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CatalogueUnwritable, match="cannot be made"):
        await Catalogue.open(tmp_path / "file" / "catalogue.db")


async def test_a_lock_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(migrate.CONNECT, "timeout", 0.05)
    catalogue = await Catalogue.open(tmp_path / "catalogue.db")
    try:
        with closing(sqlite3.connect(tmp_path / "catalogue.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(CatalogueLocked):
                await catalogue.enrolments.create("desk")
            other.execute("ROLLBACK")
        await catalogue.enrolments.create("desk")
    finally:
        await catalogue.close()


async def test_events_come_in_order_and_only_for_what_was_committed(
    catalogue: Catalogue, told: list[Event]
) -> None:
    clients = [await enrol(catalogue, f"desk-{number}") for number in range(5)]
    results = await asyncio.gather(
        *(catalogue.clients.set_state(client.id, ClientState.ONLINE) for client in clients),
        catalogue.clients.set_state("unknown", ClientState.ONLINE),
        *(catalogue.clients.queue_backup([client.id, "unknown"]) for client in clients),
        *(catalogue.clients.set_goal(client.id, 60) for client in clients),
        return_exceptions=True,
    )
    assert sum(isinstance(result, UnknownClient) for result in results) == 6
    assert [event.seq for event in told] == list(range(1, catalogue.last_seq + 1))
    assert await catalogue.events.after(0) == replayed(told)
    assert all(event.committed_at and event.at < event.committed_at for event in told)
    assert EventKind.BACKUP_REQUESTED not in {event.kind for event in told}
    _, seq, known = await catalogue.clients.all()
    assert seq == catalogue.last_seq
    assert {client.goal_s for client in known} == {60}
    assert not any(client.backup_queued for client in known)


async def test_a_reader_sees_one_moment_while_there_are_writes(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    writing = asyncio.gather(*(catalogue.clients.set_goal(client.id, goal) for goal in range(1, 100)))
    while not writing.done():
        _, seq, known = await catalogue.clients.all()
        last = (await catalogue.events.after(seq - 1))[0]
        assert last.client == known[0]
    await writing


async def test_a_cancelled_question_stops_its_sql(catalogue: Catalogue) -> None:
    endless = text("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n")
    for _ in range(6):
        question = asyncio.create_task(catalogue.readers.rows(endless))
        await asyncio.sleep(0.02)
        question.cancel()
        with pytest.raises(asyncio.CancelledError):
            await question
    # Every connection of the pool is free again.
    async with asyncio.timeout(30):
        await asyncio.gather(*(catalogue.clients.all() for _ in range(8)))


async def test_a_cancelled_question_that_waits_for_a_connection_ends_at_once(catalogue: Catalogue) -> None:
    endless = text("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n")
    busy = [asyncio.create_task(catalogue.readers.rows(endless)) for _ in range(4)]
    await asyncio.sleep(0.05)
    waiting = asyncio.create_task(catalogue.clients.all())
    await asyncio.sleep(0.01)
    async with asyncio.timeout(30):
        for task in (waiting, *busy):
            task.cancel()
        await asyncio.gather(waiting, *busy, return_exceptions=True)
        assert waiting.cancelled()
        await catalogue.clients.all()


async def test_a_cancelled_write_is_whole_or_not_at_all(catalogue: Catalogue, told: list[Event]) -> None:
    client = await enrol(catalogue)
    write = asyncio.create_task(catalogue.clients.set_goal(client.id, 77))
    await asyncio.sleep(0)
    write.cancel()
    await asyncio.gather(write, return_exceptions=True)
    await catalogue.clients.set_goal(client.id, 78)
    assert [event.seq for event in told] == list(range(1, catalogue.last_seq + 1))


async def test_a_listener_that_fails_does_not_fail_the_write(tmp_path: Path) -> None:
    def listen(_events: tuple[Event, ...]) -> None:
        raise ValueError("not mine")

    catalogue = await Catalogue.open(tmp_path / "catalogue.db", on_commit=listen)
    try:
        client = await enrol(catalogue)
        assert await catalogue.clients.one(client.id) == client
    finally:
        await catalogue.close()


async def test_what_another_process_writes_is_told(
    catalogue: Catalogue, told: list[Event], tmp_path: Path
) -> None:
    client = await enrol(catalogue)
    gone: asyncio.Queue[str | None] = asyncio.Queue()
    catalogue.tokens.on_revoked.append(lambda info: gone.put_nowait(info.client_id))
    other = await Catalogue.open(tmp_path / "catalogue.db")
    try:
        await other.clients.set_goal(client.id, 5)
        await other.tokens.revoke_client(client.id)
        await catalogue.clients.set_goal(client.id, 6)
        assert [event.client.goal_s for event in told[-2:] if event.client] == [5, 6]
        assert [event.seq for event in told] == list(range(1, catalogue.last_seq + 1))
        async with asyncio.timeout(30):
            assert await gone.get() == client.id
    finally:
        await other.close()


async def test_a_closed_catalogue_says_so(tmp_path: Path) -> None:
    catalogue = await Catalogue.open(tmp_path / "catalogue.db")
    await catalogue.close()
    with pytest.raises(RuntimeError, match="closed"):
        await catalogue.enrolments.create("desk")


async def test_no_write_waits_for_a_writer_that_closes(tmp_path: Path) -> None:
    async def committed(_: Transaction) -> None:
        pass

    lay_blank(tmp_path)
    writer = Writer(tmp_path / "catalogue.db", committed=committed, now=utc_now)
    await writer.open()
    ending = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="closed"):
        async with asyncio.timeout(30):
            await writer.write(lambda _: None)
    await ending


async def test_no_write_waits_for_a_writer_that_was_cancelled(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    writes = [asyncio.create_task(catalogue.clients.set_goal(client.id, goal)) for goal in (77, 78)]
    await asyncio.sleep(0)
    writer = next(task for task in asyncio.all_tasks() if task.get_name() == "catalogue writer")
    writer.cancel()
    async with asyncio.timeout(30):
        await asyncio.gather(*writes, return_exceptions=True)
    assert all(write.done() for write in writes)
