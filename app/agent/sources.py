"""Tells a source that is not there from one whose files were deleted.

An unmounted disk is an empty folder, and another disk at its place is a folder of other files. So the agent
remembers of each PATH and of each mount point below which folder of which file system it was. Where that is
another one by now and nothing of the old is in it, the source is missing: what is known of it stays.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from app.agent.index import Index, Row
from app.agent.names import is_within, shown
from app.agent.system import file_system_id, mount_points

OF_THE_SYSTEM = frozenset(
    {
        b"lost+found",
        b".Trashes",
        b".fseventsd",
        b".Spotlight-V100",
        b"System Volume Information",
        b"$RECYCLE.BIN",
    }
)
"""Names that a new and empty file system has too."""
NOT_MOUNTED = "nothing is mounted there any more"


@dataclass(frozen=True, slots=True)
class Place:
    """Which folder of which file system stands under a path."""

    file_system: str
    inode: str

    @classmethod
    def of(cls, folder: int) -> "Place":
        """Return the place of an open folder."""
        at = os.fstat(folder)
        return cls(f"{at.st_dev}:{file_system_id(folder)}", str(at.st_ino))


class Sources:
    """The places of one backup's PATHs and of the mount points below; for the thread that scans."""

    def __init__(
        self,
        index: Index,
        roots: Iterable[bytes] = (),
        gone: Iterable[bytes] = (),
        missing: Iterable[bytes] = (),
    ) -> None:
        """Take the PATHs, what is gone on purpose, and which of the PATHs are not there at all."""
        self._index, self._roots, self._gone = index, frozenset(roots), tuple(gone)
        present = self._roots.difference(missing)
        self._backed_up = tuple(root for root in self._roots if root in present or not self.is_meant(root))
        self.ended = tuple(path for path in self._gone if not any(is_within(path, r) for r in present))
        """What is gone on purpose and in no PATH that is there."""
        self._known = {path: Place(*place) for path, place in index.sources().items()}
        self._seen: dict[bytes, Place] = {}
        """What was there in this backup."""
        self._mounts = mount_points()

    def is_meant(self, path: bytes) -> bool:
        """Return whether it was said that what is known of ``path`` is gone on purpose."""
        return any(is_within(path, gone) for gone in self._gone)

    def is_backed_up(self, path: bytes) -> bool:
        """Return whether a path is in one of the PATHs, those included that are not there just now."""
        return any(is_within(path, root) for root in self._backed_up)

    def dropped(self) -> list[bytes]:
        """Return what was backed up from PATHs that are not given any more."""
        return [path for path in self._index.outside(self._roots) if not self.is_meant(path)]

    def is_source(self, path: bytes, real: bytes, *, mounted: bool) -> bool:
        """Return whether a folder is, or was at the last backup, one that a disk may be missing from."""
        return mounted or path in self._known or path in self._roots or real in self._mounts

    def look_at(self, path: bytes, real: bytes, folder: int, known: Mapping[bytes, Row]) -> str | None:
        """Return why an open folder is not the source that it was, None where it is; remembers it then."""
        now, before = Place.of(folder), self._known.get(path)
        if now != before and not self.is_meant(path):
            reason = _missing(now, before, {os.fsencode(name) for name in os.listdir(folder)}, known)
            if reason is not None:
                return reason
        if path in self._roots or real in self._mounts or _is_mount(folder):
            self._seen[path] = now
            if now != before:
                self._known[path] = now
                self._index.keep_source(path, (now.file_system, now.inode))
        else:
            self.forget(path)
        return None

    def gone_meanwhile(self, real: Callable[[bytes], bytes]) -> list[bytes]:
        """Return what was there when it was looked at and is not any more; ``real`` is where paths lead."""
        return sorted(path for path, place in self._seen.items() if not _stands(real(path), place))

    def forget(self, path: bytes) -> None:
        """Remember nothing more of what was mounted at or below a path."""
        for lost in [known for known in self._known if is_within(known, path) and known not in self._roots]:
            del self._known[lost]
            self._index.forget_source(lost)

    def missing_below(self, path: bytes) -> list[bytes]:
        """Return what was mounted at or below a path that is gone; ends the memory of what is meant to be."""
        lost = [known for known in self._known if is_within(known, path) and known not in self._roots]
        missing = [known for known in lost if not self.is_meant(known)]
        for meant in set(lost).difference(missing):
            self.forget(meant)
        return sorted(missing)


def how_to_end(path: bytes) -> str:
    """Return what a person does where a source is gone on purpose."""
    return f"If it is gone on purpose, give --gone {shown(path)!r} once"


def _stands(path: bytes, place: Place) -> bool:
    """Return whether the folder of a path is still the one that it was."""
    try:
        at = os.stat(path, follow_symlinks=False)  # noqa: PTH116  (bytes)
    except OSError:
        return False
    return place.inode == str(at.st_ino) and place.file_system.startswith(f"{at.st_dev}:")


def _is_mount(folder: int) -> bool:
    return os.fstat(folder).st_dev != os.stat("..", dir_fd=folder, follow_symlinks=False).st_dev


def _missing(now: Place, before: Place | None, names: set[bytes], known: Mapping[bytes, Row]) -> str | None:
    names -= OF_THE_SYSTEM
    old = known.keys() - OF_THE_SYSTEM
    if not old or not names.isdisjoint(old):
        return None
    what = f"{len(old):,} {'name' if len(old) == 1 else 'names'}"
    if not names:
        return f"it is empty, but held {what} at the last backup; its disk may not be mounted"
    if before is None or before.file_system != now.file_system:
        return f"another file system is there, with none of the {what} of the last backup"
    return None
