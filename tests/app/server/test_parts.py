"""The parts of the server that need no server: turns of uploads, rates, guesses, and the map of failures."""

import asyncio
import inspect

import pytest

import app.catalogue.errors
import app.store.errors
from app.server.limits import Limits
from app.server.problems import STATUS_OF_CODE, Refused
from app.server.progress import ProgressBoard
from app.server.throughput import Rate
from app.server.uploads import UploadGate
from app.wire.agent_socket import AgentProgress
from streams.model.base import utc_now
from streams.model.failures import TidewatchError
from streams.model.runs import Run
from streams.model.vocabulary import RunState, RunTrigger

ONLY_AT_START = {"catalogue_too_new", "sqlite_too_old"}


async def test_clients_take_turns_whatever_they_ask_for() -> None:
    gate = UploadGate(Limits(uploads_per_client=2, uploads_at_once=3, uploads_waiting=50))
    order: list[str] = []
    go = asyncio.Event()

    async def upload(client_id: str) -> None:
        async with gate.turn(client_id):
            order.append(client_id)
            await go.wait()

    greedy = [asyncio.create_task(upload("greedy")) for _ in range(20)]
    await asyncio.sleep(0)
    modest = [asyncio.create_task(upload("modest")) for _ in range(3)]
    await asyncio.sleep(0)
    assert (order, gate.running, gate.waiting) == (["greedy", "greedy", "modest"], 3, 20)
    go.set()
    await asyncio.gather(*greedy, *modest)
    assert order.index("modest", 3) < 6
    assert (gate.running, gate.waiting) == (0, 0)


async def test_long_uploads_of_a_few_clients_keep_nobody_else_out() -> None:
    gate = UploadGate(Limits(uploads_per_client=2, uploads_at_once=4, uploads_first=2))
    entered: list[str] = []

    async def for_ever(client_id: str) -> None:
        async with gate.turn(client_id):
            entered.append(client_id)
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(for_ever(name)) for name in ("a", "a", "b", "b", "c", "c", "d", "d", "e")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    # One of each beyond what all may have together, but not without bound.
    assert entered == ["a", "a", "b", "b", "c", "d"]
    assert (gate.running, gate.waiting) == (6, 3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (gate.running, gate.waiting) == (0, 0)


async def test_who_waits_too_long_is_told_to_come_again_and_leaves_no_hole() -> None:
    gate = UploadGate(Limits(uploads_per_client=1, upload_turn_s=0.01))
    async with gate.turn("a"):
        with pytest.raises(Refused) as refusal:
            async with asyncio.timeout(5), gate.turn("a"):
                pass
        assert refusal.value.problem.code == "too_many_uploads"
        assert refusal.value.headers == {"Retry-After": "1"}
        assert (gate.running, gate.waiting) == (1, 0)
    async with gate.turn("a"):
        assert gate.running == 1


async def test_who_leaves_the_queue_leaves_no_hole() -> None:
    gate = UploadGate(Limits(uploads_per_client=1, uploads_at_once=1, uploads_first=0, uploads_waiting=2))
    held = gate.turn("a")
    await held.__aenter__()
    waiting = [asyncio.create_task(gate.turn(name).__aenter__()) for name in ("a", "b")]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(waiting[0], return_exceptions=True)
    assert gate.waiting == 1
    await held.__aexit__(None, None, None)
    await waiting[1]
    assert gate.running == 1


def test_a_rate_is_of_the_last_seconds() -> None:
    now = 100.0
    rate = Rate(1000, clock=lambda: now)
    for second in range(1, 31):
        now = 100.0 + second
        seen = rate.mark(1000 + (second * 100 if second < 10 else 900 + (second - 9) * 500))
    assert seen == pytest.approx(500)


def test_a_rate_counts_from_when_the_bytes_began_to_move() -> None:
    now = 100.0
    server = Rate(0, clock=lambda: now)
    for second in range(1, 20):  # nothing comes for long, as before the first backup of a day
        now = 100.0 + second
        server.mark(0)
    backup = Rate(0, clock=lambda: now)
    for second in range(20, 24):
        now = 100.0 + second
        assert server.mark((second - 19) * 500) == backup.mark((second - 19) * 500) == pytest.approx(500)


def board_of_a_run() -> ProgressBoard:
    """Return a board that follows run 2, of client c."""
    board = ProgressBoard(lambda _: None, every_s=1)
    run = Run(
        id=2, client_id="c", client_name="alpha", state=RunState.RUNNING, trigger=RunTrigger.AGENT,
        started_at=utc_now(),
    )  # fmt: skip
    board.begin(run)
    return board


def test_a_run_that_goes_on_where_another_was_does_not_begin_with_a_leap() -> None:
    board = board_of_a_run()
    board.note("c", AgentProgress(run_id=2, bytes_done=580_000_000, bytes_total=2_000_000_000))
    (progress,) = board.all()
    assert (progress.bytes_done, progress.rate_bps, progress.eta_s) == (580_000_000, 0, None)
    board.note("c", AgentProgress(run_id=2, bytes_done=580_000_500, bytes_total=2_000_000_000))
    (progress,) = board.all()
    assert progress.rate_bps == 1000


def test_what_came_of_a_client_is_counted_while_its_run_runs_and_no_longer() -> None:
    board = board_of_a_run()
    board.receive("c", 700)
    assert board.received_bytes("c") == 700
    board.end(2)
    assert board.received_bytes("c") == 0
    board.receive("c", 700)  # the rest of an upload that was under way
    assert board.received_bytes("c") == 0


def test_every_failure_of_catalogue_and_store_has_its_status() -> None:
    codes = {
        kind.code
        for module in (app.catalogue.errors, app.store.errors)
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, TidewatchError) and kind is not TidewatchError
    }
    assert codes - STATUS_OF_CODE.keys() == ONLY_AT_START
