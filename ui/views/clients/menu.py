"""The orders that a row of the clients table offers, and the bar above it for all that are selected."""

from collections.abc import Callable

import flet as ft

from streams.model.clients import Client
from streams.model.vocabulary import ClientState, RunState, Scope
from ui.components.data_table.columns import RowAction
from ui.components.data_table.selection_bar import BarAction
from ui.views.clients.actions import ClientActions
from ui.views.clients.present import MARKED, ClientRow
from ui.views.shared.client_state import can_be_allowed, is_let_in, is_marked, is_revoked

PROTECTED = "It is protected: end its protection first"
Fits = Callable[[Client], bool]


def bar_actions(
    actions: ClientActions, selected: Callable[[Fits | None], list[str]]
) -> tuple[BarAction, ...]:
    """Return what can be done with what is selected, of which ``selected`` gives those that fit."""
    return (
        BarAction("Back up", ft.Icons.BACKUP, lambda: actions.back_up(selected(None)), needs=Scope.OPERATE),
        BarAction("Verify", ft.Icons.FACT_CHECK, lambda: actions.verify(selected(None)), needs=Scope.OPERATE),
        BarAction(
            "Allow",
            ft.Icons.LINK,
            lambda: actions.allow(selected(can_be_allowed)),
            needs=Scope.OPERATE,
            applies=lambda: bool(selected(can_be_allowed)),
        ),
        BarAction(
            "Disconnect",
            ft.Icons.LINK_OFF,
            lambda: actions.disconnect(selected(is_let_in)),
            needs=Scope.OPERATE,
            destructive=True,
            applies=lambda: bool(selected(is_let_in)),
        ),
    )


def row_actions(
    actions: ClientActions, row: ClientRow, open_details: Callable[[str], None]
) -> tuple[RowAction, ...]:
    """Return the menu of a row; what the token does not allow is held back where it is shown."""
    client = row.client
    key = client.id
    never = client.last_run_state in (None, RunState.QUEUED)
    return (
        RowAction("Details", ft.Icons.INFO, lambda: open_details(key)),
        _cancel_or_start(actions, row),
        RowAction(
            "Verify all files",
            ft.Icons.FACT_CHECK,
            lambda: actions.verify([key]),
            refused="It has not been backed up yet" if never else "",
            needs=Scope.OPERATE,
        ),
        RowAction("Show files", ft.Icons.FOLDER_OPEN, lambda: actions.show_files(key)),
        RowAction("Show log", ft.Icons.SUBJECT, lambda: actions.show_log(client)),
        RowAction("Copy link", ft.Icons.LINK, lambda: actions.copy_link_to(client.name)),
        _shut_or_allow(actions, row),
        RowAction(
            "End protection" if client.protected else "Protect",
            ft.Icons.LOCK_OPEN if client.protected else ft.Icons.LOCK_OUTLINE,
            lambda: actions.protect(key, protected=not client.protected),
            needs=Scope.DESTROY if client.protected else Scope.OPERATE,
        ),
        RowAction(
            "Remove for good…",
            ft.Icons.DELETE_FOREVER,
            lambda: actions.remove(key),
            refused=PROTECTED
            if client.protected
            else "It is to be removed already"
            if is_marked(client)
            else "",
            destructive=True,
            needs=Scope.DESTROY,
        ),
    )


def _cancel_or_start(actions: ClientActions, row: ClientRow) -> RowAction:
    client, run_id = row.client, row.client.running_run_id
    if is_revoked(client):
        return RowAction("Copy enrol command", ft.Icons.KEY, lambda: actions.copy_enrolment(client.name))
    if run_id is not None:
        return RowAction(
            "Cancel backup",
            ft.Icons.CANCEL,
            lambda: actions.cancel(run_id, client.name),
            needs=Scope.OPERATE,
        )
    shut = client.state is ClientState.DISCONNECTED
    return RowAction(
        "Back up now",
        ft.Icons.BACKUP,
        lambda: actions.back_up([client.id]),
        refused=MARKED if is_marked(client) else "It is disconnected" if shut else "",
        needs=Scope.OPERATE,
    )


def _shut_or_allow(actions: ClientActions, row: ClientRow) -> RowAction:
    client = row.client
    if is_marked(client):
        return RowAction(
            "Undo the removal", ft.Icons.RESTORE, lambda: actions.keep(client.id), needs=Scope.OPERATE
        )
    if can_be_allowed(client):
        return RowAction(
            "Allow again", ft.Icons.LINK, lambda: actions.allow([client.id]), needs=Scope.OPERATE
        )
    return RowAction(
        "Disconnect…",
        ft.Icons.LINK_OFF,
        lambda: actions.disconnect([client.id]),
        refused="" if is_let_in(client) else "Its token was revoked",
        destructive=True,
        needs=Scope.OPERATE,
    )
