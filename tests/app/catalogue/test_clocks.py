"""Clocks that jump: nothing is purged by one that is not trusted, and times keep their order."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.catalogue import known_time
from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import CodeExpired
from app.catalogue.known_time import KnownTime
from app.catalogue.schema import meta
from app.catalogue.transaction import Transaction
from app.wire.http import FinishRun
from streams.model.vocabulary import RunState, RunTrigger, Scope
from tests.app.catalogue.seeds import Clock, Uptime, back_up, enrol, entry


def judge(catalogue: Catalogue, clock: Clock, uptime: Uptime) -> KnownTime:
    return KnownTime(catalogue.readers, catalogue.writer, now=clock, clock_s=uptime)


async def trusted(known: KnownTime) -> bool:
    """Return whether ages are judged by the clock just now."""
    await known.times()
    return known.held_at is None


async def test_a_jump_forward_is_believed_only_after_a_day(
    catalogue: Catalogue, clock: Clock, uptime: Uptime
) -> None:
    known = judge(catalogue, clock, uptime)
    assert await trusted(known)
    clock.forward(days=365)
    assert not await trusted(known)
    assert not await trusted(judge(catalogue, clock, uptime)), "nor by a server that starts again"
    clock.forward(days=-365)
    assert await trusted(known), "the clock is right again"
    clock.forward(days=365)
    for _ in range(3):
        uptime.pass_with(clock, seconds=known_time.CONFIRM_S / 3)
        assert not await trusted(known)
    uptime.pass_with(clock, seconds=known_time.CONFIRM_S / 3)
    assert await trusted(known)
    assert await trusted(judge(catalogue, clock, uptime))


async def test_time_that_has_passed_and_a_clock_set_back_are_trusted(
    catalogue: Catalogue, clock: Clock, uptime: Uptime
) -> None:
    known = judge(catalogue, clock, uptime)
    assert await trusted(known)
    uptime.pass_with(clock, days=30)
    assert await trusted(known)
    clock.forward(hours=-1)
    assert await trusted(known)
    # While the server was off nothing but the clock on the wall went on.
    clock.forward(hours=20)
    assert await trusted(judge(catalogue, clock, uptime))
    clock.forward(hours=20)
    assert not await trusted(known)
    assert not await trusted(judge(catalogue, clock, uptime)), "nor by a server that starts again"


async def test_a_jump_that_is_believed_makes_nothing_due_that_was_held(
    catalogue: Catalogue, clock: Clock, uptime: Uptime
) -> None:
    known = catalogue.known_time
    client = await enrol(catalogue)
    assert await trusted(known)
    assert await catalogue.holds.settled_delay_h(72) == 72
    assert await catalogue.holds.settled_delay_h(1) == 72
    await catalogue.holds.mark(client.id, timedelta(hours=72))
    assert await catalogue.strays.held("an older copy")
    clock.forward(days=10)
    assert await catalogue.holds.settled_delay_h(1) == 72
    assert not await trusted(known)
    for _ in range(2):
        uptime.pass_with(clock, hours=13)
        await trusted(known)
    # The jump is believed after a day; what was held is held for the hours that it was to be held.
    assert await trusted(known)
    assert not await catalogue.holds.due()
    assert await catalogue.holds.settled_delay_h(1) == 72
    assert await catalogue.strays.held("an older copy")
    uptime.pass_with(clock, hours=47)
    assert await trusted(known)
    assert [due.id for due in await catalogue.holds.due()] == [client.id]
    assert await catalogue.holds.settled_delay_h(1) == 1
    assert not await catalogue.strays.held("an older copy")


async def test_a_copy_put_back_while_the_clock_was_ahead_holds_for_no_years(
    catalogue: Catalogue, clock: Clock, uptime: Uptime
) -> None:
    clock.forward(days=1500)
    await catalogue.strays.hold(catalogue.epoch)
    clock.forward(days=-1500)

    async def passes(hours: int) -> None:
        for _ in range(hours):
            uptime.pass_with(clock, hours=1)
            assert await trusted(catalogue.known_time)

    async def holds() -> list[bool]:
        return [await catalogue.strays.put_back(), await catalogue.strays.held(catalogue.epoch)]

    await passes(3)
    assert await holds() == [True, True]
    await passes(71)
    assert await holds() == [True, True]
    await passes(2)
    assert await holds() == [False, False]


async def test_what_has_ended_stays_ended_when_the_clock_is_set_back(
    catalogue: Catalogue, clock: Clock
) -> None:
    code = (await catalogue.enrolments.create("desk", valid_s=3600)).code
    new = await catalogue.console_tokens.add(
        "script", [Scope.LOOK], expires_at=clock.at + timedelta(hours=1), made_by="test"
    )
    clock.forward(hours=2)
    await catalogue.tokens.end_expired(clock.at)
    await catalogue.enrolments.end_expired(clock.at)
    clock.forward(hours=-2)
    assert await catalogue.tokens.check(new.secret) is None
    with pytest.raises(CodeExpired):
        await catalogue.enrolments.redeem("desk", code, "linux", "1")
    # It is listed until somebody takes it away.
    assert [token.name for token in await catalogue.console_tokens.all()] == ["script"]
    await catalogue.console_tokens.revoke(name="script")
    assert not await catalogue.console_tokens.all()


async def test_a_clock_that_jumps_for_a_moment_ends_nothing_for_good(
    catalogue: Catalogue, clock: Clock
) -> None:
    code = (await catalogue.enrolments.create("desk", valid_s=3600)).code
    new = await catalogue.console_tokens.add(
        "script", [Scope.LOOK], expires_at=clock.at + timedelta(hours=1), made_by="test"
    )
    clock.forward(days=365)
    assert await catalogue.tokens.check(new.secret) is None
    await catalogue.tokens.look_for_revoked()
    clock.forward(days=-365)
    assert await catalogue.tokens.check(new.secret) is not None
    await catalogue.enrolments.redeem("desk", code, "linux", "1")


async def test_no_run_ends_before_it_began(catalogue: Catalogue, clock: Clock) -> None:
    client = await enrol(catalogue)
    run = await catalogue.runs.start(client.id, RunTrigger.SCHEDULE)
    clock.forward(hours=-1)
    ended = await catalogue.runs.finish(run.id, FinishRun(state=RunState.COMPLETE))
    assert ended.finished_at is not None and ended.finished_at >= ended.started_at
    (line, *_) = await catalogue.activity.page()
    assert line.duration_s == 0


@pytest.mark.parametrize("vanish", [False, True])
async def test_versions_of_a_file_never_overlap(catalogue: Catalogue, clock: Clock, vanish: bool) -> None:
    client = await enrol(catalogue)
    begun = clock.at
    await back_up(catalogue, client, entry("/a", "one"))
    if vanish:
        run = await catalogue.runs.start(client.id, RunTrigger.SCHEDULE)
        await catalogue.runs.add_vanished(run.id, [b"/a"])
    clock.forward(hours=-1)
    await back_up(catalogue, client, entry("/a", "two, longer"))
    clock.forward(hours=3)
    for minutes in range(-90, 120, 7):
        entries, _ = await catalogue.files.tree(client.id, at=begun + timedelta(minutes=minutes))
        assert len(entries) <= 1
    ((now,), _) = await catalogue.files.tree(client.id, at=clock.at)
    assert now.size_bytes == len("two, longer")


async def test_weekends_off_hold_a_mark_for_its_hours_but_not_for_ever(
    catalogue: Catalogue, clock: Clock, uptime: Uptime
) -> None:
    """The server is up nine hours a day; each restart is another process that reads what is kept."""
    client = await enrol(catalogue)
    assert await trusted(catalogue.known_time)
    await catalogue.holds.mark(client.id, timedelta(hours=72))
    due_on: list[int] = []
    for day in range(1, 15):
        clock.forward(hours=15)
        if day % 7 in (1, 2):
            clock.forward(hours=9)
            continue
        started = await Catalogue.open(catalogue.path, now=clock, clock_s=uptime)
        try:
            for _ in range(9):
                if await started.holds.due():
                    due_on.append(day)
                uptime.pass_with(clock, hours=1)
        finally:
            await started.close()
    # Two of the first three days the server was off: they do not count as waited.
    assert due_on and 5 <= due_on[0] <= 7


async def test_a_start_in_1970_destroys_nothing_once_the_clock_is_right(
    catalogue: Catalogue, clock: Clock, uptime: Uptime
) -> None:
    client = await enrol(catalogue)
    known = catalogue.known_time
    assert await trusted(known)
    assert await catalogue.holds.settled_delay_h(72) == 72
    clock.forward(days=-20000)
    await catalogue.holds.mark(client.id, timedelta(hours=72))
    assert await catalogue.holds.settled_delay_h(1) == 72
    assert await catalogue.strays.held("an older copy")
    clock.forward(days=20000)
    assert await trusted(known)
    assert not await catalogue.holds.due()
    assert await catalogue.holds.settled_delay_h(1) == 72
    assert await catalogue.strays.held("an older copy")
    uptime.pass_with(clock, hours=73)
    assert [due.id for due in await catalogue.holds.due()] == [client.id]
    assert await catalogue.holds.settled_delay_h(1) == 1
    assert not await catalogue.strays.held("an older copy")


async def test_a_mark_from_before_a_wrong_clock_is_not_moved_by_years(
    catalogue: Catalogue, clock: Clock, uptime: Uptime
) -> None:
    client = await enrol(catalogue)
    known = catalogue.known_time
    assert await catalogue.holds.settled_delay_h(72) == 72
    await catalogue.holds.mark(client.id, timedelta(hours=72))
    clock.forward(days=-20000)
    for _ in range(3):
        assert await trusted(known)
        uptime.pass_with(clock, hours=1)
    clock.forward(days=20000)
    for _ in range(24 + 72):
        assert not await catalogue.holds.due()
        uptime.pass_with(clock, hours=1)
    assert [due.id for due in await catalogue.holds.due()] == [client.id]


@pytest.mark.parametrize("note", ["", "soon", "9" * 40, "{}", '{"trusted":1}', "null"])
@pytest.mark.parametrize("name", ["known_at", "clock", "strays_held_until"])
async def test_notes_that_cannot_be_read_stop_nothing(
    catalogue: Catalogue, clock: Clock, name: str, note: str
) -> None:
    assert await catalogue.strays.held("first")

    def spoil(transaction: Transaction) -> None:
        transaction.run(update(meta).where(meta.c.name == name).values(value=note))

    await catalogue.writer.write(spoil)
    again = judge(catalogue, clock, Uptime())
    assert await trusted(again)
    assert await catalogue.strays.held("first")
    assert await trusted(judge(catalogue, clock, Uptime()))


async def test_unknown_contents_are_not_held_for_years_by_a_clock_that_was_ahead(
    catalogue: Catalogue, clock: Clock, uptime: Uptime
) -> None:
    clock.forward(days=365)
    assert await catalogue.strays.held("first")
    clock.forward(days=-365)
    for _ in range(72):
        assert await catalogue.strays.held("first")
        uptime.pass_with(clock, hours=1)
    uptime.pass_with(clock, hours=3)
    assert not await catalogue.strays.held("first")
