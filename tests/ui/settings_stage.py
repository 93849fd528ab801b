"""The settings view on a whole console, over a real file."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.config.desk import SettingsDesk
from app.config.watch import SettingsWatcher
from app.console.composition import look_of
from tests.ui.fake_commands import FakeCommands
from tests.ui.fake_settings import settings_desk
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.base.context import Place
from ui.base.messages import Message
from ui.shell.app import build_console
from ui.shell.shell import Shell
from ui.views.settings.field import SettingField
from ui.views.settings.view import SettingsView


@dataclass
class SettingsStage:
    """The view, its file, and the hands of its user."""

    h: PageHarness
    shell: Shell
    view: SettingsView
    desk: SettingsDesk
    watcher: SettingsWatcher
    file: Path
    streams: FakeStreams
    commands: FakeCommands

    def field(self, name: str) -> SettingField:
        """Return the row of a setting."""
        return self.view._fields[name]

    async def type(self, name: str, text: str) -> None:
        """Type into a field and press Enter."""
        await self.h.fire(self.field(name)._input, "focus")
        await self.h.fire(self.field(name)._input, "submit", text, value=text)
        await self.h.fire(self.field(name)._input, "blur")  # Enter takes the keyboard from the field
        await self.until_saved()

    async def until_saved(self) -> None:
        """Wait until what was asked for is done."""
        while self.view._acts:
            await self.h.settle()
        await self.h.settle()

    def messages(self) -> list[Message]:
        """Return the messages, the latest first, without those that tell of what is wrong in the fleet."""
        return [message for message in self.h.context.messages.all if message.lead is None]

    def said(self) -> list[str]:
        """Return what these messages say."""
        return [message.text for message in self.messages()]


@asynccontextmanager
async def settings_stage(
    tmp_path: Path, section: str = "polling", **more: Any
) -> AsyncGenerator[SettingsStage]:
    """Open the console with the settings of ``section`` shown."""
    async with PageHarness.open() as h:
        streams = FakeStreams(h.now)
        streams.fill()
        desk, watcher = await settings_desk(tmp_path, **more)
        h.context.settings = desk
        commands = FakeCommands()
        shell = build_console(h.page, streams=streams.bag, commands=commands, context=h.context)
        watcher.settings.subscribe(lambda settings: shell.apply(look_of(settings)))
        h.context.prefs.put("settings.section", section)
        shell.go(Place("settings"))
        await h.settle()
        view = shell.view("settings")
        assert isinstance(view, SettingsView)
        yield SettingsStage(h, shell, view, desk, watcher, tmp_path / "tidewatch.toml", streams, commands)
        assert not h.reports, h.reports
        assert not h.crashes
