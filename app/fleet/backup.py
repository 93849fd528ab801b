"""One backup of a simulated machine: the agent's requests, at the pace of its disk and its line."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from random import Random

import structlog

from app.agent.api import Api
from app.agent.failures import Refusal
from app.fleet.behaviour import Conditions, Fate, draw_duration_s, draw_fate
from app.fleet.content import Contents, SimFile
from app.fleet.disk import Disk
from app.wire.agent_socket import AgentProgress
from app.wire.blob_batch import BATCH_BLOB_BYTES, encode_batch
from app.wire.http import (
    Accepted,
    AgentEntry,
    BatchStored,
    BlobStored,
    Entries,
    FailedName,
    FinishRun,
    Hashes,
    MissingReply,
    StartRun,
    Vanished,
)
from app.wire.limits import MAX_RUN_NAMES
from streams.model.runs import Run
from streams.model.vocabulary import EntryKind, RunState, RunTrigger

FILE_MODE = 0o100644
SCAN_STEPS = 30
"""In how many steps a backup walks over the disk; one progress frame each."""
SENDING_RATIO = 0.8
"""For how much of its time it sends at most; before that it looks at what is unchanged."""
MIN_SENDING_RATIO = 0.2
"""What is left of its time where little is to be sent: it writes down what it has found."""
MIN_BPS = 2 * 1024
BATCH_S = 0.7
"""Small files are sent together once they are what the line carries in so long."""
ALONE_S = 3.0
"""A file that takes longer is sent for itself, so that its progress is seen."""
PIECE_BYTES = 128 * 1024
PIECE_S = 0.25


class Stopped(Exception):
    """An operator ended the run."""


@dataclass(slots=True)
class Counts:
    """What the agent will say at the end."""

    files_done: int = 0
    files_new: int = 0
    files_changed: int = 0
    files_vanished: int = 0
    bytes_seen: int = 0
    bytes_done: int = 0
    """Of what is new or changed."""
    bytes_sent: int = 0


class Backup:
    """Runs once; ``stop`` ends it early."""

    def __init__(
        self,
        api: Api,
        disk: Disk,
        contents: Contents,
        rng: Random,
        report: Callable[[AgentProgress], None],
        *,
        pace: float = 1.0,
        conditions: Conditions | None = None,
    ) -> None:
        self._api, self._disk, self._contents, self._rng, self._report = api, disk, contents, rng, report
        self._pace, self._conditions = pace, conditions
        self._stopped = asyncio.Event()
        self._stop_reason = ""
        self._counts = Counts()
        self._run_id = 0
        self._path = ""
        self._files_total: int | None = None
        self._bytes_total: int | None = None
        self._rate_bps = disk.machine.rate_bps

    @property
    def run_id(self) -> int:
        """The server's number of this run; 0 before it began."""
        return self._run_id

    def stop(self, reason: str) -> None:
        """Let the run end as cancelled at its next step."""
        self._stop_reason = reason
        self._stopped.set()

    async def begin(self, trigger: RunTrigger) -> Run:
        """Ask the server for a run; raises ``Refusal`` where it takes none."""
        correlation_id = f"{self._rng.getrandbits(64):016x}"
        structlog.contextvars.bind_contextvars(correlation_id=correlation_id)
        run = await self._api.call(
            "POST", "/api/agent/runs", Run, json=StartRun(trigger=trigger, correlation_id=correlation_id)
        )
        self._run_id = run.id
        return run

    async def carry_out(self) -> RunState:
        """Walk over the disk, send what the server lacks, and say how it ended."""
        fate = draw_fate(
            self._disk.machine, self._rng, troubled=True, first=not self._disk.stored,
            conditions=self._conditions,
        )  # fmt: skip
        failed = fate.state is RunState.FAILED
        try:
            await self._walk(fails_after=self._rng.uniform(0.1, 0.9) if failed else 1.0)
            if not failed:
                await self._tell_vanished()
        except Stopped:
            fate = Fate(RunState.CANCELLED, self._stop_reason)
        except Refusal as refusal:
            if refusal.server_code == "run_ended":
                return RunState.CANCELLED
            fate = Fate(RunState.FAILED, refusal.message)
        await self._finish(fate)
        return fate.state

    async def _walk(self, *, fails_after: float) -> None:
        """Find what is new or changed, then send it; what is to be sent tells how long the search takes."""
        files = sorted(self._disk.tree.values(), key=lambda file: file.path)
        unsent = [file for file in files if self._disk.unsent.get(file.path) == file]
        unsent_bytes = sum(file.size_bytes for file in unsent)
        takes_s = draw_duration_s(self._disk.machine, self._rng) / self._pace
        least_bps = max(MIN_BPS * self._pace, unsent_bytes / (takes_s * SENDING_RATIO))
        self._rate_bps = min(self._disk.machine.rate_bps * self._pace, least_bps)
        sending_s = unsent_bytes / self._rate_bps
        scanning_s = takes_s - min(max(sending_s, takes_s * MIN_SENDING_RATIO), takes_s * SENDING_RATIO)
        known = [file for file in files if self._disk.unsent.get(file.path) != file]
        await self._scan(known, scanning_s, fails_after)
        self._files_total, self._bytes_total = len(files), unsent_bytes
        self._say_progress()
        await self._pause(fails_after * max(0.0, takes_s - scanning_s - sending_s))
        await self._send(unsent[: round(fails_after * len(unsent))])

    async def _scan(self, unchanged: list[SimFile], takes_s: float, ratio: float) -> None:
        """Look at what is as it was: that is counted as done, but none of its bytes are sent."""
        for step in range(max(1, round(ratio * SCAN_STEPS))):
            await self._pause(takes_s / SCAN_STEPS)
            start, end = (len(unchanged) * at // SCAN_STEPS for at in (step, step + 1))
            self._seen(unchanged[start:end])

    async def _send(self, unsent: list[SimFile]) -> None:
        small: list[SimFile] = []
        for file in unsent:
            if file.size_bytes > min(BATCH_BLOB_BYTES, self._rate_bps * ALONE_S):
                await self._send_large(file)
                continue
            small.append(file)
            if sum(each.size_bytes for each in small) >= self._rate_bps * BATCH_S:
                await self._send_small(small)
                small = []
        await self._send_small(small)

    def _seen(self, files: Iterable[SimFile], *, sent: bool = False) -> None:
        for file in files:
            self._counts.files_done += 1
            self._counts.bytes_seen += file.size_bytes
            self._counts.bytes_done += file.size_bytes if sent else 0
            self._path = file.path
        self._say_progress()

    def _say_progress(self) -> None:
        self._report(
            AgentProgress(
                run_id=self._run_id,
                files_done=self._counts.files_done,
                files_total=self._files_total,
                bytes_done=self._counts.bytes_done,
                bytes_total=self._bytes_total,
                current_path=self._path,
            )
        )

    async def _pause(self, seconds: float) -> None:
        """Wait as long as reading takes; raise ``Stopped`` as soon as the run is to end."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return
        raise Stopped

    async def _missing(self, hashes: Iterable[str]) -> dict[str, int]:
        asked = Hashes(hashes=tuple(hashes))
        reply = await self._api.call("POST", "/api/agent/blobs/missing", MissingReply, json=asked)
        return {blob.sha256: blob.received_bytes for blob in reply.missing}

    async def _send_small(self, files: list[SimFile]) -> None:
        if not files:
            return
        owner = self._disk.machine.name
        contents = {file.path: self._contents.read(owner, file) for file in files}
        hashes = {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}
        missing = await self._missing(set(hashes.values()))
        batch = {hashes[path]: content for path, content in contents.items() if hashes[path] in missing}
        if batch:
            size = sum(map(len, batch.values()))
            await self._pause(size / self._rate_bps)
            await self._api.call(
                "POST", "/api/agent/blobs/batch", BatchStored, data=encode_batch(batch.items())
            )
            self._counts.bytes_sent += size
        await self._tell_entries([(file, hashes[file.path]) for file in files])
        self._seen(files, sent=True)

    async def _send_large(self, file: SimFile) -> None:
        sha256 = await asyncio.to_thread(self._contents.sha256, self._disk.machine.name, file)
        missing = await self._missing((sha256,))
        self._path = file.path
        before = self._counts.bytes_done
        if sha256 in missing:
            offset = missing[sha256]
            await self._api.call(
                "PUT", f"/api/agent/blobs/{sha256}", BlobStored,
                data=self._paced(file, offset), size=file.size_bytes - offset,
                params={"offset": offset, "size": file.size_bytes, "label": file.path},
            )  # fmt: skip
            if self._stopped.is_set():
                raise Stopped
        await self._tell_entries([(file, sha256)])
        self._counts.bytes_done = before
        self._seen((file,), sent=True)

    async def _paced(self, file: SimFile, offset: int) -> AsyncIterator[bytes]:
        """Yield a file's bytes as fast as the machine's line is; a stopped run sends the rest at once."""
        told = 0.0
        loop = asyncio.get_running_loop()
        piece_bytes = min(PIECE_BYTES, max(1024, round(self._rate_bps * PIECE_S)))
        for chunk in self._contents.chunks(self._disk.machine.name, file, offset):
            for start in range(0, len(chunk), piece_bytes):
                piece = chunk[start : start + piece_bytes]
                if not self._stopped.is_set():
                    await asyncio.sleep(len(piece) / self._rate_bps)
                yield piece
                self._counts.bytes_sent += len(piece)
                self._counts.bytes_done += len(piece)
                if loop.time() - told > 0.25:
                    told = loop.time()
                    self._say_progress()

    async def _tell_entries(self, files: list[tuple[SimFile, str]]) -> None:
        entries = tuple(
            AgentEntry(
                raw_path=file.path.encode(), kind=EntryKind.FILE, size_bytes=file.size_bytes,
                mtime_ns=file.mtime_ns, mode=FILE_MODE, sha256=sha256,
            )
            for file, sha256 in files
        )  # fmt: skip
        await self._api.call(
            "POST", f"/api/agent/runs/{self._run_id}/entries", Accepted, json=Entries(entries=entries)
        )
        for file, _ in files:
            if self._disk.kept(file):
                self._counts.files_changed += 1
            else:
                self._counts.files_new += 1

    async def _tell_vanished(self) -> None:
        gone = self._disk.gone()
        if not gone:
            return
        raw_paths = tuple(path.encode() for path in gone)
        await self._api.call(
            "POST", f"/api/agent/runs/{self._run_id}/vanished", Accepted, json=Vanished(raw_paths=raw_paths)
        )
        self._disk.told_gone(gone)
        self._counts.files_vanished = len(gone)

    def _failed_names(self, fate: Fate) -> tuple[FailedName, ...]:
        """Return which files of the simulated machine could not be read."""
        paths = sorted(self._disk.tree)[: min(fate.failed_files, MAX_RUN_NAMES)]
        return tuple(FailedName(path=path, reason=fate.reason or "it was locked") for path in paths)

    async def _finish(self, fate: Fate) -> None:
        finish = FinishRun(
            state=fate.state, reason=fate.reason, files_seen=self._counts.files_done + fate.failed_files,
            files_new=self._counts.files_new, files_changed=self._counts.files_changed,
            files_vanished=self._counts.files_vanished, files_failed=fate.failed_files,
            bytes_seen=self._counts.bytes_seen, bytes_sent=self._counts.bytes_sent,
            failed=self._failed_names(fate),
        )  # fmt: skip
        try:
            await self._api.call("POST", f"/api/agent/runs/{self._run_id}/finish", Run, json=finish)
        except Refusal as refusal:
            if refusal.server_code != "run_ended":
                raise
