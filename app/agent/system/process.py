"""Locks, users and signals of the process."""

import asyncio
import fcntl
import grp
import os
import pwd
import signal
from collections.abc import Callable, Iterable


def hold(lock_file: int) -> bool:
    """Hold an open lock file until it is closed, also by a crash; return False where another holds it."""
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_held(file: int) -> bool:
    """Return whether another process holds this file; if not, this one does where the disk has locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def own_user() -> int:
    """Return the number of the user that this process acts as."""
    return os.geteuid()


def user_name(uid: int) -> str | None:
    """Return the name of a user; None for a number that has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OSError):
        return None


def group_name(gid: int) -> str | None:
    """Return the name of a group; None for a number that has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except (KeyError, OSError):
        return None


def user_id(name: str) -> int | None:
    """Return the number of a user; None for a name that is none."""
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError, OSError):
        return None


def group_id(name: str) -> int | None:
    """Return the number of a group; None for a name that is none."""
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError, OSError):
        return None


def on_signals(numbers: Iterable[signal.Signals], call: Callable[[], None]) -> None:
    """Have ``call`` called in the running loop for each of these signals."""
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, call)


def off_signals(numbers: Iterable[signal.Signals]) -> None:
    """Leave these signals alone again."""
    for number in numbers:
        asyncio.get_running_loop().remove_signal_handler(number)
