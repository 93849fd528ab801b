"""The server's section of the configuration: its values, and where each comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.config.describe import Source, sources_of
from app.config.load import Flags, read_file, settings_of
from app.config.sections import ServerSettings
from streams.model.settings import SettingSource

_SECTION = "server"
_DEFAULT: Source = (SettingSource.DEFAULT, "")


@dataclass(frozen=True, kw_only=True)
class ConfiguredServer:
    """What command line, environment, file and defaults say together."""

    settings: ServerSettings
    sources: Mapping[str, Source] = field(default_factory=dict[str, Source])
    """By key; what is missing has its default."""

    def source(self, key: str) -> Source:
        """Return where the value of a setting comes from."""
        return self.sources.get(key, _DEFAULT)


def load_server(path: Path | None, flags: Flags) -> ConfiguredServer:
    """Return the server's section of a file, with environment and flags; raise ``ConfigRejected``."""
    text = read_file(path) if path is not None else ""
    settings = settings_of(text, path, flags).server
    return ConfiguredServer(settings=settings, sources=sources_of(_SECTION, text, path, flags))
