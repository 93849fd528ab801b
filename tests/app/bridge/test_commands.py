"""Commands against a real server: done there, visible on the streams, refused in the server's words."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.protocol import AgentEntry
from streams.failures import CommandFailed
from streams.records.clients import Client
from streams.snapshot import Snapshot
from streams.vocabulary import ClientState, EntryKind, RunTrigger, ServerState
from tests.app.bridge.support import SLOW_POLLS, Connected, Served, connected, until

CONTENT = b"what was backed up\n" * 1000
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
async def console(served: Served) -> AsyncIterator[Connected]:
    async with connected(served.connection, SLOW_POLLS) as console:
        await until(lambda: console.bridge.realtime.up)
        yield console


async def version_of(served: Served) -> int:
    """Have a file backed up; return its version."""
    client = await served.enrol("one")

    async def chunks() -> AsyncIterator[bytes]:
        yield CONTENT

    await served.room.store.receive(HASH, len(CONTENT), 0, chunks())
    run = await served.room.catalogue.runs.start(client.id, RunTrigger.AGENT, "")
    entry = AgentEntry(
        raw_path=b"/home/a.txt",
        kind=EntryKind.FILE,
        size_bytes=len(CONTENT),
        mtime_ns=0,
        mode=0o644,
        sha256=HASH,
    )
    await served.room.catalogue.runs.add_entries(run.id, [entry])
    tree, _ = await served.room.catalogue.files.tree(client.id)
    return tree[0].id


async def test_an_effect_comes_back_on_the_stream(served: Served, console: Connected) -> None:
    one = await served.enrol("one")
    rows: dict[str, Client] = {}
    console.streams.clients.deltas.subscribe(lambda delta: rows.update(delta.changed))
    await until(lambda: one.id in rows)
    await console.bridge.commands.set_goal(one.id, 3600)
    await until(lambda: rows[one.id].goal_s == 3600)
    outcome = await console.bridge.commands.disconnect([one.id])
    assert outcome.done == (one.id,)
    await until(lambda: rows[one.id].state is ClientState.DISCONNECTED)
    await console.bridge.commands.allow([one.id])
    await until(lambda: rows[one.id].state is not ClientState.DISCONNECTED)
    asked = await console.bridge.commands.back_up([one.id])
    assert asked.queued == (one.id,)
    await until(lambda: rows[one.id].backup_queued)


async def test_the_server_is_stopped_and_started(console: Connected) -> None:
    states: list[ServerState] = []

    def note(snapshot: Snapshot[object]) -> None:
        if snapshot.value is not None:
            states.append(snapshot.value.state)  # type: ignore[attr-defined]

    console.streams.status.subscribe(note)
    await until(lambda: states)
    await console.bridge.commands.stop_server()
    await until(lambda: states[-1] is ServerState.STOPPED)
    await console.bridge.commands.start_server()
    await until(lambda: states[-1] is ServerState.RUNNING)


async def test_a_refusal_has_the_words_of_the_server(console: Connected) -> None:
    with pytest.raises(CommandFailed) as refused:
        await console.bridge.commands.set_goal("0" * 32, 3600)
    assert refused.value.server_code == "unknown_client"


async def test_a_download_is_whole_and_overwrites_nothing(
    served: Served, console: Connected, tmp_path: Path
) -> None:
    version = await version_of(served)
    target = tmp_path / "out" / "a.txt"
    assert await console.bridge.commands.download(version, target) == target
    assert target.read_bytes() == CONTENT
    target.write_text("mine")
    second = await console.bridge.commands.download(version, target)
    assert second == target.with_name("a (1).txt")
    assert second.read_bytes() == CONTENT
    assert target.read_text() == "mine"
    assert sorted(path.name for path in target.parent.iterdir()) == ["a (1).txt", "a.txt"]


async def test_a_damaged_file_leaves_nothing_behind(
    served: Served, console: Connected, tmp_path: Path
) -> None:
    version = await version_of(served)
    for blob in (served.info.database_path.parent / "store").rglob("*"):
        if blob.is_file():
            damaged = bytearray(blob.read_bytes())
            damaged[len(damaged) // 2] ^= 0xFF
            blob.chmod(0o600)
            blob.write_bytes(bytes(damaged))
    with pytest.raises(CommandFailed) as refused:
        await console.bridge.commands.download(version, tmp_path / "out" / "a.txt")
    assert refused.value.server_code == "damaged"
    assert list((tmp_path / "out").iterdir()) == []


async def test_a_folder_that_cannot_be_written_is_said(
    served: Served, console: Connected, tmp_path: Path
) -> None:
    version = await version_of(served)
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandFailed) as refused:
        await console.bridge.commands.download(version, tmp_path / "file" / "a.txt")
    assert refused.value.server_code == "not_written"


async def test_equal_answers_are_parsed_once(console: Connected) -> None:
    http = console.bridge.http
    from app.protocol import ClientList

    first = await http.get("/api/clients", ClientList)
    repeats = http.repeats
    assert await http.get("/api/clients", ClientList) is first
    assert http.repeats == repeats + 1
