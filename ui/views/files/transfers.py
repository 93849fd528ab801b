"""The strip of running uploads, downloads and verifications below the files; what moves in it moves no table.

On one line it tells of the first of them; opened by hand it has room for some, whether they are there or not.
"""

import flet as ft

from streams.model.safe_text import label_text
from streams.model.server import Transfer
from streams.model.snapshot import Delta
from streams.model.vocabulary import TransferKind, TransferState
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.format import Formatter, count_text, ratio_text, rough_duration_text
from ui.base.theme import INK, QUIET_INK, SIZE_BODY, STRONG, STRONG_FACE, look, small_text
from ui.components.frame import edge_to_edge
from ui.components.progress import ProgressLine

LINES = 4
HEAD_HEIGHT = 36
_LINE = 30
LIST_HEIGHT = LINES * _LINE + 6
_ICONS = {
    TransferKind.UPLOAD: (ft.Icons.UPLOAD, "Upload"),
    TransferKind.DOWNLOAD: (ft.Icons.DOWNLOAD, "Download"),
    TransferKind.VERIFY: (ft.Icons.FACT_CHECK, "Verification"),
}
_RANK = {TransferState.RUNNING: 0, TransferState.FAILED: 1, TransferState.QUEUED: 2}


def transfer_ratio(transfer: Transfer) -> float | None:
    """Return how much of its bytes a transfer has moved; None where nobody knows how many there are."""
    if transfer.total_bytes is None:
        return None
    return 1.0 if transfer.total_bytes == 0 else min(1.0, transfer.done_bytes / transfer.total_bytes)


def present_transfer(transfer: Transfer, words: Formatter) -> str:
    """Return the words behind the bar: fraction, rate and time left, or why it failed."""
    if transfer.state is not TransferState.RUNNING:
        word = look(transfer.state).word
        return f"{word}: {transfer.reason}" if transfer.reason else word
    ratio = transfer_ratio(transfer)
    parts = [words.size(transfer.done_bytes) if ratio is None else ratio_text(ratio)]
    if transfer.rate_bps > 0:
        parts.append(words.rate(transfer.rate_bps))
        if transfer.total_bytes is not None:
            left = (transfer.total_bytes - transfer.done_bytes) / transfer.rate_bps
            if left >= 1:
                parts.append(f"{rough_duration_text(left)} left")
    return "   ".join(parts)


def present_head(count: int) -> str:
    """Return the title of the strip."""
    return f"Transfers ({count_text(count)})" if count else "No transfers"


class _Line:
    def __init__(self) -> None:
        self._icon = ft.Icon(ft.Icons.UPLOAD, size=16, color=QUIET_INK)
        self._label = ft.Text(
            "", size=SIZE_BODY, color=INK, expand=True, no_wrap=True, overflow=ft.TextOverflow.ELLIPSIS
        )
        self._client = ft.Text("", size=12, color=QUIET_INK, width=110, no_wrap=True)
        self._bar = ProgressLine(width=140, semantics_label="Transfer")
        self._words = ft.Text("", size=12, color=QUIET_INK, width=220, no_wrap=True)
        self.control = ft.Row(
            [self._icon, self._label, self._client, self._bar, self._words],
            height=_LINE,
            spacing=12,
            visible=False,
        )
        self._shown: Transfer | None = None

    def show(self, transfer: Transfer | None, words: Formatter) -> list[ft.Control]:
        """Bind the line to a transfer, or to none; return the controls to update."""
        before, self._shown = self._shown, transfer
        if transfer == before:
            return []
        if transfer is None:
            self.control.visible = False
            return [self.control]
        told = present_transfer(transfer, words)
        changed: list[ft.Control] = []
        if self._words.value != told:
            self._words.value, self._words.tooltip = (
                label_text(told),
                label_text(transfer.reason or "") or None,
            )
            changed.append(self._words)
        if self._bar.set(transfer_ratio(transfer), tone=look(transfer.state).tone):
            changed.append(self._bar)
        if before is None or (before.id, before.label) != (transfer.id, transfer.label):
            self.control.visible = True
            self._icon.icon, self._icon.tooltip = _ICONS[transfer.kind]
            self._label.value = self._label.tooltip = label_text(transfer.label)
            self._client.value = transfer.client_name
            return [self.control]
        return changed


class TransferStrip(BoundView):
    """Head with the count, and below it the first transfers with their progress."""

    def __init__(self, streams: Streams, context: UiContext) -> None:
        self._transfers: dict[str, Transfer] = {}
        self._open = bool(context.prefs.get("files.transfers_open", False))
        self._title = ft.Text(
            present_head(0), size=SIZE_BODY, weight=STRONG, font_family=STRONG_FACE, color=QUIET_INK
        )
        self._more = small_text()
        self._arrow = ft.Icon(ft.Icons.EXPAND_LESS, size=20, color=QUIET_INK)
        self._first = _Line()
        self._lines = [_Line() for _ in range(LINES)]
        self._list = ft.Container(
            ft.Column([line.control for line in self._lines], spacing=0),
            height=LIST_HEIGHT,
            padding=ft.Padding.only(left=16, right=16, bottom=6),
            visible=self._open,
        )
        head = ft.Container(
            ft.Row(
                [self._title, ft.Container(self._first.control, expand=True), self._more, self._arrow],
                spacing=16,
            ),
            height=HEAD_HEIGHT,
            padding=ft.Padding.symmetric(horizontal=16),
            ink=True,
            tooltip="Show or hide the list of transfers",
            on_click=lambda _event: self._on_toggle(),
        )
        surface = edge_to_edge(ft.Column([head, self._list], spacing=0, tight=True))
        super().__init__(context=context, key="transfers", content=surface)
        self.bind_deltas(streams.transfers.deltas, self._show_transfers)

    @property
    def room(self) -> float:
        """The height it takes, which depends on nothing but whether its list is shown."""
        return HEAD_HEIGHT + (LIST_HEIGHT if self._open else 0)

    def expand_list(self) -> None:
        """Show the list."""
        if not self._open:
            self._on_toggle()

    def _on_toggle(self) -> None:
        self._open = not self._open
        self.context.prefs.put("files.transfers_open", self._open)
        self._show()

    def _show_transfers(self, delta: Delta[str, Transfer]) -> None:
        delta.apply_to(self._transfers)
        self._show()

    def _show(self) -> None:
        moving = sorted(
            (t for t in self._transfers.values() if t.state in _RANK),
            key=lambda t: (_RANK[t.state], t.started_at, t.id),
        )
        title = present_head(sum(t.state is not TransferState.FAILED for t in moving))
        told = LINES if self._open else 1
        more = f"and {count_text(len(moving) - told)} more" if len(moving) > told else ""
        if (self._title.value, self._more.value) != (title, more):
            self._title.value, self._more.value = title, more
            self.touch(self._title, self._more)
        arrow = ft.Icons.EXPAND_MORE if self._open else ft.Icons.EXPAND_LESS
        if self._arrow.icon != arrow:
            self._arrow.icon = arrow
            self.touch(self._arrow)
        if self._list.visible != self._open:
            self._list.visible = self._open
            self.touch(self._list)
        lines: list[Transfer | None] = [*moving[:LINES], *(None,) * LINES]
        self.touch(*self._first.show(None if self._open else lines[0], self.context.format))
        for line, transfer in zip(self._lines, lines, strict=False):
            self.touch(*line.show(transfer if self._open else None, self.context.format))
