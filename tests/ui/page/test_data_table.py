"""The table on a real page: what is sent for a change, and what rows, keys and pointer do."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import flet as ft
import pytest

from tests.ui.harness import PageHarness, key_event
from ui.base.theme import Density, Tone
from ui.components.data_table.columns import CellKind, Column, ProgressCell, RowAction, StatusCell, TextCell
from ui.components.data_table.table import DataTable, TableEvents


@dataclass(frozen=True)
class Host:
    name: str
    size: int
    ratio: float | None = None


COLUMNS: tuple[Column[Host], ...] = (
    Column("name", "Name", lambda h: TextCell(h.name), sort_key=lambda h: h.name),
    Column(
        "state",
        "Status",
        lambda h: StatusCell("online", ft.Icons.CHECK_CIRCLE, Tone.OK.color),
        CellKind.STATUS,
        width=120,
        sort_key=lambda h: 0,
    ),
    Column(
        "way",
        "Progress",
        lambda h: ProgressCell("" if h.ratio is None else f"{h.ratio:.0%}", h.ratio, h.ratio is not None),
        CellKind.PROGRESS,
        width=180,
        sort_key=lambda h: h.ratio,
    ),
    Column(
        "size", "Size", lambda h: TextCell(f"{h.size}"), width=80, numeric=True, sort_key=lambda h: h.size
    ),
)


_NUMBERS = "ts dev ps pMin pMax dist distMax size rMj rMn rMin rMax or tilt"
_SPOT = {"x": 1.0, "y": 1.0}
POINTER = dict.fromkeys(_NUMBERS.split(), 0.0) | {
    "g": {"x": 1.0, "y": 1.0},
    "l": {"x": 1.0, "y": 1.0},
    "k": "mouse",
}


class Desk:
    """A table on a page and what it told."""

    def __init__(self, page: PageHarness, *, paged: bool = False) -> None:
        self.page = page
        self.told: list[tuple[str, object]] = []
        self.table: DataTable[int, Host] = DataTable(
            COLUMNS,
            name=lambda h: h.name,
            actions=lambda h: [
                RowAction(f"Open {h.name}", ft.Icons.ADD, lambda: self.told.append(("run", h)))
            ],
            events=TableEvents(
                on_open=lambda key: self.told.append(("open", key)),
                on_current=lambda key: self.told.append(("walk", key)),
                on_selection=lambda keys: self.told.append(("selected", keys)),
                on_sort=lambda key, down: self.told.append(("sort", (key, down))),
                on_cancel=lambda: self.told.append(("cancel", None)),
            ),
            sort="name",
            paged=paged,
        )
        page.mount(self.table.control)

    def rows(self) -> list[ft.Container]:
        return [
            row.control for row in self.table._body.rows[: self.table._window.visible] if row.control.visible
        ]

    def names(self) -> list[str]:
        return [self.page.texts(row)[0] for row in self.rows()]

    async def until_first(self, name: str) -> None:
        async with asyncio.timeout(30):
            while self.names()[0] != name:  # noqa: ASYNC110  (a timer of the loop, nothing to wait on)
                await asyncio.sleep(0.005)

    async def size(self, height: float, width: float = 1000) -> None:
        sized = next(r for r in self.page.find_all(ft.Row) if r.on_size_change is not None)
        await self.page.fire(sized, "size_change", {"w": width, "h": height})

    async def key(self, label: str) -> None:
        for listener in (self.table._listener, self.table._around):
            await self.page.fire(listener, "key_down", {"key": label})

    async def press(self, key: str, **held: bool) -> None:
        """Have the frame lead a key to the table."""
        self.table.take_key(key_event(key, **held))
        await self.page.settle()

    async def click(self, slot: int) -> None:
        await self.page.fire(self.rows()[slot], "click")

    async def check(self, slot: int) -> None:
        row = self.table._body.rows[slot]
        await self.page.fire(row.check, "change", value=not row.check.value)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with PageHarness.sound() as page:
        desk = Desk(page)
        desk.table.apply({i: Host(f"host-{i:03d}", i * 10) for i in range(200)}, full=True)
        await desk.size(360)
        page.clear()
        yield desk


async def test_one_changed_cell_is_one_small_message(desk: Desk) -> None:
    desk.table.apply({3: Host("host-003", 77)})
    assert [op.value for op in desk.page.ops()] == ["77"]
    assert desk.page.patches == 1
    assert desk.page.bytes < 100


async def test_a_change_of_a_row_that_is_not_on_the_screen_sends_nothing(desk: Desk) -> None:
    desk.table.apply({150: Host("host-150", 77)})
    assert desk.page.patches == 0
    desk.table.apply({3: Host("host-003", 30)})
    assert desk.page.patches == 0


async def test_progress_moves_only_bar_and_words(desk: Desk) -> None:
    desk.table.apply({3: Host("host-003", 30, 0.2)})
    desk.page.clear()
    desk.table.apply({3: Host("host-003", 30, 0.3)})
    assert sorted(str(op.value) for op in desk.page.ops()) == ["0.3", "30%"]
    assert desk.page.bytes < 100


async def test_there_are_only_controls_for_the_rows_on_the_screen(desk: Desk) -> None:
    assert len(desk.rows()) == 10
    assert desk.names()[0] == "host-000"
    await desk.size(720)
    assert len(desk.rows()) == 20
    await desk.size(180)
    assert len(desk.rows()) == 5


async def test_the_wheel_scrolls_by_whole_rows_and_keeps_the_rest(desk: Desk) -> None:
    pointer = next(g for g in desk.page.find_all(ft.GestureDetector) if g.on_scroll is not None)
    where = {"x": 1.0, "y": 1.0}
    await desk.page.fire(pointer, "scroll", {"l": where, "g": where, "sd": {"x": 0.0, "y": 90.0}})
    await desk.until_first("host-002")


async def test_a_click_on_a_label_sorts_and_a_second_one_turns_it(desk: Desk) -> None:
    head = desk.table._head.heads[0]
    await desk.page.fire(head._cells["size"], "click")
    await desk.page.fire(head._cells["size"], "click")
    assert desk.told == [("sort", ("size", False)), ("sort", ("size", True))]
    assert desk.names()[0] == "host-199"


async def test_rows_hold_still_under_the_pointer_and_settle_after_it_left(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.components.data_table.reorder_delay.SETTLE_S", 0.0)
    desk.table.sort_by("size", False)
    pointer = next(g for g in desk.page.find_all(ft.GestureDetector) if g.on_enter is not None)
    await desk.page.fire(pointer, "enter", POINTER)
    desk.table.apply({0: Host("host-000", 5000)}, removed=[1])
    await desk.page.settle()
    assert desk.names()[:2] == ["host-000", "host-001"]
    assert desk.rows()[1].disabled is True
    await desk.page.fire(pointer, "exit", POINTER)
    await desk.until_first("host-002")


async def test_a_pointer_that_was_not_seen_to_leave_holds_the_rows_only_for_a_while(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.components.data_table.reorder_delay.SETTLE_S", 0.0)
    monkeypatch.setattr("ui.components.data_table.reorder_delay.HOLD_S", 0.02)
    desk.table.sort_by("size", False)
    pointer = next(g for g in desk.page.find_all(ft.GestureDetector) if g.on_enter is not None)
    await desk.page.fire(pointer, "enter", POINTER)
    desk.table.apply({0: Host("host-000", 5000)}, removed=[1])
    await desk.until_first("host-002")


async def test_keys_walk_page_and_open(desk: Desk) -> None:
    for key in ("Arrow Down", "Arrow Down", "Page Down", "End", "Home"):
        await desk.press(key)
    await desk.key("Enter")
    assert desk.told == [("walk", 0), ("walk", 1), ("walk", 11), ("walk", 199), ("walk", 0), ("open", 0)]
    assert desk.names()[0] == "host-000"


async def test_a_key_that_presses_a_button_of_a_row_is_not_for_the_row(desk: Desk) -> None:
    around = {id(control) for control in desk.page.walk(desk.table._around)}
    inside = {id(control) for control in desk.page.walk(desk.table._listener)}
    row = desk.table._body.rows[0]
    assert not {id(row.control), id(row._menu), id(row.check)} & inside  # it hears what is pressed in it
    assert {id(row.control), id(row._menu), id(row.check)} < around  # modifiers are heard there too


async def test_a_click_opens_and_the_row_is_marked(desk: Desk) -> None:
    await desk.click(4)
    assert desk.told == [("open", 4)]
    assert desk.rows()[4].bgcolor is not None
    assert desk.rows()[3].bgcolor is None


async def test_shift_selects_a_range_and_escape_selects_nothing(desk: Desk) -> None:
    await desk.check(2)
    await desk.key("Shift Left")
    await desk.check(5)
    assert desk.told[-1] == ("selected", frozenset({2, 3, 4, 5}))
    assert desk.table._head.heads[0].check.value is None
    await desk.press("Escape")
    assert desk.told[-1] == ("selected", frozenset())
    await desk.press("Escape")
    assert desk.told[-1] == ("cancel", None)


async def test_control_a_selects_all_rows_also_those_that_are_not_on_the_screen(desk: Desk) -> None:
    await desk.press("A", ctrl=True)
    assert len(desk.table.selection) == 200
    assert desk.table._head.heads[0].check.value is True
    await desk.page.fire(desk.table._head.heads[0].check, "change", value=False)
    assert len(desk.table.selection) == 0


async def test_the_selection_is_of_rows_not_of_places(desk: Desk) -> None:
    await desk.check(0)
    desk.table.sort_by("size", True)
    assert desk.table._body.rows[0].check.value is False
    desk.table.apply({0: Host("host-000", 1)})
    desk.table.sort_by("name", False)
    assert desk.table._body.rows[0].check.value is True
    desk.table.apply({}, removed=[0])
    assert desk.told[-1] == ("selected", frozenset())


async def test_the_menu_is_that_of_its_row_and_runs_its_action(desk: Desk) -> None:
    await desk.page.fire(desk.table._body.rows[6]._menu, "click")
    item = desk.table._menu.control.items[0]
    await desk.page.fire(item, "click")
    assert desk.told == [("run", Host("host-006", 60))]


async def test_a_filter_shows_from_the_top_and_an_overlay_says_why_nothing_is_there(desk: Desk) -> None:
    desk.table._go(50)
    desk.table.filter_by(lambda host: host.size >= 1990)
    assert desk.names() == ["host-199"]
    desk.table.filter_by(lambda _host: False)
    desk.table.show_overlay(ft.Text("nothing matches"))
    assert desk.names() == []
    assert "nothing matches" in desk.page.texts()
    desk.table.show_overlay(None)
    assert "nothing matches" not in desk.page.texts()


async def test_narrow_tables_drop_columns_of_low_need(desk: Desk) -> None:
    for column in desk.table._columns.values():
        assert column.priority == 0
    columns = tuple(replace(c, priority=i) for i, c in enumerate(COLUMNS))
    table: DataTable[int, Host] = DataTable(columns, name=lambda h: h.name)
    table.apply({1: Host("a", 1)}, full=True)
    table._body.resize(360, 300)
    assert table._body.columns_shown == {"name", "state"}
    table.expect(400)
    assert len(table._body.columns_shown) == 4


async def test_a_denser_table_shows_more_rows(desk: Desk) -> None:
    desk.table.set_density(Density.COMPACT)
    assert len(desk.rows()) == 12
    assert {row.height for row in desk.rows()} == {30, 31}


async def test_the_rows_share_the_room_so_that_the_last_one_ends_at_its_foot(desk: Desk) -> None:
    for height in (375, 391, 360.5):
        await desk.size(height)
        heights = [row.height or 0 for row in desk.rows()]
        assert sum(heights) == round(height + 1)  # its line is that of the card
        assert max(heights) - min(heights) <= 1
        assert desk.table._body.slot_at(desk.table._body.place_of(9)) == 9


async def test_a_page_waits_for_the_pointer_to_leave_unless_the_user_asked_for_it() -> None:
    async with PageHarness.open() as page:
        desk = Desk(page, paged=True)
        first = [(i, Host(f"p{i}", i)) for i in range(3)]
        desk.table.show_page(first, fresh=True)
        pointer = next(g for g in page.find_all(ft.GestureDetector) if g.on_enter is not None)
        await page.fire(pointer, "enter", POINTER)
        desk.table.show_page([(9, Host("new", 0)), (0, Host("p0 changed", 0)), *first[1:]], fresh=False)
        assert desk.names() == ["p0 changed", "p1", "p2"]
        await page.fire(pointer, "exit", POINTER)
        assert desk.names() == ["new", "p0 changed", "p1", "p2"]
        await page.fire(pointer, "enter", POINTER)
        desk.table.show_page(first[1:], fresh=True)
        assert desk.names() == ["p1", "p2"]


async def test_a_table_that_is_taken_away_leaves_no_timer(desk: Desk) -> None:
    desk.table.apply({0: Host("zzz", 1)})
    assert desk.table._reorder_delay._timers
    desk.page.page.controls.clear()
    desk.page.page.update()
    assert not desk.table._reorder_delay._timers


async def test_rows_stand_side_by_side_until_all_fit(desk: Desk) -> None:
    desk.table.filter_by(lambda host: host.size < 300)
    desk.table.apply({}, removed=range(60, 200))
    await desk.size(720, 1700)
    assert len(desk.rows()) == 20
    desk.table.set_screens(1)
    assert desk.table._body.lanes == 3
    assert len(desk.rows()) == 30
    assert len(desk.table._head.heads) == 3
    assert desk.table._body.slot_at(desk.table._body.place_of(47)) == 47
    await desk.click(4)
    await desk.press("Arrow Right")
    assert desk.told[-1] == ("walk", 24)
    await desk.size(720, 800)
    assert (desk.table._body.lanes, len(desk.rows())) == (1, 20)
    desk.table.set_screens(None)
    assert desk.page.crashes == []


async def test_a_table_that_grows_sends_its_new_rows_before_it_updates_them(desk: Desk) -> None:
    desk.table.filter_by(lambda host: host.size < 130)
    for height in (380, 420, 460, 500):
        await desk.size(height)
    assert len(desk.rows()) == 13
    desk.table.set_density(Density.COMPACT)
    desk.table.apply({0: Host("host-000", 1)})
    assert desk.page.crashes == []


async def test_rows_that_come_after_a_first_live_one_stand_in_order_at_once() -> None:
    async with PageHarness.open() as page:
        desk = Desk(page)
        desk.table.apply({7: Host("host-007", 7)})
        desk.table.apply({i: Host(f"host-{i:03d}", i) for i in range(20)}, full=True)
        assert list(desk.table.keys()) == list(range(20))
