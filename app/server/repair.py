"""Repairs of what ``check`` has found, with the server stopped. Blocking."""

from pathlib import Path

import structlog

from app.catalogue.consistency import count_again, mark_damaged, opened, set_stored_bytes
from app.catalogue.search_check import rebuild
from app.catalogue.times import to_us
from app.server.check import Report
from app.store.errors import Damaged
from app.store.layout import Layout
from app.store.maintenance import read_through
from streams.model.base import utc_now
from streams.model.failures import TidewatchError

log = structlog.stdlib.get_logger(__name__)

ASIDE = "unknown"
"""The folder in the store for unknown files: a newer catalogue, put back later, may need them."""


def repair(catalogue: Path, store: Path, report: Report) -> None:
    """Mark lost contents, count again, mend the search index, set unknown files aside, in this order."""
    layout = Layout(store)
    lost = {content.blob_id for content in report.missing.first.values()}
    damaged = {sha256: content.blob_id for sha256, (content, _) in report.damaged.first.items()}
    sizes: dict[int, int] = {}
    for sha256, content in report.resized.first.items():
        try:
            read_through(layout, sha256)
            sizes[content.blob_id] = layout.blob(sha256).stat().st_size
        except (Damaged, OSError, TidewatchError):
            damaged[sha256] = content.blob_id
    with opened(catalogue) as database:
        database.execute("PRAGMA synchronous = FULL")
        database.execute("BEGIN IMMEDIATE")
        mark_damaged(database, sorted({*lost, *damaged.values()}), to_us(utc_now()))
        set_stored_bytes(database, sizes)
        count_again(database)
        if report.search_wrong:
            rebuild(database)
        database.execute("COMMIT")
    for sha256 in damaged:
        # Out of the way, or what is sent again would be taken for there already.
        if layout.blob(sha256).exists():
            layout.blob(sha256).replace(layout.damaged(sha256))
    aside = store / ASIDE
    for file in report.unknown.first:
        aside.mkdir(mode=0o700, exist_ok=True)
        file.replace(aside / f"{file.parent.name}{file.name}")
    log.warning(
        "repaired",
        lost=len(lost) + len(damaged),
        measured=len(sizes),
        set_aside=len(report.unknown.first),
        search=report.search_wrong,
    )
