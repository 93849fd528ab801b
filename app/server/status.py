"""The sampler: the server's load, each second while somebody listens, else every ten seconds."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psutil
import structlog

from app.catalogue.catalogue import Catalogue
from app.runtime.version import VERSION
from app.server import disk
from app.server.agents import AgentsHub
from app.server.client_registry import Roster
from app.server.disk import DiskWatch
from app.server.hub import Hub
from app.server.limits import Limits
from app.server.progress import ProgressBoard
from app.server.switch import Switch
from app.server.throughput import Rate
from app.server.transfers import TransferBoard
from app.server.uploads import UploadGate
from app.store.errors import StoreFailure
from app.store.store import Store
from streams.model.base import utc_now
from streams.model.events import StatusFrame
from streams.model.server import CatalogueStatus, ServerStatus, VerificationStatus
from streams.model.vocabulary import Topic

log = structlog.stdlib.get_logger(__name__)

STORE_SIZE_EVERY_S = 30.0
MIN_SPAN_S = 0.5
"""The system counts processor time in steps of 10 ms: over a shorter time one step is a peak of its own."""
CLOCK_SET = timedelta(seconds=2)
"""A clock that has moved by more than this beside the monotonic one was set."""


class Machine:
    """What the operating system knows of this process and its disk; every method blocks shortly."""

    def __init__(self, data_dir: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._data_dir = data_dir
        self._clock = clock
        self._process: psutil.Process | None = None
        self._looked_s = self._used_s = self._cpu_ratio = 0.0

    def look(self) -> tuple[float, int, int, int, int]:
        """Return CPU ratio since the last look, own memory, total memory, total and free disk.

        The first ratio is that since the process began; looks that follow too soon tell the one before.
        """
        now = self._clock()
        process = self._process
        if process is None:
            process = self._process = psutil.Process()
            self._looked_s = now - max(MIN_SPAN_S, time.time() - process.create_time())
        with process.oneshot():
            times = process.cpu_times()
            memory = process.memory_info().rss
        span = now - self._looked_s
        if span >= MIN_SPAN_S:
            used = times.user + times.system
            self._cpu_ratio = (used - self._used_s) / span
            self._looked_s, self._used_s = now, used
        return self._cpu_ratio, memory, psutil.virtual_memory().total, *disk.measure(self._data_dir)


class StatusSampler:
    """Takes samples, tells them to who listens, and records them."""

    def __init__(
        self,
        *,
        data_dir: Path,
        catalogue: Catalogue,
        store: Store,
        hub: Hub,
        agents: AgentsHub,
        roster: Roster,
        progress: ProgressBoard,
        transfers: TransferBoard,
        switch: Switch,
        uploads: UploadGate,
        verification: Callable[[], VerificationStatus | None],
        catalogue_status: Callable[[], CatalogueStatus],
        limits: Limits,
        connections: Callable[[], int],
    ) -> None:
        self._machine = Machine(data_dir)
        self._catalogue = catalogue
        self._store = store
        self._hub = hub
        self._agents = agents
        self._roster = roster
        self._progress = progress
        self._transfers = transfers
        self._switch = switch
        self._uploads = uploads
        self._verification = verification
        self._catalogue_status = catalogue_status
        self._limits = limits
        self._connections = connections
        self._disk = DiskWatch()
        self._started_at, self._started_s = utc_now(), time.monotonic()
        self._store_bytes = 0
        self._store_looked: float | None = None
        self._received, self._sent = Rate(), Rate()
        self._newest: ServerStatus | None = None
        self._newest_s = 0.0
        self._wanted = asyncio.Event()
        self._sampling = asyncio.Lock()
        hub.on_topics(self._on_topics)

    def _on_topics(self, added: frozenset[Topic]) -> None:
        if Topic.STATUS in added:
            self._wanted.set()

    def _begun(self) -> datetime:
        """Return when the server started, by the clock of now: it may have been set since."""
        begun = utc_now() - timedelta(seconds=time.monotonic() - self._started_s)
        if abs(begun - self._started_at) > CLOCK_SET:
            self._started_at = begun
        return self._started_at

    def newest(self) -> StatusFrame | None:
        """Return what a console that begins to listen must know."""
        return None if self._newest is None else StatusFrame(status=self._newest)

    async def current(self) -> ServerStatus:
        """Return a sample that is not older than the interval of those who listen, its states as of now."""
        newest = self._newest
        # By the monotonic clock: a sample from a clock that was ahead would count as new for long.
        if newest is None or time.monotonic() - self._newest_s > self._limits.sample_s:
            return await self.sample()
        return msgspec.structs.replace(newest, **self._counts())

    async def run(self) -> None:
        """Sample until cancelled."""
        clock = time.monotonic
        record_at = clock()
        while True:
            self._wanted.clear()
            status = await self.sample()
            self._hub.publish_conflated(StatusFrame(status=status))
            if clock() >= record_at:
                record_at = clock() + self._limits.sample_quiet_s
                await self._record(status)
            if self._hub.listened(Topic.STATUS):
                await asyncio.sleep(self._limits.sample_s)
                continue
            try:
                async with asyncio.timeout(max(0.1, record_at - clock())):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    async def sample(self) -> ServerStatus:
        """Take a sample now."""
        async with self._sampling:
            cpu_ratio, memory, memory_total, disk_total, disk_free = await asyncio.to_thread(
                self._machine.look
            )
            await self._look_at_store()
            received_bps, sent_bps = self._rates()
            self._newest_s = time.monotonic()
            self._newest = ServerStatus(
                at=utc_now(),
                epoch=self._catalogue.epoch,
                version=VERSION,
                started_at=self._begun(),
                cpu_ratio=cpu_ratio,
                memory_bytes=memory,
                memory_total_bytes=memory_total,
                received_bps=received_bps,
                sent_bps=sent_bps,
                disk_total_bytes=disk_total,
                disk_free_bytes=disk_free,
                store_bytes=self._store_bytes,
                disk_warn_bytes=self._limits.warn_free_bytes,
                disk_least_bytes=self._limits.least_free_bytes,
                **self._counts(),
            )
            self._disk.take(self._newest)
            return self._newest

    def _counts(self) -> dict[str, Any]:
        """Return what is known without looking, and so is never old."""
        return {
            "state": self._switch.state,
            "state_since": self._switch.since,
            "connections": self._connections(),
            "clients_online": len(self._agents),
            "clients_total": len(self._roster),
            "consoles": len(self._hub),
            "runs_active": len(self._progress),
            "transfers_active": len(self._transfers),
            "write_queue": self._catalogue.write_queue,
            "event_queue": self._hub.lag,
            "upload_queue": self._uploads.waiting,
            "verification": self._verification(),
            "catalogue": self._catalogue_status(),
            "last_seq": self._catalogue.last_seq,
            "quota_bytes": self._limits.quota_bytes,
            "keep_deleted_days": max(self._limits.keep_deleted_days, self._limits.destroy_delay_h / 24),
        }

    async def _look_at_store(self) -> None:
        now = time.monotonic()
        if self._store_looked is None or now - self._store_looked > STORE_SIZE_EVERY_S:
            self._store_looked = now
            try:
                self._store_bytes = await self._store.size_on_disk()
            except StoreFailure as failure:
                # The other numbers are still true; the last known size stays.
                log.warning("store_not_counted", code=failure.code, reason=failure.message)

    def _rates(self) -> tuple[float, float]:
        """Return the means over the same few seconds as for each backup, so that the numbers fit together."""
        transfers = self._transfers
        return self._received.mark(transfers.received_bytes), self._sent.mark(transfers.sent_bytes)

    async def _record(self, status: ServerStatus) -> None:
        await self._catalogue.metrics.record(
            {
                "cpu_ratio": status.cpu_ratio,
                "memory_bytes": status.memory_bytes,
                "connections": status.connections,
                "clients_online": status.clients_online,
                "received_bps": status.received_bps,
                "sent_bps": status.sent_bps,
                "store_bytes": status.store_bytes,
            },
            status.at,
        )
