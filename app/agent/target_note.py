"""The note that lies in a target folder until its restore has ended: its origin, and the folders it makes.

A restore that was cut knows by it that it goes on, and which folders are its own: those that were there
before keep their modes and owners. It is replaced as a whole, so that it is there at any time.
"""

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress

from app.agent.file_system import FileSystem
from app.agent.restore_plan import MARKER, Parts
from app.agent.system.process import own_user


class TargetNote:
    """The note of one restore; every call blocks and raises ``OSError``."""

    def __init__(self, file_system: FileSystem, root: int, origin: str) -> None:
        self._file_system, self._root = file_system, root
        self._head = f"{origin}\nThis restore has not ended: the same command goes on with it.\n".encode()
        self.folders: set[Parts] = set()
        """Folders that this restore makes or has made, also before it was cut."""
        self.found = False
        """A note was there, of this restore or of another one."""
        self._found_owner: int | None = None
        self.owner = own_user()
        """Whom this disk takes for the owner of what this restore makes."""

    def read(self) -> bool:
        """Read the note of a restore that was cut; return whether it was the same one."""
        try:
            file = self._file_system.open_file(MARKER, self._root)
        except FileNotFoundError:
            return False
        self.found = True
        with os.fdopen(file, "rb") as note:
            at = os.fstat(file)
            self._found_owner = at.st_uid
            if not stat.S_ISREG(at.st_mode):
                raise OSError(errno.EEXIST, f"{MARKER.decode()} is no file")
            content = note.read()
        if not content.startswith(self._head):
            return False
        paths = content.removeprefix(self._head).split(b"\0")
        self.folders = {tuple(part for part in path.split(b"/") if part) for path in paths if path}
        return True

    def write(self, folders: Iterable[Parts], temporary: bytes) -> None:
        """Note folders before they are made; what somebody else has noted is no folder of ours."""
        try:
            with os.fdopen(self._file_system.create(temporary, self._root), "wb") as note:
                self.owner = os.fstat(note.fileno()).st_uid
                if self._found_owner not in (None, self.owner):
                    self.folders.clear()
                self.folders |= set(folders)
                paths = b"\0".join(b"/" + b"/".join(parts) for parts in sorted(self.folders))
                note.write(self._head + paths)
                note.flush()
                os.fsync(note.fileno())
            self._file_system.rename(temporary, MARKER, self._root)
        except OSError:
            with suppress(OSError):
                self._file_system.remove(temporary, self._root)
            raise

    def remove(self) -> None:
        """Take the note away: the restore has come to its end."""
        with suppress(FileNotFoundError):
            self._file_system.remove(MARKER, self._root)
