"""All versions of one file, at the right of the files table."""

from collections.abc import Callable
from datetime import datetime

import flet as ft
import reactivex as rx
from msgspec.structs import replace

from streams.model.files import BackupFile, FileVersion
from streams.model.link import Link
from streams.model.server import ServerStatus
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import EntryKind, FileState, Scope
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import Place, UiContext
from ui.base.deep_links import filter_link
from ui.base.format import age_text, counted
from ui.base.permissions import Permissions
from ui.base.theme import INK, LINE, MONO, QUIET_INK, SIZE_BODY, Tone, look, small_text
from ui.components.icon_button import IconButton
from ui.components.loading_states import Empty, StateBox
from ui.components.orders import hold_back
from ui.components.side_panel import Facts, SidePanel, foot_button, log_button, section
from ui.components.status_badge import StatusBadge
from ui.views.files.actions import FileActions
from ui.views.files.present import base_name, folder_of, present_kept, present_verified

SHOWN = 40
_LINE_HEIGHT = 46


class FileVersions(BoundView):
    """The facts of a file and its versions, newest first, each with its download."""

    def __init__(
        self, streams: Streams, context: UiContext, *, actions: FileActions, on_close: Callable[[], object]
    ) -> None:
        self._streams, self._actions = streams, actions
        self._file: BackupFile | None = None
        self._undeleted: BackupFile | None = None
        """The file as it was before it was deleted here."""
        self._ages: list[tuple[ft.Text, FileVersion]] = []
        self._on_close = on_close
        self._state = StatusBadge(FileState.STORED)
        self._facts = Facts(
            {
                "folder": "Folder",
                "client": "Client",
                "size": "Size",
                "modified": "Modified",
                "hash": "SHA-256",
            },
            mono=("hash", "folder"),
            font=MONO,
        )
        self._known = small_text()
        self._kept = ft.Text("", size=SIZE_BODY, color=Tone.WARNING.color, visible=False)
        self._keep_deleted_days: float | None = None
        self._list = ft.Column([], spacing=0, tight=True)
        self._box = StateBox(
            self._list,
            empty=Empty("No version is kept.", ft.Icons.HISTORY),
            skeleton_rows=4,
            compact=True,
            height=_LINE_HEIGHT * 3,
        )
        self._delete = foot_button("Delete", self._on_delete)
        self.orders = (
            foot_button("Download", lambda: self._with(self._actions.download), filled=True),
            foot_button("Verify", lambda: self._with(self._actions.verify)),
            self._delete,
        )
        """What can be asked of the file, while there is a server that can be asked."""
        self._fetches: list[tuple[IconButton, FileVersion]] = []
        self._permissions = Permissions()
        head = ft.Row([self._box.note, log_button(self._on_log)], spacing=6, tight=True)
        body = ft.Column(
            [self._facts.control, self._kept, self._known, section("Versions", self._box, head)], spacing=12
        )
        self.panel = SidePanel(
            ft.Container(body, padding=ft.Padding.only(right=12, bottom=12)),
            on_close=on_close,
            label="File versions",
            subtitle=self._state,
            foot=self.orders,
        )
        super().__init__(context=context, key="file-versions", content=self.panel.control, visible=False)
        self._versions = self.bind_snapshot(
            rx.never(), self._box, self._show_versions, is_empty=lambda versions: not versions
        )
        self.bind(context.server_seconds, self._grow_old, name="grow_old")
        self.bind(streams.link, self._show_link)
        self.bind(streams.status, self._show_server)

    @property
    def file(self) -> BackupFile | None:
        """The file that is shown."""
        return self._file

    @property
    def file_id(self) -> int | None:
        """The file that is shown."""
        return self._file.id if self._file is not None else None

    def open(self, file: BackupFile) -> None:
        """Show a file; what is still on its way for another one is dropped."""
        other = file.id != self.file_id
        self._file, self._undeleted = file, None
        if other:
            self._versions.switch(self._streams.file_versions(file.id))
        self.touch(*self.panel.show(base_name(file.path), str(file.id)))
        self._show_file(file)

    def show_moved(self, deleted: bool) -> None:
        """Take notice that the file was deleted or brought back; its row may be listed no longer."""
        file = self._file
        if file is None:
            return
        if deleted:
            now = self.context.server_clock()
            self._file, self._undeleted = replace(file, state=FileState.DELETED, deleted_at=now), file
            self._show_file(self._file)
        elif self._undeleted is not None:
            self._file, self._undeleted = self._undeleted, None
            self._show_file(self._file)
        else:  # what it is now is told by its row, wherever that stands
            self._on_close()

    def close(self) -> None:
        """Look at no file any more."""
        self._file = None
        self._versions.switch(rx.never())

    def _show_file(self, file: BackupFile) -> None:
        words, now = self.context.format, self.context.server_clock()
        if self._state.set(file.state):
            self.touch(self._state)
        facts = {
            "folder": (folder_of(file.path), file.path),
            "client": (file.client_name, ""),
            "size": (words.size(file.size_bytes), words.exact_size(file.size_bytes)),
            "modified": (words.moment(file.modified_at, now), words.exact_time(file.modified_at)),
            "hash": (file.sha256 or "–", file.sha256 or ""),
        }
        for name, (text, tooltip) in facts.items():
            self.touch(*self._facts.set(name, text, tooltip))
        known = present_verified(file.state, file.verified_at, now)
        if self._known.value != known:
            self._known.value = known
            self.touch(self._known)
        kept, exact = present_kept(file, self._keep_deleted_days, words)
        if (self._kept.value, self._kept.tooltip) != (kept, exact or None):
            self._kept.value, self._kept.tooltip, self._kept.visible = kept, exact or None, bool(kept)
            self.touch(self._kept)
        label = "Undelete" if file.state is FileState.DELETED else "Delete"
        if self._delete.content != label:
            self._delete.content = label
            self.touch(self._delete)
        self._show_orders()

    def _show_server(self, status: Snapshot[ServerStatus]) -> None:
        if status.value is not None and status.value.keep_deleted_days != self._keep_deleted_days:
            self._keep_deleted_days = status.value.keep_deleted_days
            if self._file is not None:
                self._show_file(self._file)

    def _show_versions(self, versions: tuple[FileVersion, ...]) -> None:
        self._ages.clear()
        self._fetches.clear()
        lines: list[ft.Control] = [self._line(version) for version in versions[:SHOWN]]
        if len(versions) > SHOWN:
            lines.append(small_text(f"and {counted(len(versions) - SHOWN, 'older one')}"))
        self._list.controls = lines
        height = max(3, len(lines)) * _LINE_HEIGHT
        if self._box.height != height:
            self._box.height = height
            self.touch(self._box)
        self.touch(self._list)

    def _line(self, version: FileVersion) -> ft.Control:
        words, now = self.context.format, self.context.server_clock()
        state = look(version.state)
        when = ft.Text(
            f"{words.moment(version.created_at, now)}   {words.size(version.size_bytes)}",
            size=SIZE_BODY,
            color=INK,
            no_wrap=True,
            tooltip=words.exact_time(version.created_at),
        )
        checked = small_text(_checked(version, now))
        self._ages.append((checked, version))
        fetch = IconButton(
            ft.Icons.DOWNLOAD,
            icon_size=18,
            width=32,
            height=32,
            style=ft.ButtonStyle(padding=ft.Padding.all(0)),
            on_click=lambda _event: self._actions.download_version(version),
        )
        self._fetches.append((fetch, version))
        self._offer(fetch, version)
        return ft.Container(
            ft.Row(
                [
                    ft.Icon(state.icon, size=16, color=state.tone.color, tooltip=state.word),
                    ft.Column([when, checked], spacing=0, tight=True, expand=True),
                    ft.Text(f"run {version.run_id}", size=11, color=QUIET_INK),
                    fetch,
                ],
                spacing=8,
            ),
            height=_LINE_HEIGHT,
            border=ft.Border.only(bottom=ft.BorderSide(1, LINE)),
        )

    def _show_link(self, link: Link) -> None:
        permissions = Permissions.of(link)
        if permissions == self._permissions:
            return
        self._permissions = permissions
        self._show_orders()
        for fetch, version in self._fetches:
            self.touch(*self._offer(fetch, version))

    def _show_orders(self) -> None:
        """Show what can be asked of the file now, and of the rest why not."""
        no_bytes = "" if self._file is None or self._file.kind is EntryKind.FILE else "It has no content"
        download, verify, delete = self.orders
        refusal = self._permissions.refusal
        self.touch(
            *hold_back(download, refusal(Scope.RESTORE, no_bytes)),
            *hold_back(verify, refusal(Scope.OPERATE, no_bytes)),
            *hold_back(delete, refusal(Scope.OPERATE)),
        )

    def _offer(self, fetch: IconButton, version: FileVersion) -> list[ft.Control]:
        return hold_back(
            fetch,
            self._permissions.refusal(
                Scope.RESTORE, "" if version.kind is EntryKind.FILE else "It has no content"
            ),
            tooltip=f"Download the version of {self.context.format.exact_time(version.created_at)}",
        )

    def _grow_old(self, now: datetime) -> None:
        if self._file is not None:
            self._show_file(self._file)
        for text, version in self._ages:
            checked = _checked(version, now)
            if text.value != checked:
                text.value = checked
                self.touch(text)

    def _with(self, command: Callable[[list[BackupFile]], None]) -> None:
        if self._file is not None:
            command([self._file])

    def _on_log(self) -> None:
        if self._file is not None:
            lines = filter_link("", client=self._file.client_id, text=self._file.path)
            self.context.go(Place("logs", lines))

    def _on_delete(self) -> None:
        if self._file is not None:
            deleted = self._file.state is FileState.DELETED
            self._with(self._actions.undelete if deleted else self._actions.delete)


def _checked(version: FileVersion, now: datetime) -> str:
    verified = version.verified_at is not None
    text = f"verified {age_text(version.verified_at, now)}" if verified else look(version.state).word
    return text + (", changed while it was read" if version.inconsistent else "")
