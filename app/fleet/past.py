"""Thirty days of backups that a simulated machine has behind it, worked out from what is on its disk now."""

import bisect
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from app.fleet.content import SimFile
from app.fleet.roster import DAY_S, FLAKY_REASONS, HOUR_S, Machine, Role, Temper
from streams.vocabulary import RunState, RunTrigger

HISTORY_DAYS = 30


@dataclass(slots=True)
class PastRun:
    """One backup of the past; times are seconds since 1970."""

    started_s: float
    finished_s: float
    state: RunState
    trigger: RunTrigger
    reason: str | None = None
    written: list[SimFile] = field(default_factory=list[SimFile])
    vanished: list[str] = field(default_factory=list[str])
    new_count: int = 0
    failed_count: int = 0
    seen_count: int = 0
    seen_bytes: int = 0

    @property
    def good(self) -> bool:
        """Whether what it found is kept."""
        return self.state in (RunState.COMPLETE, RunState.PARTIAL)

    @property
    def sent_bytes(self) -> int:
        """Return the size of what it sent."""
        return sum(file.size_bytes for file in self.written)


@dataclass(frozen=True, slots=True)
class Past:
    """The backups of one machine, oldest first, and when it was enrolled and seen last."""

    machine: Machine
    enrolled_s: float
    last_seen_s: float | None
    runs: tuple[PastRun, ...]


def make_past(machine: Machine, tree: dict[str, SimFile], seed: int, now_s: float) -> Past:
    """Return a past that leads to ``tree``: each file was kept by the first good backup after its change."""
    rng = Random(f"{seed}:past:{machine.name}")
    if machine.temper is Temper.NEVER:
        return Past(machine, now_s - rng.uniform(0.5, 3) * DAY_S, None, ())
    age_days = HISTORY_DAYS + 1 + 3 * rng.random() if rng.random() < 0.85 else rng.uniform(11, 25)
    enrolled_s = now_s - age_days * DAY_S
    ends_s = now_s - rng.uniform(180, 900)
    if machine.temper in (Temper.GONE, Temper.SHUT_OUT):
        ends_s = now_s - machine.trouble_s
    runs = [_run(machine, started_s, now_s, rng) for started_s in _starts(machine, enrolled_s, ends_s, rng)]
    if runs and machine.temper in (Temper.STEADY, Temper.SLOW, Temper.AWAY, Temper.FLAKY):
        _set_well(runs[-1])
    if runs:
        _set_well(runs[0])
    _fill(machine, runs, tree, enrolled_s, rng)
    away = machine.temper in (Temper.GONE, Temper.SHUT_OUT)
    return Past(machine, enrolled_s, ends_s if away else now_s - rng.uniform(20, 120), tuple(runs))


def _set_well(run: PastRun) -> None:
    run.state, run.reason, run.failed_count = RunState.COMPLETE, None, 0


def _starts(machine: Machine, first_s: float, end_s: float, rng: Random) -> list[float]:
    """Return when its backups began: servers by the clock, people's machines when somebody is there."""
    starts = [first_s + 600]
    offset_s = rng.uniform(0, min(machine.every_s, 6 * HOUR_S))
    at = first_s - first_s % DAY_S + offset_s
    while at < end_s - 400:
        at += machine.every_s
        start = at + rng.uniform(0, 900)
        if machine.role.personal:
            weekday = datetime.fromtimestamp(at, UTC).weekday()
            if rng.random() < (0.8 if weekday >= 5 else 0.06):
                continue
            start = at - at % DAY_S + rng.gauss(12.5, 2.2) * HOUR_S
        if starts[-1] + 1200 < start < end_s - 400:
            starts.append(start)
    return starts


def _run(machine: Machine, started_s: float, now_s: float, rng: Random) -> PastRun:
    state, reason = _outcome(machine, started_s, now_s, rng)
    lasts_s = rng.uniform(30, 260) if state is not RunState.FAILED else rng.uniform(5, 130)
    if machine.temper is Temper.SLOW:
        lasts_s *= 4
    trigger = RunTrigger.OPERATOR if rng.random() < 0.03 else RunTrigger.SCHEDULE
    failed = rng.randint(1, 4) if state is RunState.PARTIAL else 0
    if state is RunState.PARTIAL and machine.reason and machine.temper is Temper.UNREADABLE:
        failed = int(machine.reason.split()[0])
    return PastRun(started_s, started_s + lasts_s, state, trigger, reason, failed_count=failed)


def _outcome(machine: Machine, at_s: float, now_s: float, rng: Random) -> tuple[RunState, str | None]:
    chance = rng.random()
    if machine.temper is Temper.FAILING and at_s > now_s - machine.trouble_s:
        return RunState.FAILED, machine.reason
    if machine.temper is Temper.UNREADABLE and at_s > now_s - 12 * DAY_S:
        return RunState.PARTIAL, machine.reason
    if chance < (0.2 if machine.temper is Temper.FLAKY else 0.025):
        return RunState.FAILED, rng.choice(FLAKY_REASONS)
    if chance < 0.22 and machine.role is Role.DATABASE and machine.temper is Temper.FLAKY:
        return RunState.CANCELLED, "cancelled by an operator"
    if chance > 0.98:
        return RunState.PARTIAL, "1 file changed while it was read, each time it was tried"
    return RunState.COMPLETE, None


def _fill(
    machine: Machine, runs: list[PastRun], tree: dict[str, SimFile], enrolled_s: float, rng: Random
) -> None:
    """Deal the versions of all files, the present and earlier ones, to the good runs that kept them."""
    good = [run for run in runs if run.good]
    ends = [run.started_s for run in good]
    for file in tree.values():
        present = bisect.bisect_left(ends, file.mtime_ns / 1e9)
        first = present
        for past, keeper in _earlier(file, enrolled_s, ends, present, rng):
            good[keeper].written.append(past)
            first = min(first, keeper)
        if present < len(good):
            good[present].written.append(file)
        if first < len(good):
            good[first].new_count += 1
    _add_vanished(machine, good, rng)
    _count(runs, rng)


def _earlier(
    file: SimFile, enrolled_s: float, ends: list[float], present: int, rng: Random
) -> list[tuple[SimFile, int]]:
    """Return earlier versions of a file that changed since its machine was enrolled, with the run of each."""
    if file.shared or present == 0 or rng.random() < 0.45:
        return []
    mtime_s = file.mtime_ns / 1e9
    moments = sorted(rng.uniform(enrolled_s - 20 * DAY_S, mtime_s) for _ in range(rng.randint(1, 3)))
    kept: dict[int, SimFile] = {}
    for moment in moments:
        keeper = bisect.bisect_left(ends, moment)
        if keeper < present:
            size = max(1, round(file.size_bytes * rng.uniform(0.8, 1.0)))
            kept[keeper] = SimFile(file.path, size, round(moment * 1e9))
    return [(version, keeper) for keeper, version in kept.items()]


def _add_vanished(machine: Machine, good: list[PastRun], rng: Random) -> None:
    """Let a few files have been there for a while and be gone now."""
    if len(good) < 4:
        return
    folder = "/home/shared/tmp" if machine.role.personal else "/var/tmp/export"
    for number in range(rng.randint(0, 4)):
        born = rng.randrange(len(good) - 2)
        gone = rng.randrange(born + 1, len(good))
        mtime_ns = round((good[born].started_s - 300) * 1e9)
        path = f"{folder}/draft-{number + 1}.csv"
        good[born].written.append(SimFile(path, rng.randint(2_000, 60_000), mtime_ns))
        good[born].new_count += 1
        good[gone].vanished.append(path)


def _count(runs: list[PastRun], rng: Random) -> None:
    """Let each run say how many files and bytes it saw; one that broke off had seen a part of them."""
    sizes: dict[str, int] = {}
    total = 0
    for run in runs:
        if not run.good:
            share = rng.uniform(0.15, 0.95)
            run.seen_count, run.seen_bytes = math.ceil(len(sizes) * share), math.ceil(total * share)
            continue
        for file in run.written:
            total += file.size_bytes - sizes.get(file.path, 0)
            sizes[file.path] = file.size_bytes
        for path in run.vanished:
            total -= sizes.pop(path, 0)
        run.seen_count, run.seen_bytes = len(sizes) + run.failed_count, total
