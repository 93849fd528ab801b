"""Comparing a name with what is known of it: new, changed, another type, or as it was."""

import os
import stat

from app.agent.file_system import FileSystem
from app.agent.found import Found, Step, facts_of
from app.agent.gone_names import GoneNames
from app.agent.index import Row
from app.agent.names import KIND_OF_TYPE, reason_of, split


class Changes:
    """Finds what has changed of the names of a scan; nothing is read of a file but where a link leads."""

    def __init__(self, gone: GoneNames, file_system: FileSystem) -> None:
        self._gone, self._file_system = gone, file_system

    def look_at(self, path: bytes, at: os.stat_result, old: Row | None, folder: int, step: Step) -> None:
        """Tell ``step`` what has become of a name in an open folder; ``old`` is what is known of it."""
        kind = stat.S_IFMT(at.st_mode)
        became_file = old is not None and stat.S_ISDIR(old[1]) and kind != stat.S_IFDIR
        if became_file and not self._gone.lose_below(path, step):
            return
        if kind == stat.S_IFDIR:
            # The root is there on every machine: a restore makes its target itself.
            now = facts_of(at)
            if path != b"/" and (old is None or (old[1], old[3], old[5]) != (now[0], now[2], now[4])):
                step.found.append(Found(path, now[0], 0, *now[2:], old))
            return
        if kind not in KIND_OF_TYPE:
            step.skipped.append((path, "special file"))
            if old is not None:
                self._gone.add(path)
            return
        step.files += 1
        now = facts_of(at)
        if old is not None and old[1:6] == now:
            step.unchanged += 1
            step.bytes += at.st_size if kind == stat.S_IFREG else 0
            return
        found = Found(path, *now, old)
        if kind == stat.S_IFLNK:
            try:
                found.target = self._file_system.read_link(split(path)[1], folder)
            except OSError as error:
                step.failed.append((path, reason_of(error)))
                return
            if not found.target:
                step.failed.append((path, "the link has no target"))
                return
        else:
            step.bytes += at.st_size
        step.found.append(found)
