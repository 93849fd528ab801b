"""A folder such as people have: odd names, empty things, links, old times; and how two of them differ."""

import hashlib
import os
import stat
from pathlib import Path

ODD_NAMES: tuple[bytes, ...] = (
    b"plain.txt",
    "Grüße aus Köln.txt".encode(),
    "年度報告 2025.pdf".encode(),
    "تقرير.docx".encode(),
    "e\u0301 decomposed".encode(),
    "\u00e9 composed".encode(),
    "party 🎉.jpg".encode(),
    b"latin1-\xe4\xf6\xfc.txt",
    b"broken-\xff\xfe\x80.bin",
    b" leading and trailing ",
    b"new\nline",
    b"tab\there",
    b"quote'\"`.txt",
    b"dollar$HOME;rm -rf.txt",
    b"percent%2e%2e%2f.txt",
    b"back\\slash",
    b"-dash-first",
    b"...",
    b"..hidden",
    b"CON",
    b"a" * 250,
    b"UPPER.TXT",
    b"upper.txt",
    b"*?<>|:.txt",
)


def make_odd_tree(root: Path, count: int) -> int:
    """Fill ``root`` with ``count`` files and more besides; return how many files there are."""
    made = 0
    for place in ("", "docs", "docs/deep/er/still", "ordner mit ü", os.fsdecode(b"bytes-\xe9")):
        folder = root / place
        folder.mkdir(parents=True, exist_ok=True)
        for name in ODD_NAMES[: max(0, count - made)]:
            _write(folder / os.fsdecode(name), made)
            made += 1
    for number in range(made, count):
        folder = root / "many" / f"{number % 20:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"file-{number:04d}.dat", number)
        made += 1
    (root / "empty folder" / "within").mkdir(parents=True, exist_ok=True)
    (root / "link to file").symlink_to("plain.txt")
    (root / "dangling").symlink_to("/nowhere/at all")
    (root / "link to folder").symlink_to("docs")
    (root / "docs/plain.txt").chmod(0o600)
    (root / "docs/UPPER.TXT").chmod(0o755)
    os.utime(root / "docs", ns=(10**18, 1_111_111_111_123_456_789))
    return made


def _write(path: Path, number: int) -> None:
    sizes = (0, 1, 17, 4096, 4097, 70_000, 300_000)
    data = hashlib.sha256(os.fsencode(path)).digest() * 10_000
    path.write_bytes(data[: sizes[number % len(sizes)]])
    os.utime(path, ns=(10**18, 1_600_000_000_000_000_000 + number * 1_000_000_007))


def describe(root: Path) -> dict[bytes, tuple[str, int, int, str]]:
    """Return for every name below ``root`` its kind, mode, modification time and content."""
    told: dict[bytes, tuple[str, int, int, str]] = {}
    for path in root.rglob("*"):
        status = path.lstat()
        mode = stat.S_IMODE(status.st_mode)
        relative = os.fsencode(path.relative_to(root))
        if path.is_symlink():
            told[relative] = ("link", 0, 0, str(path.readlink()))
        elif path.is_dir():
            told[relative] = ("folder", mode, status.st_mtime_ns, "")
        else:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            told[relative] = ("file", mode, status.st_mtime_ns, digest)
    return told


def differences(one: Path, other: Path) -> list[str]:
    """Return what is not the same below two folders, a line each; empty when all is."""
    left, right = describe(one), describe(other)
    lines = [f"only in {one.name}: {path!r}" for path in sorted(left.keys() - right.keys())]
    lines += [f"only in {other.name}: {path!r}" for path in sorted(right.keys() - left.keys())]
    return lines + [
        f"{path!r}: {left[path]} is not {right[path]}"
        for path in sorted(left.keys() & right.keys())
        if left[path] != right[path]
    ]
