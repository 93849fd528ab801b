"""Scheduled verification: every content is read again within a number of days, in the background."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog

from app.catalogue.catalogue import Catalogue
from app.catalogue.verification_schedule import DueContent, Standing
from app.runtime.log_limits import FOR_EACH, LimitedLog
from app.server.limits import Limits
from app.server.uploads import UploadGate
from app.store.errors import StoreUnreadable
from app.store.store import Store
from streams.model.base import utc_now
from streams.model.failures import TidewatchError
from streams.model.server import VerificationStatus
from streams.model.vocabulary import VerificationState

log = structlog.stdlib.get_logger(__name__)
each_log = LimitedLog(log, most=FOR_EACH)

DUE_RATIO = 0.75
"""A content is due after this share of the days; what is left is for a server that was off, or busy."""
MIN_BYTES_PER_S = 1024 * 1024
PAGE = 100
"""Contents that are looked up at once."""
MARK_EVERY_S = 10.0
"""What was read is noted at least so often: a restart reads no more than that again."""
STANDING_EVERY_S = 60.0
UNREADABLE_IN_A_ROW = 20
"""With so many contents in a row that cannot be read now the whole store is in trouble."""
UPLOAD_WAIT_S = 1.0
AHEAD = timedelta(hours=1)
"""A time so far ahead was noted while the clock was wrong, and says nothing."""


class Pace:
    """Spreads reading over time: at most so many bytes per second."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._free_at = 0.0

    async def spend(self, count: float, bytes_per_s: float) -> None:
        """Return when ``count`` bytes have had their time at this rate."""
        now = self._clock()
        self._free_at = max(self._free_at, now) + count / bytes_per_s
        await self._sleep(self._free_at - now)


class ScheduledVerification:
    """Reads contents again, the one first that has not been read for longest; yields to uploads."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        store: Store,
        uploads: UploadGate,
        limits: Limits,
        pace: Pace | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._uploads = uploads
        self._limits = limits
        self._pace = pace or Pace()
        self._now = now
        self._standing: Standing | None = None
        self._looked_s: float | None = None
        self._state = VerificationState.IDLE
        self._reason = ""
        self._results: dict[str, bool] = {}
        self._marked_s = time.monotonic()

    @property
    def _within(self) -> timedelta:
        return timedelta(days=self._limits.verify_days)

    def status(self) -> VerificationStatus | None:
        """Return how far it is; None until it has looked."""
        standing = self._standing
        if standing is None:
            return None
        return VerificationStatus(
            state=self._state if self._limits.verify_days else VerificationState.OFF,
            within_days=self._limits.verify_days,
            content_count=standing.content_count,
            overdue_count=standing.overdue_count if self._limits.verify_days else 0,
            damaged_count=standing.damaged_count,
            oldest_at=standing.oldest_at,
            reason=self._reason,
        )

    async def run(self) -> None:
        """Verify what is due, again and again until cancelled; raises what stands in its way."""
        while True:
            await self.verify_due()
            await asyncio.sleep(self._limits.verify_every_s)

    async def verify_due(self) -> None:
        """Verify all that is due now, and look how far the verification is."""
        try:
            await self._look(at_once=True)
            unreadable = await self._pass() if self._limits.verify_days else 0
            await self._look(at_once=True)
        except TidewatchError as failure:
            self._state, self._reason = VerificationState.FAILING, failure.line()
            raise
        self._state, self._reason = VerificationState.IDLE, ""
        if unreadable:
            self._state = VerificationState.FAILING
            self._reason = f"{unreadable} contents cannot be read now; the log names them."

    async def _pass(self) -> int:
        """Go once through what is due; return how many could not be read now, for whatever reason.

        What was read is noted however it ends.
        """
        unreadable = in_a_row = 0
        after: DueContent | None = None
        # Fixed here, so that what is noted as read meanwhile does not come again.
        now = self._now()
        try:
            while page := await self._page(now, after):
                for content in page:
                    if not self._limits.verify_days:  # switched off meanwhile
                        return unreadable
                    await self._wait_for_uploads(content)
                    self._state = VerificationState.RUNNING
                    try:
                        await self._verify(content)
                        in_a_row = 0
                    except StoreUnreadable as failure:
                        unreadable, in_a_row = unreadable + 1, in_a_row + 1
                        each_log.warning("content_unreadable", sha256=content.sha256, reason=failure.message)
                        if in_a_row >= UNREADABLE_IN_A_ROW:
                            raise
                    await self._mark()
                    await self._look()
                after = page[-1]
        finally:
            await self._mark(at_once=True)
        return unreadable

    async def _page(self, now: datetime, after: DueContent | None) -> Sequence[DueContent]:
        before = now - self._within * DUE_RATIO
        page = await self._catalogue.verification.due(before, after=after, limit=PAGE)
        if not page and after is None:
            page = await self._catalogue.verification.ahead(now + AHEAD, limit=PAGE)
        return page

    async def _wait_for_uploads(self, content: DueContent) -> None:
        """Let uploads go first, unless the content is overdue: those may never end."""
        while self._uploads.running and not self._overdue(content):
            self._state = VerificationState.PAUSED
            await self._mark(at_once=True)
            await asyncio.sleep(UPLOAD_WAIT_S)

    def _overdue(self, content: DueContent) -> bool:
        return content.checked_at < self._now() - self._within

    async def _verify(self, content: DueContent) -> None:
        rate = self._bytes_per_s(content)
        packed_ratio = content.stored_bytes / content.size_bytes if content.size_bytes else 1.0

        async def throttle(raw_bytes: int) -> None:
            await self._pace.spend(raw_bytes * packed_ratio, rate)

        verified = await self._store.verify(content.sha256, throttle=throttle)
        if not verified.good:
            each_log.error("content_damaged", sha256=content.sha256, reason=verified.reason)
        self._results[content.sha256] = verified.good

    def _bytes_per_s(self, content: DueContent) -> float:
        """Return the rate that reads everything in the part of the days that is left for it."""
        most = float(self._limits.verify_bytes_per_s)
        if self._standing is None or self._overdue(content):
            return most
        left_s = self._within.total_seconds() * (1 - DUE_RATIO)
        return min(most, max(MIN_BYTES_PER_S, self._standing.stored_bytes / left_s))

    async def _mark(self, *, at_once: bool = False) -> None:
        late = time.monotonic() - self._marked_s > MARK_EVERY_S
        if not self._results or not (at_once or late or len(self._results) >= PAGE):
            return
        results, self._results = self._results, {}
        try:
            await self._catalogue.files.mark_verified(results, present=self._store.sizes, quiet=True)
        except BaseException:
            # Noted with the next ones; what was judged since is the newer.
            self._results = results | self._results
            raise
        self._marked_s = time.monotonic()

    async def _look(self, *, at_once: bool = False) -> None:
        now_s = time.monotonic()
        if at_once or self._looked_s is None or now_s - self._looked_s > STANDING_EVERY_S:
            self._standing = await self._catalogue.verification.standing(self._now() - self._within)
            self._looked_s = now_s
