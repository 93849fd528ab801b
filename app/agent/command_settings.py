"""The agent's settings, from its file, the environment and the words of its command line."""

import argparse
import os
from pathlib import Path

from app.agent.left_out import NO_LIMIT, Exclusions
from app.agent.trust import trust_flags
from app.config import AgentSettings, find_file, load_settings
from app.runtime.process import open_files_limit
from app.runtime.sizes import bytes_of_size
from streams.model.failures import ConfigRejected

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
FILES_OF_THE_AGENT = 32
FILES_OF_A_TRANSFER = 6
"""Open at once: the file, folders on the way to it, the connection."""


def settings_of(args: argparse.Namespace) -> AgentSettings:
    """Return the agent's settings from file, environment and flags."""
    flags: dict[str, object] = {"schedule_s": seconds_of(args.every)} if args.every else {}
    flags |= {name: True for name in ("one_file_system", "exclude_caches") if getattr(args, name)}
    if args.exclude_larger_than is not None:
        flags["exclude_larger_bytes"] = larger_than(args.exclude_larger_than)
    settings = load_settings(find_file(args.config), {"agent": {**flags, **trust_flags(args)}}).agent
    more = {
        name: (*getattr(settings, name), *getattr(args, name)) for name in ("ignore", "exclude_if_present")
    }
    for name in more["exclude_if_present"]:
        if not name or "/" in name or "\0" in name:
            raise ConfigRejected(
                f"--exclude-if-present {name!r} is no name of a file.", hint="Write .nobackup, say."
            )
    return settings.model_copy(update=more)


def within_file_limit(settings: AgentSettings) -> AgentSettings:
    """Return settings with no more files in flight than the system lets this process have open."""
    room = (open_files_limit() - FILES_OF_THE_AGENT) // FILES_OF_A_TRANSFER
    return settings.model_copy(update={"files_in_flight": min(settings.files_in_flight, max(1, room))})


def seconds_of(text: str) -> float:
    """Return the seconds of ``90s``, ``30m``, ``6h`` or ``1d``."""
    number, unit = text[:-1], text[-1:]
    try:
        return float(number) * UNITS_S[unit]
    except (KeyError, ValueError):
        raise ConfigRejected(f"--every {text!r} is not a time.", hint="Write 90s, 30m, 6h or 1d.") from None


def larger_than(text: str) -> int:
    """Return the bytes of ``--exclude-larger-than``; raises ConfigRejected."""
    size = bytes_of_size(text)
    if not size or size >= NO_LIMIT:
        raise ConfigRejected(
            f"--exclude-larger-than {text!r} is not a size.", hint="Write it as 500MB or 4GiB."
        )
    return size


def exclusions_of(settings: AgentSettings, folder: Path) -> Exclusions:
    """Return what is left out besides the patterns; ``folder`` is the agent's own."""
    own = os.fsencode(folder)
    return Exclusions(
        one_file_system=settings.one_file_system,
        caches=settings.exclude_caches,
        markers=tuple(os.fsencode(name) for name in settings.exclude_if_present),
        max_bytes=settings.exclude_larger_bytes or NO_LIMIT,
        own_folders=tuple({own, os.path.realpath(own)}),
    )
