"""The server's own load: processor time over a span that is long enough to mean something."""

import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from app.server.status import Machine


class _Process:
    """A process that has used ``used_s`` of the processor and began 10 s ago."""

    used_s = 1.0

    def create_time(self) -> float:
        return time.time() - 10.0

    def oneshot(self) -> nullcontext[None]:
        return nullcontext()

    def cpu_times(self) -> SimpleNamespace:
        return SimpleNamespace(user=self.used_s - 0.25, system=0.25)

    def memory_info(self) -> SimpleNamespace:
        return SimpleNamespace(rss=1)


def test_looks_that_follow_at_once_make_no_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process, now = _Process(), [100.0]
    monkeypatch.setattr(psutil, "Process", lambda: process)
    machine = Machine(tmp_path, clock=lambda: now[0])
    assert machine.look()[0] == pytest.approx(0.1, rel=0.05), "since the process began"
    now[0] += 0.001
    process.used_s += 0.01  # the system counts in steps of 10 ms
    assert machine.look()[0] == pytest.approx(0.1, rel=0.05)
    now[0] += 0.999
    process.used_s += 0.49
    assert machine.look()[0] == pytest.approx(0.5), "nothing of the time between is lost"
