"""Typing into a setting: refused or written, and never taken away by what comes meanwhile."""

from pathlib import Path

import flet as ft

from tests.ui.settings_stage import settings_stage
from ui.base.theme import Tone


async def test_what_is_typed_is_written_with_comments_kept_and_in_force(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        await s.type("polling.critical_s", "2.5")
        text = s.file.read_text()
        assert "critical_s = 2.5  # do not go below 2" in text
        assert "# the console of the office" in text
        assert s.watcher.current.polling.critical_s == 2.5
        assert s.said()[0] == "Saved, and in force"


async def test_what_may_not_be_is_refused_at_the_field_in_the_words_of_the_start(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        before = s.file.read_text()
        await s.type("polling.critical_s", "soon")
        said = "polling.critical_s = 'soon' is not allowed; it must be a number from 0.5 to 300 seconds."
        assert said in s.h.texts()
        assert s.file.read_text() == before
        await s.type("polling.critical_s", "7")
        assert said not in s.h.texts()
        assert s.watcher.current.polling.critical_s == 7


async def test_a_refused_value_is_seen_at_its_field_also_while_that_has_the_keyboard(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        entry = s.field("polling.critical_s")._input
        await s.type("polling.critical_s", "soon")
        sides = {state: border.side.color for state, border in entry.border.items()}
        assert sides == {
            ft.ControlState.DEFAULT: Tone.BAD.color,
            ft.ControlState.FOCUSED: Tone.BAD.color,
        }
        await s.type("polling.critical_s", "7")
        assert isinstance(entry.border, ft.OutlineInputBorder)


async def test_what_is_refused_after_enter_can_be_typed_again_at_once(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        entry = s.field("polling.critical_s")._input
        asked: list[str] = []
        s.h.connection.replies["focus"] = lambda _args: asked.append("focus")
        await s.type("polling.critical_s", "5")
        await s.h.fire(entry, "blur")
        assert asked == []
        await s.type("polling.critical_s", "soon")
        await s.h.fire(entry, "blur")
        assert asked == ["focus"]
        await s.h.fire(entry, "focus")
        await s.h.fire(entry, "blur", value="sooner")
        assert asked == ["focus"]


async def test_leaving_a_field_saves_and_leaving_it_unchanged_does_not(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        stamp = s.file.stat().st_mtime_ns
        entry = s.field("polling.timeout_s")._input
        await s.h.fire(entry, "focus")
        assert s.h.context.typing
        await s.h.fire(entry, "blur")
        assert not s.h.context.typing
        assert s.file.stat().st_mtime_ns == stamp
        await s.h.fire(entry, "blur", value="3")
        await s.until_saved()
        assert s.watcher.current.polling.timeout_s == 3


async def test_a_change_of_the_file_from_outside_is_shown_but_not_over_what_is_typed(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        await s.h.fire(s.field("polling.timeout_s")._input, "change", value="1.5")
        s.file.write_text(s.file.read_text().replace("critical_s = 5", "critical_s = 8"))
        await s.watcher.look(s.file)
        await s.h.settle()
        assert s.field("polling.critical_s")._input.value == "8"
        assert s.field("polling.timeout_s")._input.value == "1.5"


async def test_what_comes_while_a_field_is_typed_into_takes_nothing_from_it(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        entry = s.field("polling.critical_s")._input
        await s.h.fire(entry, "focus")
        await s.h.fire(entry, "change", value="1")
        s.file.write_text(s.file.read_text().replace("critical_s = 5", "critical_s = 8"))
        await s.watcher.look(s.file)
        await s.h.settle()
        assert entry.value == "1"
        await s.h.fire(entry, "blur", value="12")
        await s.until_saved()
        assert s.watcher.current.polling.critical_s == 12


async def test_a_field_that_one_only_looked_into_shows_what_came_meanwhile(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        entry = s.field("polling.critical_s")._input
        await s.h.fire(entry, "focus")
        s.file.write_text(s.file.read_text().replace("critical_s = 5", "critical_s = 8"))
        await s.watcher.look(s.file)
        await s.h.settle()
        await s.h.fire(entry, "blur")
        await s.until_saved()
        assert entry.value == "8"
        assert s.watcher.current.polling.critical_s == 8


async def test_what_is_typed_on_while_enter_is_being_saved_stays(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        entry = s.field("polling.critical_s")._input
        await s.h.fire(entry, "focus")
        s.view._on_commit("polling.critical_s", "7")
        await s.h.fire(entry, "change", value="70")
        await s.until_saved()
        assert s.watcher.current.polling.critical_s == 7
        assert entry.value == "70"


async def test_escape_and_plain_keys_after_a_field_was_left_for_another_section(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        field = s.field("polling.critical_s")
        await s.h.fire(field._input, "focus")
        s.view.arrive("ui")
        await s.h.settle()
        assert s.h.context.text_input is None and not s.h.context.typing
        await s.h.fire(field._input, "blur", value=field._input.value)
        field.step_back()
        await s.h.settle()
        assert s.said() == []
