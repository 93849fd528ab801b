"""The views of the console, in the order of the rail; a new view is one more line here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import flet as ft

from streams.bag import Streams
from streams.commands import Commands
from ui.bound import BoundView
from ui.context import UiContext
from ui.views.clients import ClientsView
from ui.views.dashboard import DashboardView
from ui.views.files import FilesView


@dataclass(frozen=True, slots=True)
class ViewSpec:
    """A view as the rail shows it and the shell makes it."""

    name: str
    label: str
    icon: ft.IconData
    selected_icon: ft.IconData
    build: Callable[[Streams, Commands, UiContext], BoundView]


VIEWS: Final[tuple[ViewSpec, ...]] = (
    ViewSpec(
        "dashboard",
        "Dashboard",
        ft.Icons.SPACE_DASHBOARD_OUTLINED,
        ft.Icons.SPACE_DASHBOARD,
        lambda streams, commands, context: DashboardView(streams=streams, commands=commands, context=context),
    ),
    ViewSpec(
        "clients",
        "Clients",
        ft.Icons.DEVICES_OTHER_OUTLINED,
        ft.Icons.DEVICES_OTHER,
        lambda streams, commands, context: ClientsView(streams=streams, commands=commands, context=context),
    ),
    ViewSpec(
        "files",
        "Files",
        ft.Icons.FOLDER_COPY_OUTLINED,
        ft.Icons.FOLDER_COPY,
        lambda streams, commands, context: FilesView(streams=streams, commands=commands, context=context),
    ),
)
