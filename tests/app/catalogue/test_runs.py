import pytest

from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import BadQuery, ClientDisconnected, RunEnded, UnknownRun
from app.wire.http import FailedName, FinishRun
from app.wire.limits import MAX_RUN_NAMES
from streams.model.events import Event
from streams.model.vocabulary import ClientState, EventKind, FileResult, RunState, RunTrigger
from tests.app.catalogue.seeds import Clock, add, back_up, enrol, entry, folder


async def test_a_run_and_its_client_change_in_one_event(catalogue: Catalogue, told: list[Event]) -> None:
    client = await enrol(catalogue)
    await catalogue.clients.queue_backup([client.id])
    run = await catalogue.runs.start(client.id, RunTrigger.OPERATOR, "c1")
    started = told[-1]
    assert started.kind is EventKind.RUN_STARTED
    assert started.run == run
    assert started.client is not None
    assert (started.client.running_run_id, started.client.backup_queued) == (run.id, False)
    await add(catalogue, run, [entry("a", "1234"), entry("b", "123456")])
    finish = FinishRun(state=RunState.COMPLETE, files_seen=2**40, files_new=2**40, bytes_sent=2**50)
    ended = await catalogue.runs.finish(run.id, finish)
    assert told[-1].run == ended == await catalogue.runs.one(run.id)
    assert told[-1].client == await catalogue.clients.one(client.id)
    assert told[-1].client.running_run_id is None
    assert told[-1].client.last_success_at == ended.finished_at
    line = told[-1].activity
    assert line is not None
    assert (line.files, line.bytes, line.run_state) == (2, 10, RunState.COMPLETE)
    assert (ended.files_seen, ended.files_new, ended.bytes_seen) == (2, 2, 10)
    assert (await catalogue.activity.page(client.id))[0] == line
    assert await catalogue.runs.finish(run.id, finish) == ended
    with pytest.raises(RunEnded):
        await catalogue.runs.finish(run.id, FinishRun(state=RunState.FAILED))
    with pytest.raises(RunEnded):
        await add(catalogue, run, [entry("late")])


async def test_asking_again_gives_the_same_run_and_another_start_ends_it(
    catalogue: Catalogue, told: list[Event]
) -> None:
    client = await enrol(catalogue)
    assert await catalogue.runs.newest_id(client.id) is None
    run = await catalogue.runs.start(client.id, RunTrigger.AGENT, "same")
    assert await catalogue.runs.start(client.id, RunTrigger.AGENT, "same") == run
    assert await catalogue.runs.newest_id(client.id) == run.id
    later = await catalogue.runs.start(client.id, RunTrigger.AGENT, "other")
    assert await catalogue.runs.newest_id(client.id) == later.id
    dead = await catalogue.runs.one(run.id)
    assert (dead.state, dead.reason) == (RunState.FAILED, "the agent went away")
    assert [event.kind for event in told[-2:]] == [EventKind.RUN_FINISHED, EventKind.RUN_STARTED]
    assert (await catalogue.clients.one(client.id)).running_run_id == later.id
    _, _, active = await catalogue.runs.active()
    assert active == (later,)


async def test_a_run_that_its_agent_did_not_end_tells_what_came_of_it(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    await back_up(catalogue, client, entry("a", "before"))
    run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
    changed, new = entry("a", "7 bytes"), entry("etc/b", "of 11 bytes")
    await add(catalogue, run, [folder("etc"), changed])
    await add(catalogue, run, [changed, new, entry("same as b", "of 11 bytes")])
    await catalogue.runs.add_vanished(run.id, [b"same as b"])
    await catalogue.runs.fail_orphans("the server was restarted")
    ended = await catalogue.runs.one(run.id)
    assert (ended.files_seen, ended.files_new, ended.files_changed, ended.files_vanished) == (3, 2, 1, 1)
    assert (ended.bytes_seen, ended.bytes_sent) == (29, 18)


async def test_the_first_names_that_failed_or_vanished_are_kept_with_their_run(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    many = [f"file {number:03}" for number in range(MAX_RUN_NAMES + 30)]
    await back_up(catalogue, client, *(entry(name, "same") for name in many))
    run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
    for start in range(0, len(many), 50):
        names = [name.encode() for name in many[start : start + 50]]
        await catalogue.runs.add_vanished(run.id, names)
        await catalogue.runs.add_vanished(run.id, names)  # told again, as after an answer that was lost
    failed = tuple(FailedName(path=f"/locked/{n}", reason="in use\x1b[31m") for n in range(3))
    finish = FinishRun(state=RunState.PARTIAL, files_failed=3, failed=failed)
    await catalogue.runs.finish(run.id, finish)
    await catalogue.runs.finish(run.id, finish)
    details = await catalogue.runs.details(run.id)
    assert [name.path for name in details.names[:3]] == ["/locked/0", "/locked/1", "/locked/2"]
    assert "\x1b" not in details.names[0].reason and details.names[0].reason.startswith("in use")
    vanished = [name.path for name in details.names if name.result is FileResult.VANISHED]
    assert len(vanished) == MAX_RUN_NAMES and set(vanished) < set(many)
    assert details.run.files_vanished == len(many)


async def test_failures_are_counted_from_the_first_after_a_good_one(
    catalogue: Catalogue, clock: Clock
) -> None:
    client = await enrol(catalogue)

    async def run(state: RunState, reason: str | None = None) -> None:
        clock.forward(hours=1)
        started = await catalogue.runs.start(client.id, RunTrigger.SCHEDULE)
        starts.append(started.started_at)
        await catalogue.runs.finish(started.id, FinishRun(state=state, reason=reason))

    starts: list[object] = []
    await run(RunState.COMPLETE)
    await run(RunState.FAILED, "disk gone")
    await run(RunState.FAILED, "no route")
    await run(RunState.CANCELLED)
    failing = await catalogue.clients.one(client.id)
    assert (failing.failing_since, failing.failure_reason) == (starts[1], "no route")
    assert failing.last_run_state is RunState.CANCELLED
    await run(RunState.PARTIAL, "1 file")
    well = await catalogue.clients.one(client.id)
    assert (well.failing_since, well.failure_reason) == (None, None)
    results = await catalogue.runs.results(24)
    assert (results.complete, results.partial, results.failed, results.cancelled) == (1, 1, 2, 1)
    clock.forward(days=2)
    assert (await catalogue.runs.results(24)).complete == 0


async def test_pages_of_runs(catalogue: Catalogue) -> None:
    first, second = await enrol(catalogue, "a"), await enrol(catalogue, "b")
    runs = [await back_up(catalogue, client, entry("x")) for client in (first, second) * 3]
    page = await catalogue.runs.page(limit=4)
    assert page.rows == tuple(reversed(runs[2:]))
    rest = await catalogue.runs.page(limit=4, before=page.next_before)
    assert rest.rows == tuple(reversed(runs[:2]))
    assert rest.next_before is None
    of_one = await catalogue.runs.page(client_id=second.id)
    assert of_one.rows == tuple(reversed(runs[1::2]))
    assert (await catalogue.runs.page(state=RunState.FAILED)).rows == ()


async def test_open_runs_end_when_the_server_starts(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    await catalogue.clients.set_state(client.id, ClientState.ONLINE)
    run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
    assert [each.id for each in await catalogue.runs.fail_orphans("the server was restarted")] == [run.id]
    assert [each.id for each in await catalogue.clients.mark_all_offline()] == [client.id]
    assert (await catalogue.clients.one(client.id)).state is ClientState.OFFLINE
    with pytest.raises(RunEnded):
        await catalogue.runs.give_up(run.id, RunState.CANCELLED, "cancelled by an operator")
    with pytest.raises(UnknownRun):
        await catalogue.runs.give_up(999, RunState.CANCELLED, "")


async def test_a_client_that_is_shut_out_cannot_start(catalogue: Catalogue, told: list[Event]) -> None:
    client = await enrol(catalogue)
    await catalogue.clients.set_state(client.id, ClientState.DISCONNECTED)
    with pytest.raises(ClientDisconnected):
        await catalogue.runs.start(client.id, RunTrigger.AGENT)
    allowed = await catalogue.clients.allow(client.id)
    assert allowed.state is ClientState.NEVER
    assert told[-1].kind is EventKind.CLIENT_ALLOWED
    await catalogue.runs.start(client.id, RunTrigger.AGENT)
    with pytest.raises(BadQuery):
        await catalogue.clients.set_goal(client.id, 0)
    with pytest.raises(BadQuery):
        await catalogue.runs.one(2**70)
