"""The server's log as consoles see it: the newest lines in memory, all of them on disk, live ones in frames.

Whatever is said reaches this through the tap, which never waits. From here on memory is bounded at every
place: the ring, what waits for the disk, and what waits for the next frame; what is lost is counted.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from app.runtime.line_numbers import LINE_NUMBERS
from app.runtime.log_handler import LogTap
from app.runtime.tasks import to_its_end
from app.server.hub import Hub
from app.server.log_files import LogFiles
from streams.model.events import LogFrame
from streams.model.log_match import matcher
from streams.model.logs import LogFilter, LogLine, LogPage
from streams.model.vocabulary import LogSource, Topic

log = structlog.stdlib.get_logger(__name__)

FOLDER = "logs"
RING_LINES = 5000
WAITING_LINES = 20_000
"""Lines that wait for the disk; more are lost for the file, and it says how many."""
FRAME_LINES = 500
FRAME_EVERY_S = 0.1
FRAME_WAITING_LINES = 10_000
"""Lines that wait for the next frame; more are counted as dropped."""
WRITE_EVERY_S = 0.5
WRITE_AGAIN_S = 2.0
"""Pause before lines that the disk has not taken are written again."""
MAX_READ = 5000
"""Lines of the files that one question looks at; the next page goes on from there, and so each comes soon."""
NOT_OURS = ("app.fleet", "app.agent", "audit")
"""Agents that run in this process, as in the simulated fleet, have their own logs; audit rows are relayed."""


class Logbook:
    """Takes what the server says, keeps it and hands it on."""

    def __init__(self, data_dir: Path, hub: Hub, *, files: LogFiles | None = None) -> None:
        self._files = files or LogFiles(data_dir / FOLDER)
        self._hub = hub
        self._ring: deque[LogLine] = deque(maxlen=RING_LINES)
        self._unwritten: deque[LogLine] = deque()
        self._unsent: deque[LogLine] = deque()
        self._lost = 0
        self._last = 0
        """The highest id so far, which may be ahead of the clock."""
        self._unsent_lost = 0
        self._something = asyncio.Event()
        self._to_write = asyncio.Event()
        self._writing = asyncio.Lock()
        self._failing = False

    @property
    def waiting(self) -> int:
        """How many lines wait for disk and consoles; bounded."""
        return len(self._unwritten) + len(self._unsent)

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator["Logbook"]:
        """Take what this process says during a block, and write it down before the end."""
        self._last = await asyncio.to_thread(self._newest_id)
        LINE_NUMBERS.go_on_after(self._last)
        with LogTap(LogSource.SERVER, self.take, leave_out=NOT_OURS).listening():
            try:
                yield self
            finally:
                await self.write()
        await self.write()

    def _newest_id(self) -> int:
        try:
            return self._files.newest_id()
        except OSError:  # said when lines are written
            return 0

    def take(self, lines: tuple[LogLine, ...], lost: int = 0) -> None:
        """Take lines in the order they were said."""
        self._ring.extend(lines)
        self._last = max(self._last, *(line.id for line in lines)) if lines else self._last
        self._unwritten.extend(lines)
        self._lost += lost
        self._bound()
        self.relay(lines, lost)
        self._to_write.set()

    def relay(self, lines: tuple[LogLine, ...], lost: int = 0) -> None:
        """Hand lines to the consoles that listen, without keeping them here."""
        if self._hub.listened(Topic.LOGS):
            self._unsent.extend(lines)
            self._unsent_lost += lost
            while len(self._unsent) > FRAME_WAITING_LINES:
                self._unsent.popleft()
                self._unsent_lost += 1
            self._something.set()

    async def send(self) -> None:
        """Send what was said to the consoles that listen, some times a second, until cancelled."""
        while True:
            await self._something.wait()
            self._something.clear()
            self.send_now()
            await asyncio.sleep(FRAME_EVERY_S)

    def send_now(self) -> None:
        """Send what waits."""
        waiting, self._unsent = self._unsent, deque()
        dropped, self._unsent_lost = self._unsent_lost, 0
        while waiting or dropped:
            count = min(len(waiting), FRAME_LINES)
            lines = tuple(waiting.popleft() for _ in range(count))
            self._hub.publish_logs(LogFrame(lines=lines, dropped=dropped))
            dropped = 0

    async def write_down(self) -> None:
        """Write what was said to disk, in batches, until cancelled."""
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            await self.write()
            await asyncio.sleep(WRITE_AGAIN_S if self._failing else WRITE_EVERY_S)
            if self._failing:
                # Also where nothing more is said.
                self._to_write.set()

    async def write(self) -> None:
        """Write what waits; where the disk takes none it is said once, and the lines wait for room."""
        # To its end: a thread that goes on writing would meet the next one, and take its lines with it.
        await to_its_end(self._write())

    async def _write(self) -> None:
        async with self._writing:
            lines, self._unwritten = self._unwritten, deque()
            try:
                await asyncio.to_thread(self._files.append, lines)
            except OSError as error:
                self._keep(lines)
                if not self._failing:
                    self._failing = True
                    log.error("log_not_written", reason=error.strerror or str(error))
                return
            if self._failing:
                self._failing = False
                log.info("log_written_again")
            lost, self._lost = self._lost, 0
            if lost:
                log.warning("log_lines_lost", count=lost)

    def _keep(self, lines: deque[LogLine]) -> None:
        """Let lines wait further, before those that came meanwhile; of too many the oldest go."""
        lines.extend(self._unwritten)
        self._unwritten = lines
        self._bound()

    def _bound(self) -> None:
        while len(self._unwritten) > WAITING_LINES:
            self._unwritten.popleft()
            self._lost += 1

    async def page(self, wanted: LogFilter, before: int | None, limit: int) -> LogPage:
        """Return lines, newest first; raises WrongExpression."""
        matches, until = matcher(wanted), wanted.until
        lines, oldest = self._in_memory(matches, before, limit)
        if len(lines) == limit:
            return LogPage(lines=tuple(lines), next_before=lines[-1].id)
        older, next_before = await asyncio.to_thread(
            self._files.newest_first,
            oldest,
            matches,
            limit=limit - len(lines),
            most_read=MAX_READ,
            # By the time itself: after a clock that was ahead the ids are higher than the times.
            passed_over=lambda line: until is not None and line.at > until,
        )
        return LogPage(lines=(*lines, *older), next_before=next_before)

    def _in_memory(
        self, matches: Callable[[LogLine], bool], before: int | None, limit: int
    ) -> tuple[list[LogLine], int]:
        """Return what the ring has, and the id below which the files have to be asked."""
        found: list[LogLine] = []
        oldest = before if before is not None else 2**62
        for line in reversed(self._ring):
            if line.id >= oldest:
                continue
            if len(found) == limit:
                break
            oldest = line.id
            if matches(line):
                found.append(line)
        return found, oldest
