"""A measurement: a median with its spread, its peer in the same run, and the bar it has to meet."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Sample:
    """Measured values of one thing, in one unit."""

    values: tuple[float, ...]
    unit: str

    @property
    def median(self) -> float:
        """Return the middle value."""
        return statistics.median(self.values)

    def quantile(self, share: float) -> float:
        """Return the value below which ``share`` of all lie (nearest rank)."""
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]

    def less(self, value: float) -> "Sample":
        """Return what is left of each when ``value`` is taken off."""
        return Sample(tuple(each - value for each in self.values), self.unit)

    def words(self) -> str:
        """Return median and spread (10th to 90th percentile) for a person."""
        if len(self.values) == 1:
            return f"{self.median:.4g} {self.unit}"
        return f"{self.median:.4g} {self.unit} [{self.quantile(0.1):.4g} .. {self.quantile(0.9):.4g}]"


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    name: str
    what: str
    ours: Sample
    bar: str
    met: bool | None
    """None where there is no bar: the line is there to be read beside others."""
    peer: Sample | None = None
    peer_name: str = ""
    ratio: float | None = None
    """How the two compare, in the direction that ``bar`` speaks of."""
    notes: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the line as plain values."""
        return {
            "name": self.name, "what": self.what, "unit": self.ours.unit, "median": self.ours.median,
            "p10": self.ours.quantile(0.1), "p90": self.ours.quantile(0.9), "p99": self.ours.quantile(0.99),
            "count": len(self.ours.values), "peer": self.peer_name or None,
            "peer_median": self.peer.median if self.peer else None, "ratio": self.ratio, "bar": self.bar,
            "met": self.met, "notes": self.notes,
        }  # fmt: skip


@dataclass(slots=True)
class Report:
    """All lines of one run."""

    results: list[Result] = field(default_factory=list[Result])

    def show(self, console: Console) -> None:
        """Print the table."""
        table = Table(title="Tidewatch benchmarks: median [10th .. 90th percentile]", show_lines=True)
        for heading in ("name", "what", "measured", "peer in the same run", "ratio", "bar", "met"):
            table.add_column(heading, overflow="fold")
        for r in self.results:
            met = {True: "yes", False: "NO", None: "-"}[r.met]
            peer = f"{r.peer_name}: {r.peer.words()}" if r.peer else ""
            ratio = "" if r.ratio is None else f"{r.ratio:.3g}x"
            what = r.what + (f"\n({r.notes})" if r.notes else "")
            table.add_row(r.name, what, r.ours.words(), peer, ratio, r.bar, met)
        console.print(table)


def rounds(
    jobs: Iterable[Callable[[], int]], *, times: int = 15, unit_s: float = 1e-6, unit: str = "us"
) -> list[Sample]:
    """Time jobs in turn, ``times`` rounds; each returns its units of work; gives the time for one unit.

    Taking turns lets a machine that becomes slower meanwhile hurt all of them alike. What counts is the time
    of this thread on the processor, so that other programs do not.
    """
    listed = list(jobs)
    taken: list[list[float]] = [[] for _ in listed]
    for _ in range(times):
        for job, into in zip(listed, taken, strict=True):
            start = time.thread_time()
            done = job()
            into.append((time.thread_time() - start) / done / unit_s)
    return [Sample(tuple(values), unit) for values in taken]
