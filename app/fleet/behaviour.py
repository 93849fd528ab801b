"""The behaviour of the simulated machines: one model for the synthetic history and for the live fleet.

Schedule and presence are functions of the machine and the time alone, so that what is going to happen follows
from the same rule as what has happened. Durations and outcomes are drawn from a ``Random`` of the caller.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from random import Random

from app.fleet.roster import FLAKY_REASONS, HOUR_S, Machine, Role, Temper
from streams.model.vocabulary import RunState

JITTER_S = 900.0
"""A scheduled backup begins up to so much after its slot."""
ABSENT_RATIO, ABSENT_AT_WEEKEND_RATIO = 0.06, 0.8
"""On how many days a person's machine stays switched off."""
AWAY_SLOT_S, AWAY_RATIO = 900.0, 0.25
FAILURE_RATIO, FLAKY_FAILURE_RATIO = 0.02, 0.2
PARTIAL_RATIO = 0.02
CHANGED_REASON = "1 file changed while it was read, each time it was tried"
_SPREAD = 0.45
_MINUTES: dict[Role, float] = {
    Role.DATABASE: 6, Role.MAIL: 6, Role.FILES: 9, Role.BUILD: 5, Role.DEVICE: 1.5,
}  # fmt: skip
_USUAL_MINUTES = 4.0
MAX_SLOWNESS = 4.0


@dataclass(slots=True)
class Conditions:
    """Circumstances of the whole fleet, which a scenario changes; by themselves they change nothing."""

    failure_ratio: float = 0.0
    failure_reason: str = ""
    change_factor: float = 1.0
    """How many times as many files are written as usual."""
    down: set[str] = field(default_factory=set[str])
    """Names of machines that have no network."""


@dataclass(frozen=True, slots=True)
class Fate:
    """The end of a run, decided when it begins."""

    state: RunState
    reason: str | None = None
    failed_files: int = 0


WELL = Fate(RunState.COMPLETE)


def share(*words: object) -> float:
    """Return a number from 0 to 1 that is always the same for the same words."""
    digest = blake2b(":".join(map(str, words)).encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48


def is_on(machine: Machine, at_s: float) -> bool:
    """Whether a machine is switched on: servers always, people's machines in working hours, local time."""
    if not machine.office_hours:
        return True
    at = datetime.fromtimestamp(at_s, UTC).astimezone()
    absent = ABSENT_AT_WEEKEND_RATIO if at.weekday() >= 5 else ABSENT_RATIO
    if share(machine.name, at.date()) < absent:
        return False
    early = share(machine.name, "hours")
    if not 7.5 + 1.5 * early < at.hour + at.minute / 60 < 16.5 + 3 * early:
        return False
    away = machine.temper is Temper.AWAY and share(machine.name, at_s // AWAY_SLOT_S) < AWAY_RATIO
    return not away


def next_start(machine: Machine, after_s: float) -> float:
    """Return when the first scheduled backup after a moment begins."""
    phase_s = share(machine.name, "phase") * machine.every_s
    slot = math.floor((after_s - JITTER_S - phase_s) / machine.every_s)
    while True:
        start_s = phase_s + slot * machine.every_s + share(machine.name, "slot", slot) * JITTER_S
        if start_s > after_s and is_on(machine, start_s):
            return start_s
        slot += 1


def starts(machine: Machine, after_s: float, before_s: float) -> Iterator[float]:
    """Yield the scheduled starts between two moments."""
    at_s = next_start(machine, after_s)
    while at_s < before_s:
        yield at_s
        at_s = next_start(machine, at_s)


def draw_duration_s(machine: Machine, rng: Random) -> float:
    """Draw how long a run takes that goes to its end."""
    slowness = MAX_SLOWNESS if machine.temper is Temper.SLOW else 1.0
    factor = min(3.0, max(0.4, math.exp(rng.gauss(0, _SPREAD))))
    return 60 * _MINUTES.get(machine.role, _USUAL_MINUTES) * factor * slowness


def draw_fate(
    machine: Machine, rng: Random, *, troubled: bool, first: bool, conditions: Conditions | None = None
) -> Fate:
    """Draw how a run ends; ``troubled`` is whether what goes wrong with the machine has begun by then."""
    chance = rng.random()
    reason = rng.choice(FLAKY_REASONS)
    if conditions is not None and rng.random() < conditions.failure_ratio:
        return Fate(RunState.FAILED, conditions.failure_reason)
    if first:
        return WELL
    if machine.temper is Temper.FAILING and troubled:
        return Fate(RunState.FAILED, machine.reason)
    if machine.temper is Temper.UNREADABLE and troubled and machine.reason:
        return Fate(RunState.PARTIAL, machine.reason, int(machine.reason.split()[0]))
    if chance < (FLAKY_FAILURE_RATIO if machine.temper is Temper.FLAKY else FAILURE_RATIO):
        return Fate(RunState.FAILED, reason)
    if chance > 1 - PARTIAL_RATIO:
        return Fate(RunState.PARTIAL, CHANGED_REASON, 1)
    return WELL


def last_on_s(machine: Machine, before_s: float) -> float:
    """Return the last moment before another at which a machine was switched on."""
    at_s = before_s
    while not is_on(machine, at_s):
        at_s -= HOUR_S / 4
    return at_s
