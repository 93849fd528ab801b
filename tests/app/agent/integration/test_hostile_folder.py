"""An agent over a folder whose owner keeps swapping what is in it: nothing from elsewhere, and an end."""

import asyncio
import hashlib
import os
import threading
from pathlib import Path

import pytest

from app.agent.counts import Counts
from app.agent.folders import Folders
from app.agent.found import Found
from app.agent.reading import FileFailed, FileGone, FileReader
from app.server.data_dir import STORE_FOLDER
from app.wire.agent_socket import AgentProgress
from streams.model.vocabulary import RunState
from tests.app.agent.machines import a_server, agent, restore

SECRETS = (b"the secret of somebody else, one", b"the secret of somebody else, two")


def _keep_swapping(source: Path, secret: Path, ended: threading.Event) -> None:
    """Do, again and again, what a user can do to names of files and folders while they are backed up."""
    folder, aside, file = source / "folder", source / "aside", source / "folder" / "one"
    turn = 0
    with (source / "growing").open("wb", buffering=0) as growing:
        while not ended.is_set():
            turn += 1
            growing.write(os.urandom(4096))
            folder.rename(aside)
            folder.symlink_to(secret)
            ended.wait(0.001)
            folder.unlink()
            aside.rename(folder)
            file.unlink()
            file.symlink_to(secret / "one")
            ended.wait(0.001)
            file.unlink()
            os.mkfifo(file)
            ended.wait(0.001)
            file.unlink()
            file.write_bytes(b"x" * 50_000)
            os.truncate(file, turn % 1000)


async def test_names_that_are_swapped_lead_nowhere_and_hold_nobody_up(tmp_path: Path) -> None:
    source, secret, ended = tmp_path / "source", tmp_path / "secret", threading.Event()
    for folder in (source / "folder", source / "ignored", secret):
        folder.mkdir(parents=True)
    for name, content in zip(("one", "two"), SECRETS, strict=True):
        (secret / name).write_bytes(content)
        (source / "folder" / name).write_text("mine")
    (source / "link").symlink_to("t" * 4000)
    for name in ("con", "null", "-rf", "a\nb", "\x1b[2J", "x" * 255):
        (source / name).write_text(name)
    os.mkfifo(source / "ignored" / ".tidewatchignore")
    swapping = threading.Thread(target=_keep_swapping, args=(source, secret, ended))
    swapping.start()
    try:
        async with a_server(tmp_path / "data") as server:
            words = ("--server", server.url, "--name", "laptop", "--state", tmp_path / "state", "--once")
            code = ("--code", await server.code("laptop"))
            for _ in range(4):
                assert await agent(source, *words, *code) in (0, 1), "complete, or with files that failed"
                code = ()
            assert {run.state for run in await server.runs()} <= {RunState.COMPLETE, RunState.PARTIAL}
            ended.set()
            await asyncio.to_thread(swapping.join)
            assert await agent(source, *words) == 0
            store, back = tmp_path / "data" / STORE_FOLDER, tmp_path / "back"
            for content in SECRETS:
                sha256 = hashlib.sha256(content).hexdigest()
                assert not (store / sha256[:2] / sha256[2:]).exists()
            good = ("--server", server.url, "--to", back, "--token-file", server.info.token_file)
            assert await restore("laptop", *good) == 0
            kept = [path for path in back.rglob("*") if not path.is_symlink() and path.is_file()]
            assert {"con", "null", "-rf", "a\nb", "\x1b[2J", "two"} <= {path.name for path in kept}
            contents = await asyncio.to_thread(lambda: [path.read_bytes() for path in kept])
            assert not any(content in SECRETS for content in contents)
    finally:
        ended.set()
        await asyncio.to_thread(swapping.join)


@pytest.mark.parametrize("raised", [FileGone, FileFailed("it cannot be read")])
async def test_folders_that_go_away_or_fail_are_no_files_in_the_numbers_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: type[Exception] | Exception
) -> None:
    """As where one is deleted after its name was listed: then nothing but folders was there."""
    for each in ("one", "two"):
        (tmp_path / "source" / each).mkdir(parents=True)

    def name(_reader: FileReader, _folders: Folders, _found: Found) -> Found:
        raise raised

    told: list[tuple[int, int | None]] = []
    progress = Counts.progress

    def note(counts: Counts, run_id: int) -> AgentProgress:
        frame = progress(counts, run_id)
        told.append((frame.files_done, frame.files_total))
        return frame

    monkeypatch.setattr(FileReader, "name", name)
    monkeypatch.setattr(Counts, "progress", note)
    async with a_server(tmp_path / "data") as server:
        words = ("--server", server.url, "--name", "laptop", "--code", await server.code("laptop"))
        code = await agent(tmp_path / "source", *words, "--state", tmp_path / "state", "--once")
        (run,) = await server.runs()
    gone = raised is FileGone
    assert (code, run.state) == ((0, RunState.COMPLETE) if gone else (1, RunState.PARTIAL))
    assert run.files_seen == 0
    assert told[-1] == (0, 0)
