"""A tree with what is odd on real machines, as far as the user and the file system allow it."""

import os
import socket
import stat
import struct
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

LIST = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in ((1, 6, 2**32 - 1), (2, 6, 1234), (4, 4, 2**32 - 1), (16, 6, 2**32 - 1), (32, 0, 2**32 - 1))
)
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
NAMES = (
    b"with space ", b"new\nline", b"tab\t", b"\xff\xfe", "caf\u00e9".encode(), "cafe\u0301".encode(), b"-rf",
    b"*?[a]", b"#hash", b"!bang", b"back\\slash", b"...", b"x" * 255, "日本語 🐚".encode(), b"READ", b"read",
)  # fmt: skip
TIMES_S = (-2_000_000_000, -1, 0, 1, 2**31, 10_413_792_000)
"""1906 to 2300."""


def make(folder: Path, sources: Sequence[Path]) -> int:
    """Copy ``sources`` into ``folder`` and add the oddities; return how many names that makes."""
    folder.mkdir(parents=True)
    for source in sources:
        subprocess.run(
            ["cp", "-a", "--reflink=auto", "--one-file-system", str(source), str(folder)],
            check=False,
            stderr=subprocess.DEVNULL,
        )
    odd = folder / "odd"
    odd.mkdir()
    for add in (_names, _times, _modes, _links, _attributes, _sparse, _special, _owners):
        part = odd / add.__name__.strip("_")
        part.mkdir()
        add(part)
    os.utime(odd / "times", ns=(1, 999_999_999))
    return sum(len(folders) + len(files) for _, folders, files in os.walk(folder))


def _if_possible(work: Callable[[], object]) -> None:
    with suppress(OSError):
        work()


def _names(folder: Path) -> None:
    for name in NAMES:
        (folder / os.fsdecode(name)).write_bytes(name)
    for name in NAMES[:6]:
        (folder / "below" / os.fsdecode(name) / os.fsdecode(name)).mkdir(parents=True)


def _times(folder: Path) -> None:
    for seconds in TIMES_S:
        path = folder / f"at{seconds}"
        path.write_text(str(seconds))
        _if_possible(lambda path=path, at=seconds * 10**9 + 123_456_789: os.utime(path, ns=(at, at)))


def _modes(folder: Path) -> None:
    for mode in (0o000, 0o444, 0o600, 0o711, 0o777, 0o1755, 0o2755, 0o4755, 0o6711):
        path = folder / f"{mode:04o}"
        path.write_text(path.name)
        path.chmod(mode)
        inner = folder / f"folder-{mode:04o}"
        inner.mkdir()
        (inner / "inner").write_text("inner")
        if mode & 0o700 == 0o700 or os.geteuid() == 0:
            inner.chmod(mode)


def _links(folder: Path) -> None:
    (folder / "first").write_text("one inode of several names")
    (folder / "below").mkdir()
    for name in ("second", "below/third"):
        os.link(folder / "first", folder / name)
    for name, target in (("dangling", "/nowhere"), ("up", ".."), ("loop", "loop"), ("to-first", "first")):
        (folder / name).symlink_to(target)
        os.utime(folder / name, ns=(10**18, 10**18 + 5), follow_symlinks=False)


def _attributes(folder: Path) -> None:
    for name, attribute, value in (
        ("listed", "system.posix_acl_access", LIST),
        ("user", "user.comment", b"\0 any bytes \xff"),
        ("large", "user.large", b"x" * 3000),
        ("empty", "user.empty", b""),
        ("trusted", "trusted.secret", b"y"),
        ("lends", "security.capability", CAPABILITY),
    ):
        path = folder / name
        path.write_text(name)
        _if_possible(lambda p=path, a=attribute, v=value: os.setxattr(p, a, v))
    inner = folder / "folder"
    inner.mkdir()
    _if_possible(lambda: os.setxattr(inner, "system.posix_acl_default", LIST))
    _if_possible(lambda: os.setxattr(inner, "user.of.folder", b"x"))
    (inner / "inherits").write_text("the default ACL of its folder")


def _sparse(folder: Path) -> None:
    for name, size, parts in (
        ("hole", 10**8, ()),
        ("parts", 10**9, (0, 5 * 10**8)),
        ("small", 10**5, (50_000,)),
    ):
        with (folder / name).open("wb") as file:
            for at in parts:
                file.seek(at)
                file.write(b"data")
            file.truncate(size)


def _special(folder: Path) -> None:
    os.mkfifo(folder / "pipe", 0o622)
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(folder)
        _if_possible(lambda: listening.bind("socket"))
        os.chdir(here)
    _if_possible(lambda: os.mknod(folder / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3)))
    _if_possible(lambda: os.mknod(folder / "block", 0o660 | stat.S_IFBLK, os.makedev(7, 99)))


def _owners(folder: Path) -> None:
    for number, (uid, gid) in enumerate(((1234, 4321), (0, 33), (65534, 65534), (2**31, 7))):
        path = folder / f"owned-{number}"
        path.write_text(path.name)
        _if_possible(lambda path=path, uid=uid, gid=gid: os.chown(path, uid, gid))
    (folder / "lends").write_text("set-user-id of another")
    _if_possible(lambda: os.chown(folder / "lends", 1234, 4321))
    (folder / "lends").chmod(0o6755)
    (folder / "link").symlink_to("owned-0")
    _if_possible(lambda: os.chown(folder / "link", 1234, 4321, follow_symlinks=False))
