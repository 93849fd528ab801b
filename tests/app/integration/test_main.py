"""The command line: which command runs, and what a person sees when it cannot."""

import argparse
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import app.__main__ as commands
from streams.model.failures import ServerRefused

ROOT = Path(__file__).parents[3]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, argparse.Namespace]]:
    """Stand in for all commands; each only notes that it was called."""
    made: list[tuple[str, argparse.Namespace]] = []

    def stand_in(name: str) -> ModuleType:
        module: Any = ModuleType(name, f"What {name} does.")
        module.add_arguments = lambda parser: parser.add_argument("--flag")

        def run(args: argparse.Namespace) -> int:
            made.append((name, args))
            if args.flag == "refused":
                raise ServerRefused("http://x:1: refused.", hint="Start it.")
            if args.flag == "interrupted":
                raise KeyboardInterrupt
            return 7

        module.run = run
        return module

    monkeypatch.setattr(commands.importlib, "import_module", stand_in)
    monkeypatch.setattr(commands.signal, "signal", lambda *_: None)
    return made


@pytest.mark.parametrize(
    ("words", "module"),
    [
        ([], "app.console.launch"),
        (["--flag", "x"], "app.console.launch"),
        (["console"], "app.console.launch"),
        (["server"], "app.server.command"),
        (["server", "--flag", "x"], "app.server.command"),
        (["server", "enrol"], "app.server.commands.enrol"),
        (["server", "revoke", "--flag", "x"], "app.server.commands.revoke"),
        (["agent"], "app.agent.command"),
        (["restore"], "app.agent.restore_command"),
    ],
)
def test_each_word_leads_to_its_command(
    calls: list[tuple[str, argparse.Namespace]], words: list[str], module: str
) -> None:
    assert commands.main(words) == 7
    assert [name for name, _ in calls] == [module]


def test_a_failure_is_one_line_and_an_exit_code(
    calls: list[tuple[str, argparse.Namespace]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.main(["server", "--flag", "refused"]) == 11
    captured = capsys.readouterr()
    assert captured.err == "tidewatch: http://x:1: refused. Start it.\n"
    assert captured.out == ""


def test_an_unknown_command_is_said(
    calls: list[tuple[str, argparse.Namespace]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.main(["sever"]) == 3
    assert "sever is not a command" in capsys.readouterr().err
    assert calls == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bogus"], "tidewatch: unrecognized arguments: --bogus. See tidewatch --help."),
        (["--port", "abc"], "tidewatch: --port: 'abc' is not a port"),
        (["server"], "tidewatch server: the following arguments are required: --data. See "),
        (
            ["server", "start", "--data", "x"],
            "tidewatch server: 'start' is not one of its commands: enrol",
        ),
        (["server", "enrol", "--data", "x"], "tidewatch server enrol: the following arguments are"),
        (
            ["server", "--data", "x", "--port", "a b"],
            "tidewatch server: --port: invalid int value: 'a b'.",
        ),
        (["server", "enrol", "--data", "x", "a", "b\nc"], "unrecognized arguments: b c."),
        (["agent"], "tidewatch agent: the following arguments are required: PATH. See "),
        (["agent", "x", "--every"], "tidewatch agent: --every: expected one argument."),
        (["restore", "web-01"], "the following arguments are required: --to."),
    ],
)
def test_wrong_words_are_one_line_that_says_where_and_what_to_do(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands.signal, "signal", lambda *_: None)
    assert commands.main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("tidewatch: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["server", "--data", ""], "tidewatch server: --data: empty argument."),
        (["server", "--data="], "tidewatch server: --data: empty argument."),
        (["restore", "", "--to", "x"], "tidewatch restore: word 1: empty argument."),
    ],
)
def test_an_empty_word_is_not_taken_for_the_current_folder(
    calls: list[tuple[str, argparse.Namespace]],
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert commands.main(words) == 2
    assert capsys.readouterr().err == f"tidewatch: {said} Is a shell variable unset?\n"
    assert calls == []


def test_an_interruption_is_quiet(
    calls: list[tuple[str, argparse.Namespace]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.main(["agent", "--flag", "interrupted"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("word", ["", "server", "server enrol", "server revoke", "agent", "restore"])
def test_every_command_has_help(word: str) -> None:
    words = [sys.executable, "-m", "app", *word.split(), "--help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert f"tidewatch {word}".strip() in done.stdout
    assert len(done.stdout.splitlines()) > 8


def test_help_does_not_wait_for_the_screen() -> None:
    code = (
        "import sys; import app.console.launch; sys.exit('flet' in sys.modules or 'reactivex' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=30, check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[connection]\nprot = 1\n", "connection.prot is not a setting"),
        ("[polling\n", "not valid TOML"),
        ("[ui]\ntime_zone = 'Nowhere/Land'\n", "ui.time_zone = 'Nowhere/Land'"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "tidewatch.toml"
    path.write_text(text)
    words = [sys.executable, "-m", "app", "--web", "--config", str(path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("tidewatch: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [[], ["console"], ["server"], ["server", "check"]])
def test_an_old_sqlite_is_one_line_at_the_start(
    calls: list[tuple[str, argparse.Namespace]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    monkeypatch.setattr(commands.sqlite3, "sqlite_version_info", (3, 36, 1))
    assert commands.main(words) == commands.SqliteTooOld.exit_code
    said = capsys.readouterr().err
    assert "SQLite 3.36.1 is too old: 3.37.0 or newer" in said and said.count("\n") == 1
    assert not calls
    monkeypatch.setattr(commands.sqlite3, "sqlite_version_info", (3, 37, 0))
    assert commands.main(words) == 7
