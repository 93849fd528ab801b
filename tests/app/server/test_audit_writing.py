"""The audit record is written by one at a time: no row twice, none lost, whoever is cancelled."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.catalogue.audit_chain import HEAD_FILE, prove, read_head
from app.catalogue.audit_note import AuditNote
from app.catalogue.errors import CatalogueFull
from app.server import audit as limits
from app.server import audit_budgets
from app.server.audit import Audit
from app.server.data_dir import CATALOGUE_FILE
from streams.model.logs import LogPage
from streams.model.vocabulary import AuditAction
from tests.servers import RunningServer, a_server, until


def note(number: int, action: AuditAction = AuditAction.PROTECT, **more: Any) -> AuditNote:
    return AuditNote(action=action, who="token desk", address="10.0.0.1", target=f"run {number}", **more)


class Gate:
    """Holds every call of a method up once it has done its work, as a slow disk does; or before it."""

    def __init__(self, owner: Any, name: str, patch: pytest.MonkeyPatch, *, before: bool = False) -> None:
        self.reached = 0
        self.open = asyncio.Event()
        method = getattr(owner, name)

        async def held(*arguments: Any, **named: Any) -> Any:
            answer = None if before else await method(*arguments, **named)
            self.reached += 1
            await self.open.wait()
            return await method(*arguments, **named) if before else answer

        patch.setattr(owner, name, held)


@pytest.fixture
def audit(running_server: RunningServer) -> Audit:
    """Another one on the record of a running server, which nobody else works with."""
    return Audit(running_server.room.catalogue.audit, running_server.room.logbook)


async def targets(server: RunningServer) -> list[str]:
    lines = [line for _, line in await server.room.catalogue.audit.after(0)]
    return [line.fields["on"] for line in lines if line.fields.get("on", "").startswith("run ")]


async def test_two_steps_at_once_write_no_row_twice(
    running_server: RunningServer, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(running_server.room.catalogue.audit, "note", monkeypatch)
    audit.later(note(1))
    steps = [asyncio.create_task(audit.step())]
    await until(lambda: gate.reached == 1)
    audit.later(note(2))
    steps += [asyncio.create_task(work) for work in (audit.step(), audit.close(), audit.note(note(3)))]
    await asyncio.sleep(0)
    gate.open.set()
    await asyncio.gather(*steps)
    assert await targets(running_server) == ["run 1", "run 2", "run 3"]


async def test_a_step_that_is_cancelled_ends_what_it_began(
    running_server: RunningServer, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the end of a server: its task is cancelled while the disk writes, then the rest is written."""
    gate = Gate(running_server.room.catalogue.audit, "note", monkeypatch)
    audit.later(note(1))
    step = asyncio.create_task(audit.step())
    await until(lambda: gate.reached == 1)
    step.cancel()
    closing_ = asyncio.create_task(audit.close())
    await asyncio.sleep(0)
    gate.open.set()
    await closing_
    with pytest.raises(asyncio.CancelledError):
        await step
    assert await targets(running_server) == ["run 1"]


async def test_a_note_whose_order_is_cancelled_is_not_lost(
    running_server: RunningServer, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(running_server.room.catalogue.audit, "note", monkeypatch, before=True)
    orders = [asyncio.create_task(audit.note(note(number))) for number in (1, 2)]
    await until(lambda: gate.reached == 1)
    for order in orders:
        order.cancel()
    gate.open.set()
    await asyncio.wait(orders)
    assert all(order.cancelled() for order in orders)
    await audit.close()
    assert await targets(running_server) == ["run 1", "run 2"]


class Refusing:
    """Lets writes of notes fail while it has an error."""

    def __init__(self, server: RunningServer, patch: pytest.MonkeyPatch) -> None:
        self.error: Callable[[tuple[AuditNote, ...]], Exception | None] = lambda _: CatalogueFull(
            "It is full."
        )
        record = server.room.catalogue.audit
        write = record.note

        async def refusing(*notes: AuditNote) -> None:
            if (error := self.error(notes)) is not None:
                raise error
            await write(*notes)

        patch.setattr(record, "note", refusing)


async def test_a_full_disk_keeps_the_notes_in_their_order(
    running_server: RunningServer, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Refusing(running_server, monkeypatch)
    audit.later(note(1))
    with capture_logs() as said:
        await audit.note(note(2))
    assert [line["event"] for line in said] == ["audit_not_written"]
    audit.later(note(3))
    with pytest.raises(CatalogueFull):
        await audit.step()
    disk.error = lambda _: None
    await audit.note(note(4))
    assert await targets(running_server) == [f"run {number}" for number in (1, 2, 3, 4)]


async def test_of_too_many_that_wait_those_that_destroy_stay(
    running_server: RunningServer, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_WAITING", 5)
    disk = Refusing(running_server, monkeypatch)
    for number in range(8):
        await audit.note(note(number))
    await audit.note(note(99, AuditAction.REVOKE_TOKEN))
    disk.error = lambda _: None
    with capture_logs() as said:
        await audit.step()
    assert await targets(running_server) == ["run 1", "run 2", "run 3", "run 4", "run 99"]
    assert [line["count"] for line in said if line["event"] == "audit_notes_lost"] == [4]


async def test_a_note_that_cannot_be_written_at_all_keeps_no_other_out(
    running_server: RunningServer, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Refusing(running_server, monkeypatch)
    disk.error = lambda notes: ValueError("a bug") if any(each.target == "run 2" for each in notes) else None
    for number in (1, 2, 3):
        audit.later(note(number))
    with capture_logs() as said:
        await audit.step()
    assert await targets(running_server) == ["run 1", "run 3"]
    assert "audit_note_impossible" in [line["event"] for line in said]


async def test_rows_are_told_once_however_many_follow(
    running_server: RunningServer, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    await audit.begin()
    gate = Gate(running_server.room.catalogue.audit, "after", monkeypatch)
    told: list[str] = []
    monkeypatch.setattr(
        running_server.room.logbook, "relay", lambda lines: told.extend(line.fields["on"] for line in lines)
    )
    audit.later(note(1))
    steps = [asyncio.create_task(work) for work in (audit.step(), audit.follow(), audit.close())]
    await until(lambda: gate.reached >= 1)
    steps[0].cancel()
    await asyncio.sleep(0)
    gate.open.set()
    await asyncio.wait(steps)
    assert [target for target in told if target == "run 1"] == ["run 1"]


async def test_an_order_that_the_end_of_the_server_breaks_off_leaves_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        gate = Gate(server.room.catalogue.removal, "remove", monkeypatch)
        asking = asyncio.create_task(server.http(server.token).delete(f"/api/clients/{agent.client_id}"))
        await until(lambda: gate.reached == 1)
        asking.cancel()
    rows = await asyncio.to_thread(_rows, tmp_path)
    assert ("remove_client", "failed: broken off") in rows


def _rows(folder: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(folder / CATALOGUE_FILE)) as database:
        return database.execute("SELECT action, result FROM audit ORDER BY seq").fetchall()


async def test_the_end_of_a_server_writes_what_was_only_counted(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        for _ in range(20):
            async with server.http("tw_wrong").get("/api/clients") as response:
                assert response.status in (401, 429)
    async with a_server(tmp_path) as server:
        page = await server.get("/api/logs?sources=audit&limit=2000&text=/wrong token/", LogPage)
        assert sum(int(line.fields.get("count", "1")) for line in page.lines) == 20
    assert not (await asyncio.to_thread(prove, tmp_path / CATALOGUE_FILE)).faults


async def test_a_flood_of_guesses_is_a_few_rows_and_hides_no_order(
    running_server: RunningServer, audit: Audit
) -> None:
    record = running_server.room.catalogue.audit
    before = (await record.head()).seq
    for number in range(10_000):
        wrong = AuditNote(
            action=AuditAction.WRONG_TOKEN, address=f"10.{number // 250}.{number % 250}.1", result="refused"
        )
        audit.gather(wrong, wrong.address)
        if number % 1000 == 0:
            await audit.note(note(number))
    await audit.close()
    assert (await record.head()).seq - before == 10 + audit_budgets.GUESSES_AT_ONCE + 1
    assert len(await targets(running_server)) == 10


async def test_what_destroys_has_a_row_of_its_own_behind_any_flood(
    running_server: RunningServer, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many rows of a kind hide no other kind, no result hides another, and nothing destroyed is folded."""
    monkeypatch.setattr(audit_budgets, "ROWS_AT_ONCE", 5)
    before = (await running_server.room.catalogue.audit.head()).seq
    for number in range(30):
        audit.gather(note(number, AuditAction.FORBIDDEN, result="refused: forbidden"), number)
        await audit.note(note(number, AuditAction.CANCEL_RUN, result="refused: run_ended"))
        await audit.note(note(number, AuditAction.CANCEL_RUN))
        await audit.note(note(number, AuditAction.DELETE_FILES))
        await audit.note(note(number, AuditAction.REVOKE_TOKEN, result="refused: unknown_token"))
    await audit.close()
    lines = [line for _, line in await running_server.room.catalogue.audit.after(before)]
    assert sum(line.message == "delete files" for line in lines) == 30
    folded = {
        (line.message, line.fields["result"]): line.fields["count"]
        for line in lines
        if "count" in line.fields
    }
    assert folded == {
        ("forbidden", "refused: forbidden"): "25",
        ("cancel run", "refused: run_ended"): "27",
        ("cancel run", "done"): "28",
        ("revoke token", "refused: unknown_token"): "25",
    }


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"what",
        b"\xff\xfe\x00",
        b"5 5",
        f"{2**70} 1 {'00' * 32}\n".encode("ascii"),
        f"1 1 {'00' * 32}\n".encode("ascii"),
        b"7" * 100_000,
    ],
)
async def test_a_head_that_is_not_its_own_is_said_and_stays(
    running_server: RunningServer, audit: Audit, damage: bytes
) -> None:
    await audit.note(note(1))
    file = running_server.room.catalogue.path.with_name(HEAD_FILE)
    await running_server.room.audit.step()
    file.write_bytes(damage)
    with capture_logs() as said:
        await audit.step()
        await audit.note(note(2))
        await audit.close()
    assert {line["event"] for line in said if line["log_level"] == "error"} == {"audit_chain_broken"}
    assert file.read_bytes() == damage
    assert (await asyncio.to_thread(prove, running_server.room.catalogue.path)).cut
    assert await targets(running_server) == ["run 1", "run 2"]


async def test_a_head_that_cannot_be_written_keeps_no_row_out(
    running_server: RunningServer, audit: Audit
) -> None:
    file = running_server.room.catalogue.path.with_name(HEAD_FILE)
    await running_server.room.audit.step()
    file.unlink(missing_ok=True)
    file.mkdir()
    with capture_logs() as said:
        for number in (1, 2):
            audit.later(note(number))
            await audit.step()
    assert {line["event"] for line in said if line["log_level"] == "error"} == {"audit_head_not_written"}
    assert await targets(running_server) == ["run 1", "run 2"]
    file.rmdir()
    await audit.step()
    head = await asyncio.to_thread(read_head, running_server.room.catalogue.path)
    assert head == await running_server.room.catalogue.audit.head()


async def test_rows_cut_off_while_their_witness_is_removed_are_missed(
    running_server: RunningServer, audit: Audit
) -> None:
    catalogue = running_server.room.catalogue.path
    for number in (1, 2, 3):
        await audit.note(note(number))
    await audit.step()

    def cut() -> None:
        with closing(sqlite3.connect(catalogue)) as database:
            database.executescript(
                "DELETE FROM audit WHERE target IN ('run 2', 'run 3');"
                "DELETE FROM meta WHERE name = 'audit_head'"
            )
        catalogue.with_name(HEAD_FILE).unlink()

    await asyncio.to_thread(cut)
    with capture_logs() as said:
        await audit.step()
    assert "audit_chain_broken" in [line["event"] for line in said]
    assert not catalogue.with_name(HEAD_FILE).exists(), "no new witness is made of what was cut"


async def test_a_server_killed_between_row_and_head_goes_on_and_one_without_its_head_says_so(
    tmp_path: Path,
) -> None:
    async with a_server(tmp_path) as server:
        await server.room.audit.note(note(1))
    head = tmp_path / HEAD_FILE
    older = head.read_bytes()
    async with a_server(tmp_path) as server:
        await server.room.audit.note(note(2))
    head.write_bytes(older)  # as if it was killed before it wrote the newer one
    assert not (await asyncio.to_thread(prove, tmp_path / CATALOGUE_FILE)).faults
    async with a_server(tmp_path) as server:
        await server.room.audit.step()
    assert head.read_bytes() != older
    head.unlink()
    with capture_logs() as said:
        async with a_server(tmp_path) as server:
            await server.room.audit.step()
    assert "audit_head_missing" in [line["event"] for line in said]
    assert not (await asyncio.to_thread(prove, tmp_path / CATALOGUE_FILE)).faults


@pytest.mark.parametrize("value", ["what", "-4 0 00", f"{2**70} 1 {'00' * 32}", f"1 1 {'00' * 32}"])
async def test_a_head_that_was_changed_in_the_catalogue_keeps_no_row_out(
    running_server: RunningServer, audit: Audit, value: str
) -> None:
    catalogue = running_server.room.catalogue.path
    await audit.note(note(1))
    await audit.note(note(2))

    def change() -> None:
        with closing(sqlite3.connect(catalogue)) as database, database:
            database.execute("UPDATE meta SET value = ? WHERE name = 'audit_head'", (value,))

    await asyncio.to_thread(change)
    assert (await asyncio.to_thread(prove, catalogue)).faults
    await audit.note(note(3))
    assert await targets(running_server) == ["run 1", "run 2", "run 3"]


async def test_a_client_that_is_removed_when_due_has_its_row_in_the_same_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever comes right after: the end of the server, a power cut."""
    async with a_server(tmp_path, destroy_delay_h=72) as server:
        agent = await server.enrol("alpha")
        await server.room.catalogue.holds.mark(agent.client_id, timedelta(seconds=-1))
        gate = Gate(server.room.catalogue.removal, "remove", monkeypatch)
        removing = asyncio.create_task(server.room.removal.destroy_due())
        await until(lambda: gate.reached == 1)
        removing.cancel()
        await asyncio.wait({removing})
    assert ("client_removed", "done") in await asyncio.to_thread(_rows, tmp_path)
