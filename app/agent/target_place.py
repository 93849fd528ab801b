"""Finding names in a target: another one where this disk does not take the one that is asked for."""

import os
import stat
import threading
from collections.abc import Callable, Iterator
from itertools import chain, islice

from app.agent.file_system import FileSystem
from app.agent.portable_names import alternatives
from app.agent.restore_plan import Item, Parts
from app.agent.target_file import InTheWay, Replaces, may_be_replaced
from app.agent.target_look import is_item, is_refused, look
from app.agent.target_names import TargetNames, refuses_name

MAX_NAMES_TRIED = 100
Found = tuple[bytes, os.stat_result]
"""The name of something that is there, and what it is."""


class NamePlacer:
    """Gives each item a name, and finds it again under the one that it was given."""

    def __init__(self, file_system: FileSystem, renamed: dict[Parts, bytes]) -> None:
        self._file_system, self._renamed = file_system, renamed
        self._names = TargetNames(file_system)
        self._lock = threading.RLock()

    def made_by_us(self, parts: Parts, folder: int) -> None:
        """Note a name of our own that no item may take."""
        self._names.made(parts[:-1], folder, parts[-1])

    def place(self, parts: Parts, folder: int, make: Callable[[bytes], None], replaces: Replaces) -> bytes:
        """Make something under its name, or under another one where this disk does not take it.

        What was found under another name before stays there.
        ``replaces`` tells whether what lies there may be replaced; it may raise ``InTheWay``.
        Returns the name; raises what the last try raised.
        """
        above, wanted = parts[:-1], parts[-1]
        if wanted in (b"", b".", b".."):
            raise InTheWay("that is no name")
        refused: OSError | None = None
        with self._lock:
            for name in _candidates(wanted):
                if self._names.given(above, wanted, name):
                    continue
                try:
                    at = look(self._file_system, name, folder)
                    if at is not None and self._names.is_other(above, folder, name):
                        continue
                    if at is not None and not may_be_replaced(at, replaces, told=name == wanted):
                        continue
                    make(name)
                except FileExistsError:
                    raise InTheWay("something of this name is there by now") from None
                except OSError as error:
                    if not refuses_name(error, name) or (refused is not None and name != wanted):
                        raise
                    refused = error
                    continue
                self._note(parts, self._names.made(above, folder, name))
                return name
        raise refused or InTheWay("something else is there, and under all similar names")

    def find(self, item: Item, folder: int) -> Found | None:
        """Return an item that is there already with its content, under its name or one given instead."""
        above, wanted = item.parts[:-1], item.parts[-1]
        for name in _candidates(wanted):
            try:
                at = look(self._file_system, name, folder)
            except OSError:
                continue
            if at is None and name == wanted and is_refused(self._file_system, name, folder):
                continue
            if at is None:
                return None
            if self._names.given(above, wanted, name) or self._names.is_other(above, folder, name):
                continue
            if is_item(self._file_system, item, name, at, folder):
                return name, at
            if stat.S_IFMT(at.st_mode) == item.type:
                return None
        return None

    def keep(self, parts: Parts, folder: int, name: bytes) -> None:
        """Note that an item that was found stays where it is."""
        self._note(parts, self._names.listed(parts[:-1], folder, name))

    def _note(self, parts: Parts, name: bytes) -> None:
        with self._lock:
            self._names.give(parts[:-1], parts[-1], name)
            if name != parts[-1]:
                self._renamed[parts] = name


def _candidates(wanted: bytes) -> Iterator[bytes]:
    return islice(chain((wanted,), alternatives(wanted)), MAX_NAMES_TRIED)
