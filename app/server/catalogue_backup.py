"""Copies of the catalogue by a schedule: made while the server runs, verified, kept in a number of them."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from app.catalogue.copies import copies_in, copy_to, keep_newest
from app.server.limits import Limits
from streams.model.base import utc_now
from streams.model.failures import TidewatchError
from streams.model.server import CatalogueStatus

log = structlog.stdlib.get_logger(__name__)

FOLDER = "catalogue-backups"
LOOK_S = 60.0
"""How often it is looked whether a copy is due; a failed one is tried again then, at most each hour."""
AGAIN_AFTER = timedelta(hours=1)
FUTURE = timedelta(minutes=5)
"""A copy that is so much from the future was made by a clock that was wrong."""


class CatalogueBackups:
    """Makes the copies and tells how they are."""

    def __init__(
        self,
        catalogue: Path,
        limits: Limits,
        *,
        failure: Callable[[], TidewatchError | None] = lambda: None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._catalogue = catalogue
        self._failure = failure
        self._limits = limits
        self._now = now
        self._folders = [catalogue.parent / FOLDER]
        if limits.catalogue_backup_dir is not None:
            self._folders.append(limits.catalogue_backup_dir)
        self._good_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._problem = ""

    @property
    def _every(self) -> timedelta:
        return timedelta(hours=self._limits.catalogue_backup_h)

    def status(self) -> CatalogueStatus:
        """Return whether the catalogue is lost, when its last good copy was made, and why the next fails."""
        failure = self._failure()
        return CatalogueStatus(
            lost=failure.line() if failure is not None else "",
            backup_every_h=self._limits.catalogue_backup_h,
            backup_good_at=self._good_at,
            backup_problem=self._problem,
        )

    async def run(self) -> None:
        """Make copies when they are due, until cancelled; a failure is told in the status."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._every and self._failure() is None:
                await self.make_if_due()

    async def make_if_due(self) -> None:
        """Make a copy where the newest good one is too old, in whichever folder."""
        now = self._now()
        newest = await asyncio.to_thread(self._oldest_of_newest, now)
        self._good_at = newest
        tried = self._tried_at
        if newest is not None and timedelta(0) <= now - newest + FUTURE and now - newest < self._every:
            return
        if tried is not None and self._problem and timedelta(0) <= now - tried < AGAIN_AFTER:
            return
        self._tried_at = now
        try:
            await self._make()
        except TidewatchError as failure:
            if failure.line() != self._problem:
                log.error("catalogue_not_copied", code=failure.code, reason=failure.line())
            self._problem = failure.line()

    async def _make(self) -> None:
        """Make a copy in each folder; raises what stands in the way of any, after the others are done."""
        made_at = self._now()
        failure: TidewatchError | None = None
        for folder in self._folders:
            try:
                await asyncio.to_thread(copy_to, self._catalogue, folder, made_at)
                await asyncio.to_thread(keep_newest, folder, self._limits.catalogue_backups, made_at)
            except TidewatchError as error:
                failure = error
        if failure is not None:
            raise failure
        self._good_at, self._problem = made_at, ""

    def _oldest_of_newest(self, now: datetime) -> datetime | None:
        """Return when the newest copy was made of that folder whose newest is the oldest; None: one lacks."""
        newest: list[datetime] = []
        for folder in self._folders:
            try:
                made = [at for at, _ in copies_in(folder) if at <= now + FUTURE]
            except OSError:
                return None
            if not made:
                return None
            newest.append(made[-1].astimezone(UTC))
        return min(newest)
