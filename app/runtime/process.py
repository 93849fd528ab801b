"""Settings of the operating system that a long-running program makes at its start: umask and open files."""

import os
import resource

import structlog

log = structlog.stdlib.get_logger(__name__)

PRIVATE_UMASK = 0o077
"""New files are 0600 and new folders 0700, whatever the shell or the service manager says."""


def make_files_private() -> None:
    """Let every file that this process creates be readable by its owner only."""
    os.umask(PRIVATE_UMASK)


def raise_file_limit() -> int:
    """Raise the limit of open files to the hard one and return it; a refusal leaves what there is.

    The usual soft limit of 1,024 is for programs that use select(); a server of many clients needs more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            log.warning("file_limit_not_raised", limit=soft, hard=hard, reason=str(error))
    return open_files_limit()


def open_files_limit() -> int:
    """Return how many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 - 1 if soft == resource.RLIM_INFINITY else soft
