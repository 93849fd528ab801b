"""Writing the settings: comments stay, the invalid is refused in the words of the start, secrets are kept."""

import asyncio
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import ConnectionSettings, Settings, load_settings
from app.config.describe import text_of, value_of
from app.config.desk import SettingsDesk, open_desk
from app.config.load import settings_of
from app.config.watch import SettingsWatcher
from app.config.write import edited, save
from streams.model.failures import ConfigRejected
from streams.model.settings import CheckResult, SettingSource, SettingsSheet

FILE = """\
# the console of the office
[polling]   # how often
critical_s = 5  # do not go below 2

# colours
[ui]
theme = "dark"

[connection]
token = "s3cret-token"  # from the server
"""


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("TIDEWATCH_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tidewatch.toml"
    path.write_text(FILE)
    return path


async def desk_of(path: Path | None, flags: Any = None) -> tuple[SettingsDesk, SettingsWatcher, list[Any]]:
    watcher = SettingsWatcher(load_settings(path, flags), path, flags)
    probed: list[ConnectionSettings] = []

    async def probe(connection: ConnectionSettings) -> tuple[CheckResult, ...]:
        probed.append(connection)
        return (CheckResult(name="Server", passed=True, message="answers"),)

    return await open_desk(watcher, probe), watcher, probed


def sheet_of(desk: SettingsDesk) -> SettingsSheet:
    seen: list[SettingsSheet] = []
    desk.sheet.subscribe(seen.append).dispose()
    return seen[-1]


def test_one_value_changes_and_nothing_else() -> None:
    new = edited(FILE, {("polling", "critical_s"): 2.5})
    assert new == FILE.replace("critical_s = 5  #", "critical_s = 2.5  #")


def test_new_keys_stand_in_their_section_before_the_comment_of_the_next() -> None:
    new = edited(FILE, {("polling", "timeout_s"): 3, ("mock", "clients"): 40, ("ui", "theme"): None})
    lines = new.splitlines()
    assert lines.index("timeout_s = 3") == lines.index("critical_s = 5  # do not go below 2") + 1
    assert [line for line in FILE.splitlines() if "#" in line] == [line for line in lines if "#" in line]
    assert tomllib.loads(new)["mock"] == {"clients": 40}
    assert "theme" not in tomllib.loads(new)["ui"]


@pytest.mark.parametrize(
    "text", ["", "[polling]\n", "polling.critical_s = 3", 'polling = {critical_s = 3}\n[ui]\ntheme="dark"']
)
def test_any_way_to_write_a_file_can_be_changed(text: str) -> None:
    new = edited(
        text, {("polling", "critical_s"): 9.5, ("polling", "timeout_s"): 2, ("agent", "ignore"): ("a",)}
    )
    table = tomllib.loads(new)
    assert (table["polling"]["critical_s"], table["polling"]["timeout_s"]) == (9.5, 2)
    assert table["agent"]["ignore"] == ["a"]


def test_the_line_ends_of_the_file_stay() -> None:
    new = edited("[polling]\r\ncritical_s = 3 # a\r\n", {("ui", "theme"): "light"})
    assert "\n" not in new.replace("\r\n", "")


def test_a_refused_change_leaves_the_file_alone(path: Path) -> None:
    with pytest.raises(ConfigRejected, match=r"line 3: polling\.critical_s = 0 is not allowed; it must be"):
        save(path, {("polling", "critical_s"): 0})
    with pytest.raises(ConfigRejected, match="database_path is needed when"):
        save(path, {("connection", "mock_mode"): False})
    assert path.read_text() == FILE
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_mode_and_links_stay_and_a_new_file_is_its_owners_alone(path: Path, tmp_path: Path) -> None:
    path.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    save(link, {("ui", "theme"): "light"})
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    new = tmp_path / "new" / "tidewatch.toml"
    save(new, {("ui", "theme"): "light"})
    assert stat.S_IMODE(new.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigRejected, match="cannot be written"):
        save(tmp_path / "file" / "tidewatch.toml", {("ui", "theme"): "light"})


SETTINGS = [
    (f"{section}.{key}", getattr(getattr(Settings(), section), key))
    for section, outer in Settings.model_fields.items()
    for key in outer.annotation.model_fields  # type: ignore[union-attr]
]


@pytest.mark.parametrize(("name", "default"), SETTINGS, ids=[name for name, _ in SETTINGS])
def test_every_default_survives_being_written_and_read(name: str, default: Any) -> None:
    value = value_of(name, text_of(default))
    section, key = name.split(".")
    if value is None:
        assert default is None
        return
    read = load_value(section, key, edited("", {(section, key): value}))
    assert read == pytest.approx(default, abs=1e-5) if isinstance(default, float) else read == default


def load_value(section: str, key: str, text: str) -> Any:
    part = Settings.model_fields[section].annotation(**tomllib.loads(text)[section])  # type: ignore[union-attr,misc]
    return getattr(part, key)


@given(st.text(max_size=40))
def test_no_text_breaks_a_field(text: str) -> None:
    for name in ("polling.critical_s", "mock.clients", "ui.time_zone", "agent.ignore", "connection.host"):
        try:
            value = value_of(name, text)
        except ConfigRejected as error:
            assert error.message.startswith(f"{name} = ")
        else:
            assert tomllib.loads(edited(FILE, {tuple(name.split(".")): value}))  # type: ignore[dict-item]


async def test_the_field_is_refused_in_the_words_of_the_start(path: Path) -> None:
    desk, _, _ = await desk_of(path)
    said = desk.validate("polling.critical_s", "0.01")
    assert said is not None
    path.write_text("[polling]\ncritical_s = 0.01\n")
    with pytest.raises(ConfigRejected) as refusal:
        load_settings(path)
    assert said in refusal.value.message
    assert desk.validate("polling.critical_s", "7.5") is None
    assert "known zone" in str(desk.validate("ui.time_zone", "Nowhere/Land"))
    assert desk.validate("ui.time_zone", "Europe/Berlin") is None


@pytest.mark.parametrize("text", ["Berlin", "berlin", " Berlin ", "europe/berlin", "Europe/Berlin"])
def test_a_zone_is_found_by_its_city(text: str) -> None:
    assert settings_of(f"[ui]\ntime_zone = '{text}'\n").ui.time_zone == "Europe/Berlin"


def test_a_zone_of_two_words_and_a_city_of_two_zones() -> None:
    assert settings_of("[ui]\ntime_zone = 'new york'\n").ui.time_zone == "America/New_York"
    with pytest.raises(ConfigRejected, match="is not allowed"):
        value_of("ui.time_zone", "Louisville")


async def test_what_is_saved_takes_effect_at_once(path: Path) -> None:
    desk, watcher, _ = await desk_of(path)
    seen: list[float] = []
    watcher.settings.subscribe(lambda s: seen.append(s.polling.critical_s))
    await desk.save({"polling.critical_s": "2.5", "ui.theme": None})
    assert seen == [5, 2.5]
    assert "do not go below 2" in path.read_text()
    one = {setting.name: setting for setting in sheet_of(desk).all()}
    assert (one["polling.critical_s"].value, one["polling.critical_s"].source) == ("2.5", SettingSource.FILE)
    assert (one["ui.theme"].value, one["ui.theme"].source) == ("system", SettingSource.DEFAULT)


async def test_what_environment_or_command_line_say_is_fixed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEWATCH_CONNECTION__HOST", "far")
    desk, _, _ = await desk_of(path, {"connection": {"port": 7}})
    one = {setting.name: setting for setting in sheet_of(desk).all()}
    assert (one["connection.host"].fixed, one["connection.host"].source_name) == (
        True,
        "TIDEWATCH_CONNECTION__HOST",
    )
    assert (one["connection.port"].fixed, one["connection.port"].value) == (True, "7")
    assert not one["polling.critical_s"].fixed


async def test_a_secret_is_never_told(path: Path) -> None:
    desk, _, _ = await desk_of(path)
    token = next(s for s in sheet_of(desk).all() if s.name == "connection.token")
    assert (token.is_set, token.value) == (True, "")
    exported = await desk.export()
    assert "s3cret" not in exported
    assert "# the console of the office" in exported
    assert "s3cret" not in repr(sheet_of(desk))


async def test_taking_a_file_shows_first_what_it_changes_and_can_be_undone(path: Path) -> None:
    desk, watcher, _ = await desk_of(path)
    new = "# another\n[polling]\ncritical_s = 9\n"
    changes = {c.name: (c.before, c.after) for c in await desk.preview(new)}
    assert changes == {"polling.critical_s": ("5", "9"), "ui.theme": ("dark", "system")}
    with pytest.raises(ConfigRejected, match="not valid TOML"):
        await desk.preview("[polling")
    with pytest.raises(ConfigRejected, match=r"^the chosen file, line 2: polling\.critical_s = -1 is not"):
        await desk.preview("[polling]\ncritical_s = -1\n")  # not the present file, which has nothing wrong
    await desk.take(new)
    assert watcher.current.polling.critical_s == 9
    assert watcher.current.connection.token is not None
    await desk.undo()
    assert path.read_text() == FILE
    with pytest.raises(ConfigRejected):
        await desk.undo()


async def test_resetting_leaves_the_token(path: Path) -> None:
    desk, watcher, _ = await desk_of(path)
    await desk.reset()
    assert watcher.current.ui.theme == "system"
    assert watcher.current.connection.token is not None
    assert "# the console of the office" in path.read_text()
    await desk.undo()
    assert path.read_text() == FILE


async def test_without_a_file_the_first_change_makes_one_that_is_found_again(tmp_path: Path) -> None:
    desk, watcher, _ = await desk_of(None)
    assert not sheet_of(desk).file_exists
    await desk.save({"polling.critical_s": "6"})
    assert watcher.current.polling.critical_s == 6
    assert sheet_of(desk).file_exists
    assert watcher.path == tmp_path / "home" / "tidewatch" / "tidewatch.toml"


async def test_the_connection_is_tried_with_what_is_not_saved_yet(path: Path) -> None:
    desk, _, probed = await desk_of(path)
    await desk.test_connection({"connection.host": "far", "connection.database_path": "data/c.db"})
    assert probed[0].host == "far"
    assert probed[0].database_path == path.parent / "data/c.db"
    assert probed[0].token.get_secret_value() == "s3cret-token"
    with pytest.raises(ConfigRejected):
        await desk.test_connection({"connection.port": "none"})


async def test_a_file_made_by_hand_after_the_start_is_picked_up(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "tidewatch"  # neither of the two is there yet
    settings = load_settings(None)
    watcher = SettingsWatcher(settings, None, every_s=0.01)

    async def probe(_: ConnectionSettings) -> tuple[CheckResult, ...]:
        return ()

    desk = await open_desk(watcher, probe)
    taken: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    watcher.settings.subscribe(
        lambda new: new is not settings and not taken.done() and taken.set_result(new.polling.critical_s)
    )
    running = asyncio.create_task(watcher.run())
    folder.mkdir(parents=True)
    (folder / "tidewatch.toml").write_text("[polling]\ncritical_s = 7\n")
    async with asyncio.timeout(30):
        assert await taken == 7
        while not sheet_of(desk).file_exists:  # noqa: ASYNC110  (a thread's work, nothing to wait on)
            await asyncio.sleep(0)
    running.cancel()
    assert sheet_of(desk).file == str(folder / "tidewatch.toml")
    await desk.save({"polling.critical_s": "8"})
    assert "critical_s = 8" in (folder / "tidewatch.toml").read_text()


SHARED = (
    FILE
    + """
[server]
keep_deleted_days = 90  # by law

[agent]
ignore = ["*.tmp"]
"""
)


async def test_what_the_file_says_for_server_and_agent_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "tidewatch.toml"
    await asyncio.to_thread(path.write_text, SHARED)
    desk, watcher, _ = await desk_of(path)
    assert not {"server", "agent"} & {section.name for section in sheet_of(desk).sections}
    for name in ("server.keep_deleted_days", "agent.schedule_s"):
        assert "not a setting of the console" in str(desk.validate(name, "80"))
        with pytest.raises(ConfigRejected):
            await desk.save({name: "80"})
    exported = await desk.export()
    assert not {"server", "agent"} & tomllib.loads(exported).keys()
    text = exported.replace("dark", "light") + "[server]\nkeep_deleted_days = 0\n"
    assert [change.name for change in await desk.preview(text)] == ["ui.theme"]
    await desk.take(text)
    await desk.reset()
    told = await asyncio.to_thread(path.read_text)
    assert watcher.current.server.keep_deleted_days == 90
    assert "keep_deleted_days = 90  # by law" in told
    assert tomllib.loads(told)["agent"]["ignore"] == ["*.tmp"]
    assert watcher.current.ui.theme == "system"
