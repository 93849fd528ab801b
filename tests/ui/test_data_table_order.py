"""The order of a table: sorted and filtered when told, otherwise it holds still."""

from ui.components.data_table.order import KeyedOrder


def order_of(**rows: float | None) -> KeyedOrder[str, float | None]:
    order: KeyedOrder[str, float | None] = KeyedOrder()
    order.sort_by(lambda value: value)
    order.replace(rows.items())
    return order


def test_unknown_values_come_last_in_both_directions() -> None:
    order = order_of(a=None, b=2.0, c=1.0)
    assert order.order == ["c", "b", "a"]
    order.sort_by(lambda value: value, descending=True)
    assert order.order == ["b", "c", "a"]


def test_equal_rows_keep_the_order_of_the_tie() -> None:
    order: KeyedOrder[str, tuple[int, str]] = KeyedOrder(tie=lambda row: row[1])
    order.replace({"1": (0, "z"), "2": (0, "a"), "3": (1, "m")}.items())
    order.sort_by(lambda row: row[0], descending=True)
    assert order.order == ["3", "2", "1"]


def test_a_changed_row_stays_until_the_table_settles() -> None:
    order = order_of(a=1.0, b=2.0)
    assert order.apply({"a": 9.0}) is False
    assert (order.order, order.unsettled) == (["a", "b"], True)
    assert order.settle() is True
    assert (order.order, order.unsettled) == (["b", "a"], False)


def test_a_change_that_moves_nothing_leaves_the_table_settled() -> None:
    order: KeyedOrder[str, tuple[int, str]] = KeyedOrder()
    order.sort_by(lambda row: row[0])
    order.replace({"a": (1, "x")}.items())
    order.apply({"a": (1, "y")})
    assert order.unsettled is False
    assert order.rows["a"] == (1, "y")


def test_a_row_that_the_filter_no_longer_keeps_stays_until_it_settles() -> None:
    order = order_of(a=1.0, b=2.0)
    order.filter_by(lambda value: value is not None and value < 5)
    order.apply({"a": 7.0})
    assert order.order == ["a", "b"]
    order.settle()
    assert order.order == ["b"]


def test_new_rows_go_to_the_end_and_removed_ones_are_gone_in_their_place() -> None:
    order = order_of(b=2.0, c=3.0)
    assert order.apply({"a": 1.0}, ["b"]) is True
    assert (order.order, order.gone) == (["b", "c", "a"], {"b"})
    order.settle()
    assert (order.order, order.gone) == (["a", "c"], set())


def test_a_row_that_comes_back_is_no_longer_gone() -> None:
    order = order_of(a=1.0)
    order.apply({}, ["a"])
    assert order.apply({"a": 1.0}) is True
    assert (order.order, order.gone) == (["a"], set())


def test_a_row_that_the_filter_hides_can_change_and_go_unseen() -> None:
    order = order_of(a=1.0, b=9.0)
    order.filter_by(lambda value: value is not None and value < 5)
    assert order.apply({"b": 8.0}) is False
    assert order.apply({}, ["b"]) is False
    assert order.order == ["a"]
