"""The line that answers the only question that matters: is everything safe, and if not, which machine."""

from collections.abc import Callable
from datetime import datetime

import flet as ft

from streams.model.clients import Client
from streams.model.problems import Problem
from streams.model.safe_text import label_text
from streams.model.server import ServerStatus
from streams.model.snapshot import Delta, Snapshot
from streams.model.vocabulary import ClientState
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import Place, UiContext
from ui.base.format import count_text
from ui.base.theme import INK, STRONG, STRONG_FACE, TO_BE_REMOVED, Tone, body_text, look
from ui.components.card import card
from ui.components.loading_states import Empty, StateBox
from ui.views.dashboard.metrics import present_disk
from ui.views.dashboard.present import Safety, present_headline, present_safety, worst_for_headline
from ui.views.dashboard.verification import VerificationLine, present_verification

_KEY = look(ClientState.REVOKED).icon
_WORSE = (Tone.OK, Tone.WARNING, Tone.BAD)
DAMAGE_ICON = ft.Icons.FACT_CHECK_OUTLINED
_ICONS = {Tone.OK: ft.Icons.VERIFIED_USER, Tone.WARNING: ft.Icons.WARNING_AMBER, Tone.BAD: ft.Icons.ERROR}


class SafetyPart(BoundView):
    """Clients within their goal, the oldest success, and who has been failing since when."""

    def __init__(self, *, streams: Streams, context: UiContext) -> None:
        self._clients: dict[str, Client] = {}
        self._safety = Safety(Tone.OK, "")
        self._icon = ft.Icon(ft.Icons.VERIFIED_USER, size=30, color=Tone.OK.color)
        self._headline = ft.Text(
            "",
            size=17,
            weight=STRONG,
            font_family=STRONG_FACE,
            color=INK,
            no_wrap=True,
            overflow=ft.TextOverflow.ELLIPSIS,
        )
        self._oldest = _Fact(lambda: self._lead_to(self._safety.oldest_id), share=1)
        self._failing = _Fact(lambda: self._lead_to(self._safety.failing_id), share=2)
        self._revoked = _Fact(lambda: self._lead_to(self._safety.revoked_id))
        self._marked = _Fact(self._lead_to_marked)
        self._disk = _Fact(lambda: context.go(Place("analytics")))
        self._verification = VerificationLine()
        self._worst: Problem | None = None
        self._damage = _Fact(self._show_damaged)
        facts = (self._disk, self._damage, self._failing, self._revoked, self._marked, self._oldest)
        self._button = ft.OutlinedButton("", on_click=lambda _: self._show_unsafe(), visible=False)
        body = ft.Row(
            [
                self._icon,
                ft.Column(
                    [
                        self._headline,
                        # All at once may be more than there is room for; nothing may lie over the button.
                        ft.Container(
                            ft.Row([fact.control for fact in facts], spacing=18, height=18),
                            clip_behavior=ft.ClipBehavior.HARD_EDGE,
                        ),
                    ],
                    spacing=3,
                    expand=True,
                    tight=True,
                ),
                self._button,
            ],
            spacing=14,
            vertical_alignment=ft.CrossAxisAlignment.CENTER,
        )
        self.box = StateBox(
            body,
            empty=Empty(
                "No client has enrolled yet. On the server: tidewatch server enrol NAME --data DIR",
                ft.Icons.DEVICES_OTHER,
            ),
            skeleton_rows=2,
            height=46,
            expand=True,
        )
        super().__init__(
            context=context,
            key="safety",
            content=card(None, ft.Row([self.box, self.box.note], spacing=12)),
        )
        self.bind_table(streams.clients, self.box, self._show_clients)
        self.bind(streams.status, self._show_server)
        self.bind(streams.problems, self._show_problems)
        self.bind(context.server_seconds, self._show_safety)

    def _show_clients(self, delta: Delta[str, Client]) -> None:
        delta.apply_to(self._clients)
        self._show_safety(self.context.server_clock())

    def _show_safety(self, now: datetime) -> None:
        if not self._clients:
            return
        safety = present_safety(self._clients.values(), now, self.context.format)
        before, self._safety = self._safety, safety
        if safety == before:
            return
        self._show_tone()
        self._show_headline()
        self.touch(
            *self._oldest.set(
                safety.oldest, safety.oldest_exact, Tone.WARNING if safety.unsafe else Tone.QUIET
            )
        )
        self.touch(*self._failing.set(safety.failing, safety.failing_exact, Tone.BAD))
        self.touch(*self._revoked.set(safety.revoked, safety.revoked_exact, Tone.WARNING, _KEY))
        icon = TO_BE_REMOVED.icon
        self.touch(*self._marked.set(safety.marked, safety.marked_exact, Tone.WARNING, icon))
        if safety.attention != before.attention or bool(safety.attention) != self._button.visible:
            self._button.content = f"Show {count_text(safety.attention)}"
            self._button.tooltip = "Clients that are not within their goal, or whose backups fail"
            self._button.visible = safety.attention > 0
            self.touch(self._button)

    def _show_problems(self, problems: tuple[Problem, ...]) -> None:
        self._worst = worst_for_headline(problems)
        self._show_headline()
        self._show_tone()

    def _show_headline(self) -> None:
        text = present_headline(self._safety.headline, self._worst)
        if text != self._headline.value:
            self._headline.value = self._headline.tooltip = text
            self.touch(self._headline)

    def _show_server(self, snapshot: Snapshot[ServerStatus]) -> None:
        status = snapshot.value
        if status is None:
            return
        text, why, tone = present_disk(status, self.context.format)
        self.touch(*self._disk.set(text, why, tone, ft.Icons.STORAGE))
        found = present_verification(status.verification, self.context.server_clock(), self.context.format)
        self._verification = found
        self.touch(*self._damage.set(found.wrong, found.exact, found.tone, DAMAGE_ICON))
        self._show_tone()

    def _show_tone(self) -> None:
        """Show the worse of how the clients and how the stored contents are."""
        tone = self._safety.tone
        if self._verification.wrong and self._verification.tone is not Tone.OK:
            tone = max(tone, self._verification.tone, key=_WORSE.index)
        if self._worst is not None:
            tone = max(tone, Tone.BAD if self._worst.kind.grave else Tone.WARNING, key=_WORSE.index)
        if self._icon.color != tone.color:
            self._icon.icon, self._icon.color = _ICONS[tone], tone.color
            self.touch(self._icon)

    def _show_damaged(self) -> None:
        self.context.go(Place("files", "damaged") if self._verification.damaged else Place("logs"))

    def _show_unsafe(self) -> None:
        self.context.go(Place("clients", "not_safe"))

    def _lead_to_marked(self) -> None:
        if self._safety.marked_id:
            self._lead_to(self._safety.marked_id)
        else:
            self.context.go(Place("clients", "marked"))

    def _lead_to(self, client_id: str) -> None:
        if client_id:
            self.context.go(Place("clients", f"client:{client_id}"))


class _Fact:
    """An icon and a few words that lead to a client.

    A fact with a ``share`` of the width that the others leave is cut at the end of its share; the tooltip
    has it whole. One without keeps the width of its words.
    """

    def __init__(self, on_click: Callable[[], None], *, share: int | None = None) -> None:
        self._icon = ft.Icon(ft.Icons.WARNING_AMBER, size=15)
        self._words = body_text()
        self.control = ft.Container(
            ft.Row(
                [
                    self._icon,
                    ft.Container(self._words, expand=share is not None, expand_loose=share is not None),
                ],
                spacing=5,
                tight=True,
            ),
            visible=False,
            expand=share,
            expand_loose=share is not None,
            on_click=lambda _: on_click(),
        )

    def set(self, text: str, exact: str, tone: Tone, icon: ft.IconData | None = None) -> list[ft.Control]:
        """Show other words; return what changed."""
        if (text, exact) == (self._words.value, self.control.tooltip) and self._icon.color == tone.color:
            return []
        self._words.value = label_text(text)
        self._icon.color = tone.color
        self._icon.icon = icon or (ft.Icons.ERROR if tone is Tone.BAD else ft.Icons.HISTORY)
        self.control.tooltip = exact or None
        self.control.visible = bool(text)
        return [self.control]
