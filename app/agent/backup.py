"""One backup from its first look at the disk to its report."""

import asyncio
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from app.agent.api import Api
from app.agent.counts import Counts
from app.agent.failures import RunCancelled, failure_in
from app.agent.folders import Folders, look_at_roots, real_folders
from app.agent.found import Found
from app.agent.index import Index
from app.agent.left_out import NOTHING_LEFT_OUT, Exclusions
from app.agent.names import is_within
from app.agent.retry import Patience
from app.agent.run_journal import Ledger
from app.agent.scan import Scanner
from app.agent.send import Sender
from app.agent.sources import Sources
from app.agent.upload import Uploader
from app.agent.vanished import VanishedNames
from app.config import AgentSettings
from app.runtime.tasks import end_if_cancelled
from app.wire.agent_socket import AgentProgress
from app.wire.blob_batch import BATCH_BLOB_BYTES
from streams.model.failures import TidewatchError
from streams.model.vocabulary import RunState, RunTrigger

BATCH_NAMES = 256
BATCH_BYTES = 4 * 1024 * 1024
QUEUED_BATCHES = 4000
"""How far the scan may run ahead of the upload; it waits after that, so that memory stays bounded."""
VANISHED_AT_ONCE = 10_000
PROGRESS_S = 0.25
GIVE_UP_S = 1.0
WENT_AWAY = "it went away while it was backed up"
BUG = "the agent met a bug; its log has the trace"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to back up."""

    roots: tuple[bytes, ...]
    """Absolute paths; none lies in another."""
    patterns: tuple[str, ...] = ()
    exclusions: Exclusions = NOTHING_LEFT_OUT
    gone: tuple[bytes, ...] = ()
    """Paths of which it was said that what is gone of them is gone on purpose."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a backup ended."""

    state: RunState
    counts: Counts
    bytes_sent: int
    duration_s: float
    error: TidewatchError | None = None
    begun: bool = True
    """Whether the server knows of it."""

    @property
    def exit_code(self) -> int:
        """0 complete, 1 some files failed, 2 not done."""
        return {RunState.COMPLETE: 0, RunState.PARTIAL: 1}.get(self.state, 2)


class Backup:
    """A backup that can be run once, watched and cancelled."""

    def __init__(
        self,
        api: Api,
        index: Index,
        plan: Plan,
        settings: AgentSettings,
        *,
        patience: Patience,
        trigger: RunTrigger,
        folder: Path,
        on_progress: Callable[[AgentProgress], None] = lambda _: None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._index, self._plan, self._settings = index, plan, settings
        self._on_progress = on_progress
        self.counts = Counts(roots=plan.roots)
        self._ledger = Ledger(api, patience, index, trigger, say)
        self._uploader = Uploader(api, patience)
        self._folder = folder
        self._vanished = VanishedNames()
        self._queue: asyncio.Queue[list[Found] | None] = asyncio.Queue(QUEUED_BATCHES)
        self._task: asyncio.Task[None] | None = None
        self._greeted = asyncio.Event()
        self._aborted: TidewatchError | None = None

    @property
    def run_id(self) -> int:
        """The server's number of this run; 0 before it began."""
        return self._ledger.run_id

    def cancel(self, reason: str) -> None:
        """End the backup as cancelled; what was acknowledged stays."""
        self.abort(RunCancelled(reason))

    def abort(self, error: TidewatchError) -> None:
        """End the backup because of ``error``; what was acknowledged stays."""
        self._aborted = self._aborted or error
        if self._task is not None:
            self._task.cancel()

    def greeted(self) -> None:
        """Hear that the server has greeted us, maybe after a restart in which it ended our run."""
        self._greeted.set()

    async def run(self) -> Outcome:
        """Back up, and return how it ended; raises nothing but the cancellation of the caller."""
        self._task = asyncio.create_task(self._work(), name="backup")
        if self._aborted is not None:
            self._task.cancel()
        with closing(self._vanished):
            return await self._outcome(self._task)

    async def _outcome(self, task: asyncio.Task[None]) -> Outcome:
        began = asyncio.get_running_loop().time()
        state, error = RunState.FAILED, None
        try:
            await task
            state = self.counts.state()
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            error = self._aborted or RunCancelled("the agent was stopped")
            state = _state_of(error)
            await self._give_up(state, error.message)
            if self._aborted is None:
                raise
        except Exception as raised:
            error = failure_in(raised)
            state = RunState.FAILED if error is None else _state_of(error)
            await self._give_up(state, BUG if error is None else error.message)
            if error is None:
                raise
            end_if_cancelled()
        duration_s = asyncio.get_running_loop().time() - began
        begun = bool(self.run_id)
        return Outcome(state, self.counts, self._uploader.bytes_sent, duration_s, error, begun)

    async def _give_up(self, state: RunState, reason: str) -> None:
        report = self.counts.finish(state, reason, self._uploader.bytes_sent)
        with suppress(TidewatchError, TimeoutError):
            await asyncio.wait_for(self._ledger.give_up(report), GIVE_UP_S)

    async def _work(self) -> None:
        await self._ledger.begin()
        roots, wrong = await asyncio.to_thread(look_at_roots, self._plan.roots)
        self.counts.missing += [(root, _reason_of(root, error)) for root, error in wrong]
        links = await asyncio.to_thread(real_folders, roots)
        sender = self._sender(links)
        scanner = await asyncio.to_thread(self._scanner, roots, links)
        await self._back_up(scanner, sender)
        await self._finish()

    def _scanner(self, roots: list[bytes], links: Mapping[bytes, bytes]) -> Scanner:
        plan = self._plan
        missing = [root for root, _ in self.counts.missing]
        sources = Sources(self._index, plan.roots, plan.gone, missing)
        self.counts.missing = [each for each in self.counts.missing if not sources.is_meant(each[0])]
        self.counts.unseen.update(path for path, _ in self.counts.missing)
        self.counts.dropped = sources.dropped()
        return Scanner(
            roots, self._index, plan.patterns, plan.exclusions, folders=Folders(links), sources=sources
        )

    async def _back_up(self, scanner: Scanner, sender: Sender) -> None:
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self._tick()), group.create_task(self._stay_open())]
            workers = [group.create_task(self._serve(sender)) for _ in range(self._settings.files_in_flight)]
            await self._scan(scanner)
            for _ in workers:
                await self._queue.put(None)
            await asyncio.wait(workers)
            # Last, when all that is new has arrived: what was renamed has then one of its names at any time.
            away = await asyncio.to_thread(scanner.gone_meanwhile)
            self.counts.missing += [(path, WENT_AWAY) for path in away]
            self.counts.unseen.update(away)
            for part in self._vanished.parts(VANISHED_AT_ONCE):
                there = [path for path in part if not any(is_within(path, source) for source in away)]
                not_told = await self._ledger.vanish(there)
                self.counts.files_vanished += len(there) - len(not_told)
                self.counts.failed += not_told.items()
            for task in beside:
                task.cancel()

    async def _finish(self) -> None:
        if self._index.write_problem:
            self.counts.fail(
                os.fsencode(self._folder), f"what was done is not kept: {self._index.write_problem}"
            )
        self._on_progress(self.counts.progress(self.run_id))
        report = self.counts.finish(self.counts.state(), self.counts.reason(), self._uploader.bytes_sent)
        await self._ledger.finish(report)

    def _sender(self, links: Mapping[bytes, bytes]) -> Sender:
        times = self._settings.reread_times
        return Sender(
            self._uploader,
            self._ledger,
            self.counts,
            reread_times=times,
            folder=self._folder,
            real_folders=links,
        )

    async def _tick(self) -> None:
        while True:
            self._on_progress(self.counts.progress(self.run_id))
            await asyncio.sleep(PROGRESS_S)

    async def _stay_open(self) -> None:
        """Go on in another run as soon as the server is back, not only when there is a name to be told."""
        while True:
            await self._greeted.wait()
            self._greeted.clear()
            await self._ledger.stay_open()

    async def _scan(self, scanner: Scanner) -> None:
        counts = self.counts
        batch: list[Found] = []
        batch_bytes = 0
        while True:
            step = await asyncio.to_thread(scanner.step)
            counts.files_seen += step.files
            counts.files_done += step.unchanged
            counts.bytes_seen += step.bytes
            counts.failed += step.failed
            counts.skipped += step.skipped
            counts.ignore_problems += step.ignore_problems
            counts.missing += step.missing
            counts.unseen.update(path for path, _ in (*step.failed, *step.missing))
            counts.note_left_out(step.left_out)
            for found in step.found:
                if stat.S_ISREG(found.mode):
                    counts.bytes_total += found.size
                    if found.size > BATCH_BLOB_BYTES:
                        await self._queue.put([found])
                        continue
                batch.append(found)
                batch_bytes += found.size
                if len(batch) >= BATCH_NAMES or batch_bytes >= BATCH_BYTES:
                    await self._queue.put(batch)
                    batch, batch_bytes = [], 0
            if step.vanished:
                await self._vanished.add(step.vanished)
            if batch and (step.done or self._queue.empty()):
                await self._queue.put(batch)
                batch, batch_bytes = [], 0
            if step.done:
                counts.scanned = True
                # What could not be looked at may have been what they are for.
                counts.unmatched = [] if counts.unseen else scanner.unmatched()
                return

    async def _serve(self, sender: Sender) -> None:
        while (batch := await self._queue.get()) is not None:
            if len(batch) == 1 and batch[0].size > BATCH_BLOB_BYTES and stat.S_ISREG(batch[0].mode):
                await sender.large(batch[0])
            else:
                await sender.batch(batch)


def _reason_of(root: bytes, error: TidewatchError) -> str:
    """Return what is wrong with a PATH, without the path."""
    return error.message.removeprefix(f"{os.fsdecode(root)!r} ").rstrip(".")


def _state_of(error: TidewatchError) -> RunState:
    return RunState.CANCELLED if isinstance(error, RunCancelled) else RunState.FAILED
