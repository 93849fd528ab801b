"""Retention: what is too old goes, at intervals, in small steps."""

import asyncio
import time
from datetime import timedelta

import structlog

from app.catalogue.catalogue import Catalogue
from app.catalogue.events import MAX_KEPT
from app.catalogue.maintenance import check, check_audit, checkpoint
from app.server.limits import Limits
from app.server.removal import settled_audit, settled_keep
from app.server.strays import StraySearch
from app.store.store import Store
from streams.model.failures import TidewatchError

log = structlog.stdlib.get_logger(__name__)

CHECK_EVERY_S = 24 * 3600.0
"""How often the catalogue is checked for damage and its audit record for changes, first after the start."""


async def keep_tidy(catalogue: Catalogue, store: Store, limits: Limits) -> None:
    """Purge old events and deleted files and roll up metrics, again and again until cancelled."""
    checked_s = time.monotonic() - CHECK_EVERY_S
    # A crash may have left a removal or a purge half done: it goes on at once, not in ten minutes.
    unfinished = True
    strays = StraySearch(catalogue, store)
    while True:
        try:
            if unfinished:
                await go_on(catalogue, store)
                unfinished = False
            await asyncio.sleep(limits.retention_every_s)
            await tidy(catalogue, store, limits)
            await strays.run_if_due()
            if time.monotonic() - checked_s >= CHECK_EVERY_S:
                checked_s = time.monotonic()
                await asyncio.to_thread(check, catalogue.path)
                await asyncio.to_thread(check_audit, catalogue.path)
        except TidewatchError as failure:
            # A full disk or a lock: it is tried again next time.
            log.warning("retention_failed", code=failure.code, reason=failure.message)
            await asyncio.sleep(limits.retention_every_s if unfinished else 0)


async def go_on(catalogue: Catalogue, store: Store) -> None:
    """Bring what is under way to its end: removals, states of files, contents on their way out."""
    await catalogue.removal.finish()
    await catalogue.files.spread_states()
    await catalogue.doomed.drop(store)


async def tidy(catalogue: Catalogue, store: Store, limits: Limits) -> None:
    """Purge and roll up once, all of it in small writes.

    Every age is judged by the time that is trusted: where the clock has jumped, that of before.
    """
    times = await catalogue.known_time.times()
    at = times.judged
    too_old = at - timedelta(days=limits.keep_events_days)
    events = await catalogue.events.purge(too_old, keep=max(MAX_KEPT, limits.replay_events))
    removed = await catalogue.removal.finish()
    files = 0
    if not await catalogue.strays.put_back():
        files = await catalogue.files.purge(at - await settled_keep(catalogue, limits))
    await catalogue.contents.forget_unnamed(at, times.newest)
    await catalogue.files.spread_states()
    contents = await catalogue.doomed.drop(store)
    await catalogue.activity.purge(too_old)
    audit = await catalogue.audit.purge(at - await settled_audit(catalogue, limits))
    await store.clear_uploads(at, times.newest)
    await catalogue.metrics.rollup(at)
    await catalogue.analytics.forget(at)
    await catalogue.tokens.end_expired(at)
    await catalogue.enrolments.end_expired(at)
    await catalogue.enrolments.purge(too_old)
    await asyncio.to_thread(checkpoint, catalogue.path)
    log.info(
        "tidied",
        events_purged=events,
        files_purged=files,
        removal_rows=removed,
        contents_dropped=contents,
        audit_rows_purged=audit,
    )
