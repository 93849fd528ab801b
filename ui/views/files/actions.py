"""Actions with files: asked for through the commands, told only when the server has answered."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import flet as ft

from streams.model.file_names import safe_name
from streams.model.files import BackupFile, FileVersion
from streams.model.vocabulary import EntryKind, FileState, Scope
from streams.model.zip_stream import Entry, Pieces, zipped
from streams.ports.commands import Commands
from ui.base.context import UiContext
from ui.base.deep_links import file_link
from ui.base.delivery import Delivery, file_name
from ui.base.format import counted
from ui.components.data_table.columns import RowAction
from ui.components.data_table.selection_bar import BarAction
from ui.views.files.present import base_name, present_done
from ui.views.shared.clipboard import copy_link
from ui.views.shared.command_results import present_verified

Act = Callable[[str, Coroutine[Any, Any, None]], None]


class FileActions:
    """Runs commands on files; ``act`` runs them in the background and words their failures.

    ``on_moved`` is told which files were deleted (True) or brought back (False).
    """

    def __init__(
        self,
        commands: Commands,
        context: UiContext,
        *,
        act: Act,
        page: Callable[[], ft.Page],
        on_moved: Callable[[Sequence[int], bool], None],
    ) -> None:
        self._on_moved = on_moved
        self._commands, self._context, self._messages, self._act = commands, context, context.messages, act
        self._delivery = Delivery(page, context.hand_out)

    def of_selected(self, selected: Callable[[], list[BackupFile]]) -> tuple[BarAction, ...]:
        """Return what can be done with the files that are selected."""

        def any_selected(*, deleted: bool) -> bool:
            return any((file.state is FileState.DELETED) is deleted for file in selected())

        return (
            BarAction("Download", ft.Icons.DOWNLOAD, lambda: self.download(selected()), needs=Scope.RESTORE),
            BarAction("Verify", ft.Icons.FACT_CHECK, lambda: self.verify(selected()), needs=Scope.OPERATE),
            BarAction(
                "Undelete",
                ft.Icons.RESTORE_FROM_TRASH,
                lambda: self.undelete(selected()),
                needs=Scope.OPERATE,
                applies=lambda: any_selected(deleted=True),
            ),
            BarAction(
                "Delete",
                ft.Icons.DELETE,
                lambda: self.delete(selected()),
                needs=Scope.OPERATE,
                destructive=True,
                applies=lambda: any_selected(deleted=False),
            ),
        )

    def download(self, files: Sequence[BackupFile]) -> None:
        """Download the newest version of each; several come as one archive."""
        whole = [file for file in files if file.kind is EntryKind.FILE]
        if not whole:
            self._messages.warn("Folders and links have no content to download")
        elif len(whole) == 1:
            self._download_one(whole[0].version_id, whole[0].path)
        else:
            self._download_many(whole)

    def download_version(self, version: FileVersion) -> None:
        """Download one version."""
        self._download_one(version.id, version.path)

    def _download_one(self, version_id: int, path: str) -> None:
        self._give(
            base_name(path), safe_name(base_name(path)), lambda: self._commands.read_version(version_id)
        )

    def _download_many(self, files: Sequence[BackupFile]) -> None:
        clients = sorted({file.client_name for file in files})
        what = f"{clients[0]} {counted(len(files), 'file')}"
        if len(clients) > 1:
            what = f"{counted(len(clients), 'client')} {counted(len(files), 'file')}"
        zone = self._context.format.zone
        name = file_name(what, self._context.server_clock().astimezone(zone), "zip")

        def entry(file: BackupFile) -> Entry:
            return Entry(
                f"{file.client_name}/{file.path}",
                file.modified_at.astimezone(zone),
                lambda: self._commands.read_version(file.version_id),
            )

        self._give(counted(len(files), "file"), name, lambda: zipped(map(entry, files)))

    def _give(self, what: str, name: str, pieces: Pieces) -> None:
        async def run() -> None:
            with self._messages.stoppable(f"Downloading {what}") as tell:
                words = self._context.format
                where = await self._delivery.give(
                    name,
                    pieces,
                    title="Save file",
                    tell=lambda given: tell(f"Downloading {what}: {words.size(given)}"),
                )
            if where is not None:
                self._messages.done(f"{what} saved to {where}", detail=f"{name}\nEach hash was checked.")

        self._act(f"Download {what}", run())

    def verify(self, files: Sequence[BackupFile]) -> None:
        """Read the stored bytes again and check their hashes."""
        names = _names(files)

        async def run() -> None:
            result = await self._commands.verify_files([file.id for file in files])
            if result.damaged:
                text = f"{names}: {present_verified(result.checked, result.damaged, result.more_damaged)}"
                self._messages.error(text, detail="\n".join(result.damaged))
            else:
                self._messages.done(f"{names}: {present_verified(result.checked, ())}")

        self._act(f"Verify {names}", run())

    def delete(self, files: Sequence[BackupFile]) -> None:
        """Delete files at once; the message offers to bring them back. What is deleted already stays so."""
        files = [file for file in files if file.state is not FileState.DELETED]
        if not files:
            self._messages.warn("What is selected is deleted already")
            return
        named = [base_name(file.path) for file in files]

        async def run() -> None:
            outcome = await self._commands.delete_files([file.id for file in files])
            text = present_done("deleted", outcome, named)
            if not outcome.done:
                self._messages.warn(text)
                return
            back = [int(key) for key in outcome.done]
            self._on_moved(back, True)
            self._messages.done(
                text,
                detail="Its details say until when it can be brought back."
                if len(back) == 1
                else "The details of each say until when it can be brought back.",
                action_label="Undo",
                action=lambda: self._undelete_now(back, named),
                needs=Scope.OPERATE,
                undoes=frozenset(f"deleted {file_id}" for file_id in back),
            )

        self._act(f"Delete {_names(files)}", run())

    def undelete(self, files: Sequence[BackupFile]) -> None:
        """Bring back those that are deleted."""
        files = [file for file in files if file.state is FileState.DELETED]
        if not files:
            self._messages.warn("Nothing of what is selected is deleted")
            return
        named = [base_name(file.path) for file in files]
        self._act(f"Bring back {_names(files)}", self._undelete_now([file.id for file in files], named))

    async def _undelete_now(self, ids: Sequence[int], named: Sequence[str]) -> None:
        outcome = await self._commands.undelete_files(ids)
        text = present_done("brought back", outcome, named)
        self._on_moved([int(key) for key in outcome.done], False)
        self._messages.used_up(f"deleted {key}" for key in outcome.done)
        if outcome.done:
            self._messages.done(text)
        else:
            self._messages.warn(text)

    def _copy(self, link: str) -> None:
        self._act("Copy link", copy_link(self._context, link))

    def of_row(self, file: BackupFile, open_versions: Callable[[int], None]) -> tuple[RowAction, ...]:
        """Return the menu of a row."""
        one, deleted = [file], file.state is FileState.DELETED
        no_bytes = "" if file.kind is EntryKind.FILE else "It has no content"
        delete_or_back = (
            RowAction(
                "Undelete",
                ft.Icons.RESTORE_FROM_TRASH,
                lambda: self.undelete(one),
                needs=Scope.OPERATE,
            )
            if deleted
            else RowAction(
                "Delete",
                ft.Icons.DELETE,
                lambda: self.delete(one),
                destructive=True,
                needs=Scope.OPERATE,
            )
        )
        return (
            RowAction("All versions", ft.Icons.HISTORY, lambda: open_versions(file.id)),
            RowAction(
                "Download",
                ft.Icons.DOWNLOAD,
                lambda: self.download(one),
                refused=no_bytes,
                needs=Scope.RESTORE,
            ),
            RowAction(
                "Verify",
                ft.Icons.FACT_CHECK,
                lambda: self.verify(one),
                refused=no_bytes,
                needs=Scope.OPERATE,
            ),
            RowAction("Copy link", ft.Icons.LINK, lambda: self._copy(file_link(file.client_name, file.path))),
            delete_or_back,
        )


def _names(files: Sequence[BackupFile]) -> str:
    return base_name(files[0].path) if len(files) == 1 else counted(len(files), "file")
