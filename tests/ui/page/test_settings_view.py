"""The settings view over a real file: choices, waiting changes, import and reset, and the console follows."""

import tomllib
from pathlib import Path

import flet as ft
import pytest

from tests.ui.settings_stage import settings_stage
from ui.base.context import Place
from ui.base.theme import Density


async def test_a_setting_shows_what_it_is_with_unit_range_and_default(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        texts = s.h.texts()
        for words in ("polling.critical_s", "seconds", "Critical"):
            assert words in texts
        assert "A number from 0.5 to 300 seconds  ·  default 5" in texts
        assert s.field("polling.critical_s")._input.value == "5"


async def test_back_to_the_default(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        await s.type("polling.critical_s", "9")
        await s.h.fire(s.field("polling.critical_s")._reset, "click")
        await s.until_saved()
        assert s.watcher.current.polling.critical_s == 5
        assert "critical_s" not in s.file.read_text()
        assert s.field("polling.critical_s")._reset.disabled


async def test_what_is_saved_is_said_once_and_named(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        for text in ("7", "7", "8"):  # Enter twice, and another value, while the first is being written
            s.view._on_commit("polling.critical_s", text)
        s.view._on_commit("polling.background_s", "45")
        await s.until_saved()
        said = [(m.text, m.detail) for m in s.messages()]
        assert said == [
            ("Saved, and in force", "polling.critical_s = 8\npolling.background_s = 45"),
        ]


async def test_theme_density_and_units_are_seen_at_once(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, "ui") as s:
        s.shell.go(Place("clients"))
        former = s.shell.view("clients")
        s.shell.go(Place("settings"))
        await s.h.fire(s.field("ui.theme")._input, "change", selected=["dark"])
        await s.until_saved()
        assert s.h.page.theme_mode is ft.ThemeMode.DARK
        assert s.shell.view("clients") is former
        await s.h.fire(s.field("ui.density")._input, "change", selected=["compact"])
        await s.h.fire(s.field("ui.units")._input, "change", selected=["decimal"])
        await s.until_saved()
        assert s.h.context.density is Density.COMPACT
        assert s.shell.view("settings") is s.view
        s.shell.go(Place("clients"))
        await s.h.settle()
        assert s.shell.view("clients") is not former
        assert not former.looking
        assert any(text.endswith(" GB") for text in s.h.texts())


async def test_the_theme_of_the_settings_goes_before_an_older_choice(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, "ui") as s:
        s.shell.set_theme(ft.ThemeMode.DARK)
        assert s.shell.theme is ft.ThemeMode.DARK
        await s.h.fire(s.field("ui.theme")._input, "change", selected=["light"])
        await s.until_saved()
        assert s.shell.theme is ft.ThemeMode.LIGHT


async def test_production_needs_a_database_and_waits_until_it_has_one(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, "connection") as s:
        before = s.file.read_text()
        await s.h.fire(s.field("connection.mock_mode")._input, "change", value=False)
        await s.until_saved()
        assert s.file.read_text() == before
        assert any("connection.database_path is needed when" in text for text in s.h.texts())
        assert "Not saved yet." in s.h.texts()
        await s.type("connection.database_path", str(tmp_path / "c.db"))
        table = tomllib.loads(s.file.read_text())["connection"]
        assert (table["mock_mode"], table["database_path"]) == (False, str(tmp_path / "c.db"))
        assert "Not saved yet." not in s.h.texts()
        assert s.h.context.messages.all[0].detail.endswith("\nTakes effect when the console starts again.")


async def test_what_waits_can_be_discarded(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, "connection") as s:
        await s.h.fire(s.field("connection.mock_mode")._input, "change", value=False)
        await s.until_saved()
        await s.h.fire(s.h.find(ft.TextButton, content="Discard"), "click")
        assert s.field("connection.mock_mode")._input.value is True
        assert not s.view._banner.control.visible


async def test_the_connection_is_tested_check_by_check(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, "connection") as s:
        await s.h.fire(s.h.find(ft.FilledTonalButton, content="Test connection"), "click")
        await s.until_saved()
        texts = s.h.texts()
        for words in (
            "failed",
            "not checked",
            "passed",
            "Nothing listens at http://backup.example.org:1256.",
        ):
            assert words in texts


async def test_a_secret_is_not_on_the_screen_and_can_be_replaced(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, "connection") as s:
        entry = s.field("connection.token")._input
        assert (entry.value, entry.password) == ("", True)
        assert "not shown" in entry.hint_text
        await s.h.fire(entry, "blur")
        assert "s3cret-token" in s.file.read_text()
        await s.type("connection.token", "another")
        assert 'token = "another"' in s.file.read_text()
        assert entry.value == ""
        assert "another" not in s.h.texts()


async def test_what_is_given_from_outside_is_fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWATCH_POLLING__TIMEOUT_S", "8")
    async with settings_stage(tmp_path) as s:
        field = s.field("polling.timeout_s")
        assert (field._input.disabled, field._input.value) == (True, "8")
        fixed = "Fixed by TIDEWATCH_POLLING__TIMEOUT_S, which goes before the file."
        assert fixed in s.h.texts()


async def test_searching_looks_through_all_sections(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        s.view._on_search("back-off pause")
        s.view._on_search("longest pause")
        await s.h.settle()
        texts = s.h.texts()
        assert "streams.backoff_cap_s" in texts
        assert "polling.critical_s" not in texts


async def test_one_is_led_to_a_setting(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        s.h.context.go(Place("settings", "streams.linger_s"))
        await s.h.settle()
        focused: list[object] = []
        s.h.connection.replies["focus"] = focused.append
        s.h.advance(0.5)
        await s.h.settle()
        assert focused
        assert "streams.linger_s" in s.h.texts()
        assert s.field("streams.linger_s").control.bgcolor is not None
        s.h.context.go(Place("settings", "server.odd"))
        assert s.said() == ["There is no setting server.odd"]


async def test_import_shows_what_it_changes_and_can_be_undone(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        before = s.file.read_text()
        s.view.act("Import", s.view._files.take_text("[polling]\ncritical_s = 12\n", "other.toml"))
        while not s.h.find_all(ft.AlertDialog):
            await s.h.settle()
        dialog = s.h.find(ft.AlertDialog)
        assert "polling.critical_s: 5 to 12" in s.h.texts(dialog)
        await s.h.fire(s.h.find(ft.FilledButton, dialog, content="Import"), "click")
        await s.until_saved()
        assert s.watcher.current.polling.critical_s == 12
        undo = s.h.context.messages.all[0].action
        assert undo is not None
        await undo()
        assert s.file.read_text() == before


async def test_an_import_that_is_no_configuration_says_why(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        s.view.act("Import", s.view._files.take_text("[polling]\ncritical_s = -1\n", "other.toml"))
        await s.until_saved()
        assert "polling.critical_s = -1 is not allowed" in s.said()[0]


async def test_resetting_all_asks_first(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        await s.h.fire(s.h.find(ft.TextButton, content="Reset all…"), "click")
        assert "The file names 3 settings." in " ".join(s.h.texts(s.h.find(ft.AlertDialog)))
        assert "critical_s" in s.file.read_text()
