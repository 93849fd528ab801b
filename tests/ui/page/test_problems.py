"""Problems on the screen: told once with their end, counted, acknowledged, muted, and led to their reason."""

from datetime import timedelta

import flet as ft
from msgspec.structs import replace

from streams.model.problems import Problem
from streams.model.vocabulary import ProblemKind, ServerState
from tests.ui import fleet
from tests.ui.dashboard_stage import stage as dashboard_stage
from tests.ui.page.test_shell import stage as shell_stage
from ui.base.context import Place, SessionPrefs
from ui.base.problems import ProblemBoard, Standing

FAILING = fleet.client_id(fleet.FAILING)
KEY = f"client:{FAILING}"


async def test_rail_and_title_count_what_is_wrong() -> None:
    async with shell_stage() as s:
        assert s.h.page.title == "(3) Tidewatch"
        badge = s.shell._rail._icons[0][0].badge
        assert isinstance(badge, ft.Badge) and badge.label == "3"
        well = tuple(c for c in fleet.clients(s.h.now()) if c.within_goal(s.h.now()))
        s.streams.clients.fill(well, s.h.now())
        s.h.frame()
        assert s.h.page.title == "Tidewatch"
        assert s.shell._rail._icons[0][0].badge is None


async def test_a_problem_is_told_once_and_its_end_too() -> None:
    async with shell_stage() as s:
        well = fleet.client_of("web-02", s.h.now())
        told = len(s.h.context.messages.all)
        bad = replace(well, failing_since=s.h.now(), failure_reason="disk full at client")
        s.streams.clients.put(bad)
        s.h.frame()
        (message, *_), now = s.h.context.messages.all, len(s.h.context.messages.all)
        assert now == told + 1
        assert message.text.startswith("web-02: backups fail since 12:00")
        assert message.detail == "disk full at client" and not message.quiet
        s.streams.clients.put(replace(bad, last_seen_at=s.h.now() + timedelta(seconds=1)))
        s.h.advance(60)
        assert len(s.h.context.messages.all) == now
        s.streams.clients.put(well)
        s.h.frame()
        over, first, *_ = s.h.context.messages.all
        assert over.text == "web-02: backups succeed again after 1 min" and over.quiet
        assert first.ended and not first.stays


async def test_what_stands_already_at_the_start_is_in_the_centre_and_in_nobodys_way() -> None:
    async with shell_stage() as s:
        told = [message for message in s.h.context.messages.all if message.lead is not None]
        assert {message.lead.client_name for message in told if message.lead} == {
            fleet.FAILING,
            fleet.OLDEST,
            fleet.NEVER,
        }
        assert all(message.quiet for message in told)


async def test_a_bad_night_is_one_line_at_the_foot() -> None:
    async with shell_stage() as s:
        bad = [replace(fleet.client_of(f"web-0{i}", s.h.now()), failing_since=s.h.now()) for i in range(1, 8)]
        s.streams.clients.put(*bad)
        s.h.frame()
        loud = [message for message in s.h.context.messages.all if not message.quiet]
        assert [message.text for message in loud] == ["7 new problems: web-01, web-02, web-03 …"]


async def test_the_system_shows_what_is_new_while_the_window_is_not_in_front() -> None:
    async with shell_stage() as s:
        shown: list[tuple[str, str]] = []
        s.h.context.notify = lambda text, detail: shown.append((text, detail))
        bad = [
            replace(
                fleet.client_of(f"web-0{i}", s.h.now()), failing_since=s.h.now(), failure_reason="disk full"
            )
            for i in range(1, 6)
        ]
        s.streams.clients.put(bad[0])
        s.h.frame()
        assert shown == []
        await s.h.fire(s.h.page.window, "event", {"type": "blur"})
        s.streams.clients.put(bad[1])
        s.h.frame()
        assert [(text.split(" since")[0], why) for text, why in shown] == [
            ("web-02: backups fail", "disk full")
        ]
        s.streams.clients.put(*bad[2:])
        s.h.frame()
        assert shown[1:] == [("3 new problems", "web-03, web-04, web-05")]


async def test_what_can_be_undone_is_in_the_palette_too() -> None:
    async with shell_stage() as s:

        async def undo() -> None:
            s.h.context.messages.used_up(["deleted 1"])

        s.h.context.messages.done(
            "a.txt deleted", action_label="Undo", action=undo, undoes=frozenset({"deleted 1"})
        )
        labels = [entry.label for entry in s.h.context.palette.entries()]
        assert "Undo: a.txt deleted" in labels
        await undo()
        assert "Undo: a.txt deleted" not in [entry.label for entry in s.h.context.palette.entries()]


async def test_a_stopped_server_is_said_on_every_view_by_chip_and_headline() -> None:
    async with shell_stage() as s:
        status = replace(fleet.status(s.h.now()), state=ServerState.STOPPED, state_since=s.h.now())
        s.streams.status.on_next(s.streams.ok(status))
        s.h.frame()
        texts = s.h.texts()
        assert "live" in texts and "no backups" in texts
        assert "The server takes no backups · 42 of 45 clients within their goal" in texts
        for view in ("clients", "files", "logs"):
            s.shell.go(Place(view))
            await s.h.settle()
            assert s.shell._server_bar.text.startswith("Server takes no backups since 12:00")
        await s.h.fire(s.shell._server_bar.button, "click")
        assert "start_server" in [call[0] for call in s.commands.calls]
        s.streams.status.on_next(s.streams.ok(fleet.status(s.h.now())))
        s.h.frame()
        assert s.shell._server_bar.text == ""


async def test_the_list_leads_to_the_reason_and_to_the_log_and_can_be_muted() -> None:
    async with dashboard_stage() as s:
        part = s.view.problems
        assert part.shown and part._title.value == "Wrong now (3)"
        row = part.rows[0]
        assert "mail-gw: backups fail since Tue 03:12" in str(row.lead.tooltip)
        assert "disk full at client" in str(row.lead.tooltip)
        await s.h.fire(row.lead, "click")
        await s.h.fire(row.log, "click")
        assert s.went[-2:] == [
            Place("clients", f"client:{FAILING}"),
            Place("logs", f"client:{FAILING}:mail-gw"),
        ]
        await s.h.fire(row.menu.items[1], "click")
        assert part._title.value == "Wrong now (2), 1 acknowledged or muted"
        assert "muted until 13:00" in s.h.texts(part)
        s.h.advance(3601)
        assert part._title.value == "Wrong now (3)"


async def test_an_order_that_mends_is_in_the_row() -> None:
    async with dashboard_stage() as s:
        row = s.view.problems.rows[0]
        assert row.mend.content == "Back up"
        await s.h.fire(row.mend, "click")
        assert ("back_up", [FAILING]) in [call[:2] for call in s.commands.calls]


async def test_an_acknowledgement_ends_with_its_cause() -> None:
    async with dashboard_stage() as s:
        board = ProblemBoard(SessionPrefs(), s.h.now, s.h.context.seconds)
        problem = Problem(key=KEY, kind=ProblemKind.OVERDUE, since=s.h.now())
        board.acknowledge(problem)
        assert board._judged((problem,)) == (Standing(problem, acknowledged=True),)
        worse = replace(problem, kind=ProblemKind.FAILING)
        assert board._judged((worse,))[0].loud
        board.mute(problem, 1)
        assert not board._judged((worse,))[0].loud
        board.unmute(problem)
        assert board._judged((problem,))[0].loud
