"""Retention: what is too old goes, at intervals, in small steps."""

import asyncio
from datetime import timedelta

import structlog

from app.catalogue.catalogue import Catalogue
from app.server.limits import Limits
from app.store.store import Store
from streams.failures import TidewatchError
from streams.records.base import utc_now

log = structlog.stdlib.get_logger(__name__)


async def keep_tidy(catalogue: Catalogue, store: Store, limits: Limits) -> None:
    """Purge old events and deleted files and roll up metrics, again and again until cancelled."""
    while True:
        await asyncio.sleep(limits.retention_every_s)
        try:
            await tidy(catalogue, store, limits)
        except TidewatchError as failure:
            # A full disk or a lock: it is tried again next time.
            log.warning("retention_failed", code=failure.code, reason=failure.message)


async def tidy(catalogue: Catalogue, store: Store, limits: Limits) -> None:
    """Purge and roll up once."""
    events = await catalogue.events.purge()
    files = await catalogue.files.purge(
        utc_now() - timedelta(days=limits.keep_deleted_days), store.delete_many
    )
    await catalogue.activity.purge(utc_now() - timedelta(days=limits.keep_events_days))
    await catalogue.metrics.rollup()
    log.info("tidied", events_purged=events, files_purged=files)
