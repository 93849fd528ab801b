import asyncio
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.agent import reading, send
from app.agent.content_source import LargeContent
from app.agent.folders import Folders
from app.agent.found import Found
from app.agent.left_run import RUN
from app.agent.link import Link
from app.agent.reading import Content, FileReader
from app.agent.service import LAST_DONE
from app.agent.upload import Uploader
from app.server.problems import Refused
from app.server.uploads import UploadGate
from app.store.store import Store
from streams.model.failures import ServerUnreachable
from streams.model.vocabulary import RunState, RunTrigger
from tests.app.agent.machines import HeldUpload, Server, a_backup, a_line, a_server, agent, restore
from tests.app.agent.trees import facts, make_odd_tree, write
from tests.servers import until


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "machine" / "source"
    folder.mkdir(parents=True)
    return folder


async def first(server: Server, source: Path, state: Path, *more: object) -> int:
    code = await server.code("laptop")
    return await agent(
        source, "--server", server.url, "--name", "laptop", "--code", code, "--state", state, "--once", *more
    )


async def again(source: Path, state: Path, *more: object) -> int:
    return await agent(source, "--state", state, "--once", *more)


async def back(server: Server, to: Path, *more: object) -> int:
    token = server.info.token_file
    return await restore("laptop", "--server", server.url, "--token-file", token, "--to", to, *more)


async def test_all_comes_back_as_it_was_and_nothing_is_sent_twice(source: Path, tmp_path: Path) -> None:
    make_odd_tree(source)
    (source / "large").write_bytes(os.urandom(1_500_000))
    before = facts(source)
    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") == 0
        assert await again(source, tmp_path / "state") == 0
        one, two = await server.runs()
        assert (one.state, one.trigger) == (RunState.COMPLETE, RunTrigger.AGENT)
        assert one.files_new == one.files_seen == sum(not _is_folder(fact) for fact in before.values())
        assert (two.files_new, two.files_changed, two.files_vanished, two.bytes_sent) == (0, 0, 0, 0)
        assert two.files_seen == one.files_seen
        assert await back(server, tmp_path / "back") == 0
    assert facts(tmp_path / "back") == before
    identity = tmp_path / "state" / "identity.json"
    assert identity.stat().st_mode & 0o777 == 0o600


def _is_folder(fact: tuple[object, ...]) -> bool:
    return isinstance(fact[0], int) and fact[0] & 0o170000 == 0o040000


async def test_changes_are_sent_and_an_earlier_time_can_be_brought_back(source: Path, tmp_path: Path) -> None:
    for name in ("kept", "changed", "touched", "gone"):
        write(os.fsencode(source / name), name.encode(), mtime_ns=10**18)
    before = facts(source)
    async with a_server(tmp_path / "data") as server:
        await first(server, source, tmp_path / "state")
        finished = (await server.runs())[0].finished_at
        assert finished is not None
        write(os.fsencode(source / "changed"), b"other content")
        (source / "touched").touch()
        (source / "gone").unlink()
        (source / "fresh").write_bytes(b"kept")
        assert await again(source, tmp_path / "state") == 0
        run = (await server.runs())[-1]
        assert (run.files_new, run.files_changed, run.files_vanished) == (1, 2, 1)
        assert run.bytes_sent == len(b"other content")
        assert await back(server, tmp_path / "now") == 0
        assert facts(tmp_path / "now") == facts(source)
        assert await back(server, tmp_path / "then", "--at", finished.isoformat()) == 0
        assert facts(tmp_path / "then") == before


async def test_a_lost_index_is_rebuilt_and_nothing_is_sent_again(source: Path, tmp_path: Path) -> None:
    make_odd_tree(source)
    async with a_server(tmp_path / "data") as server:
        await first(server, source, tmp_path / "state")
        for path in (tmp_path / "state").glob("index.db*"):
            path.unlink()
        (source / "nothing").unlink()
        assert await again(source, tmp_path / "state") == 0
        run = (await server.runs())[-1]
        assert (run.files_new, run.files_changed, run.files_vanished, run.bytes_sent) == (0, 0, 1, 0)


async def test_what_an_operator_deleted_is_backed_up_again(source: Path, tmp_path: Path) -> None:
    (source / "file").write_text("precious")
    async with a_server(tmp_path / "data") as server:
        await first(server, source, tmp_path / "state")
        entries, _ = await server.room.catalogue.files.tree(await server.client_id("laptop"), None, 0, 100)
        file_id = next(entry.file_id for entry in entries if entry.path.endswith("file"))
        await server.room.catalogue.files.delete([file_id])
        assert await again(source, tmp_path / "state") == 0
        assert await back(server, tmp_path / "back") == 0
    assert (tmp_path / "back" / "file").read_text() == "precious"


async def test_a_file_that_never_holds_still_is_stored_as_one_content_and_marked(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restless = source / "restless"
    restless.write_bytes(b"\0" * 400_000)
    read, number = FileReader.hash, iter(range(1, 256))

    def rewritten(reader: FileReader, folders: Folders, found: Found) -> Content:
        content = read(reader, folders, found)
        restless.write_bytes(bytes([next(number)]) * 400_000)
        return content

    monkeypatch.setattr(FileReader, "hash", rewritten)
    monkeypatch.setattr(send, "REREAD_S", 0.0)
    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") == 0
        entries, _ = await server.room.catalogue.files.tree(await server.client_id("laptop"), None, 0, 100)
        assert [entry.inconsistent for entry in entries if entry.path.endswith("restless")] == [True]
        assert await back(server, tmp_path / "back") == 0
    stored = (tmp_path / "back" / "restless").read_bytes()
    assert len(stored) == 400_000
    assert len(set(stored)) == 1
    assert not list((tmp_path / "state").glob("copy-*"))


async def test_an_unreadable_file_is_reported_and_the_rest_is_done(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "good").write_text("good")
    (source / "bad").write_text("bad")
    really = os.open

    def refusing(path: object, *args: object, **more: object) -> int:
        if isinstance(path, bytes) and path.endswith(b"bad"):
            raise PermissionError(13, "Permission denied")
        return really(path, *args, **more)  # type: ignore[arg-type]

    async with a_server(tmp_path / "data") as server:
        monkeypatch.setattr(reading.os, "open", refusing)
        assert await first(server, source, tmp_path / "state") == 1
        monkeypatch.undo()
        run = (await server.runs())[-1]
        assert (run.state, run.files_failed, run.files_new) == (RunState.PARTIAL, 1, 1)
        assert run.reason is not None
        assert "Permission denied" in run.reason
        assert "not backed up" in capsys.readouterr().err
        assert await back(server, tmp_path / "back") == 0
    assert os.listdir(tmp_path / "back") == ["good"]


@pytest.fixture
def offsets(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Where each sending of a large content began."""
    began: list[int] = []
    send_from = Uploader._send_from

    async def noted(self: Uploader, content: LargeContent, offset: int, end: int) -> None:
        began.append(offset)
        await send_from(self, content, offset, end)

    monkeypatch.setattr(Uploader, "_send_from", noted)
    return began


async def test_a_cut_upload_goes_on_where_it_was(source: Path, tmp_path: Path, offsets: list[int]) -> None:
    data = os.urandom(12_000_000)
    (source / "large").write_bytes(data)
    async with a_server(tmp_path / "data") as server, a_line(server) as line:
        cuts = [4_000_000, 9_000_000]

        def cut(passed: int) -> None:
            if cuts and passed > cuts[0]:
                cuts.pop(0)
                line.cut()

        line.on_passed = cut
        code = await server.code("laptop")
        words = ("--server", line.url, "--name", "laptop", "--code", code, "--state", tmp_path / "state")
        assert await agent(source, *words, "--once") == 0
        assert not cuts
        assert offsets[0] == 0
        assert offsets[-1] > 0
        assert await back(server, tmp_path / "back") == 0
        assert [run.state for run in await server.runs()] == [RunState.COMPLETE]
    assert (tmp_path / "back" / "large").read_bytes() == data


async def test_a_restart_of_the_server_in_mid_upload_is_survived(
    source: Path, tmp_path: Path, offsets: list[int]
) -> None:
    (source / "large").write_bytes(os.urandom(12_000_000))
    for number in range(300):
        (source / f"small-{number}").write_bytes(b"%d" % number)
    async with a_server(tmp_path / "data") as server, a_line(server) as line:
        half = asyncio.Event()

        def hold(passed: int) -> None:
            if passed > 6_000_000 and not half.is_set():
                half.set()
                line.flow.clear()

        line.on_passed = hold
        code = await server.code("laptop")
        words = ("--server", line.url, "--name", "laptop", "--code", code, "--state", tmp_path / "state")
        working = asyncio.create_task(agent(source, *words, "--once"))
        await half.wait()
        await server.stop()
        line.cut()
        line.flow.set()
        await server.start()
        assert await asyncio.wait_for(working, 30) == 0
        assert offsets[-1] > 0
        assert await back(server, tmp_path / "back") == 0
        assert (await server.runs())[-1].state is RunState.COMPLETE
    assert facts(tmp_path / "back") == facts(source)


async def test_after_a_restart_the_run_is_open_again_while_its_upload_still_goes_on(
    source: Path, tmp_path: Path, held_upload: HeldUpload
) -> None:
    async with a_server(tmp_path / "data") as server, a_backup(server, source, tmp_path / "state") as working:
        await held_upload.begun()
        await server.stop()
        await server.start()
        await server.states(RunState.FAILED, RunState.RUNNING)
        await until(server.room.progress.all)
        held_upload.release()
        assert await working == 0
        await server.states(RunState.FAILED, RunState.COMPLETE)


@pytest.mark.parametrize(("more", "code"), [(("--once",), 2), (("--every", "1d"), 0)])
async def test_an_agent_that_is_cancelled_while_its_line_breaks_still_ends(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], code: int
) -> None:
    (source / "large").write_bytes(os.urandom(1_000_000))
    began = asyncio.Event()

    async def breaking(*_: object) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ServerUnreachable("The connection was lost at that moment.") from None

    monkeypatch.setattr(Uploader, "_send_from", breaking)
    async with (
        a_server(tmp_path / "data") as server,
        a_backup(server, source, tmp_path / "state", *more) as working,
    ):
        await began.wait()
        working.cancel()
        assert await asyncio.wait_for(working, 30) == code


async def test_a_link_that_is_cancelled_while_it_breaks_still_ends(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "file").write_bytes(b"x")
    began = asyncio.Event()

    async def breaking(*_: object) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionResetError from None

    monkeypatch.setattr(Link, "_send", breaking)
    async with (
        a_server(tmp_path / "data") as server,
        a_backup(server, source, tmp_path / "state", "--every", "1d") as working,
    ):
        await began.wait()
        await server.states(RunState.COMPLETE)
        working.cancel()
        assert await asyncio.wait_for(working, 30) == 0


async def test_a_service_obeys_and_reports(source: Path, tmp_path: Path) -> None:
    (source / "file").write_bytes(b"x")
    async with a_server(tmp_path / "data") as server:
        code = await server.code("laptop")
        words = ("--server", server.url, "--name", "laptop", "--code", code, "--state", tmp_path / "state")
        serving = asyncio.create_task(agent(source, *words, "--every", "1d"))
        try:
            await server.states(RunState.COMPLETE)
            (source / "more").write_bytes(b"y")
            client_id = await server.client_id("laptop")
            outcome = await server.room.backups.request([client_id])
            assert outcome.done == (client_id,)
            await server.states(RunState.COMPLETE, RunState.COMPLETE)
            last = (await server.runs())[-1]
            assert (last.trigger, last.files_new) == (RunTrigger.OPERATOR, 1)
        finally:
            serving.cancel()
            assert await serving == 0


async def test_a_service_ends_the_run_that_the_one_before_it_left(source: Path, tmp_path: Path) -> None:
    (source / "file").write_bytes(b"x")

    def noted() -> bool:
        with closing(sqlite3.connect(tmp_path / "state" / "index.db")) as index:
            return bool(index.execute("SELECT 1 FROM facts WHERE name = ?", (LAST_DONE,)).fetchone())

    async with a_server(tmp_path / "data") as server:
        async with a_backup(server, source, tmp_path / "state", "--every", "1d"):
            await server.states(RunState.COMPLETE)
            await until(noted)
        client_id = await server.client_id("laptop")
        left = await server.room.catalogue.runs.start(
            client_id, RunTrigger.SCHEDULE, "of one that was killed"
        )
        with closing(sqlite3.connect(tmp_path / "state" / "index.db")) as index, index:
            index.execute("UPDATE facts SET value = ? WHERE name = ?", (str(left.id), RUN))
        async with a_backup(server, source, tmp_path / "state", "--every", "1d"):
            await server.states(RunState.COMPLETE, RunState.FAILED)
            outcome = await server.room.backups.request([client_id])
            assert outcome.done == (client_id,)
            await server.states(RunState.COMPLETE, RunState.FAILED, RunState.COMPLETE)


async def test_uploads_that_wait_long_for_their_turn_are_no_lost_line(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        (source / f"large-{number}").write_bytes(os.urandom(3_000_000))
    refused = asyncio.Event()
    enter = UploadGate._enter

    async def noted(self: UploadGate, client_id: str) -> None:
        try:
            await enter(self, client_id)
        except Refused:
            refused.set()
            raise

    async def held(self: Store, *arguments: object) -> int:
        await refused.wait()
        return await receive(self, *arguments)  # type: ignore[arg-type]

    receive = Store.receive
    monkeypatch.setattr(UploadGate, "_enter", noted)
    monkeypatch.setattr(Store, "receive", held)
    async with a_server(tmp_path / "data", uploads_per_client=1, upload_turn_s=0.05) as server:
        assert await first(server, source, tmp_path / "state") == 0
        assert [run.state for run in await server.runs()] == [RunState.COMPLETE]
        assert "Trying again" not in capsys.readouterr().err


async def test_a_running_backup_can_be_cancelled(
    source: Path, tmp_path: Path, held_upload: HeldUpload
) -> None:
    async with a_server(tmp_path / "data") as server, a_backup(server, source, tmp_path / "state") as working:
        await held_upload.begun()
        run = (await server.runs())[-1]
        ended = await server.room.running.cancel(run.id)
        assert ended.state is RunState.CANCELLED
        assert await asyncio.wait_for(working, 30) == 2
        assert [(run.state, run.reason) for run in await server.runs()] == [
            (RunState.CANCELLED, "cancelled by an operator")
        ]


async def test_a_backup_that_a_stop_ends_says_that_it_was_the_stop(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], held_upload: HeldUpload
) -> None:
    async with a_server(tmp_path / "data") as server, a_backup(server, source, tmp_path / "state") as working:
        await held_upload.begun()
        await server.room.switch.stop(0)
        assert await asyncio.wait_for(working, 30) == 2
        assert [(run.state, run.reason) for run in await server.runs()] == [
            (RunState.CANCELLED, "the server was stopped")
        ]
        assert "The backup was ended: the server was stopped.\n" in capsys.readouterr().err


async def test_a_disconnected_client_stops_and_says_why(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "file").write_bytes(b"x")
    async with a_server(tmp_path / "data") as server:
        await first(server, source, tmp_path / "state")
        client_id = await server.client_id("laptop")
        await server.room.backups.disconnect([client_id])
        assert await again(source, tmp_path / "state") == 2
        assert "An operator has disconnected this client." in capsys.readouterr().err
        await server.room.backups.allow([client_id])
        assert await again(source, tmp_path / "state") == 0


async def test_the_state_folder_is_never_sent(source: Path, tmp_path: Path) -> None:
    (source / "file").write_bytes(b"x")
    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, source / "state") == 0
        token = json.loads((source / "state" / "identity.json").read_text())["token"]
        assert token
        assert await back(server, tmp_path / "back") == 0
    assert os.listdir(tmp_path / "back") == ["file"]
