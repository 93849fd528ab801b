"""The dashboard on a page: what it shows in each state, what a changed value costs, what its buttons do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import flet as ft
import pytest
from msgspec.structs import replace

from streams.commands import Outcome
from streams.failures import CommandFailed
from streams.snapshot import Snapshot
from streams.vocabulary import Health, LinkState, RunState, ServerState
from tests.ui import fleet
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.components.progress import ProgressLine
from ui.context import Place
from ui.theme import Tone
from ui.views.dashboard import DashboardView


@dataclass
class _Stage:
    h: PageHarness
    streams: FakeStreams
    commands: FakeCommands
    view: DashboardView
    went: list[Place]


@asynccontextmanager
async def stage(situation: str = "fill") -> AsyncIterator[_Stage]:
    async with PageHarness.open() as h:
        streams, commands, went = FakeStreams(h.now), FakeCommands(), []
        h.context.go = went.append
        if situation:
            getattr(streams, situation)()
        view = DashboardView(streams=streams.bag, commands=commands, context=h.context)
        h.mount(view)
        yield _Stage(h, streams, commands, view, went)
        assert not h.reports, h.reports
        assert not h.crashes


async def test_it_tells_whether_everything_is_safe_and_what_goes_on() -> None:
    async with stage() as s:
        texts = s.h.texts()
        for words in (
            "42 of 45 clients within their goal",
            "Failing: mail-gw since Tue 03:12 (disk full at client)",
            "412",
            "GiB of 1.0 TiB",
            "full about Jul 9 (Jun 15 – Aug 16)",
            "Running backups (4)",
            "web-01",
            "31.0 MiB/s",
            "scanning",
            "running",
            "43",
            "Last 24 h: 124 backups: 118 complete, 3 failed, 2 partial, 1 cancelled",
            "96.4 GiB received from the clients",
            "web-03 backed up, 1,204 files, 312 MiB, 48 s",
        ):
            assert words in texts, words


async def test_one_changed_number_is_one_small_patch() -> None:
    async with stage() as s:
        s.h.clear()
        s.streams.status.on_next(s.streams.ok(replace(fleet.status(s.h.now()), connections=39)))
        s.h.frame()
        changed = [op for op in s.h.ops() if op.what == "value"]
        assert [op.value for op in changed] == ["39"]
        assert all(op.what in ("value", "tooltip") for op in s.h.ops())


async def test_progress_changes_text_and_bar_of_its_row_only() -> None:
    async with stage() as s:
        s.h.clear()
        s.streams.progress.put(fleet.progress_of("db-02", 0.30, s.h.now()), committed_at=s.h.now())
        s.h.frame()
        values = [op.value for op in s.h.ops() if op.what == "value"]
        assert values == ["30 %", "3 min", 0.3]
        assert s.h.bytes < 500
        assert len(s.h.latencies) == 1


async def test_what_has_not_changed_sends_nothing() -> None:
    async with stage() as s:
        s.h.advance(1.1)
        s.h.clear()
        s.streams.status.on_next(s.streams.ok(s.streams.status.value.value))
        s.streams.clients.put(*s.streams.clients.rows.values())
        s.h.frame()
        assert s.h.patches == 0


async def test_rows_follow_runs_that_begin_and_end() -> None:
    async with stage() as s:
        s.streams.progress.remove(8800)
        s.h.frame()
        assert "Running backups (3)" in s.h.texts()
        names = [t for t in s.h.texts(s.view.running) if t in fleet.RUNNING]
        assert names == ["db-02", "app-03", "nas-office"]
        s.streams.progress.put(fleet.progress_of("web-01", 0.1, s.h.now()))
        s.h.frame()
        names = [t for t in s.h.texts(s.view.running) if t in fleet.RUNNING]
        assert names == list(fleet.RUNNING)
        s.streams.progress.fill((), s.h.now())
        s.h.frame()
        assert "No backup is running." in s.h.texts()


async def test_a_backup_that_falls_silent_says_so() -> None:
    async with stage() as s:
        s.h.advance(20.5)
        assert "silent 20 s" in s.h.texts()


async def test_more_running_backups_than_fit_are_counted() -> None:
    async with stage() as s:
        run = fleet.progress_of("web-01", 0.5, s.h.now())
        s.streams.progress.fill((replace(run, run_id=i) for i in range(200)), s.h.now())
        s.h.frame()
        assert len(s.h.find_all(ProgressLine, s.view.running)) == 40
        more = s.h.find(ft.TextButton, s.view.running, content="160 more")
        await s.h.fire(more, "click")
        assert s.went == [Place("clients", "running")]


async def test_loading_shows_skeletons_after_a_moment_and_nothing_before() -> None:
    async with stage("") as s:
        faces = [s.view.safety.box, s.view.running.box, s.view.server.box, s.view.activity.box]
        assert {box.face for box in faces} == {"waiting"}
        s.h.advance(0.2)
        assert {box.face for box in faces} == {"loading"}


async def test_an_empty_server_says_what_to_do() -> None:
    async with stage("empty") as s:
        texts = s.h.texts()
        assert any(text.startswith("No client has enrolled yet.") for text in texts)
        assert "No backup is running." in texts
        assert "Nothing has happened yet." in texts


async def test_an_error_says_what_and_why_in_each_part() -> None:
    async with stage("fail") as s:
        assert s.h.texts().count("Nothing listens at localhost:1256.") == 5
        assert s.h.texts().count("No data") == 6


async def test_a_lost_server_leaves_the_values_and_their_age() -> None:
    async with stage() as s:
        s.streams.lose()
        s.h.advance(18.2)
        texts = s.h.texts()
        assert "42 of 45 clients within their goal" in texts
        assert texts.count("18 s ago") == 5
        assert texts.count("18 s") == 6


async def test_everything_leads_to_where_it_comes_from() -> None:
    async with stage() as s:
        h = s.h
        await h.fire(h.find(ft.OutlinedButton, s.view.safety), "click")
        for title in ("Clients online", "Throughput", "Storage, whole disk"):
            card = next(
                c for c in h.find_all(ft.Container, s.view.load) if c.on_click and title in h.texts(c)
            )
            await h.fire(card, "click")
        row = next(
            c
            for c in h.find_all(ft.Container, s.view.activity)
            if c.on_click and "laptop-anna is online" in h.texts(c)
        )
        await h.fire(row, "click")
        assert s.went == [
            Place("clients", "not_safe"),
            Place("clients", "state:online"),
            Place("files", "transfers"),
            Place("files"),
            Place("clients", f"client:{fleet.client_id('laptop-anna')}"),
        ]


async def test_a_disk_that_runs_full_is_a_reason_to_look_and_leads_to_how_it_grew() -> None:
    async with stage() as s:
        h = s.h
        assert not any("Disk" in text for text in h.texts())
        low = replace(fleet.status(h.now()), disk_free_bytes=3 * fleet.GIB, disk_warn_bytes=4 * fleet.GIB)
        s.streams.status.on_next(s.streams.ok(low))
        h.frame()
        assert h.texts(s.view.safety).count("Disk nearly full: 3.0 GiB left") == 1
        assert h.texts(s.view.load).count("Disk nearly full: 3.0 GiB left") == 1
        await h.fire(s.view.safety._disk.control, "click")
        assert s.went == [Place("analytics")]
        s.streams.status.on_next(s.streams.ok(fleet.status(h.now())))
        h.frame()
        assert s.view.safety._disk.control.visible is False
        assert "full about Jul 9 (Jun 15 – Aug 16)" in h.texts(s.view.load)


async def test_the_load_behind_a_number_opens_large() -> None:
    async with stage() as s:
        h = s.h
        card = next(c for c in h.find_all(ft.Container, s.view.load) if c.on_click and "CPU" in h.texts(c))
        await h.fire(card, "click")
        dialog = h.find(ft.AlertDialog)
        texts = h.texts(dialog)
        assert "CPU, last 10 minutes" in texts
        assert "Greatest" in texts
        assert any("GET /api/load" in text for text in texts)


async def test_cancel_is_done_at_once_and_offers_the_way_back() -> None:
    async with stage() as s:
        button = s.h.find(ft.IconButton, s.view.running, tooltip="Cancel the backup of db-02")
        await s.h.fire(button, "click")
        assert s.commands.calls == [("cancel_run", 8801)]
        message = s.h.context.messages.all[0]
        assert message.action_label == "Back up again"
        assert message.action is not None
        await message.action()
        assert s.commands.calls[-1] == ("back_up", [fleet.client_id("db-02")])


async def test_no_order_is_offered_that_would_not_arrive() -> None:
    async with stage() as s:
        s.streams.lose()
        s.h.frame()
        for name in fleet.RUNNING:
            row = next(
                row for row in s.view.running._pool if row.control.visible and name in s.h.texts(row.control)
            )
            assert row._cancel.disabled
            assert row._cancel.tooltip == "There is no connection to the server"
        s.streams.fill()
        s.h.frame()
        button = s.h.find(ft.IconButton, s.view.running, tooltip="Cancel the backup of db-02")
        assert not button.disabled
        s.streams.lose()
        late = replace(fleet.progress_of("web-01", 0.1, s.h.now()), run_id=9999)
        s.streams.progress.put(late)  # known only while it is lost
        s.h.frame()
        assert all(row._cancel.disabled for row in s.view.running._pool if row.control.visible)


async def test_the_way_back_says_what_the_server_did() -> None:
    async with stage() as s:
        button = s.h.find(ft.IconButton, s.view.running, tooltip="Cancel the backup of db-02")
        await s.h.fire(button, "click")
        again = s.h.context.messages.all[0].action
        assert again is not None
        s.commands.outcome = Outcome(refused={fleet.client_id("db-02"): "the server is stopped"})
        await again()
        message = s.h.context.messages.all[0]
        assert message.text == "Refused for db-02: the server is stopped"
        assert message.tone is Tone.WARNING


async def test_a_backup_that_had_ended_is_not_called_cancelled() -> None:
    async with stage() as s:
        s.commands.cancelled_as = RunState.COMPLETE
        button = s.h.find(ft.IconButton, s.view.running, tooltip="Cancel the backup of db-02")
        await s.h.fire(button, "click")
        message = s.h.context.messages.all[0]
        assert message.text == "Backup of db-02 had ended already: complete"
        assert message.action is None


async def test_a_refused_command_says_why() -> None:
    async with stage() as s:
        s.commands.refuse = CommandFailed("The run has ended already.", code="run_ended")
        button = s.h.find(ft.IconButton, s.view.running, tooltip="Cancel the backup of db-02")
        await s.h.fire(button, "click")
        message = s.h.context.messages.all[0]
        assert message.text == "Cancel the backup of db-02: The run has ended already."
        assert message.stays


async def test_stop_asks_first_and_start_does_not() -> None:
    async with stage() as s:
        h = s.h
        await h.fire(h.find(ft.OutlinedButton, s.view.server, content="Stop"), "click")
        assert s.commands.calls == []
        await h.fire(h.find(ft.FilledButton, h.find(ft.AlertDialog), content="Stop the server"), "click")
        assert s.commands.calls == [("stop_server", None)]
        stopped = replace(fleet.status(h.now()), state=ServerState.STOPPED)
        s.streams.status.on_next(s.streams.ok(stopped))
        h.frame()
        assert h.find(ft.FilledButton, s.view.server, content="Back up all").disabled
        await h.fire(h.find(ft.OutlinedButton, s.view.server, content="Start"), "click")
        assert s.commands.calls[-1] == ("start_server", None)


async def test_the_uptime_of_a_silent_server_stands_still() -> None:
    async with stage() as s:
        h = s.h
        status = replace(fleet.status(h.now()), started_at=h.now() - timedelta(hours=1))
        s.streams.status.on_next(s.streams.ok(status))
        h.frame()
        h.advance(5)
        assert any(text.startswith("up 1 h 00 min") for text in h.texts(s.view.server))
        h.advance(600)
        assert any(text.startswith("up 1 h 00 min") for text in h.texts(s.view.server))


async def test_while_the_server_is_lost_its_card_tells_what_was_and_offers_nothing() -> None:
    async with stage() as s:
        h = s.h
        status = replace(fleet.status(h.now()), started_at=h.now() - timedelta(minutes=3))
        s.streams.status.on_next(s.streams.ok(status))
        h.frame()
        live = s.streams.link.value
        h.advance(2)
        s.streams.lose()
        for _ in range(2):
            h.frame()
            texts = h.texts(s.view.server)
            assert "was running" in texts
            assert "running" not in texts
            assert any(text.startswith("was up 3 min ·") for text in texts), texts
            for kind, words in ((ft.OutlinedButton, "Stop"), (ft.FilledButton, "Back up all")):
                button = h.find(kind, s.view.server, content=words)
                assert button.disabled
                assert button.tooltip == "There is no connection to the server"
            h.advance(7)
        s.streams.link.on_next(live)
        h.frame()
        texts = h.texts(s.view.server)
        assert "running" in texts
        assert any(text.startswith("up 3 min") for text in texts), texts
        assert not h.find(ft.OutlinedButton, s.view.server, content="Stop").disabled
        assert not h.find(ft.FilledButton, s.view.server, content="Back up all").disabled


async def test_while_polling_carries_the_data_the_buttons_work() -> None:
    async with stage() as s:
        s.streams.link.on_next(replace(s.streams.link.value, state=LinkState.POLLING))
        s.h.frame()
        assert "running" in s.h.texts(s.view.server)
        assert not s.h.find(ft.OutlinedButton, s.view.server, content="Stop").disabled


async def test_back_up_all_shows_whom_it_reaches_and_a_no_is_a_no() -> None:
    async with stage() as s:
        h = s.h
        await h.fire(h.find(ft.FilledButton, s.view.server, content="Back up all"), "click")
        dialog = h.find(ft.AlertDialog)
        assert "and 32 more" in h.texts(dialog)
        await h.fire(h.find(ft.TextButton, dialog, content="Not now"), "click")
        assert s.commands.calls == []


async def test_back_up_all_tells_what_really_happened() -> None:
    async with stage() as s:
        h = s.h
        s.commands.outcome = Outcome(done=("a", "b"), queued=("c",), refused={"d": "disconnected"})
        await h.fire(h.find(ft.FilledButton, s.view.server, content="Back up all"), "click")
        await h.fire(h.find(ft.FilledButton, h.find(ft.AlertDialog), content="Back up all"), "click")
        assert s.commands.calls == [("back_up", None)]
        told = h.context.messages.all[0]
        assert told.text == "Backup of all asked for: 2 begin now, 1 when they are back, 1 refused."
        assert told.detail == "1 refused: disconnected"
        assert told.tone is Tone.WARNING


async def test_activity_stands_still_under_the_pointer() -> None:
    async with stage() as s:
        h = s.h
        surface = next(c for c in h.find_all(ft.Container, s.view.activity) if c.on_hover)
        await h.fire(surface, "hover", True)
        newest = replace(fleet.activity(h.now())[2], seq=200_000, client_name="web-08")
        s.streams.activity.on_next(s.streams.ok((newest, *fleet.activity(h.now())[:99])))
        h.frame()
        assert "web-08 is online" not in h.texts()
        assert "1 new" in h.texts()
        h.clear()
        await h.fire(surface, "hover", False)
        assert h.texts(s.view.activity)[2] == "web-08 is online"
        assert sum(op.kind == "add" for op in h.ops()) == 1


async def test_a_hidden_dashboard_looks_at_nothing() -> None:
    async with stage() as s:
        assert s.streams.clients.looked_at
        s.view.set_visible(False)
        assert not s.streams.clients.looked_at
        assert not s.streams.progress.looked_at
        assert not any(subject.observers for subject in s.streams.snapshots())


async def test_one_broken_part_leaves_the_others_alone() -> None:
    async with stage() as s:
        broken = Snapshot("not a status", Health.OK, s.h.now())
        s.streams.status.on_next(broken)  # type: ignore[arg-type]
        s.h.frame()
        assert s.view.server.box.face == "error"
        assert s.view.safety.box.face == "content"
        assert s.h.reports
        s.h.reports.clear()
        s.streams.status.on_next(s.streams.ok(fleet.status(s.h.now())))
        s.h.frame()
        assert s.view.server.box.face == "content"


async def test_time_alone_costs_only_what_it_changes() -> None:
    async with stage() as s:
        s.h.advance(1.05)
        s.h.clear()
        s.h.advance(timedelta(seconds=1).total_seconds())
        assert s.h.patches <= 1


async def test_no_line_of_activity_is_cut_at_the_lower_edge() -> None:
    async with stage() as s:
        lines = s.h.find(ft.ListView, s.view.activity)
        await s.h.fire(lines, "size_change", {"w": 600.0, "h": 200.0})
        assert lines.item_extent == pytest.approx(200 / 7, abs=0.01)
        await s.h.fire(lines, "size_change", {"w": 600.0, "h": 12.0})
        assert lines.item_extent == 26
