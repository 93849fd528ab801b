"""The arithmetic of a table: selection, window, keys and columns, without a control."""

from collections.abc import Sequence
from typing import Any

import pytest

from streams.model.base import utc_now
from ui.base.format import Formatter
from ui.components.data_table.cells import SHORT
from ui.components.data_table.columns import Column, TextCell, lanes_that_fit
from ui.components.data_table.keys import Act, Keys, Move, act_of
from ui.components.data_table.layout import ColumnChoice, Layout, drag_edge, kept_choice, lay_out
from ui.components.data_table.selection import Selection
from ui.components.data_table.viewport import Window
from ui.views.clients.present import client_columns
from ui.views.files.present import file_columns

ROWS = list("abcdefgh")


def test_a_range_runs_from_the_anchor_either_way() -> None:
    selection: Selection[str] = Selection()
    selection.toggle("e")
    selection.extend(ROWS, "c")
    assert selection.keys == {"c", "d", "e"}
    selection.extend(ROWS, "f")
    assert selection.keys == {"c", "d", "e", "f"}


def test_a_range_without_an_anchor_is_one_row() -> None:
    selection: Selection[str] = Selection()
    selection.extend(ROWS, "d")
    assert (selection.keys, selection.anchor) == ({"d"}, "d")


def test_an_anchor_that_is_gone_begins_anew() -> None:
    selection: Selection[str] = Selection()
    selection.toggle("a")
    assert selection.drop(["a"]) is True
    selection.extend(ROWS, "c")
    assert selection.keys == {"c"}


@pytest.mark.parametrize(("chosen", "covers"), [("", False), ("b", None), ("abcdefgh", True)])
def test_the_head_knows_none_some_and_all(chosen: str, covers: bool | None) -> None:
    selection: Selection[str] = Selection()
    selection.select_all(chosen)
    assert selection.covers(ROWS) is covers


def test_of_no_rows_none_is_selected() -> None:
    assert Selection[str]().covers([]) is False


def test_the_window_stays_within_the_list() -> None:
    window = Window(total=100, visible=20)
    assert window.go(500) is True
    assert window.offset == 80
    window.resize(30, 20)
    assert window.offset == 10
    window.resize(5, 20)
    assert window.offset == 0


def test_small_turns_of_a_trackpad_add_up_to_a_row() -> None:
    window = Window(total=100, visible=20)
    assert [window.scroll(12, 36) for _ in range(3)] == [False, False, True]
    assert window.offset == 1


def test_reveal_moves_as_little_as_needed() -> None:
    window = Window(total=100, visible=10, offset=40)
    assert window.reveal(45) is False
    assert window.reveal(52) is True and window.offset == 43
    assert window.reveal(7) is True and window.offset == 7


def test_a_thumb_leads_back_to_the_offset_it_was_drawn_for() -> None:
    window = Window(total=1000, visible=20)
    for offset in (0, 1, 333, 979, 980):
        window.go(offset)
        shape = window.thumb(500)
        assert shape is not None
        assert window.offset_at(shape[0], 500) == offset


def test_no_thumb_when_all_fits() -> None:
    assert Window(total=20, visible=20).thumb(500) is None


@pytest.mark.parametrize(
    ("move", "at", "to"),
    [
        (Move.DOWN, None, 0),
        (Move.END, None, 99),
        (Move.UP, 0, 0),
        (Move.DOWN, 99, 99),
        (Move.PAGE_DOWN, 5, 15),
        (Move.PAGE_UP, 5, 0),
        (Move.HOME, 50, 0),
        (Move.END, 3, 99),
    ],
)
def test_keys_move_within_the_rows(move: Move, at: int | None, to: int) -> None:
    assert move.target(at, 10, 100) == to


def test_keys_mean_more_while_control_is_held() -> None:
    keys = Keys()
    keys.down("Control Left")
    keys.down("F")  # leads to the search field, where the release of Ctrl is not heard
    assert not keys.control
    keys.down("Control Left")
    keys.down("a")  # selects all rows, and leads nowhere
    assert keys.control
    keys.up("Control Left")
    assert not keys.control
    keys.down("Shift Right")
    keys.down("Arrow Down")
    assert keys.shift
    assert act_of("Enter") is Act.OPEN


def column(key: str, width: int, priority: int = 0) -> Column[str]:
    return Column(key, key, TextCell, width=width, priority=priority)


def fitting(columns: Sequence[Column[str]], width: float, choice: ColumnChoice | None = None) -> set[str]:
    return set(lay_out(columns, choice or ColumnChoice(), width, gap=10, fixed=50).shown)


def test_the_least_needed_columns_go_first_and_the_needed_stay() -> None:
    columns = (column("name", 100), column("id", 80, 5), column("seen", 90, 4), column("size", 80, 2))
    assert fitting(columns, 1000) == {"name", "id", "seen", "size"}
    assert fitting(columns, 400) == {"name", "seen", "size"}
    assert fitting(columns, 10) == {"name"}


@pytest.mark.parametrize(
    ("records", "per_lane", "width", "screens", "lanes"),
    [
        (60, 15, 1166, 2, 2),
        (60, 27, 1680, 1, 3),
        (60, 27, 1680, None, 1),
        (10, 27, 1680, 1, 1),
        (1000, 15, 1166, 2, 2),
        (60, 15, 300, 2, 1),
        (0, 15, 1166, 2, 1),
    ],
)
def test_as_many_lanes_as_are_needed_and_fit(
    records: int, per_lane: int, width: float, screens: int | None, lanes: int
) -> None:
    assert lanes_that_fit(records, per_lane, width, screens) == lanes


FLEET = (
    Column("name", "Name", TextCell, min_width=130),
    column("id", 80, 5),
    column("state", 140),
    column("seen", 90, 4),
    column("size", 80, 2),
)


def stood(width: float, choice: ColumnChoice | None = None) -> Layout:
    return lay_out(FLEET, choice or ColumnChoice(), width, gap=10, fixed=50)


def pixels(layout: Layout, width: float) -> dict[str, float]:
    return {key: layout.pixels(key, width, 10, 50) for key in layout.shown}


def test_what_was_hidden_stays_hidden_and_what_was_asked_for_goes_last() -> None:
    assert stood(1000, ColumnChoice().hide("seen")).shown == {"name", "id", "state", "size"}
    assert stood(450).shown == {"name", "state", "size"}
    wants = ColumnChoice().want("id")
    assert stood(450, wants).shown == {"name", "id", "state"}
    assert stood(300, wants).shown == {"name", "state"}
    assert stood(1000, wants.hide("id").want("id").hide("id")).shown == {"name", "state", "seen", "size"}


def test_what_matters_less_does_not_stand_where_more_had_no_room() -> None:
    columns = (column("name", 100), column("wide", 200, 1), column("slim", 50, 2))
    assert fitting(columns, 300) == {"name"}
    assert fitting(columns, 300, ColumnChoice().want("wide").want("slim")) == {"name", "slim"}


def test_a_dragged_edge_follows_the_pointer_and_moves_nothing_else() -> None:
    before = pixels(stood(1000), 1000)
    for left, right in (("name", "id"), ("id", "state"), ("state", "seen")):
        widths = drag_edge(FLEET, stood(1000), left, before, 20)
        after = pixels(stood(1000, ColumnChoice().resize(widths)), 1000)
        moved = {key: after[key] - before[key] for key in before if after[key] != before[key]}
        assert moved == {left: 20, right: -20}


def test_a_column_is_dragged_no_narrower_than_can_be_read() -> None:
    before = pixels(stood(1000), 1000)
    widths = drag_edge(FLEET, stood(1000), "id", before, -500)
    assert widths == {"id": 48, "state": 140 + 80 - 48}
    widths = drag_edge(FLEET, stood(1000), "id", before, 500)
    assert widths == {"id": 80 + 140 - 55, "state": 55}


def test_a_text_with_a_detail_keeps_the_room_in_which_both_end_with_an_ellipsis() -> None:
    columns = file_columns(Formatter(), utc_now)
    assert columns[0].narrowest >= 8 * SHORT


HEADS = {"Name": 33, "Status": 35, "Progress": 53, "Last seen": 54, "Last good": 55, "Client": 33, "Date": 26}
"""Pixels that a browser draws them with."""


@pytest.mark.parametrize(
    "columns", [client_columns(Formatter(), utc_now), file_columns(Formatter(), utc_now)]
)
def test_no_head_is_cut_however_narrow_its_column_is_dragged(columns: Sequence[Column[Any]]) -> None:
    for each in columns:
        assert each.narrowest >= HEADS.get(each.label, 0) + (15 if each.sortable else 0)
        kept = ColumnChoice().resize({each.key: 20})  # as narrow as it could be dragged once
        assert (lay_out(columns, kept, 2000, gap=10, fixed=50).widths[each.key] or 999) >= each.narrowest


def test_where_every_column_takes_its_part_something_still_takes_what_is_left() -> None:
    columns = tuple(Column(key, key, TextCell, min_width=90, flex=100) for key in "ab")
    layout = lay_out(columns, ColumnChoice(), 470, gap=10, fixed=50)
    before = {key: layout.pixels(key, 470, 10, 50) for key in "ab"}
    assert before == {"a": 200, "b": 200}
    choice = ColumnChoice().resize(drag_edge(columns, layout, "a", before, 100))
    wider = lay_out(columns, choice, 870, gap=10, fixed=50)
    assert {key: wider.pixels(key, 870, 10, 50) for key in "ab"} == {"a": 600, "b": 200}


def test_widths_of_a_wider_window_do_not_push_the_needed_out() -> None:
    wide = ColumnChoice().resize({"name": 700, "state": 300})
    assert pixels(stood(1400, wide), 1400)["state"] == 300
    assert pixels(stood(400, wide), 400)["state"] == 140


def test_a_choice_is_remembered_and_one_that_cannot_be_read_is_none() -> None:
    choice = ColumnChoice().hide("seen").want("id").resize({"state": 99})
    assert kept_choice(choice.kept()) == choice
    assert kept_choice(None) == kept_choice("x") == kept_choice({"widths": {"a": "b"}}) == ColumnChoice()
    assert choice.resize({"state": None}).widths == {}
