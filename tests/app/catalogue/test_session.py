"""A catalogue that is deleted, replaced or put back from an older copy is noticed, running or stopped."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import CatalogueLost
from app.catalogue.session import STATE_FILE, Session
from tests.app.catalogue.seeds import enrol


async def opened(folder: Path) -> Catalogue:
    path = folder / "catalogue.db"
    return await Catalogue.open(path, session=Session(path))


@pytest.fixture
def path(tmp_path: Path, blank: Path) -> Path:
    shutil.copy(blank, tmp_path / "catalogue.db")
    return tmp_path / "catalogue.db"


def copied(path: Path, to: Path) -> Path:
    """Return a whole copy of a catalogue that nobody has open."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
    return to


async def test_the_epoch_stays_over_restarts(path: Path) -> None:
    catalogue = await opened(path.parent)
    await enrol(catalogue)
    epoch, last_seq = catalogue.epoch, catalogue.last_seq
    await catalogue.close()
    again = await opened(path.parent)
    assert (again.epoch, again.last_seq) == (epoch, last_seq)
    await again.close()


async def test_a_crash_between_renewing_and_noting_it_changes_no_epoch(path: Path) -> None:
    catalogue = await opened(path.parent)
    epoch, session = catalogue.epoch, catalogue.session
    assert session is not None
    await catalogue.writer.write(session.renew)  # and no ``settle``
    await catalogue.close()
    again = await opened(path.parent)
    assert again.epoch == epoch
    await again.close()


@pytest.mark.parametrize("state", ["kept", "lost", "garbage"])
async def test_an_older_copy_gets_a_new_epoch(path: Path, tmp_path: Path, state: str) -> None:
    catalogue = await opened(path.parent)
    await enrol(catalogue)
    await catalogue.close()
    copy = copied(path, tmp_path / "copy.db")
    newer = await opened(path.parent)
    await enrol(newer, "second")
    epoch = newer.epoch
    await newer.close()
    shutil.copy(copy, path)
    if state == "lost":
        (tmp_path / STATE_FILE).unlink()
    if state == "garbage":
        (tmp_path / STATE_FILE).write_bytes(b"\x00")
    again = await opened(path.parent)
    assert again.epoch != epoch
    assert [client.name for client in (await again.clients.all())[2]] == ["desk"]
    epoch = again.epoch
    await again.close()
    once_more = await opened(path.parent)
    assert once_more.epoch == epoch, "the copy is the catalogue now"
    await once_more.close()


async def test_a_copy_of_the_same_session_is_known_by_its_last_event(path: Path, tmp_path: Path) -> None:
    catalogue = await opened(path.parent)
    epoch = catalogue.epoch
    copy = copied(path, tmp_path / "copy.db")
    await enrol(catalogue)
    await catalogue.close()
    shutil.copy(copy, path)
    again = await opened(path.parent)
    assert again.epoch != epoch
    await again.close()


def delete_all(path: Path, copy: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def delete_file(path: Path, copy: Path) -> None:
    path.unlink()


def delete_log(path: Path, copy: Path) -> None:
    path.with_name(path.name + "-wal").unlink()


def move_away(path: Path, copy: Path) -> None:
    path.rename(path.with_name("moved.db"))


def replace(path: Path, copy: Path) -> None:
    copy.replace(path)


def overwrite(path: Path, copy: Path) -> None:
    shutil.copy(copy, path)


def empty(path: Path, copy: Path) -> None:
    path.write_bytes(b"")


LOSSES = [delete_all, delete_file, delete_log, move_away, replace, overwrite, empty]


@pytest.mark.parametrize("lose", LOSSES)
async def test_nothing_is_acknowledged_once_the_file_is_another(
    path: Path, tmp_path: Path, lose: Callable[[Path, Path], None]
) -> None:
    before = await opened(path.parent)
    await before.close()
    copy = copied(path, tmp_path / "copy.db")
    kept = copy.read_bytes()
    catalogue = await opened(path.parent)
    client = await enrol(catalogue)
    lose(path, copy)
    there = path.exists()
    for _ in range(2):
        with pytest.raises(CatalogueLost) as failure:
            await catalogue.clients.set_goal(client.id, 60)
    assert failure.value.code == "catalogue_lost" and "restore-catalogue" in failure.value.hint
    await catalogue.close()
    assert path.exists() is there, "no empty catalogue takes its place"
    if lose in (replace, overwrite):
        assert path.read_bytes() == kept, "what was put back stays as it is"
        again = await opened(path.parent)
        assert (await again.clients.all())[2] == ()
        await again.clients.mark_all_offline()
        await again.close()
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_other_programs_that_open_and_close_it_are_no_loss(path: Path) -> None:
    catalogue = await opened(path.parent)
    other = await Catalogue.open(path)
    client = await enrol(other)
    await other.close()
    session = catalogue.session
    assert session is not None
    session.check()
    await catalogue.clients.set_goal(client.id, 60)
    await catalogue.close()


async def test_a_writer_that_opens_again_watches_on(path: Path) -> None:
    catalogue = await opened(path.parent)
    client = await enrol(catalogue)
    catalogue.writer._disconnect()
    await catalogue.clients.set_goal(client.id, 60)
    path.unlink()
    with pytest.raises(CatalogueLost):
        await catalogue.clients.set_goal(client.id, 61)
    await catalogue.close()
