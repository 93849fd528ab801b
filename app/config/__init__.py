"""Typed settings from flags, environment, ``tidewatch.toml`` and defaults; rejected with one clear line."""

from app.config.load import FILE_NAME, find_file, load_settings
from app.config.sections import (
    AgentSettings,
    ConnectionSettings,
    MockSettings,
    PollingSettings,
    ServerSettings,
    StreamSettings,
    UiSettings,
)
from app.config.settings import Settings, is_loopback, token_path

__all__ = [
    "FILE_NAME",
    "AgentSettings",
    "ConnectionSettings",
    "MockSettings",
    "PollingSettings",
    "ServerSettings",
    "Settings",
    "StreamSettings",
    "UiSettings",
    "find_file",
    "is_loopback",
    "load_settings",
    "token_path",
]
