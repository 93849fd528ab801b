"""Crash points: a scenario with one fault in it, the server started again, and what is lost."""

import errno
import random
import shutil
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from tests.faults.beginnings import build
from tests.faults.checks import at_rest, running
from tests.faults.client import Acks, Gone, Refused
from tests.faults.disk import Disk, Left, Loss, Operation, read_log
from tests.faults.layer import CHANGES, Fault, Layer, Mode, Op
from tests.faults.nursery import Nursery
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.served import Served
from tests.faults.stage import Beginnings, Stage

WELL_AGAIN_TRIES = 20
WELL_AGAIN_S = 0.1
GAP = 25
"""Operations that fail one after the other before the disk is well again."""
DOWNLOADS = 2
"""Of each running server; everything in its store is read and hashed when it has ended."""


class Kind(StrEnum):
    """A kind of fault."""

    KILL = "kill"
    TEAR = "tear"
    EIO = "eio"
    ENOSPC = "enospc"
    FULL = "full"
    GAP = "gap"
    SHORT = "short"
    READ = "read"
    UNREADABLE = "unreadable"
    SYNC = "sync"
    POWER = "power"


_FAULTS = {
    Kind.KILL: Fault(Mode.KILL),
    Kind.TEAR: Fault(Mode.TEAR, mask=Op.WRITE),
    Kind.EIO: Fault(Mode.FAIL, error=errno.EIO),
    Kind.ENOSPC: Fault(Mode.FAIL, error=errno.ENOSPC),
    Kind.FULL: Fault(Mode.FAIL_ON, error=errno.ENOSPC),
    Kind.GAP: Fault(Mode.FAIL_ON, error=errno.ENOSPC, length=GAP),
    Kind.SHORT: Fault(Mode.SHORT, mask=Op.WRITE),
    Kind.READ: Fault(Mode.FAIL, error=errno.EIO, mask=Op.READ),
    Kind.UNREADABLE: Fault(Mode.FAIL_ON, error=errno.EIO, mask=Op.READ),
    Kind.SYNC: Fault(Mode.FAIL, error=errno.EIO, mask=Op.SYNC),
}
_SELDOM = (Kind.SYNC, Kind.READ, Kind.UNREADABLE)
_AMONG = {Kind.TEAR: 5, Kind.SHORT: 5}
"""Only writes count."""
_POWER = (Loss.LOST, Loss.TORN, Loss.SOME)
_ENDED = (Gone, Refused, FileNotFoundError)


@dataclass(frozen=True, slots=True)
class Lost:
    """A point at which something was lost."""

    scenario: str
    kind: str
    at: int
    operation: str
    found: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """How many points were tried, and what was lost."""

    points: int = 0
    lost: list[Lost] = field(default_factory=list[Lost])
    tried: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Scenarios and kinds of which there was a point."""


class Points:
    """Tries points one after the other, in a folder of its own."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self.layer = Layer(work)
        self.nursery = Nursery(self.layer.environment())
        self.begun: Beginnings = build(work, self.nursery, self.layer)
        self.tally = Tally()

    def close(self) -> None:
        """End the programs."""
        self.nursery.close()
        self.layer.close()

    def count(self, scenario: Scenario) -> int:
        """Return how many operations a scenario takes; raise AssertionError where it fails by itself."""
        data, acks = self._fresh(scenario)
        server = self._start(scenario, data, Fault())
        assert server.up, server.said()
        scenario.play(Stage(server, acks, self.begun))
        seen = self.layer.seen
        self.layer.disarm()
        found = running(server, acks)
        server.stop()
        assert not (found := [*found, *at_rest(data, acks)]), (scenario.name, found)
        return seen

    def run(
        self, scenario: Scenario, kind: Kind, every: int = 1, until: float = float("inf"), first: int = 1
    ) -> None:
        """Try all points of one kind, or every n-th, until a moment of the monotonic clock.

        A kill leaves what was done until then, which one recording has for all points of it.
        """
        if kind in (Kind.KILL, Kind.TEAR, Kind.POWER):
            self._recorded(scenario, kind, range(first, 100_000, every), until)
            return
        for at in range(first, 100_000, every):
            if time.monotonic() > until or not self.point(scenario, kind, at):
                return

    def point(self, scenario: Scenario, kind: Kind, at: int) -> bool:
        """Try one point; return False where the scenario ends before it."""
        try:
            match kind:
                case Kind.KILL | Kind.TEAR:
                    return self._kill(scenario, kind, at)
                case Kind.SYNC:
                    return not scenario.with_start and self._failed_sync(scenario, at)
                case _:
                    return self._failure(scenario, kind, at)
        except Exception:  # noqa: BLE001  (a fault that the suite cannot judge is told, and the next is tried)
            self.layer.disarm()
            self._note(scenario, kind, at, "", [f"not judged: {traceback.format_exc()[-600:]}"])
            return True

    # -- kinds

    def _kill(self, scenario: Scenario, kind: Kind, at: int) -> bool:
        data, acks = self._fresh(scenario)
        server = self._start(scenario, data, replace(_FAULTS[kind], at=at))
        self._play(scenario, server, acks)
        hits, what = self.layer.hits, self._what(data)
        self.layer.disarm()
        server.kill()
        if hits:
            self._note(scenario, kind, at, what, self._after(scenario, data, acks))
        return bool(hits)

    def _failure(self, scenario: Scenario, kind: Kind, at: int) -> bool:
        data, acks = self._fresh(scenario)
        server = self._start(scenario, data, replace(_FAULTS[kind], at=at))
        self._play(scenario, server, acks)
        hits, what = self.layer.hits, self._what(data)
        self.layer.disarm()
        found: list[str] = []
        if hits and server.up and not server.ended():
            # The disk is well again: the same server has to go on.
            found += self._goes_on(scenario, server, acks)
        elif hits and not scenario.with_start:
            found.append(f"the server ended: {server.said()[-400:]}")
        server.stop()
        if hits:
            self._note(scenario, kind, at, what, found + self._after(scenario, data, acks, again=False))
        return bool(hits)

    def _goes_on(self, scenario: Scenario, server: Served, acks: Acks) -> list[str]:
        last = ""
        for number in range(WELL_AGAIN_TRIES):
            try:
                scenario.play(Stage(server, acks, self.begun, f"again{number}"))
            except (Gone, Refused) as error:
                last = str(error)
                time.sleep(WELL_AGAIN_S)
            else:
                return running(server, acks, DOWNLOADS)
        return [f"does not go on: {last}"]

    def _failed_sync(self, scenario: Scenario, at: int) -> bool:
        """Let a sync fail; the client comes again until all is acknowledged; then the power goes."""
        data, acks = self._fresh(scenario)
        disk, log = Disk(data), self._record()
        server = self._start(scenario, data, replace(_FAULTS[Kind.SYNC], at=at))
        for _ in range(WELL_AGAIN_TRIES):
            if self._play(scenario, server, acks):
                break
        hits, what = self.layer.hits, self._what(data)
        self.layer.disarm()
        server.kill()
        self.layer.stop_recording()
        if hits:
            for done in read_log(log):
                disk.play(done)
            found = self._started_on(scenario, disk.left(Loss.LOST, random.Random(at)), acks)
            self._note(scenario, Kind.SYNC, at, what, found)
        return bool(hits)

    def _recorded(self, scenario: Scenario, kind: Kind, points: range, until: float) -> None:
        data, acks = self._fresh(scenario)
        disk, log = Disk(data), self._record()
        server = self._start(scenario, data, Fault())
        before = 0 if scenario.with_start else self.layer.recorded
        self._play(scenario, server, acks)
        self.layer.disarm()
        server.kill()
        self.layer.stop_recording()
        number, judged = 0, dict[bytes, list[str]]()
        for done in read_log(log):
            counts = done.op is Op.WRITE if kind is Kind.TEAR else bool(done.op & CHANGES)
            number += counts and done.number > before
            tried = counts and done.number > before and number in points
            if kind is Kind.TEAR and tried:
                disk.play_half(done)
            else:
                disk.play(done)
            for loss in (_POWER if kind is Kind.POWER else (Loss.NONE,)) if tried else ():
                if time.monotonic() > until:
                    return
                then = acks.until(done.number - (kind is Kind.TEAR))
                left = disk.left(loss, random.Random(number))
                # Between two syncs a disk that loses everything else loses the same.
                mark = left.digest() + repr(then).encode()
                if mark not in judged:
                    judged[mark] = self._judged(scenario, kind, left, then)
                what = _what(done, data)
                self._note(
                    scenario, f"power {loss}" if kind is Kind.POWER else kind, number, what, judged[mark]
                )
            if kind is Kind.TEAR and tried:
                disk.play(done)

    def _judged(self, scenario: Scenario, kind: Kind, left: Left, acks: Acks) -> list[str]:
        try:
            return self._started_on(scenario, left, acks, again=kind is not Kind.POWER)
        except Exception:  # noqa: BLE001  (a fault that the suite cannot judge is told, and the next is tried)
            return [f"not judged: {traceback.format_exc()[-600:]}"]

    def _started_on(self, scenario: Scenario, left: Left, acks: Acks, *, again: bool = False) -> list[str]:
        """Start the server on what is left of a disk, and return what is lost."""
        image = self._folder("image")
        left.write(image)
        self.layer.watch(image)
        return self._after(scenario, image, acks, again=again)

    # -- helpers

    def _folder(self, name: str) -> Path:
        folder = self._work / f"point-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def _fresh(self, scenario: Scenario) -> tuple[Path, Acks]:
        self.layer.disarm()
        data = self._folder("data")
        shutil.copytree(self.begun.folder(scenario.begins), data)
        self.layer.watch(data)
        before = self.begun.acks[scenario.begins]
        return data, Acks(lambda: self.layer.recorded, [(0, ack) for ack in before.all()], before.hurt)

    def _record(self) -> Path:
        log = self._work / f"recorded-{time.monotonic_ns()}"
        for earlier in self._work.glob("recorded-*"):
            earlier.unlink()
        self.layer.record(log)
        return log

    def _start(self, scenario: Scenario, data: Path, fault: Fault) -> Served:
        if scenario.with_start:
            self.layer.arm(fault)
        server = Served(self.nursery, data, limits=dict(scenario.limits))
        if not scenario.with_start:
            assert server.up, server.said()
            self.layer.arm(fault)
        return server

    def _play(self, scenario: Scenario, server: Served, acks: Acks) -> bool:
        if not server.up:
            return False
        try:
            scenario.play(Stage(server, acks, self.begun))
        except _ENDED:
            return False
        return True

    def _what(self, data: Path) -> str:
        return self.layer.what.replace(str(data), "")

    def _after(self, scenario: Scenario, data: Path, acks: Acks, *, again: bool = True) -> list[str]:
        """Start the server again and return what is lost."""
        server = Served(self.nursery, data, limits=dict(scenario.limits))
        if not server.up:
            server.kill()
            return [f"does not start again: {server.said()[-400:]}"]
        found = running(server, acks, DOWNLOADS)
        if again and scenario.again:
            try:
                scenario.play(Stage(server, acks, self.begun))
            except (Gone, Refused) as error:
                found.append(f"the same again is refused: {error}")
        server.stop()
        return [*found, *at_rest(data, acks)]

    def _note(self, scenario: Scenario, kind: str, at: int, what: str, found: Sequence[str]) -> None:
        self.tally.points += 1
        self.tally.tried.add((scenario.name, kind.partition(" ")[0]))
        if found:
            self.tally.lost.append(Lost(scenario.name, kind, at, what, tuple(dict.fromkeys(found))))


def _what(done: Operation, data: Path) -> str:
    return f"{done.op.name} {done.path.replace(str(data), '')}"


def one_of_each() -> Iterator[tuple[Scenario, Kind, int]]:
    """Yield a point of each scenario such that each kind of fault is among them."""
    kinds = list(Kind)
    for number, scenario in enumerate(SCENARIOS.values()):
        kind = kinds[number % len(kinds)]
        yield scenario, kind, 2 if kind in _SELDOM else max(1, scenario.operations // _AMONG.get(kind, 2))


def spread(counts: dict[str, int], each: int) -> Iterator[tuple[str, int]]:
    """Yield about ``each`` points of every scenario, in an order by chance that is always the same."""
    chosen = [
        (name, at) for name, count in counts.items() for at in range(1, count + 1, max(1, count // each))
    ]
    random.Random(1256).shuffle(chosen)
    yield from chosen


def scenarios_of(names: Sequence[str]) -> list[Scenario]:
    """Return scenarios by their names; all without one."""
    return [SCENARIOS[name] for name in names or SCENARIOS]
