"""Secrets at the command line: shown on a terminal or written to a private file, never to a pipe."""

import getpass
import os
import sys
from pathlib import Path

from app.server.commands.shared import say
from app.server.data_dir import write_token
from streams.model.failures import ConfigRejected


def check_shown(out: Path | None) -> None:
    """Raise ``ConfigRejected`` where a secret could not be handed out."""
    if out is None and not sys.stdout.isatty():
        raise ConfigRejected(
            "The output is not a terminal, and a token is not written to a pipe or a journal.",
            hint="Give --out FILE.",
        )


def hand_out(secret: str, out: Path | None) -> None:
    """Print a secret on the terminal, or write it to a file that only its owner can read."""
    if out is None:
        say(secret)
        return
    try:
        write_token(out, secret)
    except OSError as error:
        raise ConfigRejected(
            f"--out {out} cannot be written: {error.strerror}.", hint="Revoke the token and make another."
        ) from None


def invoker() -> str:
    """Return who runs this command, for the audit record."""
    try:
        return f"user {getpass.getuser()}"
    except (KeyError, OSError):
        return f"user {os.getuid()}"
