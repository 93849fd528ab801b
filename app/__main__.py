"""The commands: ``tidewatch [server | agent | restore]``, the console without one of these words.

In a checkout the same is ``python -m app``.
"""

import argparse
import importlib
import signal
import sqlite3
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import NoReturn

from app.runtime.standard_streams import protect
from streams.model.failures import ConfigRejected, TidewatchError


@dataclass(frozen=True, slots=True)
class _Command:
    """A command of one or more words; its module is imported only when it is the one that was asked for."""

    name: str
    module: str
    summary: str


COMMANDS = (
    _Command("server", "app.server.command", "run the backup server; see its --help for its commands"),
    _Command("server enrol", "app.server.commands.enrol", "print a code with which a client may enrol"),
    _Command("server revoke", "app.server.commands.revoke", "revoke the token of a client"),
    _Command("server quota", "app.server.commands.quota", "show or set how much a client may keep"),
    _Command("server token add", "app.server.commands.token_add", "make a token for a console or a script"),
    _Command("server token list", "app.server.commands.token_list", "list those tokens"),
    _Command("server token revoke", "app.server.commands.token_revoke", "revoke one of them"),
    _Command("server backup-catalogue", "app.server.commands.backup_catalogue", "make a verified copy of it"),
    _Command("server check", "app.server.commands.check", "prove catalogue and store against each other"),
    _Command("server repair", "app.server.commands.repair", "repair what the check finds"),
    _Command("server restore-catalogue", "app.server.commands.restore_catalogue", "put a copy back"),
    _Command("agent", "app.agent.command", "back up folders of this machine to a server"),
    _Command("restore", "app.agent.restore_command", "bring a client's files back from a server"),
)
CONSOLE = _Command("console", "app.console.launch", "look at a backup server (the default)")

OLDEST_SQLITE = (3, 37, 0)

EPILOG = """\
{commands}
Each has --help. With no configuration the console starts a server with a simulated fleet on this
machine and shows it. Settings come from flags, then the environment (TIDEWATCH_SECTION__KEY, such as
TIDEWATCH_CONNECTION__HOST), then tidewatch.toml, then defaults.
"""


class WrongUsage(TidewatchError):
    """The command line has a word too many, too few, or one that cannot be."""

    code = "wrong_usage"


class SqliteTooOld(TidewatchError):
    """The SQLite of this Python lacks what the catalogue and the database view need."""

    code = "sqlite_too_old"


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other failure is said, in place of all that there is."""

    def error(self, message: str) -> NoReturn:
        words = " ".join(message.removeprefix("argument ").split())
        raise WrongUsage(f"{self.prog}: {words}.", hint=f"See {self.prog} --help.")


def _below(command: _Command) -> list[_Command]:
    """Return the commands that continue the words of this one; of the console the first words."""
    if command is CONSOLE:
        return [each for each in COMMANDS if " " not in each.name]
    return [each for each in COMMANDS if each.name.startswith(f"{command.name} ")]


def _listed(command: _Command) -> str:
    below = _below(command)
    if not below:
        return ""
    width = max(len(each.name) for each in below)
    return "other commands:\n" + "\n".join(
        f"  tidewatch {each.name:<{width}}  {each.summary}" for each in below
    )


def _command_of(words: Sequence[str]) -> tuple[_Command, list[str]]:
    """Return the command that the most of the first words name, and the words that follow.

    Raises WrongUsage for a word after ``server`` that continues none of its commands.
    """
    named = [each for each in COMMANDS if words[: len(each.name.split())] == each.name.split()]
    if not named:
        return CONSOLE, list(words[1:] if words[:1] == ["console"] else words)
    command = max(named, key=lambda each: len(each.name))
    rest = list(words[len(command.name.split()) :])
    if (below := _below(command)) and rest and rest[0] and not rest[0].startswith("-"):
        known = ", ".join(each.name.removeprefix(f"{command.name} ") for each in below)
        prog, word = f"tidewatch {command.name}", " ".join(rest[0].split())
        raise WrongUsage(f"{prog}: {word!r} is not one of its commands: {known}.", hint=f"See {prog} --help.")
    return command, rest


def _parser(command: _Command, module: ModuleType) -> argparse.ArgumentParser:
    words = "tidewatch" if command is CONSOLE else f"tidewatch {command.name}"
    listed = _listed(command)
    parser = _Parser(
        prog=words,
        description=(module.__doc__ or command.summary).strip(),
        epilog=EPILOG.format(commands=listed) if command is CONSOLE else listed,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    return parser


def _check_none_is_empty(prog: str, words: Sequence[str]) -> None:
    """Refuse words with nothing in them: as a path they would be the current folder."""
    for number, word in enumerate(words):
        flag, _, value = word.partition("=")
        if word == "":
            before = words[number - 1] if number else ""
            place = before if before.startswith("--") else f"word {number + 1}"
        elif flag.startswith("--") and "=" in word and not value:
            place = flag
        else:
            continue
        raise WrongUsage(f"{prog}: {place}: empty argument.", hint="Is a shell variable unset?")


def check_sqlite(version: tuple[int, ...]) -> None:
    """Refuse an SQLite that cannot read the catalogue; raise SqliteTooOld."""
    if version < OLDEST_SQLITE:
        found, needed = (".".join(map(str, part)) for part in (version, OLDEST_SQLITE))
        raise SqliteTooOld(
            f"SQLite {found} is too old: {needed} or newer is needed.",
            hint="Take a Python that comes with a newer one, or update the system's libsqlite3.",
        )


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a failure is one line on stderr, never a traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if threading.current_thread() is threading.main_thread():
        # Called as a function in another thread, the signals are the caller's.
        signal.signal(signal.SIGTERM, _terminate)
    try:
        command, rest = _command_of(words)
        module = importlib.import_module(command.module)
        if rest and rest[0] and not rest[0].startswith("-") and command is CONSOLE:
            known = ", ".join(c.name for c in _below(CONSOLE))
            raise ConfigRejected(f"{rest[0]} is not a command.", hint=f"Commands: {known}; see --help.")
        parser = _parser(command, module)
        if command.name.split()[0] in ("server", "console"):
            check_sqlite(sqlite3.sqlite_version_info)
        _check_none_is_empty(parser.prog, rest)
        return int(module.run(parser.parse_intermixed_args(rest)))
    except TidewatchError as error:
        print(f"tidewatch: {error.line()}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def command() -> NoReturn:
    """Run the command that this process was started for, and end it."""
    protect()
    sys.exit(main())


if __name__ == "__main__":
    command()
