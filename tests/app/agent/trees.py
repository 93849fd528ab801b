"""Real folders with every kind of name that a disk can hold, and a comparison of two of them."""

import os
import stat
from pathlib import Path

ODD_NAMES = (
    b"plain.txt",
    b"with space",
    b"new\nline",
    b"tab\tand\x01control",
    b"quote\"and'and`",
    b"back\\slash",
    b"latin-\xe9-only",
    b"\xff\xfe\x80",
    "caf\u00e9-nfc".encode(),
    "cafe\u0301-nfd".encode(),
    "日本語 🐚".encode(),
    b"-rf",
    b"*?[a]",
    b"#hash",
    b"!bang",
    b" lead and trail ",
    b"...",
    b"..data",
    b"x" * 255,
    b"%2e%2e%2f",
    b"$(id)",
)


def write(path: bytes, data: bytes, *, mode: int = 0o644, mtime_ns: int | None = None) -> None:
    """Write a file with all that is kept of it."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(file, data)
    os.fchmod(file, mode)
    os.close(file)
    if mtime_ns is not None:
        os.utime(path, ns=(mtime_ns, mtime_ns))


def make_odd_tree(root: Path) -> None:
    """Fill ``root`` with odd names, kinds, modes and times."""
    base = os.fsencode(root)
    for number, name in enumerate(ODD_NAMES):
        content = name * number
        write(base + b"/" + name, content, mode=0o600 + number, mtime_ns=1_500_000_000_123_456_789 + number)
    for name in ODD_NAMES[:12]:
        folder = base + b"/folders/" + name
        os.makedirs(folder)
        write(folder + b"/inner", b"same content")
        os.chmod(folder, 0o750)
    os.makedirs(base + b"/empty/of/all")
    deep = base + b"/deep"
    for level in range(60):
        deep += b"/level-%d" % level
    os.makedirs(deep)
    write(deep + b"/bottom", b"deep down")
    write(base + b"/nothing", b"")
    write(base + b"/old", b"before 1970", mtime_ns=-1_000_000_007)
    write(base + b"/readonly", b"ro", mode=0o444)
    links = base + b"/links"
    os.mkdir(links)
    for name, target in (
        (b"dangling", b"/nowhere/at/all"),
        (b"to-folder", b"../deep"),
        (b"loop", b"loop"),
        (b"up", b"../.."),
        (b"odd", b"\xff\n target"),
        (b"to-file", b"../plain.txt"),
        (b"absolute", base + b"/plain.txt"),
    ):
        os.symlink(target, links + b"/" + name)
        os.utime(links + b"/" + name, ns=(10**18, 10**18 + 5), follow_symlinks=False)
    os.chmod(base + b"/empty", 0o555)
    for folder, _, _ in os.walk(base, topdown=False):
        os.utime(folder, ns=(10**18, 10**18 + len(folder)))


def facts(root: Path | bytes) -> dict[bytes, tuple[object, ...]]:
    """Return everything that must come back: kinds, modes, times, contents and targets by path."""
    base = os.fsencode(root)
    found: dict[bytes, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(base):
        for name in (b"", *folders, *files):
            path = os.path.join(folder, name) if name else folder
            at = os.lstat(path)
            what: object = None
            if stat.S_ISLNK(at.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(at.st_mode):
                what = Path(os.fsdecode(path)).read_bytes()
            found[path[len(base) :]] = (at.st_mode, at.st_mtime_ns, what)
    return found
