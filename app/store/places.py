"""Puts contents at their places and takes them away; knows which names are durable. Blocking."""

import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from errno import EIO
from pathlib import Path

import structlog

from app.runtime.log_limits import FOR_EACH, LimitedLog
from app.store.file_operations import Inode, inode_of
from app.store.identity import Identity
from app.store.layout import Layout

log = structlog.stdlib.get_logger(__name__)
each_log = LimitedLog(log, most=FOR_EACH)


@dataclass(frozen=True, slots=True)
class Placed:
    """A content at its place, whose name may not be durable yet."""

    sha256: str
    size_bytes: int
    """What it takes on the disk."""
    inode: Inode
    fresh: bool
    """Nothing that anybody was told of has been replaced."""
    failures: int
    """How often a sync of its folder had failed by then."""


class Places:
    """The one place where names in the folders of contents change.

    A name is *unsettled* from before it is made until a sync of its folder has succeeded that began after
    it, with no failed sync in between: the kernel tells of a lost write once, and maybe not the one whose
    write it was. An unsettled content is not there for anybody; sent again, it is written to a new file.
    """

    def __init__(self, layout: Layout, identity: Identity) -> None:
        self._layout = layout
        self._files = layout.files
        self._identity = identity
        self._changing = {folder.name: threading.Lock() for folder in layout.folders()}
        self._syncing = {folder.name: threading.Lock() for folder in layout.folders()}
        self._failures: Counter[str] = Counter()
        self._unsettled: set[str] = set()
        self._disowned: set[Path] = set()
        self._counting = threading.Lock()
        self.change_bytes = 0
        """By how much the bytes of all contents have changed since the start."""

    def trusts(self, sha256: str) -> bool:
        """Return whether the name of a content, if it is there, is durable and not known to be damaged."""
        return sha256 not in self._unsettled

    def place(self, source: Path, sha256: str) -> Placed:
        """Give a file that has been synced the place of a content; its name is to be settled afterwards."""
        target = self._layout.blob(sha256)
        folder = sha256[:2]
        self._identity.check()
        made = self._files.stat(source)
        with self._changing[folder]:
            try:
                before = self._files.stat(target)
            except FileNotFoundError:
                before = None
            fresh = before is None or sha256 in self._unsettled
            self._unsettled.add(sha256)
            failures = self._failures[folder]
            try:
                self._files.move(source, target)
            except OSError:
                if before is None:
                    self._unsettled.discard(sha256)
                raise
            self._count(made.st_size - (before.st_size if before is not None else 0))
        return Placed(sha256, made.st_size, inode_of(made), fresh, failures)

    def settle(self, placed: Sequence[Placed], *, synced: bool = True) -> None:
        """Make the names of contents of one folder durable; raises OSError, and none of them is there then.

        Without ``synced`` they only count as durable.
        """
        folder = placed[0].sha256[:2]
        with self._syncing[folder]:
            try:
                if synced:
                    self._sync(folder)
                if any(self._failures[folder] != each.failures for each in placed):
                    raise OSError(EIO, "another sync of the folder has failed")
                self._identity.check()
            except OSError:
                for each in placed:
                    self._take_back(each)
                raise
            self._unsettled.difference_update(each.sha256 for each in placed)
        for each in placed:
            self.discard_damaged_copy(each.sha256)

    def discard_damaged_copy(self, sha256: str) -> None:
        """Remove the copy that was set aside, if there is one: a good copy is durable in its place."""
        try:
            self._files.remove(self._layout.damaged(sha256))
        except FileNotFoundError:
            return
        except OSError as error:
            # The next start removes it.
            each_log.warning("damaged_copy_stays", sha256=sha256, reason=str(error))
        else:
            each_log.info("damaged_copy_removed", sha256=sha256)

    def set_aside(self, sha256: str, inode: Inode) -> bool:
        """Take a damaged copy out of the way; return whether it was still the one at its place.

        Raises OSError where it cannot be moved; it is not trusted any more then.
        """
        path = self._layout.blob(sha256)
        with self._changing[sha256[:2]]:
            try:
                found = self._files.stat(path)
                if inode_of(found) != inode:
                    return False
                self._files.move(path, self._layout.damaged(sha256))
            except FileNotFoundError:
                return False
            except OSError:
                self._unsettled.add(sha256)
                raise
            self._count(-found.st_size)
        try:
            self._sync(sha256[:2])
            self._files.sync_folder(self._layout.set_aside)
        except OSError as error:
            # After a crash it may be back at its place: then it is found damaged again.
            each_log.warning("set_aside_not_durable", sha256=sha256, reason=str(error))
        return True

    def distrust(self, sha256: str) -> None:
        """Treat a content as not there until it has been sent again."""
        self._unsettled.add(sha256)

    def remove(self, sha256: str) -> None:
        """Remove a content, if it is there; ``sync`` makes that durable."""
        path = self._layout.blob(sha256)
        with self._changing[sha256[:2]]:
            with suppress(FileNotFoundError):
                self._files.remove(self._layout.damaged(sha256))
            try:
                size = self._files.stat(path).st_size
                self._files.remove(path)
            except FileNotFoundError:
                size = 0
            self._unsettled.discard(sha256)
            self._count(-size)

    def sync(self, folders: set[str]) -> None:
        """Make what has been removed from these folders durable; raises OSError."""
        for folder in folders:
            with self._syncing[folder]:
                self._sync(folder)

    def disown(self, data: Path) -> None:
        """Treat what an upload has left in ``data`` as not received: it could not be removed."""
        self._disowned.add(data)

    def disowned(self, data: Path) -> bool:
        """Return whether nothing in ``data`` counts as received."""
        return data in self._disowned

    def own(self, data: Path) -> None:
        """Let what is received into ``data`` from now on count again: it is a new file."""
        self._disowned.discard(data)

    def _sync(self, folder: str) -> None:
        try:
            self._files.sync_folder(self._layout.root / folder)
        except OSError:
            self._failures[folder] += 1
            raise

    def _take_back(self, placed: Placed) -> None:
        """Remove a name that could not be made durable, so that no restart takes it for a good one."""
        if not placed.fresh:
            return
        path = self._layout.blob(placed.sha256)
        with self._changing[placed.sha256[:2]]:
            try:
                found = self._files.stat(path)
                if inode_of(found) == placed.inode:
                    self._files.remove(path)
                    self._count(-found.st_size)
            except OSError as error:
                each_log.warning("unsettled_content_stays", sha256=placed.sha256, reason=str(error))

    def _count(self, change: int) -> None:
        with self._counting:
            self.change_bytes += change
