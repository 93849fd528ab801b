"""Crash points: a scenario with one fault in it, the server started again, and what is lost."""

import errno
import random
import shutil
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.faults.checks import at_rest, running
from tests.faults.client import Acks, Gone, Refused
from tests.faults.disk import Disk, Loss, read_log
from tests.faults.layer import CHANGES, Fault, Layer, Mode, Op
from tests.faults.nursery import Nursery
from tests.faults.scenarios import SCENARIOS, Beginnings, Scenario, Stage, build
from tests.faults.served import Served

WELL_AGAIN_TRIES = 20
WELL_AGAIN_S = 0.1


class Kind(StrEnum):
    """A kind of fault."""

    KILL = "kill"
    TEAR = "tear"
    EIO = "eio"
    ENOSPC = "enospc"
    FULL = "full"
    SHORT = "short"
    SYNC = "sync"
    POWER = "power"


_FAILURES = {
    Kind.EIO: (Mode.FAIL, errno.EIO),
    Kind.ENOSPC: (Mode.FAIL, errno.ENOSPC),
    Kind.FULL: (Mode.FAIL_ON, errno.ENOSPC),
    Kind.SHORT: (Mode.SHORT, 0),
}
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

    def run(self, scenario: Scenario, kind: Kind, every: int = 1, until: float = float("inf")) -> None:
        """Try all points of one kind, or every n-th, until a moment of the monotonic clock."""
        if kind is Kind.POWER:
            self._power(scenario, every, until)
            return
        for at in range(1, 100_000, every):
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
        server = self._start(scenario, data, Fault(Mode.KILL if kind is Kind.KILL else Mode.TEAR, at))
        self._play(scenario, server, acks)
        hits, what = self.layer.hits, self._what(data)
        self.layer.disarm()
        server.kill()
        if hits:
            self._note(scenario, kind, at, what, self._after(scenario, data, acks))
        return bool(hits)

    def _failure(self, scenario: Scenario, kind: Kind, at: int) -> bool:
        mode, error = _FAILURES[kind]
        data, acks = self._fresh(scenario)
        server = self._start(scenario, data, Fault(mode, at, error))
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
                return running(server, acks)
        return [f"does not go on: {last}"]

    def _failed_sync(self, scenario: Scenario, at: int) -> bool:
        """Let a sync fail; the client comes again until all is acknowledged; then the power goes."""
        data, acks = self._fresh(scenario)
        disk, log = Disk(data), self._record()
        server = self._start(scenario, data, Fault(Mode.FAIL, at, errno.EIO, Op.SYNC))
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
            found = self._at_power_cut(disk, Loss.LOST, acks, at)
            self._note(scenario, Kind.SYNC, at, what, found)
        return bool(hits)

    def _power(self, scenario: Scenario, every: int, until: float) -> None:
        data, acks = self._fresh(scenario)
        disk, log = Disk(data), self._record()
        server = self._start(scenario, data, Fault())
        before = 0 if scenario.with_start else self.layer.recorded
        self._play(scenario, server, acks)
        self.layer.disarm()
        server.kill()
        self.layer.stop_recording()
        for done in read_log(log):
            disk.play(done)
            if done.op & CHANGES and done.number > before and done.number % every == 0:
                for loss in Loss:
                    if time.monotonic() > until:
                        return
                    found = self._at_power_cut(disk, loss, acks.until(done.number), done.number)
                    what = f"{done.op.name} {done.path.replace(str(data), '')}"
                    self._note(scenario, f"power {loss}", done.number, what, found)

    def _at_power_cut(self, disk: Disk, loss: Loss, acks: Acks, number: int) -> list[str]:
        image = self._folder("image")
        disk.image(image, loss, random.Random(number))
        self.layer.watch(image)
        server = Served(self.nursery, image)
        if not server.up:
            server.kill()
            return [f"does not start: {server.said()[-400:]}"]
        found = running(server, acks)
        server.stop()
        return [*found, *at_rest(image, acks)]

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
        found = running(server, acks)
        if again and scenario.again:
            try:
                scenario.play(Stage(server, acks, self.begun))
            except (Gone, Refused) as error:
                found.append(f"the same again is refused: {error}")
            found += running(server, acks)
        server.stop()
        return [*found, *at_rest(data, acks)]

    def _note(self, scenario: Scenario, kind: str, at: int, what: str, found: Sequence[str]) -> None:
        self.tally.points += 1
        if found:
            self.tally.lost.append(Lost(scenario.name, kind, at, what, tuple(dict.fromkeys(found))))


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
