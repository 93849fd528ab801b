"""The disk of the agent's own folder runs full for a while: one line, and the service goes on."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from app.agent.backup import Outcome
from app.agent.counts import Counts
from app.agent.failures import IndexUnusable, Refusal, is_passing
from app.agent.index import Index
from app.agent.report import Report
from app.agent.terminal import Terminal
from app.wire.http import Problem
from streams.model.vocabulary import RunState
from tests.app.agent.machines import a_backup, a_server


class FullDisk:
    """Refuses writes of any index, as SQLite does on a full disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self.met = 0
        write = Index._write  # pyright: ignore[reportPrivateUsage]

        def _write(index: Index, change: object) -> None:
            if not self.full:
                return write(index, change)  # type: ignore[arg-type]
            self.met += 1
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            with index._translated():  # pyright: ignore[reportPrivateUsage]
                raise error

        monkeypatch.setattr(Index, "_write", _write)


async def test_a_service_whose_disk_is_full_for_a_while_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("app.agent.service.RETRY_S", 0.2)
    disk = FullDisk(monkeypatch)
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("x")
    async with (
        a_server(tmp_path / "data") as server,
        a_backup(server, source, tmp_path / "state", "--every", "1d") as working,
    ):
        await server.states(RunState.COMPLETE)
        client_id = await server.client_id("laptop")
        disk.full = True
        (source / "new").write_text("x")
        await server.room.backups.request([client_id])
        await server.states(RunState.COMPLETE, RunState.PARTIAL)
        await server.room.backups.request([client_id])
        while disk.met < 6:  # it has tried several times by then
            await server.room.backups.request([client_id])
            await asyncio.sleep(0.01)  # An answer that is at hand lets nobody else work.
        disk.full = False
        capsys.readouterr()
        await server.states(RunState.COMPLETE, RunState.PARTIAL, RunState.COMPLETE)
        assert not working.done()


def test_the_same_failure_of_a_service_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    failed = Outcome(RunState.FAILED, Counts(), 0, 1.0, IndexUnusable("disk is full"), begun=False)
    missing = Counts(missing=[(b"/disk", "it is empty")])
    partial = Outcome(RunState.PARTIAL, missing, 0, 1.0)
    report = Report(Terminal(), "laptop", once=False)
    for outcome in (failed, failed, partial, partial, failed):
        report.tell(outcome)
    said = capsys.readouterr().err
    assert said.count("disk is full") == 2 and said.count("/disk: it is empty") == 1


@pytest.mark.parametrize(
    ("code", "status", "passing"),
    [("http_500", 500, True), ("http_522", 522, True), ("http_404", 404, False), ("store_lost", 500, True)],
)
def test_what_a_proxy_says_is_told_from_what_the_server_says(code: str, status: int, passing: bool) -> None:
    assert is_passing(Refusal(Problem(code=code, message=""), status=status)) is passing
