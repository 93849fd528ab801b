"""The secret part of the web console's address: new at each start, or kept so that a bookmark stays good."""

import asyncio
import json
import re
import secrets
from pathlib import Path

from app.runtime.private_folder import make_private, write_private
from app.runtime.user_folders import prefs_file
from streams.model.failures import ConfigRejected

FILE_NAME = "address.json"
_SECRET = re.compile(r"[A-Za-z0-9_-]{22,64}")


def new_secret() -> str:
    """Return a part of a path that nobody can guess."""
    return secrets.token_urlsafe(16)


async def kept_secret(folder: Path | None = None) -> str:
    """Return the secret of earlier starts, or a new one that later starts will find.

    Whoever knows it and may connect to this machine's loopback operates the console: the file is its user's
    alone. Raises ``ConfigRejected`` where it cannot be kept.
    """
    return await asyncio.to_thread(_kept_secret, (folder or prefs_file().parent) / FILE_NAME)


def _kept_secret(file: Path) -> str:
    try:
        make_private(file.parent, files=("*.json*", "*.html"), folders=("agent",))
        found = _read(file)
        if found is not None:
            return found
        secret = new_secret()
        write_private(file, json.dumps({"path": secret}).encode("ascii"))
    except OSError as error:
        raise ConfigRejected(
            f"{file}: cannot be kept: {error.strerror}.", hint="Set web.keep_path to false."
        ) from error
    return secret


def _read(file: Path) -> str | None:
    """Return the secret of the file; None where there is none that is good."""
    try:
        kept = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    secret = kept.get("path") if isinstance(kept, dict) else None
    return secret if isinstance(secret, str) and _SECRET.fullmatch(secret) else None
