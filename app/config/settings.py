"""All settings together, as the rest of the program gets them."""

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.config.sections import (
    AgentSettings,
    ConnectionSettings,
    MockSettings,
    PollingSettings,
    ServerSettings,
    StreamSettings,
    UiSettings,
    WebSettings,
)

ENVIRONMENT_PREFIX = "TIDEWATCH_"


class Settings(BaseSettings):
    """The configuration: flags before environment before ``tidewatch.toml`` before defaults."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__"
    )

    connection: ConnectionSettings = Field(default_factory=ConnectionSettings)
    polling: PollingSettings = Field(default_factory=PollingSettings)
    streams: StreamSettings = Field(default_factory=StreamSettings)
    mock: MockSettings = Field(default_factory=MockSettings)
    ui: UiSettings = Field(default_factory=UiSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    agent: AgentSettings = Field(default_factory=AgentSettings)

    @model_validator(mode="after")
    def _together(self) -> Self:
        """Refuse values that are allowed alone but not with each other."""
        if not self.connection.mock_mode and self.connection.database_path is None:
            raise ValueError("connection.database_path is needed when connection.mock_mode is false")
        if self.streams.backoff_cap_s < self.streams.backoff_base_s:
            raise ValueError("streams.backoff_cap_s must not be less than streams.backoff_base_s")
        if (self.server.tls_certificate is None) != (self.server.tls_key is None):
            raise ValueError("server.tls_certificate and server.tls_key go together")
        return self


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is this machine, as far as its spelling tells."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def token_path(connection: ConnectionSettings) -> Path | None:
    """Return the file that holds the console's token, if one is named or implied."""
    if connection.token_file is not None:
        return connection.token_file
    if connection.database_path is not None:
        return connection.database_path.with_name("console.token")
    return None
