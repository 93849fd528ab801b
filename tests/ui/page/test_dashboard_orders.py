"""Buttons of the dashboard give their orders, and are held back where that is right."""

from datetime import timedelta

import flet as ft
from msgspec.structs import replace

from streams.model.failures import CommandFailed
from streams.model.outcome import Outcome
from streams.model.vocabulary import LinkState, RunState, ServerState
from tests.ui import fleet
from tests.ui.dashboard_stage import stage
from ui.base.theme import Tone
from ui.components.icon_button import tooltip_text


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
            assert tooltip_text(row._cancel) == "There is no connection to the server"
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
        stop = h.find(ft.OutlinedButton, s.view.server, content="Stop")
        await h.fire(stop, "click")
        assert s.commands.calls == []
        assert not stop.disabled, "the keyboard comes back to it, and not to a neighbour"
        await h.fire(h.find(ft.FilledButton, h.find(ft.AlertDialog), content="Stop the server"), "click")
        assert s.commands.calls == [("stop_server", None)]
        stopped = replace(fleet.status(h.now()), state=ServerState.STOPPED)
        s.streams.status.on_next(s.streams.ok(stopped))
        h.frame()
        assert h.find(ft.FilledButton, s.view.server, content="Back up all").disabled
        await h.fire(h.find(ft.OutlinedButton, s.view.server, content="Start"), "click")
        assert s.commands.calls[-1] == ("start_server", None)


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
                assert tooltip_text(button) == "There is no connection to the server"
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
