"""The dashboard on a page: what it shows in each state, and what a changed value costs."""

from datetime import timedelta

import flet as ft
import pytest
from msgspec.structs import replace

from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Health
from tests.ui import fleet
from tests.ui.dashboard_stage import stage
from ui.base.context import Place
from ui.components.progress import ProgressLine


async def test_it_tells_whether_everything_is_safe_and_what_goes_on() -> None:
    async with stage() as s:
        texts = s.h.texts()
        for words in (
            "42 of 45 clients within their goal",
            "Failing: mail-gw since Tue 03:12: disk full at client",
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
        assert "No connection · 42 of 45 clients within their goal (last known)" in texts
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
        card = next(
            c for c in h.find_all(ft.Container, s.view.load) if c.on_click and "Server CPU" in h.texts(c)
        )
        await h.fire(card, "click")
        dialog = h.find(ft.AlertDialog)
        texts = h.texts(dialog)
        assert "Server CPU, last 10 minutes" in texts
        assert "Greatest" in texts
        assert any("GET /api/load" in text for text in texts)


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
