"""The audit record: append-only, and every change to it is found."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.catalogue import audit as record
from app.catalogue import audit_chain
from app.catalogue.audit_chain import HEAD_FILE, prove, read_head
from app.catalogue.audit_note import LONGEST_TEXT, AuditNote
from app.catalogue.catalogue import Catalogue
from app.catalogue.maintenance import check_audit
from streams.model.logs import LogFilter
from streams.model.vocabulary import AuditAction, LogLevel, LogSource
from tests.app.catalogue.seeds import Clock, enrol

ALL = LogFilter()


def note(number: int, **more: Any) -> AuditNote:
    return AuditNote(
        action=AuditAction.BACKUP, who="token desk", address="10.0.0.9", target=f"client {number}", **more
    )


async def noted(catalogue: Catalogue, count: int) -> Path:
    for number in range(count):
        await catalogue.audit.note(note(number))
    assert await catalogue.audit.save_head()
    return catalogue.path


async def test_a_chain_that_nobody_touched_is_good(catalogue: Catalogue) -> None:
    path = await noted(catalogue, 5)
    assert await asyncio.to_thread(prove, path) == (5, [], [])
    assert (path.with_name(HEAD_FILE).stat().st_mode & 0o777) == 0o600


async def test_a_record_that_is_empty_is_good(catalogue: Catalogue) -> None:
    assert await asyncio.to_thread(prove, await noted(catalogue, 0)) == (0, [], [])


FORGERIES: tuple[tuple[str, str], ...] = (
    ("UPDATE audit SET who = 'nobody' WHERE seq = 3", "row 3 was changed"),
    ("UPDATE audit SET who = CAST(x'ff' AS TEXT) WHERE seq = 3", "row 3 was changed"),
    ("UPDATE audit SET previous = 'x' WHERE seq = 3", "row 3 does not follow row 2"),
    ("UPDATE audit SET hash = 'x' WHERE seq = 5", "row 5 was changed"),
    ("UPDATE audit SET at = at - 1 WHERE seq = 1", "row 1 was changed"),
    ("DELETE FROM audit WHERE seq = 2", "rows 2 to 2 are missing"),
    ("DELETE FROM audit WHERE seq = 1", "rows 1 to 1 are missing"),
    ("DELETE FROM audit WHERE seq > 3", "rows after 3 are missing"),
    ("DELETE FROM audit", "rows after 0 are missing"),
    (
        "UPDATE audit SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE seq IN (2, 3);"
        "UPDATE audit SET seq = -seq WHERE seq < 0",
        "row 2 does not follow row 1",
    ),
    ("DELETE FROM audit WHERE seq > 3; DELETE FROM meta WHERE name = 'audit_head'", "rows after 3"),
)


@pytest.mark.parametrize(("forgery", "fault"), FORGERIES)
async def test_every_forgery_is_found(catalogue: Catalogue, forgery: str, fault: str) -> None:
    path = await noted(catalogue, 5)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(forgery)
    faults = (await asyncio.to_thread(prove, path)).faults
    assert any(each.startswith(fault) for each in faults), faults


async def test_a_tail_that_was_cut_off_is_found_also_when_the_record_went_on(catalogue: Catalogue) -> None:
    path = await noted(catalogue, 5)
    with closing(sqlite3.connect(path)) as database:
        database.executescript("DELETE FROM audit WHERE seq > 3; DELETE FROM meta WHERE name = 'audit_head'")
    await catalogue.audit.note(note(6))
    assert not await catalogue.audit.save_head(), "the witness is kept"
    faults = (await asyncio.to_thread(prove, path)).faults
    assert faults


async def test_a_file_that_says_nothing_is_a_fault(catalogue: Catalogue) -> None:
    path = await noted(catalogue, 1)
    path.with_name(HEAD_FILE).write_text("what")
    assert (await asyncio.to_thread(prove, path)).cut == [f"{HEAD_FILE} cannot be read"]


async def test_two_processes_append_to_one_chain(catalogue: Catalogue, clock: Clock) -> None:
    other = await Catalogue.open(catalogue.path, now=clock)
    try:
        for number in range(4):
            await (catalogue, other)[number % 2].audit.note(note(number))
    finally:
        await other.close()
    assert await asyncio.to_thread(prove, catalogue.path) == (4, [], [])


async def test_values_are_bounded_and_control_characters_are_escaped(catalogue: Catalogue) -> None:
    await catalogue.audit.note(
        AuditNote(action=AuditAction.WRONG_CODE, who="x" * 10_000, target="a\x1b[2J\nb" + "\x00" * 9_000)
    )
    ((_, line),) = await catalogue.audit.after(0)
    assert line.fields["on"].startswith(r"a\x1b[2J\nb") and len(line.fields["on"]) == LONGEST_TEXT
    assert all(text.isprintable() for text in line.fields.values())


async def test_pages_follow_each_other(catalogue: Catalogue, clock: Clock) -> None:
    for number in range(9):
        clock.forward(seconds=-1)  # the clock goes back; the order of the record holds
        await catalogue.audit.note(note(number, result="refused: forbidden" if number % 3 == 0 else "done"))
    found: list[str] = []
    before: int | None = None
    while True:
        page = await catalogue.audit.page(ALL, before, 2)
        found += [line.fields["on"] for line in page.lines]
        before = page.next_before
        if before is None:
            break
    assert found == [f"client {number}" for number in reversed(range(9))]
    refused = await catalogue.audit.page(LogFilter(levels=frozenset({LogLevel.WARNING})), None, 10)
    assert [line.fields["number"] for line in refused.lines] == ["7", "4", "1"]
    assert {line.source for line in refused.lines} == {LogSource.AUDIT}
    assert (await catalogue.audit.page(LogFilter(text="client 4"), None, 10)).lines[0].message == "backup"
    assert not (await catalogue.audit.page(LogFilter(client_id="f" * 32), None, 10)).lines


@pytest.mark.parametrize("caught_up", [False, True])
async def test_until_a_time_hides_nothing_after_a_clock_that_was_ahead(
    catalogue: Catalogue, clock: Clock, caught_up: bool
) -> None:
    """The numbers of rows go on from where the wrong clock was; their times are those of the right one."""
    began = clock.at
    await catalogue.audit.note(note(0))
    clock.forward(days=365)
    await catalogue.audit.note(note(1))
    clock.forward(days=-365, seconds=10)
    await catalogue.audit.note(note(2))
    if caught_up:
        clock.forward(days=366)
        await catalogue.audit.note(note(3))
    wanted = LogFilter(until=began + timedelta(seconds=20))
    page = await catalogue.audit.page(wanted, None, 10)
    assert [line.fields["on"] for line in page.lines] == ["client 2", "client 0"]
    first = await catalogue.audit.page(wanted, None, 1)
    second = await catalogue.audit.page(wanted, first.next_before, 1)
    assert [line.fields["on"] for line in (*first.lines, *second.lines)] == ["client 2", "client 0"]


async def test_a_server_that_goes_on_writing_breaks_no_chain_for_who_looks(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await noted(catalogue, 2)
    loop = asyncio.get_running_loop()

    async def go_on() -> None:
        await catalogue.audit.note(note(2))
        await catalogue.audit.save_head()

    def read_meanwhile(beside: Path) -> audit_chain.Head | None:
        asyncio.run_coroutine_threadsafe(go_on(), loop).result(30)
        return read_head(beside)

    monkeypatch.setattr(audit_chain, "read_head", read_meanwhile)
    assert await asyncio.to_thread(prove, path) == (3, [], [])


@pytest.mark.parametrize(("forgery", "fault"), FORGERIES)
async def test_a_running_server_says_what_was_forged(catalogue: Catalogue, forgery: str, fault: str) -> None:
    path = await noted(catalogue, 5)
    assert await asyncio.to_thread(check_audit, path)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(forgery)
    with capture_logs() as said:
        assert not await asyncio.to_thread(check_audit, path)
    assert said[0]["event"] == "audit_chain_broken" and fault in said[0]["findings"]


async def test_rows_that_come_at_once_are_one_chain(catalogue: Catalogue) -> None:
    await asyncio.gather(*(catalogue.audit.note(note(number)) for number in range(20)))
    assert await asyncio.to_thread(prove, catalogue.path) == (20, [], [])


async def test_what_was_done_with_a_client_is_told_after_its_removal(catalogue: Catalogue) -> None:
    client = await enrol(catalogue, "old-laptop")
    await catalogue.removal.remove(client.id)
    lines = await catalogue.activity.page()
    assert [(line.kind.value, line.client_name) for line in lines][1:] == [("client_enrolled", "old-laptop")]


async def test_a_setting_that_changed_between_two_starts_is_noted(catalogue: Catalogue) -> None:
    for days in ("30", "30", "7"):
        await catalogue.audit.note_settings({"server.keep_deleted_days": days, "server.port": "1256"})
    ((_, line),) = await catalogue.audit.after(0)
    assert (line.message, line.fields["on"]) == ("change settings", "server.keep_deleted_days")
    assert line.fields["detail"] == "30 to 7"


async def purged(catalogue: Catalogue, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make ten rows of which five are old, and remove these; three rows would be kept in any case."""
    monkeypatch.setattr(record, "KEPT_ROWS", 3)
    await noted(catalogue, 5)
    clock.forward(days=100)
    await noted(catalogue, 5)
    assert await catalogue.audit.purge(clock.at - timedelta(days=30)) == 5
    assert await catalogue.audit.purge(clock.at - timedelta(days=30)) == 0, "there is nothing left to remove"
    assert await catalogue.audit.save_head()
    return catalogue.path


async def test_rows_that_are_too_old_go_and_the_rest_is_still_proved(
    catalogue: Catalogue, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await purged(catalogue, clock, monkeypatch)
    assert await asyncio.to_thread(prove, path) == (6, [], [])
    lines = [line for _, line in await catalogue.audit.after(0)]
    assert [line.message for line in lines] == ["backup"] * 5 + ["audit purge"]
    assert "the last was 5 with the hash" in lines[-1].fields["detail"]


@pytest.mark.parametrize(
    ("forgery", "fault"),
    [
        ("DELETE FROM audit WHERE seq = 6", "rows 1 to 6 are missing"),
        ("UPDATE audit SET previous = zeroblob(32) WHERE seq = 6", "rows 1 to 5 are missing"),
        ("UPDATE audit SET detail = 'nothing' WHERE action = 'audit_purge'", "rows 1 to 5 are missing"),
        ("DELETE FROM audit WHERE action = 'audit_purge'", "rows after 10 are missing"),
    ],
)
async def test_forgeries_after_a_purge_are_found(
    catalogue: Catalogue, clock: Clock, monkeypatch: pytest.MonkeyPatch, forgery: str, fault: str
) -> None:
    path = await purged(catalogue, clock, monkeypatch)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(forgery)
    faults = (await asyncio.to_thread(prove, path)).faults
    assert any(each.startswith(fault) for each in faults), faults


async def test_the_newest_rows_stay_whatever_their_age(catalogue: Catalogue, clock: Clock) -> None:
    path = await noted(catalogue, 5)
    clock.forward(days=5000)
    assert await catalogue.audit.purge(clock.at) == 0
    assert await asyncio.to_thread(prove, path) == (5, [], [])
