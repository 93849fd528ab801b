"""The server's log: over HTTP, live, on disk, bounded, and without a secret."""

import asyncio
import errno
import io
import json
import os
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from msgspec.structs import replace

from app.server.hub import Hub, Reader
from app.server.limits import Limits
from app.server.log_files import LogFiles
from app.server.logbook import FRAME_WAITING_LINES, RING_LINES, WAITING_LINES, Logbook
from streams.model.base import utc_now
from streams.model.events import LogFrame, decode_server_frame
from streams.model.logs import LogFilter, LogLine, LogPage, id_at
from streams.model.vocabulary import LogLevel, LogSource, Topic
from tests.servers import RunningServer, a_server, until

ALL = LogFilter(levels=frozenset(LogLevel))
log = structlog.stdlib.get_logger("app.server.test")


def line(number: int, message: str = "run finished", **more: Any) -> LogLine:
    said: dict[str, Any] = {
        "level": LogLevel.INFO,
        "source": LogSource.SERVER,
        "logger": "app.server.test",
        "message": message,
        **more,
    }
    return LogLine(id=number, at=utc_now(), **said)


async def test_a_catalogue_that_is_made_is_said_by_the_database(tmp_path: Path) -> None:
    async with a_server(tmp_path / "data", blank=False) as server:
        page = await server.get("/api/logs?text=catalogue migrated", LogPage)
        assert [each.source for each in page.lines] == [LogSource.DATABASE]


async def test_what_happens_is_read_newest_first_with_what_it_is_about(running_server: RunningServer) -> None:
    agent = await running_server.enrol("web-03")
    run = await agent.back_up({"/a": b"a"})
    page = await until(lambda: _said(running_server, "run finished"))
    (said,) = page.lines
    assert (said.client_id, said.run_id, said.level) == (agent.client_id, run.id, LogLevel.INFO)
    assert said.fields["client"] == "web-03" and said.fields["state"] == "complete"
    everything = await running_server.get("/api/logs?limit=1000", LogPage)
    ids = [each.id for each in everything.lines]
    assert ids == sorted(ids, reverse=True)
    assert {each.message for each in everything.lines} >= {"run started", "client enrolled", "server started"}


async def _said(server: RunningServer, text: str) -> LogPage | None:
    page = await server.get(f"/api/logs?text={text}", LogPage)
    return page if page.lines else None


async def test_lines_of_a_clock_that_was_ahead_stay_and_are_the_older_ones(tmp_path: Path) -> None:
    ahead = 2 * time.time_ns() // 1000
    files = LogFiles(tmp_path / "data" / "logs")
    await asyncio.to_thread(files.append, [line(ahead + number, f"older {number}") for number in range(3)])
    async with a_server(tmp_path / "data") as server:
        await server.enrol("web-03")
        await until(lambda: _said(server, "client enrolled"))
        page = await server.get("/api/logs?limit=1000&sources=server,database,audit", LogPage)
        messages = [each.message for each in page.lines]
        assert messages[-3:] == ["older 2", "older 1", "older 0"]
        assert {"client enrolled", "server started", "enrolment"} <= set(messages)
        # The row is written together with the client, and what was committed is said after that.
        assert (
            messages.index("client enrolled") < messages.index("enrolment") < messages.index("server started")
        )


async def test_until_a_time_hides_nothing_once_the_time_of_a_wrong_clock_has_come(tmp_path: Path) -> None:
    """A clock that was an hour ahead and was set back: ids go on from there, until the hour is over."""
    began = utc_now() - timedelta(hours=5)

    def said(number: int, at_h: float, id_h: float) -> LogLine:
        at = began + timedelta(hours=at_h)
        return replace(line(id_at(began + timedelta(hours=id_h)), str(number)), at=at)

    files = LogFiles(tmp_path)
    lines = [said(0, 0, 0), said(1, 0.1, 1.0), said(2, 0.2, 1.1), said(3, 3, 3)]
    await asyncio.to_thread(files.append, lines)
    book = Logbook(tmp_path, Hub(Limits()), files=files)
    wanted = replace(ALL, until=began + timedelta(hours=0.5))
    first = await book.page(wanted, None, 2)
    assert [each.message for each in first.lines] == ["2", "1"]
    assert [each.message for each in (await book.page(wanted, first.next_before, 2)).lines] == ["0"]


async def test_pages_follow_each_other_without_a_gap(running_server: RunningServer) -> None:
    for number in range(25):
        log.info("counted", number=number)
    await until(lambda: _said(running_server, "number=24"))
    found: list[str] = []
    before = ""
    while True:
        page = await running_server.get(f"/api/logs?text=counted&limit=7{before}", LogPage)
        found += [each.fields["number"] for each in page.lines]
        if page.next_before is None:
            break
        before = f"&before={page.next_before}"
    assert found == [str(number) for number in reversed(range(25))]


async def test_filters(running_server: RunningServer) -> None:
    log.info("one", client_id="c1", run=7, correlation_id="cor")
    log.error("two", client_id="c2")
    await until(lambda: _said(running_server, "two"))

    async def messages(query: str) -> set[str]:
        page = await running_server.get(f"/api/logs?{query}", LogPage)
        return {each.message for each in page.lines}

    assert await messages("levels=error") == {"two"}
    assert await messages("client_id=c1") == await messages("run_id=7") == {"one"}
    assert await messages("correlation_id=cor") == {"one"}
    assert await messages("text=/^(one|two)%5Cb/") == {"one", "two"}
    assert "one" not in await messages("sources=database")
    for bad in ("levels=loud", "text=/(/", "limit=0", "sources=console,moon"):
        async with running_server.console.get(f"/api/logs?{bad}") as response:
            assert response.status == 400, bad


async def test_lines_flow_to_a_console_that_listens(running_server: RunningServer) -> None:
    async with running_server.events() as console:
        await console.resume(None, 0, Topic.LOGS)
        await until(lambda: running_server.room.hub.listened(Topic.LOGS))
        log.warning("careful", client_id="c9")
        frame = await console.until(
            lambda frame: isinstance(frame, LogFrame) and any(x.message == "careful" for x in frame.lines)
        )
        assert isinstance(frame, LogFrame)
        assert frame.dropped == 0


async def test_a_request_of_an_agent_carries_its_ids_into_every_line(running_server: RunningServer) -> None:
    agent = await running_server.enrol("web-03")
    headers = {"X-Correlation-Id": "backup-77"}
    async with agent.http.get("/api/agent/client", headers=headers) as response:
        assert response.status == 200
    page = await until(lambda: _said_about(running_server, "backup-77"))
    assert {each.message for each in page.lines} == {"answered"}


async def _said_about(server: RunningServer, correlation_id: str) -> LogPage | None:
    page = await server.get(f"/api/logs?correlation_id={correlation_id}", LogPage)
    return page if page.lines else None


async def test_no_token_reaches_the_disk(tmp_path: Path, written_logs: io.StringIO) -> None:
    async with a_server(tmp_path / "data") as server:
        agent = await server.enrol("web-03")
        code = (await server.post("/api/enrolments", {"name": "other"}))["code"]
        log.info(f"took {agent.token}", token=agent.token, url=f"http://h/?token={agent.token}", n=[code])
        log.error("refused", headers={"Authorization": f"Bearer {server.token}"}, code=code)
        try:
            raise ValueError(f"bad token {server.token}")
        except ValueError as error:
            log.warning("caught", exc_info=error)
        async with server.http("tw_wrong-wrong-wrong-wrong").get("/api/logs") as response:
            assert response.status == 401
    written = (tmp_path / "data" / "logs" / "server.jsonl").read_text()
    assert "caught" in written and "ValueError" in written
    for secret in (agent.token, server.token, code, "tw_wrong"):
        assert secret not in written
        assert secret not in written_logs.getvalue()
    assert all(json.loads(row)["id"] for row in written.splitlines())
    written_logs.truncate(0)  # the trace in it is ours


async def test_memory_stays_bounded_when_nothing_is_written_or_sent(tmp_path: Path) -> None:
    hub = Hub(Limits())
    reader = hub.attach(1)
    hub.listen(reader, (Topic.LOGS,))
    book = Logbook(tmp_path, hub)
    for batch in range(600):
        book.take(tuple(line(batch * 100 + i) for i in range(100)))
    assert book.waiting == WAITING_LINES + FRAME_WAITING_LINES
    book.send_now()
    frames = [decode_server_frame(payload) for payload in await reader.take()]
    assert sum(frame.dropped for frame in frames) == 60_000 - FRAME_WAITING_LINES
    assert sum(len(frame.lines) for frame in frames) == FRAME_WAITING_LINES
    page = await book.page(ALL, None, 2000)
    assert page.lines[0].id == 59_999
    assert len(book._ring) == RING_LINES


async def test_a_slow_reader_loses_the_oldest_lines_and_is_told_how_many() -> None:
    reader = Reader(Limits(reader_log_lines=100), 1)
    reader.topics = frozenset({Topic.LOGS})
    payload = msgspec.json.encode(LogFrame(lines=(line(1),) * 50))
    for _ in range(1000):
        reader.offer_logs(50, payload)
    told, *frames = [decode_server_frame(each) for each in await reader.take()]
    assert isinstance(told, LogFrame) and told.dropped == 50 * 998
    assert len(frames) == 2


async def test_files_are_rotated_and_read_backwards_over_their_seams(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, file_bytes=2000, kept_files=3)

    def work() -> tuple[list[LogLine], int | None]:
        for number in range(100):
            files.append([line(number)])
        return files.newest_first(98, lambda each: each.id % 2 == 0, limit=1000, most_read=1000)

    found, next_before = await asyncio.to_thread(work)
    ids = [each.id for each in found]
    assert ids == list(range(96, ids[-1] - 1, -2)) and len(ids) > 10
    assert next_before is None
    assert len(list(tmp_path.iterdir())) == 3

    found, next_before = await asyncio.to_thread(
        lambda: files.newest_first(98, lambda each: False, limit=5, most_read=10)
    )
    assert (found, next_before) == ([], 88)


async def test_a_line_cut_by_a_crash_is_passed_over(tmp_path: Path) -> None:
    files = LogFiles(tmp_path)

    def work() -> list[LogLine]:
        files.append([line(1), line(2)])
        path = tmp_path / "server.jsonl"
        path.write_bytes(path.read_bytes()[:-20] + b"\n")
        files.append([line(3)])
        return files.newest_first(10, lambda _: True, limit=10, most_read=100)[0]

    assert [each.id for each in await asyncio.to_thread(work)] == [3, 1]


async def test_the_log_of_the_last_start_is_still_there(tmp_path: Path) -> None:
    async with a_server(tmp_path / "data") as server:
        log.info("before the restart")
        await until(lambda: _said(server, "before the restart"))
    async with a_server(tmp_path / "data") as server:
        page = await until(lambda: _said(server, "before the restart"))
        assert len(page.lines) == 1


async def test_a_damaged_file_is_said_with_what_leads_to_it(running_server: RunningServer) -> None:
    agent = await running_server.enrol("web-03")
    await agent.back_up({"/docs/a.txt": b"precious"})
    (row,) = (await running_server.get("/api/files"))["rows"]
    await running_server.room.catalogue.files.mark_verified({row["sha256"]: False})
    page = await until(lambda: _said(running_server, "file damaged"))
    (said,) = page.lines
    assert (said.level, said.client_id) == (LogLevel.ERROR, agent.client_id)
    assert said.fields["file"] == "/docs/a.txt"


async def test_deleted_files_are_said_by_name(running_server: RunningServer) -> None:
    agent = await running_server.enrol("web-03")
    await agent.back_up({"/docs/a.txt": b"one", "/docs/b.txt": b"two", "/docs/c.txt": b"three"})
    ids = {row["path"]: row["id"] for row in (await running_server.get("/api/files"))["rows"]}
    await running_server.post("/api/files/delete", {"file_ids": [ids["/docs/b.txt"]]})
    (said,) = (await until(lambda: _said(running_server, "files deleted"))).lines
    assert (said.client_id, said.fields["file"], said.fields["count"]) == (
        agent.client_id,
        "/docs/b.txt",
        "1",
    )
    await running_server.post("/api/files/delete", {"file_ids": [ids["/docs/a.txt"], ids["/docs/c.txt"]]})
    await running_server.post("/api/files/undelete", {"file_ids": list(ids.values())})
    (said,) = (await until(lambda: _said(running_server, "files undeleted"))).lines
    assert (said.fields["file"], said.fields["count"]) == ("/docs/a.txt", "3")
    lines = await running_server.get("/api/activity")
    reasons = {line["kind"]: line["reason"] for line in reversed(lines)}
    assert reasons["files_deleted"] == "/docs/a.txt and 1 more"


async def test_lines_that_a_full_disk_does_not_take_are_written_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = LogFiles(tmp_path)
    book = Logbook(tmp_path, Hub(Limits()), files=files)
    full = True
    real = os.write

    def some(descriptor: int, data: Any) -> int:
        if not full:
            return real(descriptor, data)
        if len(data) > 10:
            return real(descriptor, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", some)
    lines = [line(number) for number in range(3)]
    book.take(tuple(lines[:2]))
    await book.write()
    assert await asyncio.to_thread((tmp_path / "server.jsonl").read_bytes) == b"", "no torn line is left"
    book.take(tuple(lines[2:]))
    await book.write()
    full = False
    await book.write()
    found, _ = await asyncio.to_thread(files.newest_first, 10, lambda _: True, limit=10, most_read=10)
    assert [each.id for each in found] == [2, 1, 0]


async def test_lines_stay_in_order_when_their_writing_is_cancelled(tmp_path: Path) -> None:
    """As at the end of a server: what the thread then cannot write is written by the next one, and first."""
    begun, may_end = threading.Event(), threading.Event()

    class Slow(LogFiles):
        def append(self, lines: Sequence[LogLine]) -> None:
            if not may_end.is_set():
                begun.set()
                may_end.wait(30)
                raise OSError(errno.ENOSPC, "No space left on device")
            super().append(lines)

    files = Slow(tmp_path)
    book = Logbook(tmp_path, Hub(Limits()), files=files)
    book.take((line(0),))
    writing = asyncio.create_task(book.write())
    await until(begun.is_set)
    writing.cancel()
    book.take((line(1),))
    last = asyncio.create_task(book.write())
    await asyncio.sleep(0)
    may_end.set()
    await asyncio.wait({writing, last})
    assert writing.cancelled()
    found, _ = await asyncio.to_thread(files.newest_first, 10, lambda _: True, limit=10, most_read=10)
    assert [each.id for each in found] == [1, 0]


def test_a_line_torn_by_a_power_cut_does_not_take_the_next_one(tmp_path: Path) -> None:
    files = LogFiles(tmp_path)
    files.append([line(1)])
    with (tmp_path / "server.jsonl").open("ab") as out:
        out.write(b'{"id":2,"at":"20')
    files.append([line(3)])
    found, _ = files.newest_first(10, lambda _: True, limit=10, most_read=10)
    assert [each.id for each in found] == [3, 1]
