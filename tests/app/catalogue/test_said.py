"""The catalogue logs slow and failed statements, migrations, checkpoints, damage."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from app.catalogue.catalogue import Catalogue
from app.catalogue.maintenance import check, checkpoint
from app.catalogue.slow_query_log import note_slow, shape
from app.runtime.logging import set_up_logs


@pytest.fixture
def said() -> Iterator[list[dict[str, Any]]]:
    """What was logged, read when it is asked for."""
    stream = io.StringIO()
    set_up_logs(level="info", stream=stream)

    class Lines(list[dict[str, Any]]):
        def __iter__(self) -> Iterator[dict[str, Any]]:
            return iter([json.loads(row) for row in stream.getvalue().splitlines()])

    yield Lines()
    structlog.reset_defaults()
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in [handler for handler in root.handlers if getattr(handler, "tidewatch", False)]:
        root.removeHandler(handler)


def named(said: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [line for line in said if line["event"] == event]


def test_slow_statements_are_said_without_their_values(said: list[dict[str, Any]]) -> None:
    engine = create_engine("sqlite://")
    note_slow(engine, slow_s=0.0)
    with engine.connect() as connection:
        connection.execute(text("SELECT :name, 'secret''s'"), {"name": "hidden value"})
    engine.dispose()
    (line,) = named(said, "slow_statement")
    assert line["sql"] == "SELECT ?, '…'" and line["level"] == "warning"
    assert "hidden value" not in str(list(said))


def test_failed_statements_are_said(said: list[dict[str, Any]]) -> None:
    engine = create_engine("sqlite://")
    note_slow(engine)
    with engine.connect() as connection, pytest.raises(OperationalError):
        connection.execute(text("SELECT * FROM nowhere"))
    engine.dispose()
    (line,) = named(said, "statement_failed")
    assert line["reason"] == "no such table: nowhere" and line["level"] == "error"


def test_a_failure_of_the_outside_world_is_no_error_of_ours(
    tmp_path: Path, said: list[dict[str, Any]]
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'kept.db'}")
    note_slow(engine)
    with engine.connect() as connection, pytest.raises(OperationalError):
        connection.execute(text("PRAGMA query_only = 1"))
        connection.execute(text("CREATE TABLE names (name TEXT)"))
    engine.dispose()
    (line,) = named(said, "statement_failed")
    assert "readonly" in line["reason"] and line["level"] == "info"


def test_a_statement_is_told_on_one_short_line() -> None:
    assert shape("SELECT\n   a,\n  'x y'  FROM t") == "SELECT a, '…' FROM t"
    assert len(shape("SELECT " + "a, " * 1000)) < 310


async def test_migration_checkpoint_and_check_are_said(tmp_path: Path, said: list[dict[str, Any]]) -> None:
    path = tmp_path / "catalogue.db"
    catalogue = await Catalogue.open(path)
    await catalogue.enrolments.create("web-03")
    await asyncio.to_thread(checkpoint, path)
    assert await asyncio.to_thread(check, path)
    await catalogue.close()
    again = await Catalogue.open(path)
    await again.close()
    assert [line["before"] for line in named(said, "catalogue_migrated")] == ["none"]
    (moved,) = named(said, "checkpoint")
    assert moved["moved"] == moved["pages"] > 0
    assert len(named(said, "integrity_ok")) == 1


async def test_damage_is_said_as_an_error(tmp_path: Path, said: list[dict[str, Any]]) -> None:
    path = tmp_path / "catalogue.db"
    catalogue = await Catalogue.open(path)
    for number in range(40):
        await catalogue.enrolments.create(f"client-{number}")
    await catalogue.close()

    def spoil() -> bool:
        checkpoint(path)
        content = bytearray(path.read_bytes())
        for place in range(4096 * 3, len(content), 4096):
            content[place : place + 64] = b"\xff" * 64
        path.write_bytes(content)
        return check(path)

    assert not await asyncio.to_thread(spoil)
    (line,) = named(said, "integrity_damaged")
    assert line["level"] == "error" and line["findings"]
