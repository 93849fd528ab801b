"""The slim cards above a table, before and after they know something."""

import flet as ft

from ui.base.format import UNKNOWN
from ui.base.theme import INK, Tone
from ui.components.filter_cards import CardWords, FilterCard, FilterCards


def _numbers(cards: FilterCards) -> list[ft.Text]:
    return [card._number for card in cards._cards.values()]


def test_a_number_that_is_not_known_yet_is_as_readable_as_one_that_is() -> None:
    cards = FilterCards(
        [FilterCard("all", "Total", "Show all"), FilterCard("bad", "Failing", "Show them")], print
    )
    assert [(number.value, number.color) for number in _numbers(cards)] == [(UNKNOWN, INK)] * 2
    cards.show({"all": CardWords("45"), "bad": CardWords("2", tone=Tone.BAD)}, None)
    assert [(number.value, number.color) for number in _numbers(cards)] == [
        ("45", INK),
        ("2", Tone.BAD.color),
    ]
