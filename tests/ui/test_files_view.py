"""The files view on a real page, with streams and commands that a test holds."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import flet as ft
import msgspec
import pytest
import reactivex as rx
from reactivex.subject import BehaviorSubject

from streams.failures import CommandFailed
from streams.records.files import FilePage, FileQuery, VerifyResult
from streams.records.server import Transfer
from streams.snapshot import Snapshot
from streams.vocabulary import FileState, Health, TransferKind, TransferState
from tests.ui import fleet
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.components.pager import Turn
from ui.context import Place
from ui.views.files import FilesView
from ui.views.logs_arrive import led_to


class Desk:
    """The view, what it asked for, and the pages that a test answers with."""

    def __init__(self, page: PageHarness) -> None:
        self.page = page
        self.streams, self.commands = FakeStreams(page.now), FakeCommands()
        self.queries: list[FileQuery] = []
        self.answers: list[BehaviorSubject[Snapshot[FilePage]]] = []
        self.auto = True
        bag = replace(self.streams.bag, file_page=self._file_page)
        self.view = FilesView(streams=bag, commands=self.commands, context=page.context)
        page.mount(self.view)
        self.view._table._body.resize(1100, 540)

    def _file_page(self, query: FileQuery) -> rx.Observable[Snapshot[FilePage]]:
        self.queries.append(query)
        loading: Snapshot[FilePage] = Snapshot(None, Health.LOADING)
        answer = BehaviorSubject(loading)
        self.answers.append(answer)
        if self.auto:
            self.answer()
        return answer

    def answer(self, at: int = -1, *, start: int | None = None, rows: int = 100) -> None:
        query = self.queries[at]
        first = int(query.cursor or 0) if start is None else start
        files = tuple(fleet.file_of(i, self.page.now()) for i in range(first, first + rows))
        page = FilePage(
            rows=files,
            next_cursor=str(first + 100),
            previous_cursor=str(first - 100) if first else None,
            last_cursor="9900",
            total=10_000,
            total_capped=True,
        )
        self.answers[at].on_next(self.streams.ok(page))

    def lose(self) -> None:
        """What the last question has been answered with stays, and nothing new can be had."""
        last, failure = self.answers[-1].value, self.streams.failure()
        self.answers[-1].on_next(Snapshot(last.value, Health.ERROR, last.at, 5.0, failure))
        self.page.frame()

    @property
    def messages(self) -> list[str]:
        return [message.text for message in self.page.context.messages.all]

    def ids(self) -> list[int]:
        return list(self.view._table._order.order)

    async def press(self, label: str) -> None:
        button = next(b for b in self.page.find_all(ft.TextButton) if self.page.texts(b) == [label])
        await self.page.fire(button, "click")

    async def menu(self, slot: int, label: str) -> None:
        table = self.view._table
        await self.page.fire(table._body.rows[slot]._menu, "click")
        item = next(i for i in table._menu.items if self.page.texts(i) == [label])
        await self.page.fire(item, "click")

    async def turn(self, turn: Turn) -> None:
        await self.page.fire(self.view._pager._buttons[turn], "click")

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not done():  # noqa: ASYNC110  (a thread or timer, nothing to wait on)
                await asyncio.sleep(0.005)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with PageHarness.open(web=True) as page:
        desk = Desk(page)
        desk.streams.fill()
        page.frame()
        page.clear()
        yield desk
        assert page.crashes == []
        assert page.reports == []


async def test_the_first_page_with_its_place_and_cards(desk: Desk) -> None:
    texts = desk.page.texts()
    assert {"1–100 of 10,000+", "128,412", "web-01", "item-00000.log"} <= set(texts)
    assert len(desk.ids()) == 100


async def test_pages_are_reached_by_their_cursors(desk: Desk) -> None:
    await desk.turn(Turn.NEXT)
    await desk.turn(Turn.NEXT)
    assert desk.queries[-1].cursor == "200"
    assert "201–300 of 10,000+" in desk.page.texts()
    await desk.turn(Turn.PREVIOUS)
    assert desk.queries[-1].cursor == "100"
    await desk.turn(Turn.LAST)
    assert desk.queries[-1].cursor == "9900"
    assert "100 files at the end of 10,000+" in desk.page.texts()
    await desk.turn(Turn.FIRST)
    assert desk.queries[-1].cursor is None
    assert "1–100 of 10,000+" in desk.page.texts()


async def test_what_was_deleted_is_seen_to_be_gone_while_the_pointer_rests_on_the_table(desk: Desk) -> None:
    table = desk.view._table
    table._on_enter()
    desk.answer(start=0, rows=100)
    without = [
        file for file in (fleet.file_of(i, desk.page.now()) for i in range(101)) if file.id != desk.ids()[3]
    ]
    gone, before = desk.ids()[3], desk.ids()
    page = FilePage(rows=tuple(without[:100]), next_cursor="100", last_cursor="9900", total=9_999)
    desk.answers[-1].on_next(desk.streams.ok(page))
    desk.page.frame()
    assert desk.ids() == before, "nothing moves below the pointer"
    row = table._body.rows[3].control
    assert (row.opacity, row.disabled) == (0.45, True)
    assert not table._body.rows[4].control.disabled
    assert gone not in [file.id for file in desk.view._selected()]
    desk.answer(start=0, rows=100)
    desk.page.frame()
    assert not row.disabled, "it was brought back"
    table._on_exit()
    assert desk.ids() == before


async def test_a_row_that_was_pushed_to_the_next_page_is_not_taken_for_deleted(desk: Desk) -> None:
    table = desk.view._table
    table._on_enter()
    before = desk.ids()
    files = [fleet.file_of(i, desk.page.now()) for i in (500, *range(99))]
    page = FilePage(rows=tuple(files), next_cursor="100", last_cursor="9900", total=9_999)
    desk.answers[-1].on_next(desk.streams.ok(page))
    desk.page.frame()
    assert desk.ids() == before
    assert not table._order.gone


async def test_sorting_asks_the_database(desk: Desk) -> None:
    await desk.page.fire(desk.view._table._head.heads[0]._cells["size"], "click")
    assert (desk.queries[-1].sort, desk.queries[-1].descending) == ("size", False)
    await desk.page.fire(desk.view._table._head.heads[0]._cells["size"], "click")
    assert (desk.queries[-1].sort, desk.queries[-1].descending) == ("size", True)


async def test_a_late_page_of_the_question_before_is_never_shown(desk: Desk) -> None:
    desk.auto = False
    await desk.turn(Turn.NEXT)
    await desk.turn(Turn.FIRST)
    assert desk.answers[-2].observers == []
    desk.answer(-2)
    desk.page.frame()
    assert desk.ids()[0] == fleet.file_of(0, desk.page.now()).id
    desk.answer(-1, start=300)
    desk.page.frame()
    assert desk.ids()[0] == fleet.file_of(300, desk.page.now()).id


async def test_a_page_that_came_but_was_not_drawn_is_dropped_when_another_is_asked_for(desk: Desk) -> None:
    desk.auto = False
    await desk.turn(Turn.NEXT)
    desk.answer(-1)  # offered, the frame has not been drawn yet
    desk.view._on_filter(replace(desk.view._filter, text="other"))
    desk.page.frame()
    assert desk.ids()[0] == fleet.file_of(0, desk.page.now()).id


async def test_the_former_page_stays_while_the_next_is_on_its_way(desk: Desk) -> None:
    desk.auto = False
    await desk.turn(Turn.NEXT)
    desk.page.advance(1.0)
    assert "item-00000.log" in desk.page.texts()


async def test_files_that_were_known_are_still_there_when_one_comes_back_to_a_lost_server(
    desk: Desk,
) -> None:
    desk.auto = False
    desk.view.set_visible(False)
    desk.page.advance(40)
    desk.view.set_visible(True)
    desk.lose()
    desk.page.advance(2)
    assert desk.view._box.face == "content"
    texts = desk.page.texts()
    assert {"item-00000.log", "42 s ago", "1–100 of 10,000+"} <= set(texts)


async def test_a_page_that_cannot_be_had_leaves_the_one_before_and_its_place(desk: Desk) -> None:
    desk.auto = False
    for _ in range(2):
        await desk.turn(Turn.NEXT)
        desk.lose()
    desk.page.advance(3)
    assert desk.view._box.face == "content"
    assert {"item-00000.log", "3 s ago", "1–100 of 10,000+"} <= set(desk.page.texts())
    desk.answer()
    desk.page.frame()
    assert desk.ids()[0] == fleet.file_of(100, desk.page.now()).id
    assert "101–200 of 10,000+" in desk.page.texts()
    assert "3 s ago" not in desk.page.texts()


async def test_the_place_of_other_files_does_not_stay_beside_a_failure(desk: Desk) -> None:
    desk.auto = False
    await desk.turn(Turn.NEXT)
    desk.answer()
    desk.page.frame()
    desk.view._on_filter(replace(desk.view._filter, text="other"))
    desk.lose()
    assert desk.view._box.face == "error"
    texts = desk.page.texts()
    assert "101–200 of 10,000+" not in texts
    assert "Nothing listens at localhost:1256." in texts
    desk.view._on_filter(replace(desk.view._filter, text=""))
    desk.lose()
    assert desk.view._box.face == "content"
    assert "101–200 of 10,000+" in desk.page.texts()


async def test_the_days_that_are_asked_for_stay_the_same_from_page_to_page(desk: Desk) -> None:
    await desk.page.fire(desk.view._cards._cards["recent"].control, "click")
    first = desk.queries[-1]
    desk.page.advance(60)
    await desk.turn(Turn.NEXT)
    assert desk.queries[-1] == msgspec.structs.replace(first, cursor="100")


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
    await desk.page.fire(cards["unverified"].control, "click")
    assert desk.queries[-1].state is FileState.STORED
    await desk.page.fire(cards["unverified"].control, "click")
    assert desk.queries[-1].state is None
    await desk.page.fire(cards["recent"].control, "click")
    assert desk.queries[-1].since is not None
    await desk.page.fire(cards["large"].control, "click")
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


async def test_transfers_move_and_the_strip_collapses(desk: Desk) -> None:
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
    desk.view._transfers._on_toggle()
    desk.page.frame()
    assert "/srv/a" not in desk.page.texts()
    desk.streams.transfers.remove("t1")
    desk.page.frame()
    assert "No transfers" in desk.page.texts()


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
