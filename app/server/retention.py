"""Retention: what is too old goes, at intervals, in small steps."""

import asyncio
import time
from datetime import timedelta

import structlog

from app.catalogue.catalogue import Catalogue
from app.catalogue.events import MOST_KEPT
from app.catalogue.wellness import check, checkpoint
from app.server.limits import Limits
from app.store.store import Store
from streams.failures import TidewatchError
from streams.records.base import utc_now

log = structlog.stdlib.get_logger(__name__)

CHECK_EVERY_S = 24 * 3600.0
"""How often the catalogue is checked for damage, first soon after the start."""


async def keep_tidy(catalogue: Catalogue, store: Store, limits: Limits) -> None:
    """Purge old events and deleted files and roll up metrics, again and again until cancelled."""
    checked_s = time.monotonic() - CHECK_EVERY_S
    while True:
        await asyncio.sleep(limits.retention_every_s)
        try:
            await tidy(catalogue, store, limits)
            if time.monotonic() - checked_s >= CHECK_EVERY_S:
                checked_s = time.monotonic()
                await asyncio.to_thread(check, catalogue.path)
        except TidewatchError as failure:
            # A full disk or a lock: it is tried again next time.
            log.warning("retention_failed", code=failure.code, reason=failure.message)


async def tidy(catalogue: Catalogue, store: Store, limits: Limits) -> None:
    """Purge and roll up once."""
    too_old = utc_now() - timedelta(days=limits.keep_events_days)
    events = await catalogue.events.purge(too_old, keep=max(MOST_KEPT, limits.replay_events))
    files = await catalogue.files.purge(
        utc_now() - timedelta(days=limits.keep_deleted_days), store.delete_many
    )
    await catalogue.contents.forget_unnamed()
    contents = await catalogue.removal.collect(store.delete_many)
    await catalogue.activity.purge(too_old)
    await catalogue.metrics.rollup()
    await asyncio.to_thread(checkpoint, catalogue.path)
    await catalogue.analytics.forget()
    log.info("tidied", events_purged=events, files_purged=files, contents_collected=contents)
