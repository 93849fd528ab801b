"""Settings that come in from a file and go out to one, and all of them back to their defaults."""

from collections.abc import Callable

import flet as ft

from streams.model.failures import ConfigRejected
from streams.ports.settings import SettingsPort
from ui.base.context import UiContext
from ui.base.delivery import Delivery, pieces_of
from ui.components.confirm import Question, ask
from ui.views.settings.present import present_change

FILE_NAME = "tidewatch.toml"


class SettingsFiles:
    """Each method is a command to be run with ``BoundView.act``."""

    def __init__(self, settings: SettingsPort, context: UiContext, page: Callable[[], ft.Page]) -> None:
        self._settings, self._context, self._page = settings, context, page
        self._picker = ft.FilePicker()
        self._delivery = Delivery(page, context.hand_out)

    async def export(self) -> None:
        """Hand the file out, without its secrets."""
        text = await self._settings.export()
        data = (text or "\n").encode()
        where = await self._delivery.give(FILE_NAME, lambda: pieces_of(data), title="Export settings")
        if where is not None:
            self._context.messages.done(f"Settings exported to {where}", detail="Tokens are not in the file.")

    async def take(self) -> None:
        """Take a file in the place of this one, after showing what it would change."""
        files = await self._picker.pick_files(
            dialog_title="Import settings", allowed_extensions=["toml"], with_data=True
        )
        if not files:
            return
        chosen = files[0]
        try:
            text = (chosen.bytes or b"").decode()
        except UnicodeDecodeError as error:
            raise ConfigRejected(
                f"{chosen.name}: byte {error.start} is not UTF-8.", hint="Save the file as UTF-8."
            ) from error
        await self.take_text(text, chosen.name)

    async def take_text(self, text: str, name: str) -> None:
        """Take this text in the place of the file, after showing what it would change."""
        changes = await self._settings.preview(text)
        if not changes:
            self._context.messages.info(f"{name} says nothing else than what is in force")
            return
        question = Question(
            f"Import {name}?",
            f"It takes the place of the present file and changes {_count(len(changes))}:",
            "Import",
            [present_change(change) for change in changes],
        )
        if await ask(self._page(), self._context, question):
            await self._settings.take(text)
            self._told(f"{_count(len(changes)).capitalize()} imported from {name}")

    async def reset(self, named: int) -> None:
        """Bring everything back to its default, after asking; ``named`` is how many the file says."""
        question = Question(
            "Reset all settings?",
            f"The file names {_count(named)}. All of them go back to their defaults; tokens and the comments"
            " of the file stay.",
            "Reset all",
            destructive=True,
        )
        if await ask(self._page(), self._context, question):
            await self._settings.reset()
            self._told("All settings have their defaults")

    def _told(self, text: str) -> None:
        # Later it would take back with it what was saved since.
        self._context.messages.done(text, action_label="Undo", action=self._undo, lasting=False)

    async def _undo(self) -> None:
        await self._settings.undo()
        self._context.messages.done("The settings are as they were before")


def _count(number: int) -> str:
    return "1 setting" if number == 1 else f"{number} settings"
