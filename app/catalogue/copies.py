"""Copies of the catalogue: made while it is written to, verified before they count, and put back.

A copy of the file alone is none: what was committed last lies in the write-ahead log. Every function blocks.
"""

import fcntl
import itertools
import os
import shutil
import sqlite3
import threading
import uuid
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from app.catalogue.engine import LOCK_WAIT_S, file_uri
from app.catalogue.errors import CatalogueFull, translated
from app.catalogue.schema import SCHEMA_VERSION
from app.catalogue.session import LOG_SUFFIXES
from app.catalogue.store_moment import MOMENT_NAME
from app.catalogue.strays import EPOCH_NAME
from app.runtime.durable import sync_folder
from streams.model.failures import NotADatabase

log = structlog.stdlib.get_logger(__name__)

PREFIX, SUFFIX, PART = "catalogue-", ".db", ".part"
STEP_PAGES = 1024
REST_S = 0.002
"""Pause after each step, so that those who read and write get their share of the disk."""
COUNTED = ("clients", "tokens", "runs", "blobs", "files", "file_versions")
_TIME = "%Y%m%dT%H%M%SZ"


class Counts(msgspec.Struct, frozen=True):
    """What a catalogue holds; a copy has the same as its source had at that moment."""

    epoch: str
    last_seq: int
    rows: dict[str, int]


class Copy(msgspec.Struct, frozen=True):
    """A verified copy."""

    path: Path
    made_at: datetime
    size_bytes: int
    counts: Counts


def copies_in(folder: Path) -> list[tuple[datetime, Path]]:
    """Return the copies in a folder with the times they were made at, oldest first."""
    found: list[tuple[datetime, Path]] = []
    if not folder.is_dir():
        return found
    for path in folder.iterdir():
        if path.name.startswith(PREFIX) and path.name.endswith(SUFFIX):
            try:
                made_at = datetime.strptime(path.name[len(PREFIX) : -len(SUFFIX)], _TIME)
            except ValueError:
                continue
            found.append((made_at.replace(tzinfo=UTC), path))
    return sorted(found)


def copy_to(source: Path, folder: Path, made_at: datetime) -> Copy:
    """Copy a catalogue into a folder and verify the copy; only a good one gets its name.

    It holds the state of one moment, whatever is written meanwhile.
    """
    with translated(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _one_at_a_time(folder):
        return _copied(source, folder, made_at)


def _copied(source: Path, folder: Path, made_at: datetime) -> Copy:
    with translated(folder):
        for left in folder.glob(f"{PREFIX}*{PART}*"):
            left.unlink(missing_ok=True)
        size = source.stat().st_size
        free = shutil.disk_usage(folder).free
        if free < size * 11 // 10:
            raise CatalogueFull(
                f"There is no room for a copy of the catalogue in {folder}: {size} bytes, {free} are free.",
                hint="Make room, or name another folder with server.catalogue_backup_dir.",
            )
    path = folder / f"{PREFIX}{made_at.astimezone(UTC).strftime(_TIME)}{SUFFIX}"
    part = path.with_name(path.name + PART)
    with translated(source):
        expected = _copy(source, part)
    with translated(part):
        counts = verify(part)
        if counts != expected:
            raise NotADatabase(
                f"The copy {part} does not hold what its source holds.", hint="Check the disk."
            )
        size_bytes = part.stat().st_size
        part.replace(path)
        sync_folder(folder)
    log.info("catalogue_copied", file=str(path), bytes=size_bytes)
    return Copy(path=path, made_at=made_at, size_bytes=size_bytes, counts=counts)


@contextmanager
def _one_at_a_time(folder: Path) -> Generator[None]:
    """Wait until nobody else makes a copy in a folder: what is not finished is cleared away by the next."""
    with translated(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Some network file systems have no locks; two at once are an accident there as before.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _rest() -> None:
    threading.Event().wait(REST_S)


def _copy(source: Path, part: Path) -> Counts:
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with _reading(source) as database, closing(sqlite3.connect(part, isolation_level=None)) as target:
        # An open read transaction: without one each write of others would begin the copy anew.
        database.execute("BEGIN")
        counts = _counts(database)
        database.backup(target, pages=STEP_PAGES, progress=lambda *_: _rest(), sleep=REST_S)
        database.execute("ROLLBACK")
        # A file by itself, with no log beside it, that is no session of a running server. Where it is put
        # back it does not know what was stored since, see ``strays``.
        target.execute("PRAGMA journal_mode = DELETE").fetchone()
        target.execute("PRAGMA synchronous = FULL")
        target.execute("BEGIN IMMEDIATE")
        target.execute("DELETE FROM meta WHERE name IN ('session', ?, ?)", (EPOCH_NAME, MOMENT_NAME))
        if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'audit_intents'").fetchone():
            # What is under way is answered in the source, not where this is put back.
            target.execute("DELETE FROM audit_intents")
        target.execute("PRAGMA user_version = 0")
        target.execute("COMMIT")
    return counts


def verify(path: Path) -> Counts:
    """Read a whole copy and return what it holds; raises NotADatabase for one that is no good."""
    with translated(path), _reading(path) as database:
        found = [str(row[0]) for row in database.execute("PRAGMA integrity_check(3)")]
        if found != ["ok"]:
            raise NotADatabase(f"The copy {path} is damaged: {'; '.join(found)}.", hint="Take another one.")
        return _counts(database)


def describe(path: Path) -> tuple[Counts, str]:
    """Verify a file that is to be put back; return what it holds and its schema.

    Raises NotADatabase for what is no catalogue, or one of a newer version than this program's.
    """
    if not path.is_file():
        raise NotADatabase(f"There is no file {path}.", hint="Name a copy of catalogue.db.")
    with translated(path), _reading(path) as database:
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"alembic_version", "meta", *COUNTED} <= tables:
            raise NotADatabase(f"{path} is no catalogue of Tidewatch.", hint="Name a copy of catalogue.db.")
        (schema,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
    if schema > SCHEMA_VERSION:
        raise NotADatabase(
            f"{path} has schema {schema}, this program knows up to {SCHEMA_VERSION}.",
            hint="Use the newer version of Tidewatch.",
        )
    return verify(path), str(schema)


def restore(
    copy: Path, catalogue: Path, now: datetime, *, complete: Callable[[Path], None] = lambda _: None
) -> Path | None:
    """Put a copy in the place of the catalogue; return where the one before lies now, None: there was none.

    The copy gets a new epoch, so that consoles read everything again. Nobody may have the catalogue open.
    ``complete`` is called with the new one before it has its place, to add what has to be there with it.
    """
    with translated(catalogue):
        draft = catalogue.with_name(catalogue.name + ".restored")
        for suffix in ("", "-journal", *LOG_SUFFIXES):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)
        with _reading(copy) as source, closing(sqlite3.connect(draft, isolation_level=None)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE").fetchone()
            target.execute("PRAGMA synchronous = FULL")
            target.execute("BEGIN IMMEDIATE")
            target.execute("DELETE FROM meta WHERE name = 'session'")
            # No store has this word, so that it is noticed also by one that has none yet.
            word = (MOMENT_NAME, uuid.uuid4().hex)
            target.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", word)
            target.execute("UPDATE meta SET value = ? WHERE name = 'epoch'", (uuid.uuid4().hex,))
            target.execute("COMMIT")
        draft.chmod(0o600)
        complete(draft)
        with closing(sqlite3.connect(draft, isolation_level=None)) as target:
            # Whole in its one file, whoever has had it open.
            target.execute("PRAGMA synchronous = FULL")
            target.execute("PRAGMA journal_mode = DELETE").fetchone()
        before = _kept_aside(catalogue, now)
        draft.replace(catalogue)
        sync_folder(catalogue.parent)
    return before


def _kept_aside(catalogue: Path, now: datetime) -> Path | None:
    """Give the catalogue a second name, so that one is at its place whenever this is interrupted."""
    aside = _free_name(catalogue, now)
    there = catalogue.exists()
    if there:
        # What lies in its log comes into it, and the log is gone; from a damaged one it is moved with it.
        with suppress(sqlite3.Error), _reading(catalogue) as database:
            database.execute("PRAGMA query_only = OFF")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    for suffix in LOG_SUFFIXES:
        file = catalogue.with_name(catalogue.name + suffix)
        if file.exists():
            file.rename(aside.with_name(aside.name + suffix))
    if not there:
        return None
    try:
        aside.hardlink_to(catalogue)
    except OSError:
        # A file system without such links.
        catalogue.rename(aside)
    return aside


def _free_name(catalogue: Path, now: datetime) -> Path:
    """Return a name that nothing has yet: not even what another restore of this second has kept."""
    name = f"{catalogue.name}.before-{now.astimezone(UTC).strftime(_TIME)}"
    for number in itertools.count(2):
        aside = catalogue.with_name(name)
        if not any(aside.with_name(aside.name + suffix).exists() for suffix in ("", *LOG_SUFFIXES)):
            return aside
        name = f"{name.partition('+')[0]}+{number}"
    raise AssertionError


def keep_newest(folder: Path, count: int, now: datetime) -> list[Path]:
    """Delete all copies in a folder but the newest ``count``; return those that went.

    One from the future was made by a clock that was wrong, then or now: it goes before the others, so that
    the one that was made just now always stays.
    """
    with translated(folder):
        copies = sorted(copies_in(folder), key=lambda copy: (copy[0] <= now, *copy))
        gone = [path for _, path in copies[:-count]] if count > 0 else []
        for path in gone:
            path.unlink(missing_ok=True)
    return gone


@contextmanager
def _reading(path: Path) -> Generator[sqlite3.Connection]:
    with closing(
        sqlite3.connect(file_uri(path, "rw"), uri=True, timeout=LOCK_WAIT_S, isolation_level=None)
    ) as database:
        database.execute("PRAGMA query_only = ON")
        yield database


def _counts(database: sqlite3.Connection) -> Counts:
    epoch = database.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
    last = database.execute("SELECT value FROM sequences WHERE name = 'events'").fetchone()
    rows = {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in COUNTED}
    return Counts(epoch=epoch[0] if epoch else "", last_seq=last[0] if last else 0, rows=rows)
