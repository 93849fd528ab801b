"""The server's settings in the settings view: as the server tells them, nothing said before it answers."""

import asyncio
import tomllib
from datetime import timedelta
from pathlib import Path

import flet as ft
from msgspec.structs import replace

from streams.model.failures import CommandFailed, ServerUnreachable
from streams.model.server_settings import ServerSettingsSheet
from streams.model.settings import SettingSource
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Health, Scope
from tests.ui.fake_server_settings import server_sheet
from tests.ui.settings_stage import SettingsStage, settings_stage
from ui.base.context import Place
from ui.views.settings.present import SERVER

QUOTA, DELETED = "server.quota_bytes", "server.keep_deleted_days"


def told(s: SettingsStage, **changed: object) -> None:
    """Have the server tell its settings, with what has changed of the quota."""
    rows = tuple(
        replace(each, **changed) if each.name == QUOTA else each  # type: ignore[arg-type]
        for each in server_sheet().settings
    )
    s.streams.server_settings.on_next(s.streams.ok(ServerSettingsSheet(settings=rows)))


def asked(s: SettingsStage) -> list[tuple[str, str | None, str]]:
    return [
        (edit.name, edit.value, edit.before)
        for name, edits in s.commands.calls
        if name == "change_server_settings"
        for edit in edits
    ]


async def test_they_come_from_the_server_with_source_and_what_still_holds(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, SERVER) as s:
        at = s.h.now()
        told(
            s, value="5", source=SettingSource.SERVER, set_by="token wall", set_at=at,
            held="9", held_until=at + timedelta(hours=1),
        )  # fmt: skip
        await s.h.settle()
        texts = s.h.texts()
        assert s.field(QUOTA)._input.value == "5"
        (line,) = [text for text in texts if "token wall" in text]
        assert "9 bytes still hold until" in line
        assert "the configuration says 0" in line
        assert any("keeps every console and agent out" in text for text in texts)
        assert s.field("server.port")._input.disabled
        assert not any(name.startswith("agent.") for name in s.view._fields)
        assert "Agent" not in texts


async def test_nothing_is_said_before_the_server_has_answered_and_the_file_stays_as_it_is(
    tmp_path: Path,
) -> None:
    async with settings_stage(tmp_path, SERVER) as s:
        before, held, real = s.file.read_text(), asyncio.Event(), s.commands.change_server_settings

        async def slowly(changes: object) -> ServerSettingsSheet:
            await held.wait()
            return await real(changes)  # type: ignore[arg-type]

        s.commands.change_server_settings = slowly  # type: ignore[method-assign]
        entry = s.field(QUOTA)._input
        await s.h.fire(entry, "focus")
        await s.h.fire(entry, "submit", "5", value="5")
        await s.h.settle()
        assert "Waiting for the server…" in s.h.texts()
        assert entry.disabled
        assert s.said() == []
        held.set()
        await s.until_saved()
        assert asked(s) == [(QUOTA, "5", "0")]
        assert s.said() == ["In force on the server: server.quota_bytes = 5"]
        assert not entry.disabled
        await s.h.fire(entry, "blur")
        await s.type(QUOTA, "6")
        assert asked(s)[-1] == (QUOTA, "6", "5")
        await s.h.fire(s.field(QUOTA)._reset, "click")
        await s.until_saved()
        assert asked(s)[-1] == (QUOTA, None, "6")
        assert s.file.read_text() == before
        assert "server" not in tomllib.loads(before)


async def test_what_was_changed_meanwhile_is_told_by_the_value_that_was_seen(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, SERVER) as s:
        entry = s.field(QUOTA)._input
        await s.h.fire(entry, "focus")
        entry.value = "5"
        told(s, value="7")
        await s.h.settle()
        assert entry.value == "5", "what is being typed stays"
        s.commands.refuse = CommandFailed("It was changed meanwhile: it is 7.", code="setting_changed")
        await s.h.fire(entry, "submit", "5", value="5")
        await s.until_saved()
        await s.h.fire(entry, "blur")
        assert asked(s) == [(QUOTA, "5", "0")]
        assert any("It was changed meanwhile: it is 7." in text for text in s.h.texts())
        assert (entry.value, s.said()) == ("7", [])


async def test_a_refusal_keeps_what_was_typed_and_a_lost_answer_is_no_success(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, SERVER) as s:
        s.commands.refuse = CommandFailed("It must be a whole number.", code="setting_rejected")
        await s.type(QUOTA, "much")
        assert s.field(QUOTA)._input.value == "much"
        assert any("It must be a whole number." in text for text in s.h.texts())
        s.commands.refuse = ServerUnreachable("no answer in time")
        await s.type(QUOTA, "5")
        assert any("Not confirmed by the server: no answer in time" in text for text in s.h.texts())
        assert s.field(QUOTA)._input.value == "0"
        assert s.said() == []


async def test_a_shorter_time_is_asked_about_first(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, SERVER) as s:
        entry = s.field(DELETED)._input
        await s.h.fire(entry, "focus")
        await s.h.fire(entry, "submit", "7", value="7")
        await s.h.settle()
        assert "Change keep deleted from 30 to 7 days?" in s.h.texts()
        assert asked(s) == []
        await s.h.fire(s.h.find(ft.TextButton, content="Not now"), "click")
        await s.h.fire(entry, "blur")
        await s.until_saved()
        assert (asked(s), entry.value) == ([], "30")
        await s.type(DELETED, "60")
        assert asked(s) == [(DELETED, "60", "30")], "a longer one destroys nothing"


async def test_without_server_or_scope_they_are_held_back_and_say_why(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, SERVER) as s:
        link = s.streams.link.value
        s.streams.link.on_next(replace(link, scopes=(Scope.LOOK, Scope.OPERATE)))
        await s.h.settle()
        notice = (
            "This console's token has no scope destroy: settings of the server can be looked at, not changed."
        )
        assert notice in s.h.texts()
        assert s.field(QUOTA)._input.disabled
        s.streams.link.on_next(link)
        await s.h.settle()
        assert notice not in s.h.texts()
        assert not s.field(QUOTA)._input.disabled
        s.streams.lose()
        await s.h.settle()
        assert any(text.startswith("Showing last known settings, of ") for text in s.h.texts())
        assert s.field(QUOTA)._input.disabled
        failure = s.streams.failure()
        s.streams.server_settings.on_next(Snapshot(None, Health.ERROR, failure=failure))
        await s.h.settle()
        assert any(text.startswith("The server's settings could not be read: ") for text in s.h.texts())


async def test_one_is_led_to_a_setting_of_the_server_and_finds_it(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        s.h.context.go(Place("settings", QUOTA))
        await s.h.settle()
        assert s.field(QUOTA).control.bgcolor is not None
        assert s.field(QUOTA).control in s.view._body.controls
        s.view._on_search("undeleted")
        await s.h.settle()
        assert s.field(DELETED).control in s.view._body.controls


async def test_what_can_be_changed_comes_first_and_nothing_there_is_about_the_file(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, SERVER) as s:
        fixed = [s.field(name)._setting.fixed for name in s.view._server.names]
        assert fixed == sorted(fixed) and True in fixed
        assert "Reset all…" not in s.h.texts()
        s.view._choose("polling")
        await s.h.settle()
        assert s.h.find(ft.TextButton, content="Reset all…").visible is not False
