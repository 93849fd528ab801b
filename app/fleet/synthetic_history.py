"""Thirty days of backups behind a simulated machine: the model of its behaviour, played forward."""

import math
from dataclasses import dataclass, field
from random import Random

from app.fleet.behaviour import draw_duration_s, draw_fate, is_on, last_on_s, starts
from app.fleet.content import SimFile
from app.fleet.disk import Disk
from app.fleet.roster import DAY_S, HOUR_S, Machine, Temper
from app.fleet.trees import make_tree
from streams.model.vocabulary import RunState, RunTrigger

HISTORY_DAYS = 30
FIRST_AFTER_S = 600.0
"""How long after its enrolment a machine is backed up for the first time."""
AWAY_TEMPERS = (Temper.GONE, Temper.SHUT_OUT)


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
    """The backups of one machine, oldest first, when it was enrolled and seen last, and its disk now."""

    machine: Machine
    enrolled_s: float
    last_seen_s: float | None
    runs: tuple[PastRun, ...]
    disk: Disk


def make_past(machine: Machine, seed: int, now_s: float) -> Past:
    """Return the past of a machine until ``now_s``; it leads to the disk with which its future begins."""
    rng = Random(f"{seed}:past:{machine.name}")
    if machine.temper is Temper.NEVER:
        enrolled_s = now_s - rng.uniform(0.5, 3) * DAY_S
        return Past(machine, enrolled_s, None, (), Disk.new(machine, {}, now_s))
    age_days = HISTORY_DAYS + 1 + 3 * rng.random() if rng.random() < 0.85 else rng.uniform(11, 25)
    enrolled_s = now_s - age_days * DAY_S
    while not is_on(machine, enrolled_s + FIRST_AFTER_S):
        enrolled_s += HOUR_S
    until_s = now_s - machine.trouble_s if machine.temper in AWAY_TEMPERS else now_s
    disk = Disk.new(machine, make_tree(machine, seed, enrolled_s), enrolled_s)
    runs = _play(disk, enrolled_s + FIRST_AFTER_S, until_s, now_s - machine.trouble_s, rng)
    seen_s = until_s if machine.temper in AWAY_TEMPERS else last_on_s(machine, now_s - rng.uniform(20, 120))
    return Past(machine, enrolled_s, seen_s, tuple(runs), disk)


def _play(disk: Disk, first_s: float, until_s: float, trouble_at_s: float, rng: Random) -> list[PastRun]:
    """Let a machine live from its first backup on; a run that lasts beyond the end is left to the future."""
    machine = disk.machine
    runs: list[PastRun] = []
    free_s = 0.0
    for started_s in (first_s, *starts(machine, first_s, until_s)):
        if started_s < free_s:  # the last one was still running
            continue
        fate = draw_fate(machine, rng, troubled=started_s > trouble_at_s, first=not runs)
        lasts_s = draw_duration_s(machine, rng)
        if fate.state is RunState.FAILED:
            lasts_s *= rng.uniform(0.1, 0.9)
        free_s = started_s + lasts_s
        if free_s >= until_s - 1:
            break
        disk.live_on(rng, started_s)
        run = PastRun(
            started_s, free_s, fate.state, RunTrigger.SCHEDULE, fate.reason, failed_count=fate.failed_files
        )
        _carry_out(run, disk, rng)
        runs.append(run)
    return runs


def _carry_out(run: PastRun, disk: Disk, rng: Random) -> None:
    """Let a run keep what it finds on the disk; one that fails has seen a part of it."""
    if not run.good:
        ratio = rng.uniform(0.15, 0.95)
        run.seen_count = math.ceil(len(disk.tree) * ratio)
        run.seen_bytes = math.ceil(disk.total_bytes * ratio)
        return
    run.written = list(disk.unsent.values())
    run.vanished = list(disk.gone())
    for file in run.written:
        disk.kept(file)
    disk.told_gone(disk.gone())
    run.seen_count, run.seen_bytes = len(disk.tree) + run.failed_count, disk.total_bytes
