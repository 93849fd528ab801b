"""Every port: who implements it does so under the same names, with the same arguments and answers."""

import inspect
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest

import streams
from app.agent.file_system import FileSystem
from app.agent.system.posix import PosixFileSystem
from app.bridge.commands import ServerCommands
from app.bridge.database.ports import DatabasePorts
from app.bridge.database.server_ports import ServerDatabasePorts
from app.bridge.ports import HttpPorts
from app.bridge.realtime import RealtimeUpdater
from app.config.desk import SettingsDesk
from app.console.console_log import ConsoleLog
from app.console.prefs import FilePrefs
from app.console.sign_in import AccessDesk, SignIn
from streams.ports.commands import Commands
from streams.ports.logs import OwnLog, SilentLog
from streams.ports.settings import SettingsPort
from streams.ports.sign_in import AccessPort, SignInPort
from streams.sources.analytics import AnalyticsPorts
from streams.sources.build import Ports
from streams.sources.database import DatabasePort, NoDatabase
from streams.sources.feed import Feed
from tests.ui.fake_commands import FakeCommands
from ui.base.context import Prefs, SessionPrefs

PORTS: list[tuple[type, type]] = [
    (FileSystem, PosixFileSystem),
    (Commands, ServerCommands),
    (Commands, FakeCommands),
    (Ports, HttpPorts),
    (AnalyticsPorts, HttpPorts),
    (DatabasePort, DatabasePorts),
    (DatabasePort, ServerDatabasePorts),
    (DatabasePort, NoDatabase),
    (Feed, RealtimeUpdater),
    (OwnLog, ConsoleLog),
    (OwnLog, SilentLog),
    (Prefs, FilePrefs),
    (Prefs, SessionPrefs),
    (SettingsPort, SettingsDesk),
    (SignInPort, SignIn),
    (AccessPort, AccessDesk),
]
NO_PORTS = {"Own", "Recorded", "RunTask", "SpawnedFuture"}
"""Shapes of functions and futures, which somebody else's code has."""


def _promised(port: type) -> dict[str, Any]:
    """Return what a port names, with what it inherits of other ports."""
    parts = [part for part in port.__mro__ if getattr(part, "_is_protocol", False)]
    return {
        name: value
        for part in reversed(parts)
        for name, value in vars(part).items()
        if not name.startswith("_") and (callable(value) or isinstance(value, property))
    }


@pytest.mark.parametrize(("port", "maker"), PORTS, ids=[f"{p.__name__}-{m.__name__}" for p, m in PORTS])
def test_it_is_implemented_as_it_says(port: type, maker: type) -> None:
    promised = _promised(port)
    assert promised
    for name, asked in promised.items():
        given = inspect.getattr_static(maker, name)
        if isinstance(asked, property):
            assert isinstance(given, property), name
            continue
        assert inspect.iscoroutinefunction(given) == inspect.iscoroutinefunction(asked), name
        wanted, offered = inspect.signature(asked), inspect.signature(given)
        kinds = {parameter.kind for parameter in offered.parameters.values()}
        if inspect.Parameter.VAR_POSITIONAL not in kinds:
            assert list(offered.parameters) == list(wanted.parameters), name
        defaults = [parameter.default for parameter in wanted.parameters.values()]
        if any(default is not inspect.Parameter.empty for default in defaults):
            assert [p.default for p in offered.parameters.values()] == defaults, name


def test_no_port_is_left_out() -> None:
    found: set[str] = set()
    for module in walk_packages(streams.__path__, "streams."):
        for name, value in vars(import_module(module.name)).items():
            if getattr(value, "_is_protocol", False) and value.__module__ == module.name:
                found.add(name)
    assert found - NO_PORTS == {port.__name__ for port, _ in PORTS} - {"Prefs", "FileSystem"}
