"""Holds on the screen: marked and protected clients, protected runs, quotas, deleted files."""

from datetime import datetime, timedelta
from typing import Any

import flet as ft
import msgspec
import pytest

from streams.model.clients import Client
from streams.model.server import CatalogueStatus, ServerStatus
from streams.model.vocabulary import ClientState, FileState, Scope, VerificationState
from streams.sources.problems import problems_of_server
from tests.ui import fleet
from tests.ui.dashboard_stage import Stage
from tests.ui.dashboard_stage import stage as dashboard_stage
from tests.ui.files_desk import open_desk as open_files
from tests.ui.harness import NOON
from tests.ui.page.test_clients_view import Desk, open_desk
from tests.ui.page.test_shell import stage
from ui.base.context import Place
from ui.base.format import Formatter
from ui.base.problems import present_problem
from ui.base.theme import Tone
from ui.views.clients.menu import bar_actions, row_actions
from ui.views.clients.present import MARKED, ClientRow, client_columns
from ui.views.clients.quota import GIB, present_use
from ui.views.dashboard.present import present_safety
from ui.views.files.present import present_kept
from ui.views.shared.present import present_back_up_all

DUE = timedelta(days=3)


def changed(desk: Desk, **values: Any) -> Client:
    """Show the first client in the details, with other values."""
    client = msgspec.structs.replace(desk.rows()[0], **values)
    desk.streams.clients.put(client)
    desk.page.frame()
    desk.view.arrive(f"client:{client.id}")
    desk.page.frame()
    return client


def _icon(button: ft.IconButton) -> object:
    return button.icon.icon if isinstance(button.icon, ft.Icon) else button.icon


async def test_a_marked_client_shows_its_date_and_undo() -> None:
    async with open_desk(12) as desk:
        due = desk.page.now() + DUE
        client = changed(desk, destroy_at=due, state=ClientState.DISCONNECTED)
        details = desk.view._details
        words = desk.page.context.format.day_time(due)
        assert f"It is removed for good in 3 d, on {words}." in desk.page.texts(details)
        await desk.page.fire(details._holds.marked.button, "click")
        assert desk.commands.calls[-1] == ("keep_client", client.id)
        await desk.menu(0, "Undo the removal")
        assert desk.commands.calls[-1] == ("keep_client", client.id)
        day = desk.page.context.format.date(due, desk.page.now())
        assert {"to be removed", day} <= set(desk.page.texts(desk.view._table._body.rows[0].control))
        desk.view.arrive("marked")
        assert desk.names() == [client.name]
        changed(desk, destroy_at=None)
        assert not details._holds.marked.control.visible


@pytest.mark.parametrize("state", [ClientState.DISCONNECTED, ClientState.REVOKED, ClientState.OFFLINE])
async def test_what_is_to_be_removed_is_offered_nothing_that_the_server_refuses(state: ClientState) -> None:
    async with open_desk(12) as desk:
        client = changed(desk, destroy_at=desk.page.now() + DUE, state=state)
        rows = desk.view._rows
        bar = bar_actions(desk.view._actions, lambda fits: rows.chosen({client.id}, fits))
        applies = {action.label: action.applies for action in bar}
        assert not applies["Allow"]() and not applies["Disconnect"]()
        actions = row_actions(desk.view._actions, ClientRow(client), str)
        offered = {each.label: each.refused for each in actions}
        assert offered["Back up now"] == MARKED and not offered["Undo the removal"]
        assert not {"Allow again", "Copy enrol command", "Disconnect…"} & offered.keys()
        assert desk.view._details._start.tooltip == MARKED
        assert present_back_up_all([client])[0] == ()
        desk.view.arrive("revoked")
        assert client.name not in desk.names()
        assert present_safety([client], NOON, desk.page.context.format).revoked == ""


async def test_the_dashboard_and_the_palette_tell_of_marked_clients() -> None:
    async with dashboard_stage() as s:
        first, second = (
            msgspec.structs.replace(c, destroy_at=s.h.now() + DUE) for c in fleet.clients(s.h.now())[:2]
        )
        s.streams.clients.put(first)
        s.h.frame()
        s.h.advance(1)
        s.h.frame()
        day = s.h.context.format.date(s.h.now() + DUE, s.h.now())
        assert f"To be removed: {first.name} on {day}" in s.h.texts()
        s.view.safety._lead_to_marked()
        assert s.went[-1] == Place("clients", f"client:{first.id}")
        s.streams.clients.put(second)
        s.h.frame()
        s.h.advance(1)
        s.h.frame()
        s.view.safety._lead_to_marked()
        assert s.went[-1] == Place("clients", "marked")
    async with stage() as s:
        s.streams.clients.put(first)
        s.shell._palette.begin()
        s.h.frame()
        entry = next(e for e in s.shell._palette._entries if e.label == f"Undo the removal of {first.name}")
        assert entry.needs is Scope.OPERATE
        s.shell._palette._choose(entry)
        await s.h.settle()
        assert ("keep_client", first.id) in s.commands.calls


async def test_a_protected_client_is_shown_and_can_be_let_go() -> None:
    async with open_desk(12) as desk:
        client = changed(desk, protected=True)
        details = desk.view._details
        assert "Protected: it is not removed, and nothing of it is purged." in desk.page.texts(details)
        assert "protected" in desk.page.texts(desk.view._table._body.rows[0].control)
        await desk.page.fire(details._holds.protected.button, "click")
        assert desk.commands.calls[-1] == ("protect_client", (client.id, False))
        row = desk.view._table.get(client.id)
        assert row is not None and desk.view._table._actions is not None
        remove = next(a for a in desk.view._table._actions(row) if a.label == "Remove for good…")
        assert remove.refused == "It is protected: end its protection first"
        desk.view.arrive("protected")
        assert desk.names() == [client.name]


async def test_a_run_is_protected_and_shown() -> None:
    async with open_desk(12) as desk:
        changed(desk)
        lines = desk.view._details._run_lines
        run, lock = lines._locks[0]
        assert (_icon(lock), lock.disabled) == (ft.Icons.LOCK_OPEN, False)
        await desk.page.fire(lock, "click")
        assert desk.commands.calls[-1] == ("protect_run", (run.id, True))
        old = [msgspec.structs.replace(each, protected=n == 9) for n, each in enumerate(runs_of(desk))]
        lines.show(old, desk.view._details._permissions, Formatter(), NOON)
        assert [each.id for each, _ in lines._locks] == [*(each.id for each in old[:5]), old[9].id]
        assert _icon(lines._locks[-1][1]) == ft.Icons.LOCK
        lines._locks[-1][1].on_click(None)  # type: ignore[misc, call-arg]
        await desk.page.settle()
        assert desk.commands.calls[-1] == ("protect_run", (old[9].id, False))


def runs_of(desk: Desk) -> list[Any]:
    return [fleet.run_of(number, "app-01", desk.page.now()) for number in range(12)]


async def test_a_quota_is_shown_and_set() -> None:
    async with open_desk(12) as desk:
        client = changed(desk, held_bytes=45 * GIB, quota_bytes=50 * GIB)
        part = desk.view._details._quota
        assert part._words.value == "45.0 GiB of 50.0 GiB, 90 %" and part._words.color == Tone.WARNING.color
        items = part.menu.items
        assert [desk.page.texts(item)[0] for item in items][:3] == [
            "As set on the server: no quota",
            "no quota",
            "10.0 GiB",
        ]
        assert [number for number, item in enumerate(items) if item.checked] == [4]
        await desk.page.fire(items[0], "click")
        assert desk.commands.calls[-1] == ("set_quota", (client.id, None))
        status = msgspec.structs.replace(fleet.status(desk.page.now()), quota_bytes=20 * GIB)
        desk.streams.status.on_next(desk.streams.ok(status))
        changed(desk, held_bytes=45 * GIB, quota_bytes=None)
        assert part._words.value == (
            "45.0 GiB of 20.0 GiB, 225 %, as set on the server: new files are refused"
        )
        assert part._words.color == Tone.BAD.color


@pytest.mark.parametrize(
    ("quota", "own", "told"),
    [
        (0, None, "1.0 GiB, no quota, as set on the server"),
        (0, 0, "1.0 GiB, no quota"),
        (4 * GIB, 4 * GIB, "1.0 GiB of 4.0 GiB, 25 %"),
        (GIB, GIB, "1.0 GiB of 1.0 GiB, 100 %: new files are refused"),
    ],
)
def test_use_of_a_quota(quota: int, own: int | None, told: str) -> None:
    client = msgspec.structs.replace(fleet.client_of("app-01", NOON), held_bytes=GIB, quota_bytes=own)
    assert present_use(client, quota, Formatter()) == told


def test_the_row_of_a_client_says_what_holds_it() -> None:
    client = msgspec.structs.replace(fleet.client_of("app-01", NOON), protected=True)
    name = next(column for column in client_columns(Formatter(), lambda: NOON) if column.key == "name")
    assert getattr(name.cell(ClientRow(client)), "detail", None) == "protected"


def test_a_deleted_file_says_until_when_it_is_kept() -> None:
    file = fleet.file_of(1, NOON)
    assert present_kept(file, 30.0, Formatter()) == ("", "")
    deleted = msgspec.structs.replace(file, state=FileState.DELETED, deleted_at=NOON)
    kept, exact = present_kept(deleted, 30.0, Formatter())
    assert kept == f"Kept until {Formatter().day_time(NOON + timedelta(days=30))}"
    assert "kept longer while" in exact and Formatter().exact_time(NOON) in exact
    assert present_kept(deleted, None, Formatter())[0] == "Deleted; kept until it is purged"


async def test_the_details_of_a_deleted_file_have_its_date() -> None:
    async with open_files() as desk:
        status = msgspec.structs.replace(fleet.status(desk.page.now()), keep_deleted_days=30.0)
        desk.streams.status.on_next(desk.streams.ok(status))
        await desk.page.fire(desk.view._table._body.rows[0].control, "click")
        details = desk.view._versions
        desk.page.frame()
        assert not details._kept.visible
        details.show_moved(True)
        desk.page.frame()
        until = desk.page.context.format.day_time(desk.page.now() + timedelta(days=30))
        assert (details._kept.visible, details._kept.value) == (True, f"Kept until {until}")


LOST = "The catalogue /srv/catalogue.db was deleted while the server ran. Stop the server."
COPY = "There is no room for a copy of the catalogue in /backup: 5 bytes are free."


def troubled(status: ServerStatus, **catalogue: str | datetime) -> ServerStatus:
    return msgspec.structs.replace(status, catalogue=CatalogueStatus(**catalogue))  # type: ignore[arg-type]


async def shown(s: Stage, status: ServerStatus) -> list[str]:
    s.streams.status.on_next(s.streams.ok(status))
    s.h.frame()
    rows = [row.lead.tooltip for row in s.view.problems.rows if row.control.visible]
    return [str(row) for row in rows if str(row).startswith("Server")]


async def test_what_is_wrong_with_the_servers_own_data_is_listed_on_the_dashboard() -> None:
    async with dashboard_stage() as s:
        status = fleet.status(s.h.now())
        assert await shown(s, status) == []
        first, *_ = await shown(s, troubled(status, lost=LOST, backup_problem=COPY))
        assert LOST in first and "catalogue lost" in first
        assert s.view.safety._icon.color == Tone.BAD.color
        await s.h.fire(s.view.problems.rows[0].lead, "click")
        assert s.went[-1] == Place("logs", "errors")
        told = await shown(s, troubled(status, lost="", backup_problem=COPY))
        assert not any(LOST in row for row in told)
        assert await shown(s, status) == []


def test_the_worst_comes_first_and_each_says_why() -> None:
    status = fleet.status(NOON)
    assert problems_of_server(status) == []
    assert status.verification is not None
    verification = msgspec.structs.replace(
        status.verification, state=VerificationState.FAILING, reason="The store is not there. Mount it."
    )
    wrong = msgspec.structs.replace(
        troubled(status, lost=LOST, backup_problem=COPY, ages_judged_by=NOON), verification=verification
    )
    words = Formatter()
    assert [present_problem(problem, words, NOON).why for problem in problems_of_server(wrong)] == [
        LOST,
        "The store is not there. Mount it.",
        COPY,
        f"retention and removal go by {words.exact_time(NOON)}",
    ]
