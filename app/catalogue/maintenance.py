"""Periodic maintenance of the catalogue's file, with its results in the log.

Every function blocks: call it in a thread.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import structlog

from app.catalogue.audit_chain import HEAD_FILE, prove
from app.catalogue.engine import LOCK_WAIT_S, file_uri
from app.catalogue.errors import translated
from streams.model.failures import NotADatabase

log = structlog.stdlib.get_logger(__name__)

MAX_FINDINGS = 10


def checkpoint(path: Path) -> None:
    """Bring what lies in the write-ahead log into the database, as far as no reader holds it up."""
    began = time.monotonic()
    with (
        translated(path),
        closing(sqlite3.connect(file_uri(path), uri=True, timeout=LOCK_WAIT_S)) as database,
    ):
        busy, pages, moved = database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    log.info(
        "checkpoint", pages=pages, moved=moved, held_up=bool(busy), seconds=round(time.monotonic() - began, 3)
    )


def check(path: Path) -> bool:
    """Look for damage in the file; return whether it is sound."""
    began = time.monotonic()
    try:
        with translated(path), closing(sqlite3.connect(file_uri(path, "ro"), uri=True)) as database:
            found = [str(row[0]) for row in database.execute(f"PRAGMA quick_check({MAX_FINDINGS})")]
    except NotADatabase as error:  # too damaged even to be looked at
        found = [error.message]
    seconds = round(time.monotonic() - began, 3)
    if found == ["ok"]:
        log.info("integrity_ok", seconds=seconds)
        return True
    log.error("integrity_damaged", findings="; ".join(found), seconds=seconds)
    return False


def check_audit(path: Path) -> bool:
    """Walk the chain of the audit record; return whether nobody has changed it."""
    began = time.monotonic()
    try:
        faults = prove(path).faults
    except NotADatabase as error:
        faults = [error.message]
    except OSError as error:
        faults = [f"{HEAD_FILE} cannot be read: {error.strerror or error}"]
    seconds = round(time.monotonic() - began, 3)
    if not faults:
        log.info("audit_chain_ok", seconds=seconds)
        return True
    more = f" and {len(faults) - MAX_FINDINGS} more" if len(faults) > MAX_FINDINGS else ""
    log.error(
        "audit_chain_broken",
        findings="; ".join(faults[:MAX_FINDINGS]) + more,
        hint="Somebody has changed the audit record. Run server check.",
    )
    return False
