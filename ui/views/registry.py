"""The views of the console, in the order of the rail; a new view is one more line here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import flet as ft

from streams.bag import Streams
from streams.commands import Commands
from ui.bound import BoundView
from ui.context import UiContext
from ui.views.analytics import AnalyticsView
from ui.views.clients import ClientsView
from ui.views.dashboard import DashboardView
from ui.views.database import DatabaseView
from ui.views.files import FilesView
from ui.views.logs import LogsView
from ui.views.settings import build_settings


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
    ViewSpec(
        "database",
        "Database",
        ft.Icons.STORAGE_OUTLINED,
        ft.Icons.STORAGE,
        lambda streams, commands, context: DatabaseView(streams=streams, commands=commands, context=context),
    ),
    ViewSpec(
        "analytics",
        "Analytics",
        ft.Icons.INSIGHTS_OUTLINED,
        ft.Icons.INSIGHTS,
        lambda streams, commands, context: AnalyticsView(streams=streams, commands=commands, context=context),
    ),
    ViewSpec(
        "logs",
        "Logs",
        ft.Icons.NOTES_OUTLINED,
        ft.Icons.NOTES,
        lambda streams, commands, context: LogsView(streams=streams, commands=commands, context=context),
    ),
    ViewSpec(
        "settings",
        "Settings",
        ft.Icons.SETTINGS_OUTLINED,
        ft.Icons.SETTINGS,
        build_settings,
    ),
)
