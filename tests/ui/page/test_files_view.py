"""The files view on a real page: what it asks for, by which filters, and what it shows."""

from collections.abc import AsyncIterator

import flet as ft
import msgspec
import pytest

from streams.model.files import FilePage
from streams.model.server import Transfer
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import FileState, Health, TransferKind, TransferState
from tests.ui import fleet
from tests.ui.files_desk import Desk, open_desk
from tests.ui.harness import PageHarness
from ui.base.schemes import PLAIN_THEME, STALE_THEME
from ui.components.data_table.pager import Turn


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


async def test_the_first_page_with_its_place_and_cards(desk: Desk) -> None:
    texts = desk.page.texts()
    assert {"1–100 of 10,000+", "128,412", "web-01", "item-00000.log"} <= set(texts)
    assert len(desk.ids()) == 100


async def test_sorting_asks_the_database(desk: Desk) -> None:
    await desk.page.fire(desk.view._table._head.heads[0]._cells["size"], "click")
    assert (desk.queries[-1].sort, desk.queries[-1].descending) == ("size", False)
    await desk.page.fire(desk.view._table._head.heads[0]._cells["size"], "click")
    assert (desk.queries[-1].sort, desk.queries[-1].descending) == ("size", True)


async def test_typing_asks_at_once_and_once_it_pauses(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    search = desk.view._tools._search
    monkeypatch.setattr(search, "_wait_s", 0.02)
    before = len(desk.queries)
    for text in ("r", "re", "rep"):
        await desk.page.fire(search.field, "change", text, value=text)
    assert [query.text for query in desk.queries[before:]] == ["r"]
    await desk.until(lambda: len(desk.queries) > before + 1)
    assert [query.text for query in desk.queries[before:]] == ["r", "rep"]


async def test_menus_narrow_and_nothing_found_can_be_cleared(desk: Desk) -> None:
    menu = desk.view._tools._menus["state"]
    desk.auto = False
    item = next(i for i in menu._button.items if desk.page.texts(i) == ["Damaged"])
    await desk.page.fire(item, "click")
    assert desk.queries[-1].state is FileState.DAMAGED
    desk.answer(rows=0)
    desk.page.frame()
    assert "No file matches these filters." in desk.page.texts()
    desk.auto = True
    await desk.page.fire(desk.page.find(ft.TextButton, content="Clear filters"), "click")
    assert desk.queries[-1].state is None
    assert len(desk.ids()) == 100


async def test_cards_are_filters(desk: Desk) -> None:
    cards = desk.view._cards._cards
    await desk.page.fire(cards["unverified"].button, "click")
    assert desk.queries[-1].state is FileState.STORED
    await desk.page.fire(cards["unverified"].button, "click")
    assert desk.queries[-1].state is None
    await desk.page.fire(cards["recent"].button, "click")
    assert desk.queries[-1].since is not None
    await desk.page.fire(cards["large"].button, "click")
    assert (desk.queries[-1].sort, desk.queries[-1].descending) == ("size", True)


async def test_being_led_to_a_client(desk: Desk) -> None:
    key = fleet.client_id("wiki")
    desk.view.arrive(f"client:{key}")
    desk.page.frame()
    assert desk.queries[-1].client_id == key
    assert "Client: wiki" in desk.page.texts()


async def test_the_selection_survives_turning_the_page(desk: Desk) -> None:
    await desk.page.fire(desk.view._table._body.rows[0].check, "change", value=True)
    await desk.turn(Turn.NEXT)
    await desk.page.fire(desk.view._table._body.rows[1].check, "change", value=True)
    assert "2 selected" in desk.page.texts()
    button = next(b for b in desk.page.find_all(ft.TextButton) if desk.page.texts(b) == ["Verify"])
    await desk.page.fire(button, "click")
    ids = tuple(fleet.file_of(i, desk.page.now()).id for i in (0, 101))
    assert desk.commands.calls == [("verify_files", ids)]


async def test_transfers_move_and_their_strip_keeps_its_height(desk: Desk) -> None:
    moving = Transfer(
        id="t1",
        kind=TransferKind.UPLOAD,
        state=TransferState.RUNNING,
        client_id="c",
        client_name="web-01",
        label="/srv/a",
        started_at=desk.page.now(),
        done_bytes=10,
        total_bytes=100,
    )
    desk.streams.transfers.put(moving)
    desk.page.frame()
    assert {"Transfers (1)", "/srv/a"} <= set(desk.page.texts())
    desk.page.clear()
    desk.streams.transfers.put(msgspec.structs.replace(moving, done_bytes=50))
    desk.page.frame()
    assert sorted(str(op.value) for op in desk.page.ops()) == ["0.5", "50 %"]
    strip = desk.view._transfers
    closed = strip.room
    desk.streams.transfers.remove("t1")
    desk.page.frame()
    assert "No transfers" in desk.page.texts() and "/srv/a" not in desk.page.texts()
    assert not strip._list.visible and strip.room == closed
    strip._on_toggle()
    desk.page.frame()
    assert strip._list.visible and strip.room == closed + (strip._list.height or 0) > closed
    for number in range(6):
        desk.streams.transfers.put(msgspec.structs.replace(moving, id=f"t{number}", label=f"/srv/{number}"))
    desk.page.frame()
    assert {"/srv/0", "/srv/3", "and 2 more"} <= set(desk.page.texts())
    assert "/srv/4" not in desk.page.texts()


async def test_without_files_it_says_so_and_without_a_server_why() -> None:
    async with PageHarness.open() as page:
        desk = Desk(page)
        desk.auto = False
        desk.view._ask()
        desk.answer(rows=0)
        page.frame()
        assert "No file has been backed up yet." in page.texts()
    async with PageHarness.open() as page:
        desk = Desk(page)
        desk.auto = False
        desk.view._ask()
        failed: Snapshot[FilePage] = Snapshot(None, Health.ERROR, failure=desk.streams.failure())
        desk.answers[-1].on_next(failed)
        page.frame()
        assert any("Nothing listens" in text for text in page.texts()) or desk.ids()


async def test_filter_and_order_are_remembered(desk: Desk) -> None:
    menu = desk.view._tools._menus["state"]
    item = next(i for i in menu._button.items if desk.page.texts(i) == ["Damaged"])
    await desk.page.fire(item, "click")
    await desk.page.fire(desk.view._table._head.heads[0]._cells["size"], "click")
    desk.page.page.controls.clear()
    desk.page.page.update()
    again = Desk(desk.page)
    assert (again.queries[0].state, again.queries[0].sort) == (FileState.DAMAGED, "size")
    assert "Status: Damaged" in desk.page.texts()


async def test_cards_that_are_no_longer_fresh_say_of_when_they_are(desk: Desk) -> None:
    desk.streams.fill()
    desk.page.frame()
    assert "as of 12:00:00" not in desk.page.texts()
    desk.streams.lose()
    desk.page.frame()
    assert desk.page.texts().count("as of 12:00:00") == 4
    assert all(card.button.theme is STALE_THEME for card in desk.view._cards._cards.values())
    desk.streams.fill()
    desk.page.frame()
    assert all(card.button.theme is PLAIN_THEME for card in desk.view._cards._cards.values())


async def test_the_filter_lets_go_of_a_client_that_was_removed(desk: Desk) -> None:
    desk.streams.fill()
    desk.page.frame()
    gone = fleet.client_id("web-02")
    desk.view.arrive(f"client:{gone}")
    desk.page.frame()
    assert desk.queries[-1].client_id == gone
    desk.streams.clients.remove(gone)
    desk.page.frame()
    assert desk.queries[-1].client_id is None


async def test_what_is_typed_outlives_a_filter_that_changes_by_itself(desk: Desk) -> None:
    desk.streams.fill()
    desk.page.frame()
    gone = fleet.client_id("web-02")
    desk.view.arrive(f"client:{gone}")
    field = desk.view._tools._search.field
    field.value = "rep"
    await desk.page.fire(field, "change")
    desk.streams.clients.remove(gone)
    desk.page.frame()
    assert field.value == "rep" and desk.queries[-1].client_id is None
    await desk.page.fire(field, "submit")
    assert (desk.queries[-1].text, desk.queries[-1].client_id) == ("rep", None)
