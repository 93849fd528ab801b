"""One backup on its own panel: how it ended, its numbers, its files by result, its log lines."""

import flet as ft
from msgspec.structs import replace

from streams.model.runs import RunDetails, RunName
from streams.model.vocabulary import FileResult, RunState
from tests.ui import fleet
from tests.ui.harness import NOON
from tests.ui.page.test_shell import stage
from ui.base.context import Place
from ui.views.run.panel import present_files_title


async def test_a_run_is_shown_over_any_view_with_its_reason_files_and_lines() -> None:
    async with stage() as s:
        bad = replace(
            fleet.run_of(3, "mail-gw", s.h.now()),
            id=8809,
            state=RunState.FAILED,
            reason="disk full at client",
        )
        s.streams.runs[fleet.client_id("mail-gw")] = (bad,)
        s.shell.go(Place("run", "8809"))
        await s.h.settle()
        panel = s.shell._run
        texts = s.h.texts(panel)
        assert {"mail-gw", "failed", "disk full at client", "Vanished", "/srv/data/report-3.txt"} <= set(
            texts
        )
        order = [
            texts.index(word) for word in ("/srv/data/locked.db", "/srv/data/gone.txt", "new", "changed")
        ]
        assert order == sorted(order)
        assert "it was locked" in texts
        assert any("run 8809" in text and "took 1 min 19 s" in text for text in texts)
        assert panel.visible and panel.all_lines.visible
        await s.h.fire(panel.all_lines, "click")
        assert s.shell.current == "logs" and not panel.visible


async def test_no_way_leads_to_lines_that_are_not_there() -> None:
    async with stage() as s:
        s.streams.logs.past = []
        s.shell.go(Place("run", "8790"))
        await s.h.settle()
        panel = s.shell._run
        assert not panel.all_lines.visible
        assert "The log keeps no lines of this run any more." in s.h.texts(panel)
        assert s.shell.close_panels()
        assert not panel.looking


async def test_another_run_takes_the_place_of_the_first() -> None:
    async with stage() as s:
        for number in ("8795", "8790"):
            s.shell.go(Place("run", number))
            await s.h.settle()
        heads = [text for text in s.h.texts(s.shell._run) if text.startswith("run ")]
        assert len(heads) == 1 and heads[0].startswith("run 8790")
        assert s.h.find(ft.TextButton, s.shell._run, content="Files of the client")


def test_the_title_says_of_how_many_the_list_is_a_part() -> None:
    failed = tuple(RunName(path=f"/{n}", result=FileResult.FAILED, reason="locked") for n in range(100))
    gone = (RunName(path="/gone", result=FileResult.VANISHED),)
    run = replace(fleet.run_of(3, "mail-gw", NOON), files_failed=1204, files_vanished=1)
    title = present_files_title(RunDetails(run=run, names=(*failed, *gone)))
    assert title == "100 of 1,204 failed, 1 vanished, stored by it and still kept: 0 files"
    assert present_files_title(RunDetails(run=run)).startswith("Stored by it")
