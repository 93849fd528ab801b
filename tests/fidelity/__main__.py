"""Backs one tree up and restores it with Tidewatch, restic and borg, and compares each with the source.

    python -m tests.fidelity [--source FOLDER...] [--quick] [--only PROGRAM...] [--work FOLDER]

The tree has a copy of the sources and every oddity of ``odd_tree``; run it as root for all of them. It is
compared by `rsync -aHAXn --itemize-changes --delete`. The exit code is 1 where Tidewatch has a difference
that no other program has.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fidelity.odd_tree import make
from tests.fidelity.programs import PROGRAMS, there

SOURCES = ("/usr/share", "/usr/lib/python3", "/etc")
SHOWN = 20
OURS = "tidewatch"


@dataclass(frozen=True, slots=True)
class Compared:
    """How one program did."""

    program: str
    differences: tuple[str, ...]
    seconds: float
    blocks: int
    """Of 512 bytes, of the restored sparse files."""


def differences(source: Path, restored: Path) -> tuple[str, ...]:
    """Return what rsync would change in the restored tree, a line each."""
    words = ["rsync", "-aHAXn", "--itemize-changes", "--delete", f"{source}/", f"{restored}/"]
    done = subprocess.run(words, check=True, capture_output=True)
    return tuple(line.decode("utf-8", "backslashreplace") for line in done.stdout.splitlines() if line)


def compare(source: Path, programs: Iterable[str], work: Path) -> list[Compared]:
    """Let each program back up and restore ``source``, and return how it did."""
    found: list[Compared] = []
    for name in programs:
        room = work / name
        room.mkdir()
        began = time.monotonic()
        restored = PROGRAMS[name](source, room)
        seconds = time.monotonic() - began
        sparse = (restored / "odd" / "sparse").iterdir()
        blocks = sum(path.stat().st_blocks for path in sparse)
        found.append(Compared(name, differences(source, restored), seconds, blocks))
        _remove(room)
    return found


def worse(compared: Sequence[Compared]) -> list[str]:
    """Return the differences of Tidewatch that no other program has; all where it is alone."""
    ours = next(each.differences for each in compared if each.program == OURS)
    others = [set(each.differences) for each in compared if each.program != OURS]
    return [line for line in ours if not any(line in other for other in others)]


def _remove(folder: Path) -> None:
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o700)
    shutil.rmtree(folder)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity")
    parser.add_argument("--source", action="append", type=Path, metavar="FOLDER")
    parser.add_argument("--quick", action="store_true", help="the oddities alone")
    parser.add_argument("--only", action="append", choices=tuple(PROGRAMS))
    parser.add_argument("--work", type=Path, default=None, help="where trees and repositories are made")
    args = parser.parse_args(words)
    sources = [] if args.quick else args.source or [Path(source) for source in SOURCES]
    work = Path(tempfile.mkdtemp(prefix="fidelity-", dir=args.work))
    try:
        source = work / "tree"
        count = make(source, sources)
        compared = compare(source, args.only or there(), work)
    finally:
        _remove(work)
    sys.stdout.write(f"{count:,} names\n")
    for each in compared:
        held = f"{each.blocks // 2:,} KiB in sparse files"
        sys.stdout.write(
            f"{each.program}: {len(each.differences)} differences, {each.seconds:.0f} s, {held}\n"
        )
        for line in each.differences[:SHOWN]:
            sys.stdout.write(f"    {line}\n")
    found = worse(compared)
    sys.stdout.write(f"{len(found)} differences that only Tidewatch has\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
