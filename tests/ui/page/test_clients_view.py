"""The clients view on a real page, with streams and commands that a test holds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import flet as ft
import msgspec
import pytest

from streams.model.failures import CommandFailed
from streams.model.files import VerifyResult
from streams.model.outcome import Outcome
from streams.model.vocabulary import ClientState, RunState
from tests.ui import fleet
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness, key_event
from ui.base.context import Place
from ui.base.theme import Density, Tone
from ui.views.clients.view import ClientsView
from ui.views.shared.client_state import can_be_allowed, is_let_in


class Desk:
    """The view, its streams and its commands."""

    def __init__(self, page: PageHarness, rows: int = 0) -> None:
        self.page = page
        self.streams, self.commands = FakeStreams(page.now), FakeCommands()
        self.went: list[Place] = []
        page.context.go = self.went.append
        self.view = ClientsView(streams=self.streams.bag, commands=self.commands, context=page.context)
        if rows:
            self.view._table._body.resize(1160, rows * 36)
            self.view._table._body.measured = True
        page.mount(self.view)

    @property
    def messages(self) -> list[str]:
        return [message.text for message in self.page.context.messages.all]

    def names(self) -> list[str]:
        return [row.name for row in self.rows()]

    def rows(self) -> list[fleet.Client]:
        table = self.view._table
        return [table._order.rows[key].client for key in table._order.order]

    async def click_row(self, slot: int) -> None:
        await self.page.fire(self.view._table._body.rows[slot].control, "click")

    async def menu(self, slot: int, label: str) -> None:
        table = self.view._table
        await self.page.fire(table._body.rows[slot]._menu, "click")
        item = next(i for i in table._menu.control.items if self.page.texts(i) == [label])
        await self.page.fire(item, "click")


@asynccontextmanager
async def open_desk(rows: int) -> AsyncIterator[Desk]:
    async with PageHarness.sound() as page:
        desk = Desk(page, rows=rows)
        desk.streams.fill()
        page.frame()
        page.clear()
        yield desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """Show the first twelve clients, which most tests can do with."""
    async with open_desk(12) as desk:
        yield desk


@pytest.fixture
async def whole_desk() -> AsyncIterator[Desk]:
    """Show all clients."""
    async with open_desk(45) as desk:
        yield desk


async def test_all_clients_with_their_state_and_progress(whole_desk: Desk) -> None:
    texts = whole_desk.page.texts()
    assert {"45", "mail-gw", "failing", "overdue", "disconnected", "backing up"} <= set(texts)
    assert any("%" in text and "MiB/s" in text for text in texts)


async def test_a_change_of_one_client_is_one_small_message_and_is_measured(desk: Desk) -> None:
    shown = desk.rows()[5]
    changed = msgspec.structs.replace(shown, last_seen_at=shown.created_at)
    desk.streams.clients.put(changed, committed_at=desk.page.now())
    desk.page.frame()
    assert len(desk.page.ops()) == 1  # its exact time
    assert desk.page.bytes < 100
    assert len(desk.page.latencies) == 1


async def test_a_running_backup_has_one_colour_wherever_it_is_drawn(whole_desk: Desk) -> None:
    await whole_desk.click_row(whole_desk.names().index("web-01"))
    bars = whole_desk.page.find_all(ft.ProgressBar)
    assert len(bars) == len(fleet.RUNNING) + 1
    assert {bar.color for bar in bars} == {Tone.BUSY.color}


async def test_progress_moves_in_the_row_and_in_the_details(desk: Desk) -> None:
    desk.view.arrive(f"client:{fleet.client_id('web-01')}")
    desk.page.frame()
    desk.streams.progress.put(fleet.progress_of("web-01", 0.75, desk.page.now()))
    desk.page.frame()
    told = [text for text in desk.page.texts() if text.startswith("75 %")]
    assert len(told) == 2


async def test_cards_filter_and_a_second_click_shows_all_again(desk: Desk) -> None:
    card = desk.view._cards._cards["failing"].button
    await desk.page.fire(card, "click")
    assert desk.names() == ["mail-gw"]
    assert "1 of 45" in desk.page.texts()
    await desk.page.fire(card, "click")
    assert len(desk.names()) == 45


async def test_searching_finds_and_says_when_nothing_is_found(desk: Desk) -> None:
    field = desk.view._search.field
    await desk.page.fire(field, "change", "laptop", value="laptop")
    assert len(desk.names()) == 7
    await desk.page.fire(field, "change", "zzz", value="zzz")
    assert "No client matches these filters." in desk.page.texts()
    await desk.page.fire(desk.page.find(ft.TextButton, content="Clear filters"), "click")
    assert len(desk.names()) == 45


async def test_details_follow_the_arrow_keys_and_close_with_escape(desk: Desk) -> None:
    await desk.click_row(0)
    assert desk.view._details.client_id == fleet.client_id("app-01")
    assert desk.view._details.visible is True
    assert desk.view.row_navigator.take_key(key_event("Arrow Down"))
    assert desk.view._details.client_id == fleet.client_id("app-02")
    assert desk.view.row_navigator.take_key(key_event("Escape"))
    assert desk.view._details.visible is False


async def test_the_arrow_says_how_the_ages_go_on_that_are_seen(desk: Desk) -> None:
    head = desk.view._table._head.heads[0]
    await desk.page.fire(head._cells["good"], "click")
    times = [client.last_success_at for client in desk.rows() if client.last_success_at]
    assert times == sorted(times)  # the greatest age comes first
    assert head._arrows["good"].semantics_label == "sorted descending"
    assert head._arrows["good"].icon == ft.Icons.ARROW_DOWNWARD
    await desk.page.fire(head._cells["good"], "click")
    assert head._arrows["good"].semantics_label == "sorted ascending"
    await desk.page.fire(head._cells["size"], "click")
    assert head._arrows["size"].semantics_label == "sorted ascending"


async def test_back_up_is_told_only_after_the_answer(desk: Desk) -> None:
    desk.commands.outcome = Outcome(done=(fleet.client_id("app-01"),))
    await desk.menu(0, "Back up now")
    assert desk.commands.calls == [("back_up", [fleet.client_id("app-01")])]
    assert desk.messages == ["Backup started for app-01"]


async def test_a_refusal_is_a_message_with_its_reason(desk: Desk) -> None:
    desk.commands.refuse = CommandFailed("The server is stopped.", hint="Start it first.")
    await desk.menu(0, "Back up now")
    message = desk.page.context.messages.all[0]
    assert message.text == "Back up app-01: The server is stopped."
    assert message.detail == "Start it first."


async def test_the_menu_of_a_running_client_cancels(whole_desk: Desk) -> None:
    await whole_desk.menu(whole_desk.names().index("web-01"), "Cancel backup")
    assert whole_desk.commands.calls == [("cancel_run", 8800)]
    assert whole_desk.messages == ["Backup of web-01 cancelled; what was stored is kept"]


async def test_a_backup_that_ended_before_it_could_be_cancelled_is_not_called_cancelled(
    whole_desk: Desk,
) -> None:
    whole_desk.commands.cancelled_as = RunState.COMPLETE
    await whole_desk.menu(whole_desk.names().index("web-01"), "Cancel backup")
    assert whole_desk.messages == ["Backup of web-01 had ended already: complete"]


async def test_disconnect_asks_first(desk: Desk) -> None:
    desk.commands.outcome = Outcome(done=(fleet.client_id("app-01"),))
    await desk.menu(0, "Disconnect…")
    assert desk.commands.calls == []
    await desk.page.fire(desk.page.find(ft.FilledButton, content="Disconnect"), "click")
    await desk.page.settle()
    assert desk.commands.calls == [("disconnect", (fleet.client_id("app-01"),))]
    assert desk.messages == ["Disconnected app-01"]


async def test_a_disconnected_client_can_be_allowed(whole_desk: Desk) -> None:
    slot = next(i for i, c in enumerate(whole_desk.rows()) if c.state is ClientState.DISCONNECTED)
    await whole_desk.menu(slot, "Allow again")
    assert whole_desk.commands.calls == [("allow", (fleet.client_id("lab-scope"),))]


async def test_a_revoked_client_is_offered_its_enrolment_and_no_backup(desk: Desk) -> None:
    key = fleet.client_id("app-01")
    client = msgspec.structs.replace(desk.streams.clients.rows[key], state=ClientState.REVOKED)
    desk.streams.clients.put(client)
    desk.page.frame()
    assert "revoked" in desk.page.texts()
    await desk.page.fire(desk.view._table._body.rows[0]._menu, "click")
    items = {
        desk.page.texts(item)[0]: item
        for item in desk.view._table._menu.control.items
        if desk.page.texts(item)
    }
    assert "Back up now" not in items
    assert items["Disconnect…"].disabled
    await desk.page.fire(items["Copy enrol command"], "click")
    command = "tidewatch server enrol app-01 --data DIR"
    assert desk.page.context.messages.all[0].detail == command
    await desk.click_row(0)
    assert command in desk.page.texts()
    assert desk.view._details._start.disabled
    desk.view._state = ""
    desk.view.arrive("state:revoked")
    desk.page.frame()
    assert desk.names() == ["app-01"]


async def test_what_is_selected_but_filtered_away_is_told(desk: Desk) -> None:
    assert desk.view.row_navigator.take_key(key_event("A", ctrl=True))
    desk.page.frame()
    assert "45 selected" in desk.page.texts()
    desk.view._on_search("app-01")
    desk.page.frame()
    assert {"45 selected", "44 not shown"} <= set(desk.page.texts())
    desk.view._on_search("")
    desk.page.frame()
    assert not any("not shown" in text for text in desk.page.texts())


async def test_the_bar_acts_on_all_that_are_selected(desk: Desk) -> None:
    for slot in (0, 2):
        row = desk.view._table._body.rows[slot]
        await desk.page.fire(row.check, "change", value=True)
    assert "2 selected" in desk.page.texts()
    button = next(b for b in desk.page.find_all(ft.TextButton) if desk.page.texts(b) == ["Verify"])
    await desk.page.fire(button, "click")
    ids = [fleet.client_id("app-01"), fleet.client_id("app-03")]
    assert desk.commands.calls == [("verify_client", key) for key in ids]
    assert desk.messages[0] == "2 clients: 2,408 versions checked, all as they should be"


async def test_a_client_that_cannot_be_verified_does_not_keep_the_others_from_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (fleet.client_id(name) for name in ("app-01", "app-03"))

    async def verify(client_id: str) -> VerifyResult:
        if client_id == first:
            raise CommandFailed("The disk cannot be read.")
        return VerifyResult(checked=7)

    monkeypatch.setattr(desk.commands, "verify_client", verify)
    desk.view._actions.verify([first, second])
    await desk.page.settle()
    message = desk.page.context.messages.all[0]
    assert (
        message.text == "2 clients: 7 versions checked, all as they should be; 1 of 2 could not be verified"
    )
    assert message.detail == "app-01 could not be verified: The disk cannot be read."
    assert message.stays


async def test_allowing_those_who_are_not_shut_out_asks_nothing_and_says_so(desk: Desk) -> None:
    desk.view._table.selection.select_all([fleet.client_id("app-01")])
    desk.view._actions.allow(desk.view._rows.chosen(desk.view._table.selection.keys, can_be_allowed))
    desk.view._table.selection.clear()
    desk.view._table.selection.select_all([fleet.client_id("lab-scope")])
    desk.view._actions.disconnect(desk.view._rows.chosen(desk.view._table.selection.keys, is_let_in))
    await desk.page.settle()
    assert desk.commands.calls == []
    assert len(desk.messages) == 2


async def test_the_goal_can_be_set(desk: Desk) -> None:
    await desk.click_row(0)
    item = desk.view._details._goal.menu.items[1]
    await desk.page.fire(item, "click")
    assert desk.commands.calls == [("set_goal", (fleet.client_id("app-01"), 6 * 3600.0))]


async def test_files_of_a_client(desk: Desk) -> None:
    await desk.menu(0, "Show files")
    assert desk.went == [Place("files", f"client:{fleet.client_id('app-01')}")]


async def test_the_log_of_a_client_is_one_click_from_its_row(desk: Desk) -> None:
    await desk.menu(0, "Show log")
    assert desk.went == [Place("logs", f"client:{fleet.client_id('app-01')}:app-01")]


async def test_a_removed_client_closes_its_details(desk: Desk) -> None:
    await desk.click_row(0)
    desk.streams.clients.remove(fleet.client_id("app-01"))
    desk.page.frame()
    assert desk.view._details.visible is False


async def test_a_hidden_view_looks_at_nothing(desk: Desk) -> None:
    await desk.click_row(0)
    desk.view.set_visible(False)
    assert desk.streams.clients.looked_at is False
    assert desk.streams.progress.looked_at is False


@pytest.mark.parametrize(
    ("situation", "word"), [("empty", "No client is enrolled yet"), ("fail", "Nothing listens")]
)
async def test_nothing_to_show_says_why(situation: str, word: str) -> None:
    async with PageHarness.open() as page:
        desk = Desk(page)
        getattr(desk.streams, situation)()
        page.frame()
        assert any(word in text for text in page.texts())


async def test_a_thousand_clients_cost_no_more_controls_than_fit() -> None:
    async with PageHarness.open() as page:
        desk = Desk(page)
        base = fleet.client_of("wiki", page.now())
        many = [msgspec.structs.replace(base, id=f"{i:032x}", name=f"c{i:04d}") for i in range(1000)]
        desk.streams.clients.fill(many, page.now())
        page.frame()
        desk.view._table._body.resize(1100, 540)
        desk.view._table.refresh()
        assert len(desk.names()) == 1000
        assert len(desk.view._table._body.rows) == 15


async def test_sixty_clients_are_all_on_one_large_screen_when_compact() -> None:
    async with PageHarness.open(width=1920, height=1080) as page:
        page.context.density = Density.COMPACT
        desk = Desk(page)
        base = fleet.client_of("wiki", page.now())
        many = [msgspec.structs.replace(base, id=f"{i:032x}", name=f"c{i:04d}") for i in range(60)]
        desk.streams.clients.fill(many, page.now())
        page.frame()
        desk.view._table._body.resize(1678, 836)
        desk.view._table.refresh()
        assert len(desk.view._table._slots) == 60


async def test_filter_and_search_are_remembered(desk: Desk) -> None:
    desk.view._set_filter("failing", "mail")
    desk.page.page.controls.clear()
    desk.page.page.update()
    again = Desk(desk.page)
    assert "none fails" not in desk.page.texts(again.view), "nothing has been read, so nothing is known"
    again.streams.fill()
    desk.page.frame()
    assert again.names() == ["mail-gw"]
    assert again.view._search.field.value == "mail"
    cards = again.view._cards._cards
    await desk.page.fire(cards["all"].button, "click")
    assert again.view._search.field.value == ""
    assert len(again.names()) == len(again.streams.clients.rows)


async def test_sixty_clients_need_two_small_screens_side_by_side(desk: Desk) -> None:
    button = desk.view._beside
    await desk.page.fire(button, "click")
    desk.view._table._body.resize(1166, 540)
    desk.view._table.refresh()
    assert len(desk.view._table._slots) == 30
    assert desk.page.context.prefs.get("clients.side_by_side") is True


async def test_the_button_puts_rows_side_by_side_at_once_although_two_screens_would_do() -> None:
    async with PageHarness.open(width=1920, height=1440) as page:
        desk = Desk(page)
        base = fleet.client_of("wiki", page.now())
        many = [msgspec.structs.replace(base, id=f"{i:032x}", name=f"c{i:04d}") for i in range(60)]
        desk.streams.clients.fill(many, page.now())
        page.frame()
        table = desk.view._table
        table._body.resize(1678, 33 * 36)
        table.refresh()
        assert len(table._slots) == 33
        page.clear()
        await page.fire(desk.view._beside, "click")
        assert len(table._slots) == 60
        assert page.patches
        page.clear()
        await page.fire(desk.view._beside, "click")
        assert len(table._slots) == 33
        assert page.patches


@pytest.mark.parametrize(("width", "beside"), [(1280, False), (1920, True)])
async def test_compact_rows_stand_side_by_side_only_where_there_is_plenty_of_room(
    width: int, beside: bool
) -> None:
    async with PageHarness.open(width=width) as page:
        page.context.density = Density.COMPACT
        assert Desk(page).view._beside.selected is beside


async def test_a_client_is_removed_only_once_its_name_was_typed(desk: Desk) -> None:
    first = fleet.client_id("app-01")
    await desk.menu(0, "Remove for good…")
    assert desk.commands.calls == [("holdings", first)]
    dialog = desk.page.find(ft.AlertDialog)
    assert {"Remove app-01 for good?", "1,204 files with all versions", "312 MiB"} <= set(
        desk.page.texts(dialog)
    )
    button = desk.page.find(ft.FilledButton, dialog, content="Remove for good")
    field = desk.page.find(ft.TextField, dialog)
    assert button.disabled
    await desk.page.fire(field, "change", "app-0", value="app-0")
    assert button.disabled
    await desk.page.fire(field, "change", "app-01", value="app-01")
    assert not button.disabled
    await desk.page.fire(button, "click")
    assert desk.commands.calls[-1] == ("remove_client", first)
    assert desk.messages[0] == "app-01 was removed for good"
    assert "118 backups" in desk.page.context.messages.all[0].detail


async def test_enter_removes_only_once_the_name_is_right(desk: Desk) -> None:
    await desk.menu(0, "Remove for good…")
    field = desk.page.find(ft.TextField, desk.page.find(ft.AlertDialog))
    await desk.page.fire(field, "submit")
    assert [name for name, _ in desk.commands.calls] == ["holdings"]
    await desk.page.fire(field, "change", "app-01", value="app-01")
    await desk.page.fire(field, "submit")
    assert [name for name, _ in desk.commands.calls] == ["holdings", "remove_client"]


async def test_a_removal_that_was_not_confirmed_or_refused_says_nothing_was_removed(desk: Desk) -> None:
    await desk.menu(0, "Remove for good…")
    await desk.page.fire(desk.page.find(ft.TextButton, content="Not now"), "click")
    assert [name for name, _ in desk.commands.calls] == ["holdings"]
    desk.commands.refuse = CommandFailed("The disk is full.")
    await desk.menu(0, "Remove for good…")
    assert desk.messages == ["Remove app-01: The disk is full."]
