"""The settings of a file of the test's own, with checks of the connection that a test words."""

from pathlib import Path

from app.config import ConnectionSettings, load_settings
from app.config.desk import SettingsDesk, open_desk
from app.config.load import Flags
from app.config.watch import SettingsWatcher
from streams.model.settings import CheckResult

FILE = """\
# the console of the office
[polling]
critical_s = 5  # do not go below 2

[ui]
density = "standard"

[connection]
token = "s3cret-token"
"""
RESULTS = (
    CheckResult(
        name="Server",
        passed=False,
        message="Nothing listens at http://backup.example.org:1256.",
        hint="Is the server running, and is connection.port right?",
    ),
    CheckResult(name="Token", passed=None, message="Not checked, since the server was not reached."),
    CheckResult(name="Database", passed=True, message="/srv/tidewatch/catalogue.db opens, read-only."),
)


async def settings_desk(
    folder: Path, text: str = FILE, flags: Flags | None = None
) -> tuple[SettingsDesk, SettingsWatcher]:
    """Return a desk over a file in ``folder``."""
    path = folder / "tidewatch.toml"
    path.write_text(text)

    async def probe(connection: ConnectionSettings) -> tuple[CheckResult, ...]:
        return RESULTS

    watcher = SettingsWatcher(load_settings(path, flags), path, flags)
    return await open_desk(watcher, probe), watcher
