"""The clients view while there is no server: what it still tells, and what it no longer offers."""

import flet as ft

from streams.model.vocabulary import Scope
from tests.ui.page.test_clients_view import open_desk
from ui.base.schemes import PLAIN_THEME, STALE_THEME
from ui.base.theme import INK, QUIET_INK
from ui.components.orders import HELD_BACK


async def test_no_order_is_offered_while_there_is_no_connection() -> None:
    async with open_desk(45) as desk:
        slot = desk.names().index("web-01")
        await desk.click_row(slot)
        details = desk.view._details
        buttons = [details._start, details._verify, details._toggle_shut, details._running.cancel]
        assert [button.disabled for button in buttons] == [True, False, False, False]  # it backs up already
        desk.streams.lose()
        desk.page.frame()
        assert all(button.disabled for button in buttons)
        assert all(button.tooltip == "There is no connection to the server" for button in buttons)
        desk.streams.fill()
        desk.page.frame()
        assert [button.disabled for button in buttons] == [True, False, False, False]


async def test_the_goal_cannot_be_changed_while_there_is_no_connection() -> None:
    async with open_desk(12) as desk:
        await desk.click_row(0)
        goal = desk.view._details._goal

        def shown() -> tuple[bool | None, object, float | None]:
            return goal.menu.disabled, goal.menu.tooltip, goal.pencil.opacity

        offered = (False, "Change how old the last good backup may be", 1.0)
        assert shown() == offered
        desk.streams.lose()
        desk.page.frame()
        assert shown() == (True, "There is no connection to the server", HELD_BACK)
        await desk.click_row(1)
        assert goal.menu.disabled
        desk.streams.fill()
        desk.page.frame()
        assert shown() == offered


async def test_the_bar_of_the_selection_offers_no_order_either() -> None:
    async with open_desk(12) as desk:
        desk.view._table.selection.select_all(list(desk.view._rows.clients))
        desk.view._on_selection(frozenset(desk.view._rows.clients))
        desk.page.frame()
        bar = desk.view._bar
        buttons = list(bar._buttons.values())
        assert not any(button.disabled for button in buttons) and list(bar.offers("client"))
        desk.streams.lose()
        desk.page.frame()
        assert all(button.disabled for button in buttons)
        assert all(button.tooltip == "There is no connection to the server" for button in buttons)
        assert all(entry.needs is Scope.OPERATE for entry in bar.offers("client"))
        desk.streams.fill()
        desk.page.frame()
        assert not any(button.disabled or button.tooltip for button in buttons)


async def test_who_was_online_when_the_server_was_lost_was_seen_then() -> None:
    async with open_desk(45) as desk:
        slot = desk.names().index("web-01")

        def seen() -> list[str]:
            row = desk.view._table._body.rows[slot]
            cell = next(
                cell for column, cell in zip(row.columns, row.cells, strict=True) if column.key == "seen"
            )
            return desk.page.texts(cell.control) + desk.page.texts(desk.view._details.panel.control)

        desk.view._table._body.resize(1900, 1800)  # room for all columns beside the details
        await desk.click_row(slot)
        assert seen().count("now") == 2
        desk.page.advance(5)
        desk.streams.lose()
        desk.page.frame()
        assert seen().count("5 s ago") == 2
        desk.page.advance(3)
        assert seen().count("8 s ago") == 2
        desk.streams.fill()
        desk.page.frame()
        assert seen().count("now") == 2


async def test_the_cards_of_a_lost_server_are_as_dim_as_its_table() -> None:
    async with open_desk(12) as desk:
        cards = [card.button for card in desk.view._cards._cards.values()]
        table = desk.view._box._slot
        assert all(part.theme is PLAIN_THEME for part in (*cards, table))
        desk.streams.lose()
        desk.page.frame()
        assert all(part.theme is STALE_THEME for part in (*cards, table))
        desk.streams.fill()
        desk.page.frame()
        assert all(part.theme is PLAIN_THEME for part in (*cards, table))


async def test_the_menu_of_a_row_offers_only_what_needs_no_server() -> None:
    async with open_desk(12) as desk:

        async def offered() -> list[str]:
            table = desk.view._table
            await desk.page.fire(table._body.rows[0]._menu, "click")
            items = [item for item in table._menu.control.items if not item.disabled]
            return [text for item in items for text in desk.page.texts(item)]

        before = await offered()
        assert "Back up now" in before
        desk.streams.lose()
        desk.page.frame()
        assert await offered() == ["Details", "Show files", "Show log", "Copy link"]
        desk.streams.fill()
        desk.page.frame()
        assert await offered() == before


async def test_what_a_menu_does_not_offer_is_faint() -> None:
    async with open_desk(12) as desk:
        desk.streams.lose()
        desk.page.frame()
        table = desk.view._table
        await desk.page.fire(table._body.rows[0]._menu, "click")
        items = [item for item in table._menu.control.items if isinstance(item.content, ft.Text)]
        inks = {item.disabled: item.content.color for item in items if isinstance(item.content, ft.Text)}
        assert inks == {True: QUIET_INK, False: INK}
        icons = [item.icon.icon for item in items if item.disabled and isinstance(item.icon, ft.Icon)]
        assert set(icons) == {ft.Icons.BLOCK}, "and not by the ink alone"
