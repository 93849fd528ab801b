"""The files view on a real page, with streams and commands that a test holds."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import flet as ft
import msgspec
import pytest

from streams.failures import CommandFailed
from streams.records.files import FilePage, VerifyResult
from streams.records.server import Transfer
from streams.snapshot import Snapshot
from streams.vocabulary import FileState, Health, TransferKind, TransferState
from tests.ui import fleet
from tests.ui.files_desk import Desk, open_desk
from tests.ui.harness import PageHarness
from ui.components.pager import Turn
from ui.context import Place
from ui.views.logs_arrive import led_to


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


async def test_typing_asks_once_it_pauses(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    search = desk.view._tools._search
    monkeypatch.setattr(search, "_wait_s", 0.02)
    before = len(desk.queries)
    for text in ("r", "re", "rep"):
        await desk.page.fire(search.field, "change", text, value=text)
    assert len(desk.queries) == before
    await desk.until(lambda: len(desk.queries) > before)
    assert [query.text for query in desk.queries[before:]] == ["rep"]


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


async def test_delete_tells_and_can_be_undone(desk: Desk) -> None:
    await desk.menu(0, "Delete")
    key = desk.ids()[0]
    assert desk.commands.calls == [("delete_files", (key,))]
    message = desk.page.context.messages.all[0]
    assert (message.text, message.action_label) == ("item-00000.log deleted", "Undo")
    assert message.action is not None
    await message.action()
    assert desk.commands.calls[-1] == ("undelete_files", (key,))
    assert desk.messages[0] == "item-00000.log brought back"


async def test_what_was_deleted_is_selected_no_longer_and_undo_still_knows_it(desk: Desk) -> None:
    for slot in (0, 1):
        await desk.page.fire(desk.view._table._body.rows[slot].check, "change", value=True)
    ids = tuple(desk.ids()[:2])
    await desk.press("Delete")
    assert "2 selected" not in desk.page.texts()
    assert desk.view._selected() == []
    undo = desk.page.context.messages.all[0].action
    assert undo is not None
    await undo()
    assert desk.commands.calls[-1] == ("undelete_files", ids)


async def test_the_filters_stay_while_rows_are_selected_and_only_what_fits_is_offered(desk: Desk) -> None:
    await desk.page.fire(desk.view._table._body.rows[0].check, "change", value=True)
    texts = desk.page.texts()
    assert {"Client", "Type", "Status", "1 selected", "Delete"} <= set(texts)
    assert "Undelete" not in texts


async def test_bringing_back_what_is_not_deleted_asks_nothing_and_says_so(desk: Desk) -> None:
    files = [fleet.file_of(1, desk.page.now())]
    stored = [msgspec.structs.replace(file, state=FileState.STORED) for file in files]
    desk.view._actions.undelete(stored)
    desk.view._actions.delete([msgspec.structs.replace(file, state=FileState.DELETED) for file in files])
    await desk.page.settle()
    assert desk.commands.calls == []
    assert desk.messages == ["What is selected is deleted already", "Nothing of what is selected is deleted"]


async def test_verify_tells_what_is_damaged(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def verify(ids: Any) -> VerifyResult:
        return VerifyResult(checked=1, damaged=("/var/log/item-00000.log",))

    monkeypatch.setattr(desk.commands, "verify_files", verify)
    await desk.menu(0, "Verify")
    message = desk.page.context.messages.all[0]
    assert "1 damaged" in message.text
    assert message.stays is True


async def test_a_refused_download_says_why(desk: Desk) -> None:
    desk.commands.refuse = CommandFailed("The stored bytes are damaged.", hint="Back the client up again.")
    await desk.menu(0, "Download")
    await desk.until(lambda: bool(desk.messages))
    assert desk.messages[0] == "Download item-00000.log: The stored bytes are damaged."


async def test_a_large_file_goes_to_the_downloads_folder_on_the_web(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.views.downloads.BROWSER_LIMIT_BYTES", 1)
    desk.view._actions._downloads._folder = tmp_path / "Downloads"
    await desk.menu(1, "Download")
    await desk.until(lambda: bool(desk.messages))
    file = fleet.file_of(1, desk.page.now())
    assert desk.commands.calls == [("download", (file.version_id, tmp_path / "Downloads" / "item-00001.pdf"))]
    assert desk.messages[0].startswith("item-00001.pdf saved to")


async def test_versions_of_a_file_each_with_its_download(desk: Desk) -> None:
    await desk.menu(2, "All versions")
    file = fleet.file_of(2, desk.page.now())
    panel = desk.view._versions
    assert panel.visible is True
    lines = [b for b in desk.page.find_all(ft.IconButton, panel) if b.icon == ft.Icons.DOWNLOAD]
    assert len(lines) == file.version_count
    assert "item-00002.sql" in desk.page.texts(panel)


async def test_a_file_leads_to_its_lines_in_the_log(desk: Desk) -> None:
    went: list[Place] = []
    desk.page.context.go = went.append
    await desk.menu(2, "All versions")
    await desk.press("Log lines")
    file = fleet.file_of(2, desk.page.now())
    assert [place.view for place in went] == ["logs"]
    led = led_to(went[0].show)
    assert led is not None
    assert (led[0].client_id, led[0].text) == (file.client_id, file.path)


async def test_the_open_versions_know_of_a_deletion_and_of_its_undo(desk: Desk) -> None:
    await desk.menu(2, "All versions")
    panel = desk.view._versions
    await desk.page.fire(panel._delete, "click")
    assert panel._delete.content == "Undelete"
    assert "deleted" in desk.page.texts(panel)
    undo = desk.page.context.messages.all[0].action
    assert undo is not None
    await undo()
    desk.page.frame()
    assert panel._delete.content == "Delete"
    assert "deleted" not in desk.page.texts(panel)


async def test_ages_of_the_open_versions_grow(desk: Desk) -> None:
    slot = next(i for i in range(8) if fleet.file_of(i, desk.page.now()).state is FileState.VERIFIED)
    await desk.menu(slot, "All versions")
    panel = desk.view._versions
    desk.page.advance(1)
    before = [text.value for text, _ in panel._ages]
    desk.page.clear()
    desk.page.advance(3600)
    after = [text.value for text, _ in panel._ages]
    assert any(one != other for one, other in zip(before, after, strict=True))
    assert {str(text.value) for text, _ in panel._ages} <= set(desk.page.texts(panel))


async def test_a_new_read_of_the_page_reaches_the_open_versions(desk: Desk) -> None:
    await desk.menu(2, "All versions")
    file = fleet.file_of(2, desk.page.now())
    page = desk.view._pages._page
    assert page is not None
    changed = msgspec.structs.replace(file, state=FileState.DELETED)
    rows = tuple(changed if row.id == file.id else row for row in page.rows)
    desk.answers[-1].on_next(desk.streams.ok(msgspec.structs.replace(page, rows=rows)))
    desk.page.frame()
    assert desk.view._versions._delete.content == "Undelete"


async def test_no_order_is_offered_while_there_is_no_connection(desk: Desk) -> None:
    desk.view._on_selection(frozenset(desk.ids()[:2]))
    desk.view._on_open(desk.ids()[0])
    desk.page.frame()
    fetches = [
        button
        for button in desk.page.find_all(ft.IconButton, desk.view._versions)
        if str(button.tooltip).startswith("Download the version of ")
    ]
    assert fetches
    buttons = [*desk.view._bar._buttons.values(), *desk.view._versions.orders, *fetches]
    assert not any(button.disabled for button in buttons)
    desk.streams.lose()
    desk.page.frame()
    assert all(button.disabled for button in buttons)
    assert all(button.tooltip == "There is no connection to the server" for button in buttons)
    desk.streams.fill()
    desk.page.frame()
    assert not any(button.disabled for button in buttons)


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
    assert all((card.button.opacity or 0) < 1 for card in desk.view._cards._cards.values())
    desk.streams.fill()
    desk.page.frame()
    assert {card.button.opacity for card in desk.view._cards._cards.values()} == {1.0}


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
