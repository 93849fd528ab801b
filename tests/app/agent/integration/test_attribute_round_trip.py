"""Attributes besides contents are stored and come back; as root more than as another user."""

import grp
import os
import pwd
import socket
import stat
import struct
from pathlib import Path
from typing import Any

import pytest

from app.agent.upload import Uploader
from tests.app.agent.machines import Server, a_server, agent, restore
from tests.app.wire.test_attributes import acl

ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="only root may set owners")


LIST = acl((1, 6, 2**32 - 1), (2, 6, 1234), (4, 4, 2**32 - 1), (16, 6, 2**32 - 1), (32, 0, 2**32 - 1))
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)


def can_set(folder: Path, name: str, value: bytes) -> bool:
    """Whether this file system and user can have this extended attribute."""
    probe = folder / "probe"
    probe.touch()
    try:
        os.setxattr(probe, name, value)
    except OSError:
        return False
    else:
        return True
    finally:
        probe.unlink()


def facts(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return all that should come back, by name; hard links as the first of their names."""
    found: dict[str, tuple[object, ...]] = {}
    inodes: dict[int, str] = {}
    for path in sorted(folder.rglob("*")):
        name, at = str(path.relative_to(folder)), path.lstat()
        xattrs = [(each, os.getxattr(path, each, follow_symlinks=False)) for each in listed(path)]
        link = os.readlink(path) if path.is_symlink() else None
        first = inodes.setdefault(at.st_ino, name)
        found[name] = (at.st_mode, at.st_uid, at.st_gid, at.st_mtime_ns, at.st_rdev, xattrs, link, first)
    return found


def listed(path: Path) -> list[str]:
    return [name for name in sorted(os.listxattr(path, follow_symlinks=False)) if name != "security.selinux"]


def make(source: Path) -> None:
    """Fill ``source`` with what this file system and user can have."""
    source.mkdir()
    for name in ("plain", "listed", "lends", "attributed"):
        (source / name).write_text(name)
        (source / name).chmod(0o640)
    for number, name in enumerate((b"first", b"second", b"third")):
        if number:
            os.link(source / "first", source / os.fsdecode(name))
        else:
            (source / "first").write_text("one inode")
    (source / "folder").mkdir()
    (source / "folder" / "inner").write_text("inner")
    (source / "link").symlink_to("plain")
    os.mkfifo(source / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(source / "socket"))
    for name, attribute, value in (
        ("listed", "system.posix_acl_access", LIST),
        ("folder", "system.posix_acl_default", LIST),
        ("attributed", "user.comment", b"\0 any bytes \xff"),
        ("folder", "user.of.folder", b"x"),
        ("attributed", "trusted.secret", b"y"),
        ("lends", "security.capability", CAPABILITY),
    ):
        if can_set(source, attribute, value):
            os.setxattr(source / name, attribute, value)
    if ROOT:
        os.mknod(source / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        for number, path in enumerate(sorted(source.rglob("*"))):
            if path.name != "lends":
                os.chown(path, 2000 + number, 3000 + number, follow_symlinks=False)
        (source / "plain").chmod(0o6755)
    for number, path in enumerate(sorted(source.rglob("*"), reverse=True)):
        time_ns = -(10**18) + number if number % 2 else 10**18 + number
        os.utime(path, ns=(time_ns, time_ns), follow_symlinks=False)
    os.utime(source / "plain", ns=(0, 10_413_792_000_123_456_789))


async def first(server: Server, source: Path, state: Path) -> int:
    words = ("--server", server.url, "--name", "laptop", "--code", await server.code("laptop"))
    return await agent(source, *words, "--state", state, "--once")


async def back(server: Server, to: Path, *more: object) -> int:
    token = ("--server", server.url, "--token-file", server.info.token_file)
    return await restore("laptop", *token, "--to", to, *more)


async def test_all_that_can_be_set_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, to = tmp_path / "source", tmp_path / "to"
    make(source)
    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") == 0
        assert await back(server, to) == 0
        assert facts(to) == facts(source)
        capsys.readouterr()
        # Over what is there already nothing is fetched, and it is the same afterwards.
        assert await back(server, to, "--overwrite") == 0
        assert "restored 0 files" in capsys.readouterr().out
        assert facts(to) == facts(source)


@as_root
@pytest.mark.parametrize(
    ("here", "more", "by_name"),
    [(True, (), True), (False, (), False), (True, ("--numeric-owner",), False)],
    ids=["known here", "not known here", "by number"],
)
async def test_owners_are_found_by_name_where_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool, more: tuple[str, ...], by_name: bool
) -> None:
    user, group = pwd.getpwuid(1), grp.getgrgid(1)
    source = tmp_path / "source"
    source.mkdir()
    (source / "f").touch()
    os.chown(source / "f", 1, 1)

    def number_of(name: str, known: str) -> Any:
        if name != known or not here:
            raise KeyError(name)
        return type("Entry", (), {"pw_uid": 4321, "gr_gid": 4322})

    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") == 0
        # The machine that is restored to has other numbers for its names.
        monkeypatch.setattr(pwd, "getpwnam", lambda name: number_of(name, user.pw_name))
        monkeypatch.setattr(grp, "getgrnam", lambda name: number_of(name, group.gr_name))
        assert await back(server, tmp_path / "to", *more) == 0
    at = (tmp_path / "to" / "f").stat()
    assert (at.st_uid, at.st_gid) == ((4321, 4322) if by_name else (1, 1))


@as_root
async def test_a_change_of_attributes_is_a_version_whose_content_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, state = tmp_path / "source", tmp_path / "state"
    make(source)
    for name in ("large", "other"):
        (source / name).write_bytes(os.urandom(600_000))
    monkeypatch.setattr("app.agent.noted.SETTLED_NS", -1)
    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, state) == 0
        os.chown(source / "large", 7, 8)
        (source / "attributed").chmod(0o600)
        os.setxattr(source / "folder", "user.of.folder", b"changed")
        os.link(source / "other", source / "another")
        monkeypatch.setattr(Uploader, "_send_batch", None)
        monkeypatch.setattr(Uploader, "_send_from", None)
        assert await agent(source, "--state", state, "--once") == 0
        assert await back(server, tmp_path / "to") == 0
        assert facts(tmp_path / "to") == facts(source)
        # And what is as it was is no new version.
        before = await server.client_id("laptop")
        count = len((await server.room.catalogue.files.tree(before))[0])
        assert await agent(source, "--state", state, "--once") == 0
        run = (await server.runs())[-1]
        assert (run.files_new, run.files_changed, run.files_seen >= count - 2) == (0, 0, True)


@pytest.mark.parametrize("mode", [0o644, 0o600])
@pytest.mark.parametrize("size", [100, 600_000])
async def test_a_content_that_changes_without_its_time_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, size: int
) -> None:
    source, state = tmp_path / "source", tmp_path / "state"
    source.mkdir()
    (source / "f").write_bytes(b"before".ljust(size))
    (source / "f").chmod(0o644)
    monkeypatch.setattr("app.agent.noted.SETTLED_NS", -1)
    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, state) == 0
        at = (source / "f").stat()
        (source / "f").write_bytes(b"behind".ljust(size))
        (source / "f").chmod(mode)  # Another mode does not explain the new ctime by itself.
        os.utime(source / "f", ns=(at.st_atime_ns, at.st_mtime_ns))
        assert await agent(source, "--state", state, "--once") == 0
        assert await back(server, tmp_path / "to") == 0
    assert (tmp_path / "to" / "f").read_bytes() == b"behind".ljust(size)


@pytest.mark.parametrize("sparse", [True, False])
async def test_a_size_that_changes_without_its_time_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sparse: bool
) -> None:
    source, state = tmp_path / "source", tmp_path / "state"
    source.mkdir()
    (source / "f").write_bytes(b"" if sparse else b"x" * 4096)
    os.truncate(source / "f", 10_000_000 if sparse else 4096)
    if sparse and (source / "f").stat().st_blocks:
        pytest.skip("this file system keeps no holes")
    monkeypatch.setattr("app.agent.noted.SETTLED_NS", -1)
    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, state) == 0
        at = (source / "f").stat()
        os.truncate(source / "f", 20_000_000)
        os.utime(source / "f", ns=(at.st_atime_ns, at.st_mtime_ns))
        assert await agent(source, "--state", state, "--once") == 0
        assert await back(server, tmp_path / "to") == 0
    assert (tmp_path / "to" / "f").stat().st_size == 20_000_000


async def test_an_acl_that_cannot_be_set_gives_nobody_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    if not can_set(source, "system.posix_acl_access", LIST):
        pytest.skip("this file system has no ACLs")
    (source / "f").touch()
    os.setxattr(source / "f", "system.posix_acl_access", LIST)
    assert stat.S_IMODE((source / "f").stat().st_mode) == 0o660

    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") == 0
        monkeypatch.setattr(os, "setxattr", refuse)
        assert await back(server, tmp_path / "to") == 0
    assert stat.S_IMODE((tmp_path / "to" / "f").stat().st_mode) == 0o640
    assert "ACL of 1" in capsys.readouterr().err


async def test_set_user_id_stays_only_with_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "own").touch()
    (source / "own").chmod(0o4755)
    (source / "other").touch()
    if ROOT:
        os.chown(source / "other", 4321, 4321)
        (source / "other").chmod(0o6755)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") == 0
        monkeypatch.setattr(os, "chown", refuse)
        assert await back(server, tmp_path / "to") == 0
    assert stat.S_IMODE((tmp_path / "to" / "own").stat().st_mode) == 0o4755
    if ROOT:
        assert stat.S_IMODE((tmp_path / "to" / "other").stat().st_mode) == 0o755
        said = capsys.readouterr().err
        assert "owner of 1" in said
        assert "left out of 1 file" in said


@as_root
@pytest.mark.parametrize("owned", [True, False])
async def test_capabilities_stay_only_with_their_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], owned: bool
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    if not can_set(source, "security.capability", CAPABILITY):
        pytest.skip("this file system has no capabilities")
    (source / "f").touch()
    os.chown(source / "f", 4321, 4321)
    os.setxattr(source / "f", "security.capability", CAPABILITY)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") == 0
        if not owned:
            monkeypatch.setattr(os, "chown", refuse)
        assert await back(server, tmp_path / "to") == 0
    # A change of the owner takes them away: they are set after it.
    assert ("security.capability" in os.listxattr(tmp_path / "to" / "f")) is owned
    assert ("capabilities of 1" in capsys.readouterr().err) is not owned


async def test_hard_links_become_files_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_text("content")
    os.link(source / "a", source / "b")

    def refuse(*_args: object, **_more: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") == 0
        # One of two names alone is a file of its own.
        assert await back(server, tmp_path / "one", source / "b") == 0
        assert [path.read_text() for path in (tmp_path / "one").iterdir()] == ["content"]
        monkeypatch.setattr(os, "link", refuse)
        assert await back(server, tmp_path / "to") == 0
    assert [(tmp_path / "to" / name).read_text() for name in "ab"] == ["content"] * 2
    assert "hard link of 1" in capsys.readouterr().err


async def test_a_sparse_file_costs_what_it_holds_and_stays_sparse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, to = tmp_path / "source", tmp_path / "to"
    source.mkdir()
    size = 2**40
    with (source / "large").open("wb") as file:
        for at in (0, 10**9, size - 7):
            file.seek(at)
            file.write(b"%d" % at)
        file.truncate(size)
    with (source / "small").open("wb") as file:
        file.truncate(100_000)
    with (source / "nothing").open("wb") as file:
        file.truncate(10**10)
    if (source / "large").stat().st_blocks * 512 > 10**6:
        pytest.skip("this file system keeps no holes")
    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") == 0
        (run,) = await server.runs()
        assert run.bytes_sent < 100_000
        assert await back(server, to) == 0
        for name in ("large", "small", "nothing"):
            was, now = (source / name).stat(), (to / name).stat()
            assert (now.st_size, now.st_mtime_ns) == (was.st_size, was.st_mtime_ns)
            assert now.st_blocks <= was.st_blocks
        with (to / "large").open("rb") as file:
            for at in (0, 10**9):
                file.seek(at)
                assert file.read(10).rstrip(b"\0") == b"%d" % at
        capsys.readouterr()
        assert await back(server, to, "--overwrite") == 0
        assert "restored 0 files" in capsys.readouterr().out


async def test_files_of_the_kernel_are_read_to_their_end(tmp_path: Path) -> None:
    source = Path("/proc/sys/kernel/random")
    if not (source / "poolsize").exists():
        pytest.skip("no files of the kernel here")
    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") in (0, 1)
        assert await back(server, tmp_path / "to") == 0
    assert (tmp_path / "to" / "poolsize").read_text() == (source / "poolsize").read_text() != ""
