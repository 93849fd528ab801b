"""Tells a source that is not there from one whose files were deleted.

An unmounted disk is an empty folder, and another disk at its place is a folder of other files. So the agent
remembers of each PATH and of each mount point below which folder of which file system it was. Where that is
another one by now and the old files are not in it, the source is missing: what is known of it stays. Names
alone do not tell: any two disks have a folder of the same name.
"""

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.agent.file_system import FileSystem
from app.agent.index import Index, Row
from app.agent.names import is_within, shown
from app.agent.system.mounts import FileSystems
from app.agent.system.posix import POSIX

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
LOOKED_FOR = 200
"""Of the first and of the last files of a source, where another file system is at its place."""
MOUNTED, PLAIN = "mounted", "plain"
SECOND_NS = 1_000_000_000
"""What all copies keep of a time."""
NOT_MOUNTED = "nothing is mounted there any more"


@dataclass(frozen=True, slots=True)
class Place:
    """Which folder of which file system stands under a path."""

    file_system: str
    """Its device, number and name as far as it has them, whether it is mounted here, and what is mounted."""
    inode: str

    @classmethod
    def of(cls, folder: int, known: FileSystems, *, mounted: bool) -> "Place":
        """Return the place of an open folder, and whether something is mounted on it."""
        at = os.fstat(folder)
        how = MOUNTED if mounted else PLAIN
        words = (at.st_dev, known.number(folder), known.name(folder), how, known.traits(folder))
        return cls(":".join(map(str, words)), str(at.st_ino))

    def is_on_another(self, before: "Place") -> bool | None:
        """Return whether this is on another file system than ``before``; None where nothing tells.

        Devices have other numbers after a restart, and some file systems have no number but that. A folder
        that was mounted there shows what is below it where it is not, be it of the same file system.
        """
        device, number, name, how, traits = self._parts()
        old_device, old_number, old_name, old_how, old_traits = before._parts()
        if (old_how, how) in ((MOUNTED, PLAIN), (PLAIN, MOUNTED)):
            return True
        if name and old_name and name != old_name:
            return True
        if traits and old_traits and traits != old_traits:
            return True
        if name and old_name:
            return False
        if number in ("", "0", device) or old_number in ("", "0", old_device):
            same = (device, name, traits) == (old_device, old_name, old_traits)
            return False if same else None
        return number != old_number

    def _parts(self) -> tuple[str, str, str, str, str]:
        device, number, name, how, traits = f"{self.file_system}::::".split(":")[:5]
        return device, number, name, how, traits


class Sources:
    """The places of one backup's PATHs and of the mount points below; for the thread that scans."""

    def __init__(
        self,
        index: Index,
        roots: Iterable[bytes] = (),
        gone: Iterable[bytes] = (),
        missing: Iterable[bytes] = (),
        file_system: FileSystem = POSIX,
    ) -> None:
        """Take the PATHs, what is gone on purpose, and which of the PATHs are not there at all."""
        self._index, self._roots, self._gone = index, frozenset(roots), tuple(gone)
        self._file_system, self._file_systems = file_system, FileSystems()
        present = self._roots.difference(missing)
        self._backed_up = tuple(root for root in self._roots if root in present or not self.is_meant(root))
        self.ended = tuple(path for path in self._gone if not any(is_within(path, r) for r in present))
        """What is gone on purpose and in no PATH that is there."""
        self._known = {path: Place(*place) for path, place in index.sources().items()}
        self._seen: dict[bytes, Place] = {}
        """What was there in this backup."""

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
        return (
            mounted or path in self._known or path in self._roots or real in self._file_systems.mount_points
        )

    def look_at(self, path: bytes, real: bytes, folder: int, known: Mapping[bytes, Row]) -> str | None:
        """Return why an open folder is not the source that it was, None where it is; remembers it then."""
        mounted = real in self._file_systems.mount_points or self._is_mount(folder)
        now, before = Place.of(folder, self._file_systems, mounted=mounted), self._known.get(path)
        if now != before and not self.is_meant(path):
            another = True if before is None else now.is_on_another(before)
            reason = _missing(set(self._file_system.names(folder)), known, another=another)
            if reason is None and another:
                reason = self._replaced(path, folder, self._index.some_files(path, LOOKED_FOR))
            if reason is not None:
                return reason
        if path in self._roots or mounted:
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

    def _is_mount(self, folder: int) -> bool:
        return os.fstat(folder).st_dev != self._file_system.stat(b"..", folder).st_dev

    def _replaced(self, path: bytes, folder: int, files: Sequence[tuple[bytes, int, int, int]]) -> str | None:
        """Return why another folder has not the files of the one before; None where most of them are there.

        What was copied to a new disk has its times, or is said to be meant.
        """
        start = len(path.rstrip(b"/")) + 1
        standing = sum(self._is_as_it_was(each[start:], folder, *fact) for each, *fact in files)
        if 2 * standing >= len(files):
            return None
        return f"another disk or folder is there, with {standing} of {len(files)} files of the last backup"

    def _is_as_it_was(self, name: bytes, folder: int, mode: int, size: int, mtime_ns: int) -> bool:
        try:
            at = self._file_system.stat(name, folder)
        except OSError:
            return False
        same_kind = stat.S_IFMT(at.st_mode) == stat.S_IFMT(mode)
        return same_kind and at.st_size == size and at.st_mtime_ns // SECOND_NS == mtime_ns // SECOND_NS


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


def _missing(names: set[bytes], known: Mapping[bytes, Row], *, another: bool | None) -> str | None:
    names -= OF_THE_SYSTEM
    old = known.keys() - OF_THE_SYSTEM
    if not old or not names.isdisjoint(old):
        return None
    what = f"{len(old):,} {'name' if len(old) == 1 else 'names'}"
    if not names:
        return f"it is empty, but held {what} at the last backup; its disk may not be mounted"
    if another is False:
        return None
    return f"another disk or folder is there, with none of the {what} of the last backup"
