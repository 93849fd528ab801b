import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from app.catalogue import purge
from app.catalogue.batch_write import Step, in_steps
from app.catalogue.catalogue import Catalogue
from app.catalogue.writer import Writer
from streams.model.files import FileQuery
from streams.model.runs import Run
from streams.model.vocabulary import FileState
from tests.app.catalogue.seeds import Clock, back_up, enrol, entry

DELETED = FileQuery(state=FileState.DELETED, limit=500)
STEPS = 100


@contextmanager
def steps_of_writes() -> Generator[list[int]]:
    """Count what SQLite does in the thread that writes, by statement, in hundreds of its own steps."""
    counts: list[int] = []

    def counted(_: Any, cursor: Any, *__: Any) -> None:
        if threading.current_thread().name.startswith("catalogue writer"):
            counts.append(0)
            cursor.connection.set_progress_handler(another, STEPS)

    def another() -> int:
        counts[-1] += 1
        return 0

    event.listen(Engine, "before_cursor_execute", counted)
    try:
        yield counts
    finally:
        event.remove(Engine, "before_cursor_execute", counted)


async def deleted_files(catalogue: Catalogue, clock: Clock, *names: str) -> Run:
    """Back files up and delete all of them."""
    (client, *_) = (await catalogue.clients.all())[2]
    run = await back_up(catalogue, client, *(entry(name, name) for name in names))
    ids = [row.id for row in (await catalogue.files.page(FileQuery(limit=500))).rows]
    assert len((await catalogue.files.delete(ids)).done) == len(names)
    clock.forward(days=2)
    return run


async def paths(catalogue: Catalogue) -> set[str]:
    return {row.path for row in (await catalogue.files.page(DELETED)).rows}


async def test_a_purge_does_not_pass_protected_files_while_it_holds_the_lock(
    catalogue: Catalogue, clock: Clock
) -> None:
    await enrol(catalogue)
    for part in range(4):
        run = await deleted_files(catalogue, clock, *(f"kept {part} {number}" for number in range(500)))
        await catalogue.holds.protect_run(run.id, protected=True)
    await deleted_files(catalogue, clock, *(f"gone {number}" for number in range(50)))
    with steps_of_writes() as counts:
        assert await catalogue.files.purge(clock.at - timedelta(days=1)) == 50
    # All that are protected take about 50,000.
    assert 0 < max(counts) * STEPS < 10_000


@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_protected_files_stay_wherever_they_stand(
    catalogue: Catalogue, clock: Clock, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(purge, "PAGE", size)
    await enrol(catalogue)
    await deleted_files(catalogue, clock, "gone 1", "gone 2", "gone 3")
    run = await deleted_files(catalogue, clock, "kept 1", "kept 2", "kept 3")
    await catalogue.holds.protect_run(run.id, protected=True)
    await deleted_files(catalogue, clock, "gone 4", "gone 5")
    await deleted_files(catalogue, clock, "too young")
    assert await catalogue.files.purge(clock.at - timedelta(days=3)) == 5
    assert await paths(catalogue) == {"kept 1", "kept 2", "kept 3", "too young"}


@pytest.mark.parametrize("whole_client", [False, True])
async def test_what_is_protected_during_a_purge_stays(
    catalogue: Catalogue, clock: Clock, monkeypatch: pytest.MonkeyPatch, *, whole_client: bool
) -> None:
    client = await enrol(catalogue)
    run = await deleted_files(catalogue, clock, "a", "b")

    async def protect(*, protected: bool) -> None:
        if whole_client:
            await catalogue.holds.protect(client.id, protected=protected)
        else:
            await catalogue.holds.protect_run(run.id, protected=protected)

    async def after_the_look(writer: Writer, step: Step, *, flow: str) -> int:
        await protect(protected=True)
        return await in_steps(writer, step, flow=flow)

    with monkeypatch.context() as patched:
        patched.setattr(purge, "in_steps", after_the_look)
        assert await catalogue.files.purge(clock.at - timedelta(days=1)) == 0
    assert await paths(catalogue) == {"a", "b"}
    await protect(protected=False)
    assert await catalogue.files.purge(clock.at - timedelta(days=1)) == 2
