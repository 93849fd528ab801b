"""A token with few scopes: every order that it may not give is grey in every view, and says why."""

from collections.abc import Callable
from datetime import timedelta

import flet as ft
import msgspec
import pytest

from streams.model.files import BackupFile
from streams.model.link import Latency, Link
from streams.model.vocabulary import LinkState, Scope
from tests.ui.dashboard_stage import stage as dashboard_stage
from tests.ui.fakes import FakeStreams
from tests.ui.files_desk import open_desk as open_files
from tests.ui.harness import NOON
from tests.ui.page import test_clients_view
from tests.ui.page.test_shell import stage
from ui.base.format import UNKNOWN, Formatter
from ui.base.permissions import NO_CONNECTION, Permissions
from ui.base.theme import Tone
from ui.components.connection_status import Fact, present_connection
from ui.components.data_table.columns import RowAction
from ui.components.data_table.selection_bar import BarAction
from ui.components.icon_button import tooltip_text

LOOK, OPERATE, RESTORE, DESTROY = Scope.LOOK, Scope.OPERATE, Scope.RESTORE, Scope.DESTROY
NARROW: tuple[tuple[Scope, ...], ...] = ((LOOK,), (LOOK, OPERATE), (LOOK, RESTORE), (LOOK, DESTROY))


def lacking(scope: Scope) -> str:
    return f"This console's token has no scope {scope}"


def narrow(streams: FakeStreams, *scopes: Scope) -> None:
    """Let the token have these scopes from now on."""
    streams.link.on_next(msgspec.structs.replace(streams.link.value, scopes=scopes))


@pytest.mark.parametrize("needs", [None, *Scope])
def test_one_function_judges_every_order(needs: Scope | None) -> None:
    link = Link(state=LinkState.LIVE, since=NOON)
    assert Permissions.of(link).refusal(needs) == "", "unknown: the server decides"
    assert Permissions.of(link).refusal(needs, "it runs already") == "it runs already"
    few = Permissions.of(msgspec.structs.replace(link, scopes=(LOOK,)))
    assert few.refusal(needs) == ("" if needs in (None, LOOK) else lacking(needs))
    lost = Permissions.of(msgspec.structs.replace(link, state=LinkState.DOWN, scopes=(LOOK,)))
    assert lost.refusal(needs) == ("" if needs is None else NO_CONNECTION)


def test_no_bar_offers_what_needs_no_scope() -> None:
    with pytest.raises(TypeError):
        BarAction("Back up", ft.Icons.BACKUP, lambda: None)  # type: ignore[call-arg]


def told(button: ft.LayoutControl) -> tuple[bool, str | None]:
    return bool(button.disabled), tooltip_text(button) if button.disabled else None


def right(scopes: tuple[Scope, ...], needs: Scope) -> tuple[bool, str | None]:
    return (False, None) if needs in scopes else (True, lacking(needs))


@pytest.mark.parametrize("scopes", NARROW)
async def test_the_clients_view(scopes: tuple[Scope, ...]) -> None:
    async with test_clients_view.open_desk(12) as desk:
        client = desk.rows()[0]
        desk.streams.clients.put(msgspec.structs.replace(client, protected=True))
        desk.view.arrive(f"client:{client.id}")
        desk.page.frame()
        details = desk.view._details
        narrow(desk.streams, *scopes)
        desk.page.frame()
        for order in (details._verify, details._toggle_shut, details._goal.menu, details._quota.menu):
            assert told(order) == right(scopes, OPERATE), order
        assert told(details._holds.protected.button) == right(scopes, DESTROY)
        assert len(details._run_lines._locks) >= 5
        for _, lock in details._run_lines._locks:
            assert told(lock) == right(scopes, OPERATE)
        desk.view._table.selection.select_all(list(desk.view._rows.clients))
        desk.view._on_selection(frozenset(desk.view._rows.clients))
        assert {told(button) for button in desk.view._bar._buttons.values()} == {right(scopes, OPERATE)}
        row = desk.view._table.get(desk.rows()[1].id)
        assert row is not None
        for action in menu_of(desk.view._table._actions, row):  # type: ignore[arg-type]
            needs = {"Remove for good…": DESTROY}.get(action.label, OPERATE)
            if action.label in ("Details", "Show files", "Show log", "Copy link"):
                assert action.needs is None and not action.refused
            elif action.label != "Back up now":  # it may back up already
                assert action.refused == (right(scopes, needs)[1] or ""), action.label


def menu_of(actions: Callable[[object], tuple[RowAction, ...]], row: object) -> tuple[RowAction, ...]:
    return actions(row)


@pytest.mark.parametrize("scopes", NARROW)
async def test_the_files_view(scopes: tuple[Scope, ...]) -> None:
    async with open_files() as desk:
        narrow(desk.streams, *scopes)
        await desk.page.fire(desk.view._table._body.rows[0].control, "click")
        desk.page.frame()
        download, verify, delete = desk.view._versions.orders
        assert told(download) == right(scopes, RESTORE)
        assert told(verify) == told(delete) == right(scopes, OPERATE)
        for fetch, _ in desk.view._versions._fetches:
            assert told(fetch) == right(scopes, RESTORE)
        file: BackupFile = desk.view._table._order.rows[desk.ids()[0]]
        needed = {"Download": RESTORE, "Verify": OPERATE, "Delete": OPERATE}
        for action in menu_of(desk.view._table._actions, file):  # type: ignore[arg-type]
            if action.label in needed:
                assert action.refused == (right(scopes, needed[action.label])[1] or ""), action.label
        for action, button in desk.view._bar._buttons.items():
            assert told(button) == right(scopes, RESTORE if action.label == "Download" else OPERATE)


@pytest.mark.parametrize("scopes", NARROW)
async def test_the_dashboard(scopes: tuple[Scope, ...]) -> None:
    async with dashboard_stage() as s:
        narrow(s.streams, *scopes)
        s.h.frame()
        cancels = [row._cancel for row in s.view.running._pool]
        assert len(cancels) == 4
        for order in (s.view.server._switch, s.view.server._back_up, *cancels):
            assert told(order) == right(scopes, OPERATE)


async def test_the_palette_and_messages() -> None:
    async with stage() as s:
        ran: list[str] = []

        async def undo() -> None:
            ran.append("undo")

        s.h.context.messages.done("a deleted", action_label="Undo", action=undo, needs=OPERATE)
        narrow(s.streams, LOOK, RESTORE)
        s.h.frame()
        offer = next(b for b in s.h.find_all(ft.TextButton) if b.content == "Undo")
        assert told(offer) == (True, lacking(OPERATE))
        palette = s.shell._palette
        palette.begin()
        s.h.frame()
        entry = next(entry for entry in palette.shown if entry.label == "Back up all clients")
        assert entry.refused == lacking(OPERATE)
        assert lacking(OPERATE) in s.h.texts(palette)
        palette._choose(entry)
        await s.h.settle()
        assert not s.commands.calls and palette.visible, "it stays open, and nothing is asked"
        assert not any(entry.refused for entry in palette.shown if entry.needs is None)


async def test_a_question_that_is_open_when_the_scope_is_taken_back() -> None:
    async with stage() as s:
        entry = next(e for e in s.h.context.palette.entries() if e.label == "Stop the server…")
        s.shell._palette.act("Stop", entry.run())
        await s.h.settle()
        yes = s.h.find(ft.FilledButton, content="Stop the server")
        assert told(yes) == (False, None)
        narrow(s.streams, LOOK)
        await s.h.settle()
        assert told(yes) == (True, lacking(OPERATE))


async def test_the_menu_says_why_in_its_tooltip() -> None:
    async with test_clients_view.open_desk(12) as desk:
        narrow(desk.streams, LOOK)
        desk.page.frame()
        table = desk.view._table
        await desk.page.fire(table._body.rows[0]._menu, "click")
        item = next(i for i in table._menu.control.items if desk.page.texts(i) == ["Disconnect…"])
        assert item.disabled and isinstance(item.content, ft.Text)
        assert item.content.tooltip == lacking(OPERATE)


@pytest.mark.parametrize("behind_h", [0, 72, -72])
def test_the_panel_names_the_token_and_its_end_by_the_servers_clock(behind_h: int) -> None:
    ours = NOON - timedelta(hours=behind_h)
    link = Link(state=LinkState.LIVE, since=NOON, scopes=(LOOK,), token_name="wall")

    def fact(link: Link) -> Fact:
        facts = present_connection(link, Latency(), ours, Formatter(), server_now=NOON)
        return next(fact for fact in facts if fact.label == "Token")

    assert (fact(link).value, fact(link).exact) == ("wall: look", "It has no end")
    soon = fact(msgspec.structs.replace(link, token_ends_at=NOON + timedelta(hours=2)))
    assert (soon.value, soon.tone) == ("wall: look; ends in 2 h", Tone.WARNING)
    assert fact(Link(state=LinkState.LIVE, since=NOON)).value == UNKNOWN
