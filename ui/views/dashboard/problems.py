"""All that is wrong now: since when, why, the way to its reason, and what can be done about it."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import flet as ft

from streams.model.link import Link
from streams.model.problems import Problem
from streams.model.safe_text import label_text
from streams.model.vocabulary import ProblemKind, Scope
from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.format import count_text
from ui.base.permissions import Permissions
from ui.base.problem_places import log_of, place_of
from ui.base.problems import MUTES_H, Standing, present_problem
from ui.base.theme import GAP, INK, QUIET_INK, SIZE_BODY, STRONG, STRONG_FACE, Tone, body_text, small_text
from ui.components.card import card
from ui.components.menus import minded
from ui.components.orders import hold_back
from ui.views.shared.backup_notifications import force_backup

MAX_ROWS: Final = 4
"""So many are listed; the others are told of, and one click away."""
ROW_HEIGHT: Final = 30
_HEAD_HEIGHT: Final = 54
"""Of the card, with its edges."""


class ProblemsPart(BoundView):
    """A card under the safe line; nothing while all is well."""

    def __init__(
        self,
        *,
        streams: Streams,
        commands: Commands,
        context: UiContext,
        on_room: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_room = on_room
        self._commands = commands
        self._standing: tuple[Standing, ...] = ()
        self._permissions = Permissions()
        self._all = False
        self.rows = [_Row(self) for _ in range(MAX_ROWS)]
        self._title = ft.Text(
            "", size=13, weight=STRONG, font_family=STRONG_FACE, color=QUIET_INK, no_wrap=True
        )
        self._more = ft.TextButton("", height=24, on_click=lambda _: self._on_more(), visible=False)
        self._list = ft.Column([row.control for row in self.rows], spacing=0, tight=True)
        self._card = ft.Container(
            card(self._title, self._list, trailing=[self._more], spacing=4),
            margin=ft.Margin.only(top=GAP),
            visible=False,
        )
        super().__init__(context=context, key="problems", content=self._card)
        self.bind(context.problems.standing(streams.problems), self._show_standing)
        self.bind(streams.link, self._show_link)
        self.bind(context.server_seconds, self._show_time)

    @property
    def shown(self) -> bool:
        """Whether anything is wrong."""
        return bool(self._card.visible)

    @property
    def room(self) -> int:
        """How high it is, with the gap above it."""
        if not self.shown:
            return 0
        rows = min(len(self._standing), MAX_ROWS * (2 if self._all else 1))
        return GAP + _HEAD_HEIGHT + rows * ROW_HEIGHT

    def _show_link(self, link: Link) -> None:
        self._permissions = Permissions.of(link)
        self._show_time(self.context.server_clock())

    def _show_standing(self, standing: tuple[Standing, ...]) -> None:
        # What counts stands above what somebody has acknowledged or muted.
        self._standing = tuple(sorted(standing, key=lambda each: not each.loud))
        loud = sum(each.loud for each in standing)
        quiet = len(standing) - loud
        told = f"Wrong now ({count_text(loud)})" if loud or not quiet else "Nothing new is wrong"
        self._title.value = told + (f", {count_text(quiet)} acknowledged or muted" if quiet else "")
        more = len(standing) - MAX_ROWS
        self._more.visible = more > 0
        self._more.content = "Show fewer" if self._all else f"Show all {count_text(len(standing))}"
        if more <= 0:
            self._all = False
        self._card.visible = bool(standing)
        self._arrange()
        self.touch(self._card)
        self._on_room()
        self._show_time(self.context.server_clock())

    def _arrange(self) -> None:
        """Have as many rows as are shown; all of them scroll in the place of a few."""
        wanted = len(self._standing) if self._all else MAX_ROWS
        while len(self.rows) < wanted:
            self.rows.append(_Row(self))
        self._list.controls = [row.control for row in self.rows[:wanted]]
        self._list.scroll = ft.ScrollMode.AUTO if self._all else None
        most = ROW_HEIGHT * min(len(self._standing), 2 * MAX_ROWS)
        self._list.height = most if self._all else None

    def _on_more(self) -> None:
        self._all = not self._all
        self._show_standing(self._standing)

    def _show_time(self, now: datetime) -> None:
        shown = self._standing if self._all else self._standing[:MAX_ROWS]
        for number, row in enumerate(self.rows):
            self.touch(*row.show(shown[number] if number < len(shown) else None, self._permissions, now))

    # -- what the rows ask for

    def lead(self, problem: Problem) -> None:
        """Go to where the reason is seen."""
        self.context.go(place_of(problem))

    def show_log(self, problem: Problem) -> None:
        """Go to the log lines of a client, or to the errors of the server."""
        self.context.go(log_of(problem))

    def mend(self, problem: Problem) -> None:
        """Do what may end it."""
        if problem.kind is ProblemKind.SERVER_STOPPED:
            self.act("Start the server", self._start())
        elif problem.kind is ProblemKind.NO_CONNECTION:
            self.act("Reconnect", self._commands.reconnect())
        else:
            names = {problem.client_id: problem.client_name}
            self.act(f"Back up {problem.client_name}", force_backup(self._commands, self.context, names))

    async def _start(self) -> None:
        await self._commands.start_server()
        self.context.messages.done("The server takes backups again.")


def mending(problem: Problem) -> tuple[str, Scope | None]:
    """Return the order that may end a problem, and the scope it takes; empty where there is none."""
    if problem.kind is ProblemKind.SERVER_STOPPED:
        return "Start", Scope.OPERATE
    if problem.kind is ProblemKind.NO_CONNECTION:
        return "Try now", None
    if problem.client_id and (problem.client_state is None or problem.client_state.let_in):
        return "Back up", Scope.OPERATE
    return "", None


class _Row:
    """One problem: whose, what, since when, why; its buttons at the right."""

    def __init__(self, part: ProblemsPart) -> None:
        self._part = part
        self._standing: Standing | None = None
        self._icon = ft.Icon(ft.Icons.ERROR, size=16)
        self._subject = ft.Text("", size=SIZE_BODY, weight=STRONG, font_family=STRONG_FACE, no_wrap=True)
        self._text = body_text()
        self._note = small_text()
        style = ft.ButtonStyle(padding=ft.Padding.symmetric(horizontal=8))
        self.mend = ft.TextButton("", height=26, style=style, on_click=lambda _: self._with(part.mend))
        self.log = ft.TextButton("Log", height=26, style=style, on_click=lambda _: self._with(part.show_log))
        self.menu = minded(
            ft.PopupMenuButton(
                content=ft.Container(
                    ft.Icon(ft.Icons.NOTIFICATIONS_PAUSED_OUTLINED, size=16, color=INK),
                    width=28,
                    height=26,
                    alignment=ft.Alignment.CENTER,
                ),
            )
        )
        self.menu.tooltip = "Acknowledge or mute"
        named = ft.Semantics(content=self.menu, container=True, label="Acknowledge or mute")
        self.lead = ft.Container(
            ft.Row([self._icon, self._subject, ft.Container(self._text, expand=True), self._note], spacing=8),
            expand=True,
            on_click=lambda _: self._with(part.lead),
        )
        self.control = ft.Container(
            ft.Row([self.lead, self.mend, self.log, ft.Container(named, width=28, height=26)], spacing=2),
            height=ROW_HEIGHT,
            visible=False,
        )

    def _with(self, do: Callable[[Problem], None]) -> None:
        if self._standing is not None:
            do(self._standing.problem)

    def show(self, standing: Standing | None, permissions: Permissions, now: datetime) -> list[ft.Control]:
        """Show this problem, or nothing; return what changed."""
        if standing is None:
            changed: list[ft.Control] = [self.control] if self.control.visible else []
            self._standing, self.control.visible = None, False
            return changed
        problem, context = standing.problem, self._part.context
        line = present_problem(problem, context.format, now)
        note = "acknowledged" if standing.acknowledged else ""
        if standing.muted_until is not None:
            note = f"muted until {context.format.moment(standing.muted_until, now)}"
        told = label_text(f"{line.text}{f': {line.why}' if line.why else ''}")
        verb, needs = mending(problem)
        refused = permissions.refusal(needs)
        looks = (standing, told, refused, note)
        if self.control.visible and self.control.data == looks:
            return []
        self._standing, self.control.data, self.control.visible = standing, looks, True
        loud = standing.loud
        self._icon.icon, self._icon.color = line.icon, line.tone.color if loud else Tone.QUIET.color
        self._subject.value, self._text.value = label_text(line.subject), told
        self._subject.color = self._text.color = INK if loud else QUIET_INK
        self._note.value = note
        self.lead.tooltip = label_text("\n".join(p for p in (f"{line.subject}: {told}", line.exact) if p))
        self.mend.content, self.mend.visible = verb, bool(verb)
        hold_back(self.mend, refused)
        self.menu.items = self._items(standing)
        return [self.control]

    def _items(self, standing: Standing) -> list[ft.PopupMenuItem]:
        problem, board = standing.problem, self._part.context.problems
        if not standing.loud:
            return [_item("Tell again", lambda: board.unmute(problem))]
        items = [_item("Acknowledge until it changes", lambda: board.acknowledge(problem))]
        for hours in MUTES_H:
            told = f"{hours} h" if hours <= 24 else f"{hours // 24} d"
            items.append(_item(f"Mute for {told}", lambda hours=hours: board.mute(problem, hours)))
        return items


def _item(label: str, do: Callable[[], None]) -> ft.PopupMenuItem:
    return ft.PopupMenuItem(label, on_click=lambda _: do())
