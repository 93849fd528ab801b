"""Counters of a backup, for its report and its progress."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.agent.attributes import AttributeReader
from app.agent.left_out import OF_THE_SERVER, OWN
from app.agent.names import shown
from app.wire.agent_socket import AgentProgress
from app.wire.http import FailedName, FinishRun
from app.wire.limits import MAX_RUN_NAMES
from streams.model.vocabulary import RunState

REASONS_TOLD = 3


@dataclass(slots=True)
class Counts:
    """Numbers of one backup; files are files and links, folders are not counted."""

    files_seen: int = 0
    files_done: int = 0
    files_new: int = 0
    files_changed: int = 0
    files_vanished: int = 0
    bytes_seen: int = 0
    bytes_done: int = 0
    """Of ``bytes_total``, without ``under_way``."""
    under_way: dict[bytes, int] = field(default_factory=dict)
    """Bytes of the large files that are being sent."""
    bytes_total: int = 0
    """Size of what is new or changed."""
    scanned: bool = False
    """All names were looked at: the totals are final."""
    current: bytes = b""
    failed: list[tuple[bytes, str]] = field(default_factory=list)
    missing: list[tuple[bytes, str]] = field(default_factory=list)
    """Sources that are not there, or nothing of what was in them."""
    roots: tuple[bytes, ...] = ()
    """The PATHs that were to be backed up."""
    unseen: set[bytes] = field(default_factory=set)
    """What could not be looked at."""
    dropped: list[bytes] = field(default_factory=list)
    """What was backed up from PATHs that are not given any more."""
    left_out: Counter[str] = field(default_factory=Counter)
    """How many folders and files are left out for reasons other than patterns."""
    unmatched: list[str] = field(default_factory=list)
    """Patterns of the operator that nothing matches."""
    own: list[tuple[bytes, str]] = field(default_factory=list)
    """Folders of the program itself that are left out."""
    skipped: list[tuple[bytes, str]] = field(default_factory=list)
    ignore_problems: list[tuple[bytes, str]] = field(default_factory=list)
    inconsistent: list[bytes] = field(default_factory=list)

    attributes: AttributeReader = field(default_factory=AttributeReader)
    """Knows of which names not all attributes are backed up."""

    def fail(self, path: bytes, reason: str) -> None:
        """Note that a name could not be backed up."""
        self.failed.append((path, reason))

    def progress(self, run_id: int) -> AgentProgress:
        """Return the frame that tells how far this is."""
        return AgentProgress(
            run_id=run_id,
            files_done=self.files_done,
            files_total=self.files_seen if self.scanned else None,
            bytes_done=self.bytes_done + sum(self.under_way.values()),
            bytes_total=self.bytes_total if self.scanned else None,
            current_path=shown(self.current),
        )

    def note_left_out(self, names: Iterable[tuple[bytes, str]]) -> None:
        """Note what is left out, and why."""
        for path, reason in names:
            if reason in (OWN, OF_THE_SERVER):
                self.own.append((path, reason))
            else:
                self.left_out[reason] += 1

    def state(self) -> RunState:
        """Return how the run ends that has come to its end."""
        if self.roots and self.unseen.issuperset(self.roots):
            return RunState.FAILED
        return RunState.PARTIAL if self.failed or self.missing else RunState.COMPLETE

    def reason(self) -> str | None:
        """Return in words what is not there and what could not be read; None where all is well."""
        sources = "; ".join(f"{shown(path)} is missing: {reason}" for path, reason in self.missing)
        return "; ".join(filter(None, (sources, self._failures()))) or None

    def _failures(self) -> str:
        if not self.failed:
            return ""
        told = "; ".join(f"{shown(path)}: {reason}" for path, reason in self.failed[:REASONS_TOLD])
        more = len(self.failed) - REASONS_TOLD
        noun = "name" if len(self.failed) == 1 else "names"
        rest = f"; and {more} more" if more > 0 else ""
        return f"{len(self.failed)} {noun} could not be read: {told}{rest}"

    def finish(self, state: RunState, reason: str | None, bytes_sent: int) -> FinishRun:
        """Return the report to the server."""
        return FinishRun(
            state=state,
            reason=reason,
            files_seen=self.files_seen,
            files_new=self.files_new,
            files_changed=self.files_changed,
            files_vanished=self.files_vanished,
            files_failed=len(self.failed) + len(self.missing),
            bytes_seen=self.bytes_seen,
            bytes_sent=bytes_sent,
            failed=tuple(
                FailedName(path=shown(path), reason=reason)
                for path, reason in [*self.missing, *self.failed][:MAX_RUN_NAMES]
            ),
        )
