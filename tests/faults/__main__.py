"""Breaks the server and its surroundings in all ways that are known, and looks what is lost.

    python -m tests.faults [--quick] [--only NAME...] [--modes KIND...] [--every N] [--first N] [--jobs N]
                           [--json FILE]
    python -m tests.faults kills [--kills N]
    python -m tests.faults cuts [--cuts N]
    python -m tests.faults soak [--clients N] [--minutes N]

The first tries crash points: at every file operation of every scenario the server is killed, or the operation
fails, or the power goes. The last line is "N points, L lost"; the exit code is 1 when something was lost.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.faults.layer import NoCompiler, library
from tests.faults.points import Kind, Lost, Points, Tally, one_of_each, scenarios_of, spread
from tests.faults.scenarios import SCENARIOS

QUICK_S = 45.0
MEMORY = Path("/dev/shm")
Part = tuple[str, Kind]
"""A scenario and a kind of fault."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", default="points", choices=("points", "kills", "cuts", "soak"))
    parser.add_argument(
        "--quick", action="store_true", help="each scenario and each kind once, in less than a minute"
    )
    parser.add_argument("--only", nargs="+", choices=sorted(SCENARIOS), default=[], help="these scenarios")
    parser.add_argument(
        "--modes", nargs="+", choices=list(Kind), default=list(Kind), help="these kinds of faults"
    )
    parser.add_argument("--every", type=int, default=1, help="only every n-th point")
    parser.add_argument(
        "--first",
        type=int,
        default=1,
        help="begin with this point: --every 12 with --first 1 to 12, one after the other, are all points",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes side by side")
    parser.add_argument("--share", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, help="write what was lost to a file too")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--cuts", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=30.0)
    return parser


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201


@contextlib.contextmanager
def room() -> Iterator[Path]:
    """Give a folder, in memory where there is some: what is synced a thousand times waits for a disk."""
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tidewatch-faults-", dir=place) as folder:
        yield Path(folder)


def quick(limit_s: float = QUICK_S) -> Tally:
    """Try each scenario and each kind of fault once, and more points by chance until a time is over."""
    with room() as work, contextlib.closing(Points(work)) as points:
        until = time.monotonic() + limit_s
        for scenario, kind, at in one_of_each():
            if kind in (Kind.TEAR, Kind.POWER):
                points.run(scenario, kind, every=scenario.operations, first=at)
            else:
                points.point(scenario, kind, at)
        kinds = (Kind.KILL, Kind.EIO, Kind.FULL, Kind.SYNC)
        counts = {name: scenario.operations for name, scenario in SCENARIOS.items()}
        for number, (name, at) in enumerate(spread(counts, 8)):
            if time.monotonic() > until:
                break
            points.point(SCENARIOS[name], kinds[number % len(kinds)], at)
        return points.tally


def _several(parts: Sequence[Part], every: int, first: int, share: int, shares: int) -> Tally:
    """Try the points of some scenarios and kinds, one part after the other; of these one process's share."""
    with room() as work, contextlib.closing(Points(work)) as points:
        for name, kind in parts:
            began, tried, lost = time.monotonic(), points.tally.points, len(points.tally.lost)
            step = every
            if kind is Kind.SYNC:  # these are few: all of them, with the first part
                if first > 1:
                    continue
                step = 1
            points.run(SCENARIOS[name], kind, step * shares, first=first + step * share)
            for each in points.tally.lost[lost:]:
                say(_told(each))
            tried, lost = points.tally.points - tried, len(points.tally.lost) - lost
            say(f"{name:14} {kind:10} {tried:5} points {lost:4} lost {time.monotonic() - began:7.1f} s")
        return points.tally


def _full(words: argparse.Namespace) -> Tally:
    """Try all points, shared out among processes."""
    parts = [(scenario.name, Kind(kind)) for kind in words.modes for scenario in scenarios_of(words.only)]
    if words.share is not None or words.jobs == 1:
        return _several(parts, words.every, words.first, words.share or 0, words.jobs)
    total = Tally()
    with room() as work:
        going = [work / f"{number}.json" for number in range(words.jobs)]
        processes = [_begin(words, number, told) for number, told in enumerate(going)]
        for process, told in zip(processes, going, strict=True):
            process.wait()
            if not told.exists():
                raise RuntimeError(f"{told.stem} of the processes ended with {process.returncode}")
            part = json.loads(told.read_text())
            total.points += part["points"]
            total.lost += [Lost(**{**lost, "found": tuple(lost["found"])}) for lost in part["lost"]]
    return total


def _begin(words: argparse.Namespace, share: int, told: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-m", "tests.faults", "--every", str(words.every), "--first", str(words.first),
        "--jobs", str(words.jobs), "--share", str(share), "--json", str(told), "--modes", *words.modes,
        *(("--only", *words.only) if words.only else ()),
    ]  # fmt: skip
    return subprocess.Popen(command)


def _told(lost: Lost) -> str:
    return f"LOST {lost.scenario} {lost.kind} {lost.at} at {lost.operation}: {'; '.join(lost.found[:3])}"


def _points(words: argparse.Namespace) -> int:
    try:
        library()
    except NoCompiler as reason:
        say(f"skipped: {reason}")
        return 77
    tally = quick() if words.quick else _full(words)
    if words.json is not None:
        told = {"points": tally.points, "lost": [asdict(lost) for lost in tally.lost]}
        words.json.write_text(json.dumps(told, indent=1))
    if words.share is not None:
        return 0
    for lost in tally.lost:
        say(_told(lost))
    for (scenario, kind), number in sorted(
        Counter((each.scenario, each.kind) for each in tally.lost).items()
    ):
        say(f"  {scenario} {kind}: {number}")
    say(f"{tally.points} points, {len(tally.lost)} lost")
    return 1 if tally.lost else 0


def main() -> int:
    """Do what the command line asks for."""
    words = _parser().parse_args()
    match words.what:
        case "kills":
            from tests.faults.kills import kills

            return asyncio.run(kills(words.kills))
        case "cuts":
            from tests.faults.cuts import cuts

            return asyncio.run(cuts(words.cuts))
        case "soak":
            from tests.faults.soak import soak

            return asyncio.run(soak(words.clients, words.minutes))
        case _:
            return _points(words)


if __name__ == "__main__":
    sys.exit(main())
