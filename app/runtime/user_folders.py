"""Folders of the user in which the console keeps what is not configuration."""

from pathlib import Path

import platformdirs


def prefs_file() -> Path:
    """Return the file in which this user's preferences are kept."""
    return Path(platformdirs.user_state_dir("tidewatch", False)) / "console.json"
