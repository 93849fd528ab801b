"""Uploads, downloads and verifications under way, told some times a second in one frame."""

import itertools
from collections import deque
from collections.abc import Callable
from datetime import datetime

import msgspec

from app.server.hub import ConflatedFrame
from app.server.throughput import Rate, Ticker
from app.wire.limits import clipped
from streams.model.base import utc_now
from streams.model.events import TransferFrame
from streams.model.server import Transfer
from streams.model.vocabulary import TransferKind, TransferState

ENDED_KEPT_S = 15.0
"""How long an ended transfer is still listed, so that a poll sees how it ended."""


class OpenTransfer:
    """One transfer while it is under way; ends as failed unless it is said to be complete."""

    def __init__(self, board: "TransferBoard", transfer: Transfer) -> None:
        self._board = board
        self._rate = Rate(transfer.done_bytes)
        self.transfer = transfer
        self.done_bytes = transfer.done_bytes

    def advance(self, count: int) -> None:
        """Note ``count`` more bytes."""
        self.done_bytes += count
        self._change(TransferState.RUNNING, None)

    def end(self, state: TransferState, reason: str | None = None) -> None:
        """Note how it ended."""
        self._change(state, reason)
        self._board.close(self.transfer)

    def _change(self, state: TransferState, reason: str | None) -> None:
        self.transfer = msgspec.structs.replace(
            self.transfer,
            state=state,
            done_bytes=self.done_bytes,
            rate_bps=self._rate.mark(self.done_bytes),
            reason=None if reason is None else clipped(reason),
        )
        self._board.note(self.transfer)


class TransferBoard:
    """Uploads, downloads and verifications that are under way, and those that ended just now."""

    def __init__(
        self,
        send: Callable[[ConflatedFrame], None],
        every_s: float,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._send = send
        self._now = now
        self._open: dict[str, Transfer] = {}
        self._ended: deque[tuple[datetime, Transfer]] = deque(maxlen=200)
        self._moved: dict[str, Transfer] = {}
        self._numbers = itertools.count(1)
        self.ticker = Ticker(self._tell, every_s)
        self.received_bytes = 0
        self.sent_bytes = 0

    def __len__(self) -> int:
        return len(self._open)

    def begin(
        self,
        kind: TransferKind,
        *,
        client_id: str,
        client_name: str,
        label: str,
        total_bytes: int | None,
        done_bytes: int = 0,
        state: TransferState = TransferState.RUNNING,
    ) -> OpenTransfer:
        """Show a new transfer."""
        transfer = Transfer(
            id=f"{kind.value}-{next(self._numbers)}",
            kind=kind,
            state=state,
            client_id=client_id,
            client_name=client_name,
            label=label,
            started_at=self._now(),
            done_bytes=done_bytes,
            total_bytes=total_bytes,
        )
        self._open[transfer.id] = transfer
        self.note(transfer)
        return OpenTransfer(self, transfer)

    def note(self, transfer: Transfer) -> None:
        """Take the newest of a transfer."""
        if transfer.id in self._open:
            self._open[transfer.id] = transfer
            self._moved[transfer.id] = transfer
            self.ticker.touch()

    def close(self, transfer: Transfer) -> None:
        """Move a transfer to those that ended."""
        if self._open.pop(transfer.id, None) is not None:
            self._ended.append((self._now(), transfer))

    def all(self) -> list[Transfer]:
        """Return what is under way and what ended just now, oldest first."""
        while self._ended and (self._now() - self._ended[0][0]).total_seconds() > ENDED_KEPT_S:
            self._ended.popleft()
        rows = (*(ended for _, ended in self._ended), *self._open.values())
        return sorted(rows, key=lambda transfer: transfer.started_at)

    def newest(self) -> TransferFrame | None:
        """Return what a console that begins to listen must know."""
        return TransferFrame(transfers=tuple(self._open.values())) if self._open else None

    def _tell(self) -> None:
        moved = tuple(self._moved.values())
        self._moved.clear()
        self._send(TransferFrame(transfers=moved))
