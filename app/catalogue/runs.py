"""Questions and writes about runs; a run's end is also what a client's health is judged by."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import ScalarSelect, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue.batch_write import in_steps
from app.catalogue.clients import change, client_row, standing, unknown
from app.catalogue.contents import StoredSizes
from app.catalogue.entries import Entries
from app.catalogue.errors import ClientDisconnected, RunReplaced
from app.catalogue.readable import UNREADABLE, readable
from app.catalogue.readers import Readers
from app.catalogue.rows import REMOVED, run_of, select_runs
from app.catalogue.run_end import AGENT_GONE, end, force_end, run_row, running_row, unknown_run
from app.catalogue.run_names import names_of
from app.catalogue.schema import clients, file_versions, files, runs
from app.catalogue.times import to_us
from app.catalogue.totals import clamped, summed
from app.catalogue.transaction import Told, Transaction
from app.catalogue.writer import Writer
from app.wire.http import Accepted, AgentEntry, FinishRun
from streams.model.runs import Run, RunDetails, RunFile, RunPage, RunResults
from streams.model.vocabulary import (
    ClientState,
    EntryKind,
    EventKind,
    FileResult,
    RunState,
    RunTrigger,
    Topic,
)

MAX_RUN_FILES = 200
"""So many files of a run are listed."""
ROWS_OF_AN_END = 8
"""Rows that change with the end of a run: itself, its client, the counters, an event, a line of activity."""


class Runs:
    """Backups, each from its start to its result."""

    def __init__(
        self,
        readers: Readers,
        writer: Writer,
        *,
        stored_sizes: StoredSizes | None,
        raw_sizes: StoredSizes | None,
        now: Callable[[], datetime],
    ) -> None:
        self._readers = readers
        self._writer = writer
        self._now = now
        self._entries = Entries(writer, running_row, stored_sizes, raw_sizes)

    async def start(
        self,
        client_id: str,
        trigger: RunTrigger,
        correlation_id: str = "",
        *,
        instead_of: int | None = None,
    ) -> Run:
        """Begin a backup of a client.

        A run of it that is still open is returned if it has the same ``correlation_id`` (the agent asks
        again), else ended as failed. Raises UnknownClient, ClientDisconnected, or RunReplaced where a run
        has begun after the one ``instead_of`` which this one is.
        """

        def work(transaction: Transaction) -> Run:
            client = client_row(transaction, client_id)
            if client.state == ClientState.DISCONNECTED:
                raise ClientDisconnected(f"{client.name} is shut out.", hint="Allow it again first.")
            open_runs = select_runs().where(
                runs.c.client_no == client.no, runs.c.state == RunState.RUNNING.value
            )
            rows = transaction.all(open_runs)
            again = [row for row in rows if correlation_id and row.correlation_id == correlation_id]
            if again:
                return run_of(again[0])
            newest = transaction.all(_newest_of(client.no))[0][0] if instead_of is not None else None
            if instead_of is not None and newest is not None and newest > instead_of:
                raise RunReplaced(f"Another run of {client.name} has begun after run {instead_of}.")
            for row in rows:
                end(transaction, row, FinishRun(state=RunState.FAILED, reason=AGENT_GONE))
            return self._begin(transaction, client.no, trigger, correlation_id)

        return await self._writer.write(work)

    def _begin(
        self, transaction: Transaction, client_no: int, trigger: RunTrigger, correlation_id: str
    ) -> Run:
        run_id = transaction.numbers("runs")
        row = {
            "id": run_id,
            "client_no": client_no,
            "trigger": trigger.value,
            "state": RunState.RUNNING.value,
            "started_at": transaction.now_us,
            "correlation_id": correlation_id,
        }
        transaction.insert(runs, [row])
        run = run_of(run_row(transaction, run_id))
        client = change(transaction, client_no, running_run_id=run_id, backup_queued=False)
        transaction.emit(
            EventKind.RUN_STARTED,
            Topic.RUNS,
            Topic.CLIENTS,
            client=client,
            run=run,
            told=Told(),
            client_no=client_no,
        )
        return run

    async def add_entries(self, run_id: int, entries: Sequence[AgentEntry]) -> Accepted:
        """Make names and their contents part of the backup; once it returns they survive a power cut.

        What is there already with the same content and metadata stays as it is, so that it can be told twice.
        Raises UnknownRun, RunEnded, BlobsMissing or BadQuery; then nothing of it is added.
        """
        return await self._entries.add(run_id, entries)

    async def add_vanished(self, run_id: int, raw_paths: Sequence[bytes]) -> Accepted:
        """Mark names that are no longer on the client; accepted are those that were there."""
        return await self._entries.vanish(run_id, raw_paths)

    async def finish(self, run_id: int, finish: FinishRun, *, received_bytes: int = 0) -> Run:
        """End a run as its agent saw it; told twice is no fault. Raises UnknownRun or RunEnded.

        ``received_bytes`` is what has come over the line, with contents that were not whole.
        """

        def work(transaction: Transaction) -> Run:
            row = run_row(transaction, run_id)
            if row.state == finish.state.value and row.files_failed == finish.files_failed:
                return run_of(row)
            return end(transaction, running_row(transaction, run_id), finish, received_bytes)

        return await self._writer.write(work)

    async def give_up(self, run_id: int, state: RunState, reason: str, *, received_bytes: int = 0) -> Run:
        """End a run whose agent does not; what came of it stays and is told. Raises UnknownRun or RunEnded.

        ``received_bytes`` is what has come by now, with contents that were not whole yet.
        """

        def work(transaction: Transaction) -> Run:
            row = running_row(transaction, run_id)
            return end(transaction, row, FinishRun(state=state, reason=reason), received_bytes)

        return await self._writer.write(work)

    async def fail_orphans(self, reason: str) -> list[Run]:
        """End every open run as failed, as when the server starts after a crash."""

        ended: list[Run] = []

        def step(transaction: Transaction, most: int) -> int:
            open_runs = select_runs().where(runs.c.state == RunState.RUNNING.value).order_by(runs.c.id)
            rows = transaction.all(open_runs.limit(max(1, most // ROWS_OF_AN_END)))
            for row in rows:
                finish = FinishRun(state=RunState.FAILED, reason=reason)
                run = transaction.attempt(partial(end, transaction, row, finish), UNREADABLE)
                if run is None:
                    # A server that does not start would lose more than the event of one run.
                    force_end(transaction, row, reason)
                else:
                    ended.append(run)
            return ROWS_OF_AN_END * len(rows)

        await in_steps(self._writer, step)
        return ended

    async def one(self, run_id: int) -> Run:
        """Return a run; raises UnknownRun."""
        rows = await self._readers.rows(select_runs().where(runs.c.id == run_id))
        if not rows:
            raise unknown_run(run_id)
        return run_of(rows[0])

    async def details(self, run_id: int) -> RunDetails:
        """Return a run with the first of its files and of its other names; raises UnknownRun."""
        earlier = file_versions.alias("earlier")
        first = ~(
            select(earlier.c.id)
            .where(earlier.c.file_id == file_versions.c.file_id, earlier.c.id < file_versions.c.id)
            .exists()
        )
        wanted = (
            select(files.c.id, files.c.path, file_versions.c.size_bytes, first.label("is_new"))
            .join(files, files.c.id == file_versions.c.file_id)
            .where(file_versions.c.run_id == run_id, file_versions.c.kind != EntryKind.FOLDER.value)
            .order_by(file_versions.c.id)
            .limit(MAX_RUN_FILES + 1)
        )
        run = await self.one(run_id)
        rows = await self._readers.rows(wanted)
        return RunDetails(
            run=run,
            names=await self._readers.read(lambda connection: names_of(connection, run_id)),
            files=tuple(
                RunFile(
                    file_id=row.id,
                    path=row.path,
                    result=FileResult.NEW if row.is_new else FileResult.CHANGED,
                    size_bytes=row.size_bytes,
                )
                for row in rows[:MAX_RUN_FILES]
            ),
            more_files=len(rows) > MAX_RUN_FILES,
        )

    async def newest_id(self, client_id: str) -> int | None:
        """Return the id of the run of a client that was begun last, whether it runs or has ended."""
        number = select(clients.c.no).where(clients.c.id == client_id).scalar_subquery()
        rows = await self._readers.rows(_newest_of(number))
        return rows[0][0]

    async def active(self) -> tuple[str, int, tuple[Run, ...]]:
        """Return epoch, last event number and the runs that have not ended, oldest first."""

        async def work(connection: AsyncConnection) -> tuple[str, int, tuple[Run, ...]]:
            epoch, seq = await standing(connection)
            open_states = (RunState.QUEUED.value, RunState.RUNNING.value)
            rows = await connection.execute(
                select_runs().where(runs.c.state.in_(open_states)).order_by(runs.c.id)
            )
            return epoch, seq, tuple(readable(rows, run_of))

        return await self._readers.read(work)

    async def page(
        self,
        client_id: str | None = None,
        before: int | None = None,
        limit: int = 30,
        state: RunState | None = None,
        *,
        only_protected: bool = False,
    ) -> RunPage:
        """Return runs, newest first, with ids below ``before``."""
        wanted = select_runs().order_by(runs.c.id.desc()).limit(limit + 1)
        if client_id is not None:
            wanted = wanted.where(
                runs.c.client_no == select(clients.c.no).where(clients.c.id == client_id).scalar_subquery()
            )
        if before is not None:
            wanted = wanted.where(runs.c.id < before)
        if state is not None:
            wanted = wanted.where(runs.c.state == state.value)
        if only_protected:
            wanted = wanted.where(runs.c.protected == 1)
        rows = await self._readers.rows(wanted)
        more = len(rows) > limit
        return RunPage(
            rows=tuple(readable(rows[:limit], run_of)), next_before=rows[limit - 1].id if more else None
        )

    async def behind(self, client_id: str, at: datetime | None = None) -> tuple[Run | None, Run | None]:
        """Return the last run of a client at a time (None: now), and the last that had ended well by then.

        Raises UnknownClient.
        """
        number = select(clients.c.no).where(clients.c.id == client_id).scalar_subquery()
        begun = select_runs().where(runs.c.client_no == number).order_by(runs.c.id.desc()).limit(1)
        ended = begun.where(runs.c.state.in_((RunState.COMPLETE.value, RunState.PARTIAL.value)))
        if at is not None:
            begun = begun.where(runs.c.started_at <= to_us(at))
            ended = ended.where(runs.c.finished_at <= to_us(at))

        async def work(connection: AsyncConnection) -> tuple[Run | None, Run | None]:
            known = await connection.execute(select(clients.c.no).where(clients.c.id == client_id))
            if known.one_or_none() is None:
                raise unknown(client_id)
            latest, whole = [
                next(iter(readable((await connection.execute(query)).all(), run_of)), None)
                for query in (begun, ended)
            ]
            return latest, whole

        return await self._readers.read(work)

    async def results(self, hours: float = 24) -> RunResults:
        """Return how the runs that ended within the last ``hours`` turned out."""
        since = to_us(self._now() - timedelta(hours=hours))
        rows = await self._readers.rows(
            select(runs.c.state, func.count(), summed(runs.c.bytes_sent))
            .where(runs.c.finished_at >= since, runs.c.client_no.not_in(REMOVED))
            .group_by(runs.c.state)
        )
        counted = {row[0]: row[1] for row in rows}
        return RunResults(
            hours=hours,
            complete=counted.get(RunState.COMPLETE, 0),
            partial=counted.get(RunState.PARTIAL, 0),
            failed=counted.get(RunState.FAILED, 0),
            cancelled=counted.get(RunState.CANCELLED, 0),
            bytes_sent=clamped(sum(row[2] for row in rows)),
        )


def _newest_of(client_no: "int | ScalarSelect[int]") -> Select[tuple[int | None]]:
    return select(func.max(runs.c.id)).where(runs.c.client_no == client_no)
