"""The disk of a simulated machine between two backups: what is on it, and what the server has of it."""

from dataclasses import dataclass, field
from random import Random

from app.fleet.content import SimFile
from app.fleet.roster import DAY_S, Machine
from app.fleet.trees import drift

MAX_ABSENCE_S = 4 * DAY_S
"""Of a longer time without a backup only so much is made up for."""
MAX_UNSENT = 60


@dataclass(slots=True)
class Disk:
    """Files by path; ``unsent`` are those whose present bytes the server does not have yet."""

    machine: Machine
    tree: dict[str, SimFile]
    stored: set[str] = field(default_factory=set[str])
    """Paths of which the server has some version."""
    unsent: dict[str, SimFile] = field(default_factory=dict[str, SimFile])
    vanished: set[str] = field(default_factory=set[str])
    changed_s: float = 0.0
    """Until when people and programs have changed it."""

    @classmethod
    def new(cls, machine: Machine, tree: dict[str, SimFile], now_s: float) -> "Disk":
        """Return a disk of which the server has nothing yet."""
        return cls(machine, tree, unsent=dict(tree), changed_s=now_s)

    def live_on(self, rng: Random, now_s: float, factor: float = 1.0) -> None:
        """Let people and programs change some files until ``now_s``, as they do between two backups."""
        since_s, self.changed_s = max(self.changed_s, now_s - MAX_ABSENCE_S), now_s
        if len(self.unsent) > MAX_UNSENT and self.stored:
            return
        change = drift(self.machine, self.tree, rng, since_s=since_s, now_s=now_s, factor=factor)
        for path in change.vanished:
            self.tree.pop(path, None)
            self.unsent.pop(path, None)
            if path in self.stored:
                self.vanished.add(path)
        for file in change.written:
            self.tree[file.path] = file
            self.unsent[file.path] = file
            self.vanished.discard(file.path)

    def kept(self, file: SimFile) -> bool:
        """Note that the server has these bytes now; return whether it knew the path before."""
        known = file.path in self.stored
        self.stored.add(file.path)
        if self.unsent.get(file.path) == file:
            del self.unsent[file.path]
        return known

    def gone(self) -> tuple[str, ...]:
        """Return the paths that the server has and that are no longer here."""
        return tuple(sorted(self.vanished))

    def told_gone(self, paths: tuple[str, ...]) -> None:
        """Note that the server knows of these now."""
        self.vanished.difference_update(paths)
        self.stored.difference_update(paths)

    @property
    def total_bytes(self) -> int:
        """Return the size of all its files."""
        return sum(file.size_bytes for file in self.tree.values())
