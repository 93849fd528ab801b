"""A simulated backup against a server that takes everything, in virtual time."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from app.fleet.backup import Backup
from app.fleet.content import Contents, SimFile
from app.fleet.disk import Disk
from app.fleet.roster import Temper, make_roster
from app.wire.agent_socket import AgentProgress
from app.wire.blob_batch import decode_batch
from app.wire.http import Accepted, BatchStored, BlobStored, FinishRun, MissingBlob, MissingReply
from streams.model.base import utc_now
from streams.model.runs import Run
from streams.model.vocabulary import RunState, RunTrigger
from streams.testing.virtual_loop import run_virtual

OLD = [SimFile(f"/srv/old-{number}.txt", 50_000, 1) for number in range(40)]
NEW = [SimFile(f"/srv/new-{number}.txt", 30_000, 2) for number in range(20)]


class TakesAll:
    """Stands for the server; keeps what it was sent and when."""

    def __init__(self) -> None:
        self.received: list[tuple[float, int]] = []
        self.labels: list[str] = []
        self.finished: FinishRun | None = None

    async def call(self, method: str, path: str, kind: type[Any], **more: Any) -> Any:
        del method
        if kind is MissingReply:
            lacking = tuple(MissingBlob(sha256=sha256, received_bytes=0) for sha256 in more["json"].hashes)
            return MissingReply(missing=lacking)
        if kind is BatchStored:
            size = sum(len(content) for _, content in decode_batch(more["data"]))
            self.received.append((asyncio.get_running_loop().time(), size))
            return BatchStored(stored=())
        if kind is BlobStored:
            self.labels.append(more["params"]["label"])
            async for _ in more["data"]:
                pass
            return BlobStored(sha256="", size_bytes=0)
        if kind is Accepted:
            return Accepted(accepted=0, revision="", revision_before="")
        if path.endswith("/finish"):
            self.finished = more["json"]
        return Run(
            id=7,
            client_id="c",
            client_name="n",
            trigger=RunTrigger.SCHEDULE,
            state=RunState.RUNNING,
            started_at=utc_now(),
        )


def back_up(
    *,
    stopped: tuple[float, str] | None = None,
    state: RunState = RunState.COMPLETE,
    new: list[SimFile] = NEW,
) -> tuple[TakesAll, list[tuple[float, AgentProgress]]]:
    machine = next(m for m in make_roster(45, 1) if m.temper is Temper.STEADY)
    disk = Disk(machine, {file.path: file for file in (*OLD, *new)}, stored={file.path for file in OLD})
    disk.unsent = {file.path: file for file in new}
    server = TakesAll()
    told: list[tuple[float, AgentProgress]] = []

    async def run() -> None:
        def report(progress: AgentProgress) -> None:
            told.append((asyncio.get_running_loop().time(), progress))

        backup = Backup(server, disk, Contents(1), Random(3), report, pace=6)  # type: ignore[arg-type]
        await backup.begin(RunTrigger.SCHEDULE)
        if stopped is not None:
            asyncio.get_running_loop().call_later(stopped[0], backup.stop, stopped[1])
        assert await backup.carry_out() is state

    run_virtual(run())
    return server, told


def test_a_large_file_is_sent_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async def here(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", here)  # virtual time does not wait for threads
    server, _ = back_up(new=[SimFile("/srv/disk.img", 5_000_000, 2)])
    assert server.labels == ["/srv/disk.img"]


def test_only_what_is_new_or_changed_counts_as_bytes_to_do() -> None:
    server, told = back_up()
    last = told[-1][1]
    assert last.bytes_total == last.bytes_done == sum(file.size_bytes for file in NEW)
    assert last.files_total == last.files_done == len(OLD) + len(NEW)
    assert server.finished is not None
    assert server.finished.bytes_sent == last.bytes_done
    assert server.finished.bytes_seen == sum(file.size_bytes for file in (*OLD, *NEW))


def test_totals_are_known_once_everything_was_looked_at() -> None:
    _, told = back_up()
    scanning = [progress for _, progress in told if progress.bytes_total is None]
    assert 1 < len(scanning) < len(told)
    assert all(progress.bytes_done == 0 for progress in scanning)
    assert told[: len(scanning)] == [each for each in told if each[1].bytes_total is None]


def test_bytes_are_sent_all_the_while_as_the_progress_tells() -> None:
    server, told = back_up()
    moments = [at for at, _ in server.received]
    assert max(after - before for before, after in pairwise(moments)) < 12
    for at, progress in told:
        assert progress.bytes_done <= sum(size for when, size in server.received if when <= at)


def test_a_run_that_is_ended_tells_the_reason_it_was_given() -> None:
    server, _ = back_up(stopped=(3.0, "the server was stopped"), state=RunState.CANCELLED)
    assert server.finished is not None
    assert (server.finished.state, server.finished.reason) == (RunState.CANCELLED, "the server was stopped")
