"""Folders with secrets are closed to other users, whoever made them, and nobody else's folder is touched."""

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.console.prefs import _write
from app.runtime import private_folder
from app.runtime.private_folder import FolderExposed, forget_drafts, make_private, write_private
from app.runtime.process import make_files_private

KNOWN = {"files": ("catalogue.db*", "logs/*"), "folders": ("logs",)}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_made_by_an_administrator_is_closed_with_what_it_holds(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "logs").mkdir(parents=True)
    for name in ("catalogue.db", "catalogue.db-wal", "logs/server.jsonl"):
        (folder / name).touch(0o644)
    folder.chmod(0o775)
    make_private(folder, **KNOWN)
    assert {mode_of(path) for path in (folder, folder / "logs")} == {0o700}
    assert {mode_of(path) for path in folder.rglob("*") if path.is_file()} == {0o600}


def test_a_folder_of_other_things_keeps_its_mode_but_is_refused_where_others_write(tmp_path: Path) -> None:
    (tmp_path / "somebody's").touch()
    (tmp_path / "catalogue.db").touch(0o644)
    tmp_path.chmod(0o755)
    make_private(tmp_path, **KNOWN)
    assert (mode_of(tmp_path), mode_of(tmp_path / "catalogue.db")) == (0o755, 0o600)
    tmp_path.chmod(0o777)
    with pytest.raises(FolderExposed, match="can write"):
        make_private(tmp_path, **KNOWN)


def test_a_shared_folder_and_one_of_another_user_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o1777)
    make_private(tmp_path)  # as a mount is before anything is in it
    assert mode_of(tmp_path) == 0o1700
    (tmp_path / "somebody's").touch()
    tmp_path.chmod(0o1777)
    with pytest.raises(FolderExposed, match="shared"):
        make_private(tmp_path)
    with pytest.raises(FolderExposed, match="shared"):
        make_private(Path("/tmp"))
    tmp_path.chmod(0o700)
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(FolderExposed, match="another user"):
        make_private(tmp_path)


def test_a_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch(0o644)
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    (folder / "catalogue.db").symlink_to(outside)
    make_private(folder, **KNOWN)
    assert mode_of(outside) == 0o644


def test_what_a_program_and_the_console_write_is_private(tmp_path: Path) -> None:
    make_files_private()
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    os.umask(0)
    _write(tmp_path / "state" / "console.json", "{}")
    found = {mode_of(tmp_path / name) for name in ("file", "state/console.json")}
    assert (found, mode_of(tmp_path / "folder"), mode_of(tmp_path / "state")) == ({0o600}, 0o700, 0o700)


def test_two_who_write_one_file_at_once_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have their draft open before either is done."""
    both = threading.Barrier(2, timeout=30)
    drafts: list[list[str]] = []

    class Held:
        def fsync(self, descriptor: int) -> None:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                both.wait()
                drafts.append(sorted(path.name for path in tmp_path.iterdir()))
                both.wait()
            os.fsync(descriptor)

        def __getattr__(self, name: str) -> object:
            return getattr(os, name)

    monkeypatch.setattr(private_folder, "os", Held())
    file = tmp_path / "audit.head"
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda text: write_private(file, text), (b"one", b"two")))
    assert [len(names) for names in drafts] == [2, 2]
    assert file.read_bytes() in (b"one", b"two") and mode_of(file) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["audit.head"], "no draft is left"


def test_a_write_that_fails_leaves_the_file_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "audit.head"
    write_private(file, b"before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(private_folder.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(file, b"after")
    assert file.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["audit.head"]


def test_drafts_of_who_was_killed_go_and_those_of_others_stay(tmp_path: Path) -> None:
    for name in ("audit.head.12.0.new", "audit.head.new", "audit.head", "notes.new", "audit.head.13.0.new"):
        (tmp_path / name).touch()
        if "13" not in name:
            os.utime(tmp_path / name, (1, 1))
    forget_drafts(tmp_path, ("audit.*",))
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"audit.head", "notes.new", "audit.head.13.0.new"}
