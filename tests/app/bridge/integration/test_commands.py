"""Commands against a real server: done there, visible on the streams, refused in the server's words."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.store.layout import Layout
from streams.model.clients import Client
from streams.model.failures import CommandFailed, ServerRefused
from streams.model.files import BackupFile, FilePage, FileQuery
from streams.model.runs import Progress
from streams.model.snapshot import Delta, Snapshot
from streams.model.vocabulary import ClientState, FileState, RunState, RunTrigger, ServerState
from tests.app.bridge.support import (
    CONTENT,
    SLOW_POLLS,
    Connected,
    Served,
    connected,
    serving,
    version_of,
)
from tests.servers import until
from ui.base.delivery import written


@pytest.fixture
async def console(served: Served) -> AsyncIterator[Connected]:
    async with connected(served.connection, SLOW_POLLS) as console:
        await until(lambda: console.bridge.realtime.up)
        yield console


def damage(served: Served) -> None:
    """Flip a bit in every content that is stored."""
    folders = Layout(served.info.database_path.parent / "store").folders()
    blobs = [blob for folder in folders for blob in folder.iterdir()]
    assert blobs
    for blob in blobs:
        damaged = bytearray(blob.read_bytes())
        damaged[len(damaged) // 2] ^= 0xFF
        blob.chmod(0o600)
        blob.write_bytes(bytes(damaged))


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
    assert await written(target, lambda: console.bridge.commands.read_version(version)) == target
    assert target.read_bytes() == CONTENT
    target.write_text("mine")
    second = await written(target, lambda: console.bridge.commands.read_version(version))
    assert second == target.with_name("a (2).txt")
    assert second.read_bytes() == CONTENT
    assert target.read_text() == "mine"
    assert sorted(path.name for path in target.parent.iterdir()) == ["a (2).txt", "a.txt"]


async def test_a_damaged_file_leaves_nothing_behind(
    served: Served, console: Connected, tmp_path: Path
) -> None:
    version = await version_of(served)
    damage(served)
    with pytest.raises(CommandFailed) as refused:
        await written(tmp_path / "out" / "a.txt", lambda: console.bridge.commands.read_version(version))
    assert refused.value.server_code == "damaged"
    assert list((tmp_path / "out").iterdir()) == []


async def test_a_folder_that_cannot_be_written_is_said(
    served: Served, console: Connected, tmp_path: Path
) -> None:
    version = await version_of(served)
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandFailed) as refused:
        await written(tmp_path / "file" / "a.txt", lambda: console.bridge.commands.read_version(version))
    assert refused.value.server_code == "not_written"


class Shelf:
    """The first page of the files, as a view looks at it."""

    def __init__(self, console: Connected) -> None:
        self.files: dict[int, BackupFile] = {}
        console.streams.file_page(FileQuery()).subscribe(self._take)

    def _take(self, snapshot: Snapshot[FilePage]) -> None:
        if snapshot.value is not None:
            self.files = {file.id: file for file in snapshot.value.rows}

    def states(self) -> list[FileState]:
        return [file.state for file in self.files.values()]


async def test_a_file_is_deleted_and_brought_back_before_the_eyes(served: Served, console: Connected) -> None:
    await version_of(served)
    shelf = Shelf(console)
    await until(lambda: shelf.files)
    (file_id,) = shelf.files
    outcome = await console.bridge.commands.delete_files([file_id])
    assert outcome.done == (str(file_id),)
    await until(lambda: shelf.states() in ([], [FileState.DELETED]))
    outcome = await console.bridge.commands.undelete_files([file_id])
    assert outcome.done == (str(file_id),)
    await until(lambda: shelf.states() == [FileState.STORED])


async def test_what_cannot_be_deleted_is_refused_with_its_reason(console: Connected) -> None:
    outcome = await console.bridge.commands.delete_files([4711])
    assert outcome.done == ()
    assert list(outcome.refused) == ["4711"]
    assert outcome.refused["4711"]


async def test_verified_files_are_seen_to_be_verified(served: Served, console: Connected) -> None:
    await version_of(served)
    shelf = Shelf(console)
    await until(lambda: shelf.files)
    result = await console.bridge.commands.verify_files(list(shelf.files))
    assert (result.checked, result.damaged) == (1, ())
    await until(lambda: shelf.states() == [FileState.VERIFIED])


async def test_a_damaged_file_of_a_client_is_named_and_seen(served: Served, console: Connected) -> None:
    await version_of(served)
    shelf = Shelf(console)
    await until(lambda: shelf.files)
    damage(served)
    (file,) = shelf.files.values()
    result = await console.bridge.commands.verify_client(file.client_id)
    assert result.checked == 1
    assert len(result.damaged) == 1
    assert "/home/a.txt" in result.damaged[0]
    await until(lambda: shelf.states() == [FileState.DAMAGED])


async def test_verifying_an_unknown_client_is_refused(console: Connected) -> None:
    with pytest.raises(CommandFailed) as refused:
        await console.bridge.commands.verify_client("0" * 32)
    assert refused.value.server_code == "unknown_client"


async def test_a_cancelled_run_is_gone_from_those_that_run(served: Served, console: Connected) -> None:
    client = await served.enrol("one")
    run = await served.room.catalogue.runs.start(client.id, RunTrigger.AGENT, "")
    running: dict[int, Progress] = {}
    rows: dict[str, Client] = {}

    def follow(delta: Delta[int, Progress]) -> None:
        running.update(delta.changed)
        for key in delta.removed:
            running.pop(key, None)

    console.streams.progress.deltas.subscribe(follow)
    console.streams.clients.deltas.subscribe(lambda delta: rows.update(delta.changed))
    await until(lambda: run.id in running and client.id in rows)
    await until(lambda: rows[client.id].running_run_id == run.id)
    ended = await console.bridge.commands.cancel_run(run.id)
    assert ended.state is RunState.CANCELLED
    await until(lambda: run.id not in running)
    await until(lambda: rows[client.id].running_run_id is None)
    with pytest.raises(CommandFailed) as refused:
        await console.bridge.commands.cancel_run(run.id)
    assert refused.value.server_code == "run_ended"


async def test_a_command_to_a_server_that_has_gone_fails_and_says_so(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        async with serving(tmp_path / "gone") as served:
            console = await stack.enter_async_context(connected(served.connection, SLOW_POLLS))
        with pytest.raises(ServerRefused) as failed:
            await console.bridge.commands.back_up(None)
        assert failed.value.hint


async def test_equal_answers_are_parsed_once(console: Connected) -> None:
    http = console.bridge.http
    from app.wire.http import ClientList

    first = await http.get("/api/clients", ClientList)
    repeats = http.repeats
    assert await http.get("/api/clients", ClientList) is first
    assert http.repeats == repeats + 1
