"""Brings a catalogue's schema to the version this program knows, before anything else opens it."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import structlog
from sqlalchemy import create_engine

from app.catalogue.engine import CONNECT, LOCK_WAIT_S, begin_with
from app.catalogue.errors import CatalogueTooNew, CatalogueUnwritable, SqliteTooOld, translated
from app.catalogue.schema import SCHEMA_VERSION
from streams.model.failures import NotADatabase

log = structlog.stdlib.get_logger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(path: Path) -> None:
    """Create the catalogue at ``path`` or bring it up to date; blocking, so call it in a thread.

    Raises SqliteTooOld, CatalogueTooNew, CatalogueUnwritable, CatalogueLocked or NotADatabase.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogueUnwritable(
            f"The data folder {path.parent} cannot be made: {error.strerror}.",
            hint="Choose another or check its permissions.",
        ) from error
    _check_sqlite()
    found = _version(path)
    if found == SCHEMA_VERSION:
        return
    if found is not None and found > SCHEMA_VERSION:
        raise CatalogueTooNew(
            f"The catalogue {path} has schema {found}, this program knows up to {SCHEMA_VERSION}.",
            hint="Use a newer Tidewatch, or another data folder.",
        )
    began = time.monotonic()
    _upgrade(path)
    seconds = round(time.monotonic() - began, 3)
    log.info("catalogue_migrated", before=found or "none", schema=SCHEMA_VERSION, seconds=seconds)


def _check_sqlite() -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        try:
            database.execute("CREATE VIRTUAL TABLE probe USING fts5(text, tokenize = 'trigram')")
        except sqlite3.OperationalError as error:
            raise SqliteTooOld(
                f"The SQLite {sqlite3.sqlite_version} of this Python cannot search for text: {error}.",
                hint="Use a Python whose SQLite is 3.34 or newer and has FTS5.",
            ) from error


def _version(path: Path) -> str | None:
    if not path.exists():
        return None
    with translated(path), closing(sqlite3.connect(path, timeout=LOCK_WAIT_S)) as database:
        names = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "alembic_version" in names:
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
            return row[0] if row else None
    if names:
        raise NotADatabase(
            f"{path} is a database, but not a catalogue of Tidewatch.", hint="Choose another data folder."
        )
    return None


def _upgrade(path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    engine = create_engine(f"sqlite:///{path}", connect_args=CONNECT)
    begin_with(engine, "BEGIN IMMEDIATE", ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"))
    try:
        # One transaction over all of it: killed half-way, the catalogue is as it was.
        with translated(path), engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, SCHEMA_VERSION)
    finally:
        engine.dispose()
