"""Palette entries that need no view: views, clients, files, settings, actions."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final

import flet as ft
from reactivex import Observable
from reactivex import operators as ops

from streams.model.files import FilePage, FileQuery
from streams.model.server_settings import ServerSettingsSheet
from streams.model.settings import Setting, SettingsSheet
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Scope, ServerState
from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.context import Place, UiContext
from ui.base.deep_links import file_place
from ui.base.palette import MAX_OF_A_GROUP, PaletteEntry
from ui.base.theme import Density
from ui.shell.palette.database_sources import offer_database
from ui.shell.palette.view import Known
from ui.shell.registry import ViewSpec
from ui.views.clients.actions import keep_client
from ui.views.clients.present import ClientRow, present_state
from ui.views.files.present import base_name, folder_of
from ui.views.settings.present import fits
from ui.views.shared.backup_notifications import force_backup
from ui.views.shared.client_state import is_let_in
from ui.views.shared.server_actions import ServerActions

THEMES: Final = {
    ft.ThemeMode.SYSTEM: ("as the system", ft.Icons.BRIGHTNESS_AUTO),
    ft.ThemeMode.LIGHT: ("light", ft.Icons.LIGHT_MODE),
    ft.ThemeMode.DARK: ("dark", ft.Icons.DARK_MODE),
}


class Offers:
    """Offers the console's own entries; ``known`` is kept fresh by the palette while it is open."""

    def __init__(
        self,
        *,
        streams: Streams,
        commands: Commands,
        context: UiContext,
        known: Known,
        page: Callable[[], ft.Page],
        views: Sequence[ViewSpec],
        on_theme: Callable[[ft.ThemeMode], Any],
        frame_actions: Callable[[], Sequence[PaletteEntry]],
    ) -> None:
        self._streams, self._commands, self._context, self._known = streams, commands, context, known
        self._views, self._on_theme = views, on_theme
        self._server = ServerActions(commands, context, page=page)
        self._sheet: SettingsSheet | None = None
        palette = context.palette
        palette.offer("views", self._view_entries)
        palette.offer("frame", frame_actions)
        palette.offer("actions", self._action_entries)
        palette.offer("clients", self._client_entries)
        palette.offer_search("files", self._find_files)
        if "database" in context.places:
            offer_database(context, streams.database.outline)
        if context.settings is not None:
            palette.offer("settings", self._setting_entries)
            palette.offer_search("server settings", self._find_server_settings)

    def _lead(self, place: Place) -> Callable[[], None]:
        return lambda: self._context.go(place)

    def _view_entries(self) -> Iterator[PaletteEntry]:
        for number, spec in enumerate(self._views, 1):
            yield PaletteEntry(
                "Views",
                spec.label,
                spec.icon,
                self._lead(Place(spec.name)),
                words="view go to open",
                keys=f"Ctrl+{number}",
            )

    def _action_entries(self) -> Iterator[PaletteEntry]:
        def action(
            label: str, icon: ft.IconData, run: Callable[[], Any], words: str = "", **more: Any
        ) -> PaletteEntry:
            return PaletteEntry("Actions", label, icon, run, words=words, **more)

        for message in self._context.messages.all:
            if message.action is not None and message.lasting:
                yield action(
                    f"{message.action_label}: {message.text}",
                    ft.Icons.UNDO,
                    lambda number=message.number: self._context.messages.do(number),
                    "undo take back",
                    needs=message.needs,
                )
        clients, status = self._known.clients, self._known.status
        yield action(
            "Back up all clients",
            ft.Icons.BACKUP,
            lambda: self._server.back_up_all(clients.values()),
            "force run",
            needs=Scope.OPERATE,
        )
        if status is not None and status.state is not ServerState.RUNNING:
            yield action(
                "Start the server",
                ft.Icons.PLAY_ARROW,
                self._server.start,
                "take backups again",
                needs=Scope.OPERATE,
            )
        else:
            yield action(
                "Stop the server…",
                ft.Icons.STOP,
                lambda: self._server.stop(self._known.status),
                "refuse backups",
                needs=Scope.OPERATE,
            )
        yield action(
            "Reconnect now", ft.Icons.REFRESH, self._commands.reconnect, "connection try again server"
        )
        for mode, (word, icon) in THEMES.items():
            yield action(
                f"Theme: {word}", icon, lambda mode=mode: self._on_theme(mode), "colours mode", at_rest=False
            )
        if self._context.settings is not None:
            for density in Density:
                yield action(
                    f"Density: {density.value}",
                    ft.Icons.DENSITY_MEDIUM,
                    lambda density=density: self._set("ui.density", density.value),
                    "rows height spacing",
                    at_rest=False,
                )
            for units, word in (("binary", "KiB, MiB"), ("decimal", "kB, MB")):
                yield action(
                    f"Units: {word}",
                    ft.Icons.STRAIGHTEN,
                    lambda units=units: self._set("ui.units", units),
                    f"sizes bytes {units}",
                    at_rest=False,
                )

    def _set(self, name: str, text: str) -> Coroutine[Any, Any, None]:
        assert self._context.settings is not None
        return self._context.settings.save({name: text})

    def _client_entries(self) -> Iterator[PaletteEntry]:
        for client in sorted(self._known.clients.values(), key=lambda c: c.name):
            state = present_state(ClientRow(client), self._context.server_clock())
            yield PaletteEntry(
                "Clients",
                client.name,
                ft.Icons.COMPUTER,
                self._lead(Place("clients", f"client:{client.id}")),
                detail=state.word,
                words=f"client details {client.id}",
                at_rest=False,
            )
            if is_let_in(client):
                yield PaletteEntry(
                    "Actions",
                    f"Back up {client.name}",
                    ft.Icons.BACKUP_OUTLINED,
                    lambda key=client.id, name=client.name: self._back_up(key, name),
                    at_rest=False,
                    weight=0.8,
                    needs=Scope.OPERATE,
                )
            if client.destroy_at is not None:
                yield PaletteEntry(
                    "Actions",
                    f"Undo the removal of {client.name}",
                    ft.Icons.RESTORE,
                    lambda key=client.id, name=client.name: keep_client(
                        self._commands, self._context, key, name
                    ),
                    detail=f"on {self._context.format.day_time(client.destroy_at)}",
                    words="keep client",
                    weight=0.85,
                    needs=Scope.OPERATE,
                )
            yield PaletteEntry(
                "Actions",
                f"Files of {client.name}",
                ft.Icons.FOLDER_OPEN,
                self._lead(Place("files", f"client:{client.id}")),
                at_rest=False,
                weight=0.78,
            )

    async def _back_up(self, client_id: str, name: str) -> None:
        await force_backup(self._commands, self._context, {client_id: name})

    def _find_files(self, text: str) -> Observable[Sequence[PaletteEntry]]:
        def entries(snapshot: Snapshot[FilePage]) -> Sequence[PaletteEntry]:
            page = snapshot.value
            return [
                PaletteEntry(
                    "Files",
                    base_name(file.path),
                    ft.Icons.INSERT_DRIVE_FILE_OUTLINED,
                    self._lead(file_place(file.client_id, file.path)),
                    detail=f"{file.client_name}  {folder_of(file.path)}",
                )
                for file in (page.rows[:MAX_OF_A_GROUP] if page is not None else ())
            ]

        query = FileQuery(text=text, limit=MAX_OF_A_GROUP)
        return self._streams.file_page(query).pipe(
            ops.filter(lambda snapshot: snapshot.value is not None), ops.map(entries)
        )

    def _setting_entries(self) -> Iterator[PaletteEntry]:
        settings = self._context.settings
        if settings is None:
            return
        if self._sheet is None:
            settings.sheet.subscribe(self._keep_sheet).dispose()
        if self._sheet is None:
            return
        yield from map(self._setting_entry, self._sheet.all())

    def _setting_entry(self, setting: Setting) -> PaletteEntry:
        return PaletteEntry(
            "Settings",
            setting.name,
            ft.Icons.TUNE,
            self._lead(Place("settings", setting.name)),
            detail=setting.about,
            words=setting.key.replace("_", " "),
            at_rest=False,
            weight=0.85,
        )

    def _find_server_settings(self, text: str) -> Observable[Sequence[PaletteEntry]]:
        def entries(snapshot: Snapshot[ServerSettingsSheet]) -> Sequence[PaletteEntry]:
            known = snapshot.value.settings if snapshot.value is not None else ()
            found = [setting for setting in known if fits(setting, text)]
            return [self._setting_entry(setting) for setting in found[:MAX_OF_A_GROUP]]

        return self._streams.server_settings.pipe(
            ops.filter(lambda snapshot: snapshot.value is not None), ops.map(entries)
        )

    def _keep_sheet(self, sheet: SettingsSheet) -> None:
        self._sheet = sheet
