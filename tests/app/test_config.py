"""Settings: their layers, their refusals in one line each, and a file that changes while the console runs."""

import os
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings, load_settings, token_path
from app.config.describe import text_of
from app.config.load import allowed, find_file
from app.config.watch import SettingsWatcher
from streams.model.failures import ConfigRejected

FIELDS = [
    (section, key, field)
    for section, part in Settings.model_fields.items()
    for key, field in part.annotation.model_fields.items()  # type: ignore[union-attr]
]


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def _write(text: str) -> Path:
        path = tmp_path / "tidewatch.toml"
        path.write_text(text)
        return path

    return _write


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TIDEWATCH_"):
            monkeypatch.delenv(name)


def test_no_file_is_mock_mode_with_45_clients() -> None:
    settings = load_settings()
    assert settings.connection.mock_mode
    assert (settings.mock.clients, settings.connection.port) == (45, 1256)
    assert (settings.polling.critical_s, settings.polling.background_s) == (5, 30)


def test_three_lines_are_production(write: Any) -> None:
    path = write(
        '[connection]\nmock_mode = false\nhost = "backup.example.org"\n'
        'database_path = "/srv/tidewatch/catalogue.db"\n'
    )
    connection = load_settings(path).connection
    assert not connection.mock_mode
    assert token_path(connection) == Path("/srv/tidewatch/console.token")


def test_flags_go_before_environment_before_file(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write('[connection]\nhost = "a"\nport = 1\n[polling]\ncritical_s = 7\n')
    monkeypatch.setenv("TIDEWATCH_CONNECTION__HOST", "b")
    monkeypatch.setenv("TIDEWATCH_CONNECTION__PORT", "2")
    settings = load_settings(path, {"connection": {"host": "c"}})
    assert (settings.connection.host, settings.connection.port, settings.polling.critical_s) == ("c", 2, 7)


def test_relative_paths_lie_beside_the_file(write: Any) -> None:
    path = write('[connection]\ndatabase_path = "data/catalogue.db"\ntoken_file = "~/t"\n')
    connection = load_settings(path).connection
    assert connection.database_path == path.parent / "data/catalogue.db"
    assert connection.token_file == Path.home() / "t"


REFUSED = [
    ("[connection]\nhots = 1", "line 2: connection.hots is not a setting. Did you mean host?"),
    ("[conection]\nhost = 1", "line 1: conection is not a setting. Did you mean connection?"),
    (
        "[polling]\n\ncritical_s = 0.01",
        "line 3: polling.critical_s = 0.01 is not allowed; it must be a number from",
    ),
    (
        "[mock]\nclients = 5",
        "must be a whole number from 30 to 60 clients. Change it, or leave it out for the",
    ),
    ("[ui]\ntheme = 'blue'", "it must be one of 'system', 'light', 'dark'"),
    ("[connection]\ntoken = 7", "connection.token = (not shown) is not allowed; it must be a text"),
    ("connection = 3", "connection must be a table. Write [connection] on a line of its own."),
    (
        "[connection]\nmock_mode = false",
        "connection.database_path is needed when connection.mock_mode is false",
    ),
    ("[connection]\nhost = ", "not valid TOML: Invalid value (at the end, line 2)"),
    ("[polling]\ncritical_s = = 2", "not valid TOML: Invalid value (at line 2, column 14)"),
    ("[streams]\nbackoff_base_s = 9\nbackoff_cap_s = 1", "backoff_cap_s must not be less than"),
]


def test_flags_do_not_hide_a_section_that_is_no_table(write: Any) -> None:
    with pytest.raises(ConfigRejected, match="server must be a table"):
        load_settings(write("server = 3"), {"server": {"port": 1300}})


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_what_is_wrong_is_said_in_one_line(write: Any, text: str, said: str) -> None:
    path = write(text)
    with pytest.raises(ConfigRejected) as refusal:
        load_settings(path)
    line = refusal.value.line()
    assert said in line
    assert str(path) in line
    assert "\n" not in line


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigRejected, match="no such file") as missing:
        load_settings(tmp_path / "none.toml")
    with pytest.raises(ConfigRejected, match="directory") as odd:
        load_settings(tmp_path)
    for refusal in (missing, odd):
        assert refusal.value.hint == "Check the path given with --config or TIDEWATCH_CONFIG."
    (tmp_path / "odd.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigRejected, match="not UTF-8"):
        load_settings(tmp_path / "odd.toml")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "TIDEWATCH_POLLING__CRITICAL_S",
            "soon",
            "variable TIDEWATCH_POLLING__CRITICAL_S: polling.critical_s",
        ),
        ("TIDEWATCH_POLLING__CRITICL_S", "1", "Did you mean critical_s"),
        ("TIDEWATCH_POLING__CRITICAL_S", "1", "TIDEWATCH_POLING__CRITICAL_S is not a setting"),
        (
            "TIDEWATCH_AGENT__IGNORE",
            "a,b",
            "environment variable TIDEWATCH_AGENT__IGNORE: not a list in JSON",
        ),
        ("TIDEWATCH_POLLING", "5", "environment: TIDEWATCH_POLLING is not a setting"),
    ],
)
def test_the_environment_is_held_to_the_same_rules(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigRejected) as refusal:
        load_settings()
    assert said in refusal.value.line()


def test_a_flag_out_of_range_is_named_as_one() -> None:
    with pytest.raises(ConfigRejected, match=r"^command line: connection\.port = 99999"):
        load_settings(None, {"connection": {"port": 99999}})


@pytest.mark.parametrize(("section", "key", "field"), FIELDS, ids=[f"{s}.{k}" for s, k, _ in FIELDS])
def test_every_setting_says_what_it_is(section: str, key: str, field: Any) -> None:
    assert field.description
    assert field.description.endswith(".")
    assert allowed(field)
    if key.endswith(("_s", "_bytes", "_days", "_ratio")):
        assert field.json_schema_extra["unit"], f"{section}.{key} has no unit"


def test_the_file_is_found_by_flag_variable_and_folder(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    assert find_file() is None
    path = write("")
    assert find_file() == path
    monkeypatch.setenv("TIDEWATCH_CONFIG", str(tmp_path / "other.toml"))
    assert find_file() == tmp_path / "other.toml"
    assert find_file(Path("third.toml")) == tmp_path / "third.toml"


def test_a_folder_that_cannot_be_looked_into_has_no_file_for_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ("long" * 100)))
    assert find_file() is None


async def test_a_changed_file_is_picked_up_and_a_bad_one_changes_nothing(write: Any) -> None:
    path = write("[polling]\ncritical_s = 5\n")
    watcher = SettingsWatcher(load_settings(path), path)
    seen: list[float] = []
    refusals: list[str] = []
    watcher.settings.subscribe(lambda s: seen.append(s.polling.critical_s))
    watcher.rejected.subscribe(lambda e: refusals.append(e.line()))
    await watcher.look(path)
    write("[polling]\ncritical_s = 2.5\n")
    await watcher.look(path)
    write("[polling]\ncritical_s = -1.25\n")
    await watcher.look(path)
    await watcher.look(path)
    assert seen == [5, 2.5]
    assert watcher.current.polling.critical_s == 2.5
    assert len(refusals) == 1
    assert "critical_s = -1.25 is not allowed" in refusals[0]


def test_paths_of_a_list_are_anchored_and_shown_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "tidewatch.toml"
    path.write_text('[server]\ndatabases = ["a.db", "/b.db"]\n')
    databases = load_settings(path).server.databases
    assert databases == (tmp_path / "a.db", Path("/b.db"))
    assert text_of(databases) == f"{tmp_path / 'a.db'}\n/b.db"
