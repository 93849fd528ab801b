"""The environment of all cells: clock, loop, time limits, and the place where mistakes are reported."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from streams.core.safe import Report
from streams.core.schedulers import JobScheduler
from streams.core.types import Seconds

Began = Callable[[Exception], datetime | None]
"""Since when there is what an error comes from; None where it began with the error."""


def not_before(_error: Exception) -> datetime | None:
    """Return that every error stands for itself."""
    return None


@dataclass(frozen=True, slots=True)
class Environment:
    """Handed from the manager to each of its cells."""

    scheduler: JobScheduler
    report: Report
    now: Callable[[], datetime]
    """For the times that people see; how old a value is, is measured on the scheduler's clock."""
    stale_factor: Seconds
    linger_s: Seconds
    began: Began = not_before
