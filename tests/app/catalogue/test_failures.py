"""Failures of SQLite and of the disk under it: each becomes an error of ours, and the writer goes on."""

import asyncio
import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from app.catalogue import errors
from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import (
    BadQuery,
    CatalogueFull,
    CatalogueLocked,
    CatalogueLost,
    CatalogueUnreadable,
    CatalogueUnwritable,
    OutOfMemory,
    translated,
)
from app.catalogue.writer import Writer
from app.server.problems import STATUS_OF_CODE
from streams.model.events import Event
from streams.model.failures import NotADatabase, TidewatchError
from tests.app.catalogue.seeds import enrol


def sqlite_error(code: int, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> sqlite3.Error:
    """Return an error as the driver raises it: the code decides, the words are of no account."""
    error = kind("words that nobody knows")
    error.sqlite_errorcode = code
    return error


CODES = [
    (sqlite3.SQLITE_BUSY, CatalogueLocked),
    (sqlite3.SQLITE_BUSY_SNAPSHOT, CatalogueLocked),
    (sqlite3.SQLITE_LOCKED_SHAREDCACHE, CatalogueLocked),
    (sqlite3.SQLITE_PROTOCOL, CatalogueLocked),
    (sqlite3.SQLITE_SCHEMA, CatalogueLocked),
    (sqlite3.SQLITE_FULL, CatalogueFull),
    (sqlite3.SQLITE_READONLY, CatalogueUnwritable),
    (sqlite3.SQLITE_READONLY_DIRECTORY, CatalogueUnwritable),
    (sqlite3.SQLITE_READONLY_DBMOVED, CatalogueLost),
    (sqlite3.SQLITE_CANTOPEN, CatalogueUnwritable),
    (sqlite3.SQLITE_CANTOPEN_ISDIR, CatalogueUnwritable),
    (sqlite3.SQLITE_PERM, CatalogueUnwritable),
    (sqlite3.SQLITE_IOERR, CatalogueUnreadable),
    (sqlite3.SQLITE_IOERR_READ, CatalogueUnreadable),
    (sqlite3.SQLITE_IOERR_FSYNC, CatalogueUnreadable),
    (sqlite3.SQLITE_IOERR_SHMMAP, CatalogueUnreadable),
    (sqlite3.SQLITE_NOMEM, OutOfMemory),
]


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_what_sqlite_says_is_translated_by_its_code(code: int, kind: type[TidewatchError]) -> None:
    with pytest.raises(kind) as direct, translated("x"):
        raise sqlite_error(code)
    with pytest.raises(kind), translated("x"):
        raise OperationalError("SELECT 1", {}, sqlite_error(code))
    assert direct.value.hint
    assert direct.value.code in STATUS_OF_CODE
    assert not isinstance(direct.value, NotADatabase), "only damage is called damage"


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CORRUPT_INDEX, sqlite3.SQLITE_NOTADB]
)
def test_damage_is_called_damage(code: int) -> None:
    with pytest.raises(NotADatabase, match="damaged"), translated("x"):
        raise sqlite_error(code, sqlite3.DatabaseError)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, CatalogueFull),
        (errno.EDQUOT, CatalogueFull),
        (errno.EACCES, CatalogueUnwritable),
        (errno.EMFILE, CatalogueUnwritable),
        (errno.EROFS, CatalogueUnwritable),
        (errno.EIO, CatalogueUnreadable),
        (errno.ESTALE, CatalogueUnreadable),
    ],
)
def test_what_the_system_says_is_translated(number: int, kind: type[TidewatchError]) -> None:
    with pytest.raises(kind), translated("x"):
        raise OSError(number, "words")


def test_a_mistake_of_ours_stays_one() -> None:
    for mistake in (
        sqlite_error(sqlite3.SQLITE_ERROR),
        sqlite_error(sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.IntegrityError),
        sqlite_error(sqlite3.SQLITE_MISUSE, sqlite3.InterfaceError),
        sqlite3.ProgrammingError("Cannot operate on a closed database."),
    ):
        with pytest.raises(type(mistake)), translated("x"):
            raise mistake
        assert not errors.understood(mistake)
    with pytest.raises(BadQuery), translated("x"):
        raise OverflowError


@contextmanager
def failing(
    writer: Writer, what: str, error: Callable[[], sqlite3.Error], *, after: bool
) -> Iterator[list[int]]:
    """Let the writer's COMMIT or ROLLBACK fail, before SQLite is asked or after it has done it."""
    dialect: Any = writer._engine.dialect
    real = getattr(dialect, what)
    calls: list[int] = []

    def fail(connection: Any) -> None:
        calls.append(1)
        if after:
            real(connection)
        raise error()

    setattr(dialect, what, fail)
    try:
        yield calls
    finally:
        delattr(dialect, what)


def eio() -> sqlite3.Error:
    return sqlite_error(sqlite3.SQLITE_IOERR_FSYNC)


@pytest.mark.parametrize("after", [False, True])
async def test_a_failed_commit_is_no_success_and_the_writer_goes_on(
    catalogue: Catalogue, told: list[Event], after: bool
) -> None:
    client = await enrol(catalogue)
    with (
        failing(catalogue.writer, "do_commit", eio, after=after),
        pytest.raises(CatalogueUnreadable, match="the disk fails"),
    ):
        await catalogue.clients.set_goal(client.id, 60)
    assert (await catalogue.clients.one(client.id)).goal_s == (60 if after else client.goal_s)
    again = await catalogue.clients.set_goal(client.id, 60)
    assert again.goal_s == 60
    await catalogue.clients.set_goal(client.id, 61)
    assert [event.seq for event in told] == list(range(1, catalogue.last_seq + 1)), "no number was lost"


async def test_a_failed_rollback_does_not_stay_in_the_way(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    with (
        failing(catalogue.writer, "do_rollback", eio, after=False) as calls,
        pytest.raises(CatalogueUnreadable),
    ):
        await catalogue.clients.set_goal("unknown", 60)
    assert calls
    assert (await catalogue.clients.set_goal(client.id, 62)).goal_s == 62


async def test_what_sqlite_rolls_back_as_a_whole_is_kept_in_no_part(catalogue: Catalogue) -> None:
    first, second = await enrol(catalogue), await enrol(catalogue, "second")

    def full(transaction: Any) -> None:
        # As SQLite itself does when the disk is full: the savepoints are gone too.
        transaction.connection.connection.dbapi_connection.execute("ROLLBACK")
        raise OperationalError("INSERT", {}, sqlite_error(sqlite3.SQLITE_FULL))

    results = await asyncio.gather(
        catalogue.clients.set_goal(first.id, 60),
        catalogue.writer.write(full),
        catalogue.clients.set_goal(second.id, 60),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [CatalogueFull] * 2 + [type(first)]
    goals = [client.goal_s for client in (await catalogue.clients.all())[2]]
    assert goals == [first.goal_s, 60]
    assert (await catalogue.clients.set_goal(first.id, 60)).goal_s == 60


async def test_a_refusal_of_the_work_keeps_the_connection(catalogue: Catalogue) -> None:
    kept = catalogue.writer._connection
    with pytest.raises(TidewatchError):
        await catalogue.clients.set_goal("unknown", 60)
    assert catalogue.writer._connection is kept
