"""The views of the console, in the order of the rail; a new view is one more line here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import flet as ft

from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.views.analytics.view import AnalyticsView
from ui.views.clients.view import ClientsView
from ui.views.dashboard.view import DashboardView
from ui.views.database.view import DatabaseView
from ui.views.files.view import FilesView
from ui.views.logs.view import LogsView
from ui.views.settings.view import build_settings


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
