"""Finding what is new, changed or gone below the folders to back up, without reading any file."""

import errno
import os
import stat
import time
from collections.abc import Sequence
from itertools import islice

from app.agent.changes import Changes
from app.agent.folder_listing import FolderListing
from app.agent.folder_rules import FolderRules
from app.agent.folders import Folders
from app.agent.found import Step
from app.agent.gone_names import GoneNames
from app.agent.ignore import Ignore
from app.agent.index import Index, Row
from app.agent.left_out import LARGE, NOTHING_LEFT_OUT, OTHER_FILE_SYSTEM, OWN, Exclusions
from app.agent.names import NOT_FOUND, join, reason_of, split
from app.agent.sources import Sources
from app.wire.limits import problem_of_path

STEP_S = 0.1
STEP_NAMES = 2000


class Scanner:
    """Walks folders in steps; each ``step`` blocks for about a tenth of a second and belongs in a thread.

    Every folder is opened in the one above it and no link is followed. A name that cannot be looked at is
    reported and what is known of it stays.
    """

    def __init__(
        self,
        roots: Sequence[bytes],
        index: Index,
        patterns: Sequence[str] = (),
        exclusions: Exclusions = NOTHING_LEFT_OUT,
        *,
        folders: Folders | None = None,
        sources: Sources | None = None,
    ) -> None:
        self._index, self._exclusions = index, exclusions
        self._folders = folders or Folders()
        self._file_system = self._folders.file_system
        self._sources = sources or Sources(index, roots)
        self._own, self._own_inodes = frozenset(exclusions.own_folders), exclusions.own_inodes()
        self._below: list[tuple[bytes, Ignore]] = []
        self._roots = list(reversed(roots))
        self._rules = FolderRules(patterns, self._folders.file_system)
        self._gone = GoneNames(index, self._sources)
        self._changes = Changes(self._gone, self._file_system)
        self._ended = list(self._sources.ended)
        self._listing: FolderListing | None = None

    def close(self) -> None:
        """Close what is open; must not run beside ``step``."""
        self._end_listing()
        self._folders.close()

    def step(self) -> Step:
        """Return what the next folders hold; the last step has ``done`` set."""
        step = Step()
        end = time.monotonic() + STEP_S
        while step.count() < STEP_NAMES and time.monotonic() < end:
            if self._gone.names:
                step.vanished += self._gone.take()
            elif self._listing is not None:
                self._list(self._listing, step)
            elif self._below:
                self._enter(*self._below.pop(), step)
            elif self._roots:
                self._root(self._roots.pop(), step)
            elif self._ended:
                self._gone.end(self._ended.pop())
            else:
                step.done = True
                self.close()
                break
        return step

    def gone_meanwhile(self) -> list[bytes]:
        """Return the sources that were there when they were looked at and are not any more."""
        return self._sources.gone_meanwhile(self._folders.real)

    def unmatched(self) -> list[str]:
        """Return the patterns that have matched no name so far."""
        return self._rules.unmatched()

    def _root(self, path: bytes, step: Step) -> None:
        folder, name = split(path)
        old = self._index.folder(folder).get(name)
        try:
            parent = self._folders.open(folder)
            at = self._file_system.stat(name or b".", parent)
        except OSError as error:
            step.failed.append((path, reason_of(error)))
            return
        if stat.S_ISDIR(at.st_mode):
            if self._is_missing(path, step, mounted=False):
                return
            self._below.append((path, self._rules.of_root(path)))
        elif old is not None and stat.S_ISDIR(old[1]) and not self._sources.is_meant(path):
            step.missing.append((path, "a file is where a folder was backed up"))
            return
        self._changes.look_at(path, at, old, parent, step)

    def _is_missing(self, path: bytes, step: Step, *, mounted: bool) -> bool:
        """Return whether a folder is a source of which nothing is there, and say so."""
        real = self._folders.real(path)
        if not self._sources.is_source(path, real, mounted=mounted):
            return False
        try:
            descriptor = self._folders.list(path)
        except OSError:
            return False  # It is said when it is entered.
        try:
            reason = self._sources.look_at(path, real, descriptor, self._index.folder(path))
        except OSError as error:
            step.failed.append((path, reason_of(error)))
            return True
        finally:
            os.close(descriptor)
        if reason is not None:
            step.missing.append((path, reason))
        return reason is not None

    def _enter(self, path: bytes, ignore: Ignore, step: Step) -> None:
        try:
            descriptor = self._folders.list(path)
        except OSError as error:
            if error.errno == errno.ENOENT and self._folders.is_gone(path):
                return  # The next backup does not find it in the folder above.
            swapped = error.errno in (errno.ENOTDIR, errno.ELOOP)
            reason = "it was replaced while it was looked at" if swapped else reason_of(error)
            step.failed.append((path, reason))
            return
        try:
            if self._is_marked(path, descriptor, step):
                os.close(descriptor)
                return
            device = os.fstat(descriptor).st_dev
            entries = self._file_system.entries(descriptor)
        except OSError as error:
            os.close(descriptor)
            step.failed.append((path, reason_of(error)))
            return
        known = self._index.folder(path)
        self._listing = FolderListing(join(path, b""), ignore, descriptor, entries, device, known)
        self._listing.ignore = self._rules.of(path, ignore, descriptor, step)

    def _is_marked(self, path: bytes, descriptor: int, step: Step) -> bool:
        """Return whether the content of an open folder is left out; of it only the marker is backed up."""
        at = os.fstat(descriptor)
        marked = (OWN, None) if (at.st_dev, at.st_ino) in self._own_inodes else None
        marked = marked or self._exclusions.marked(descriptor, self._file_system)
        if marked is None:
            return False
        reason, marker = marked
        step.left_out.append((path, reason))
        self._sources.forget(path)
        kept = None if marker is None else join(path, marker)
        self._gone.add_below(path, keep=kept)
        if marker is not None and kept is not None:
            at = self._file_system.stat(marker, descriptor)
            if not stat.S_ISDIR(at.st_mode):
                self._changes.look_at(kept, at, self._index.folder(path).get(marker), descriptor, step)
        return True

    def _end_listing(self) -> None:
        if self._listing is not None:
            self._listing.close()
            self._listing = None

    def _list(self, listing: FolderListing, step: Step) -> None:
        """Look at the next names of a folder."""
        prefix, ignore, known = listing.prefix, listing.ignore, listing.known
        checks, max_bytes = bool(ignore or self._own), self._exclusions.max_bytes
        unchanged = size = seen = 0
        try:
            for entry in islice(listing.entries, STEP_NAMES):
                seen += 1
                name = os.fsencode(entry.name)
                if checks and self._is_left_out(prefix + name, entry, ignore, step):
                    listing.left_out.add(name)
                    continue
                try:
                    at = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    listing.not_found.add(name)
                    continue
                except OSError as error:
                    known.pop(name, None)
                    step.failed.append((prefix + name, reason_of(error)))
                    continue
                mode = at.st_mode
                if at.st_size > max_bytes and mode & 0o170000 == 0o100000:
                    listing.left_out.add(name)
                    step.left_out.append((prefix + name, LARGE))
                    continue
                old = known.pop(name, None)
                # The way of nearly all names of nearly all scans; nothing is made for them.
                if (
                    old is not None
                    and mode & 0o170000 == 0o100000
                    and old[1] == mode
                    and old[2] == at.st_size
                    and old[3] == at.st_mtime_ns
                    and old[4] == at.st_ino
                    and old[5] == at.st_ctime_ns
                ):
                    unchanged += 1
                    size += at.st_size
                else:
                    self._new_name(name, at, old, listing, step)
        except OSError as error:
            # What was not reached is not taken to be gone.
            step.failed.append((prefix.rstrip(b"/") or b"/", reason_of(error)))
            known.clear()
            seen = 0
        step.files += unchanged
        step.unchanged += unchanged
        step.bytes += size
        self._rules.tell_slow(ignore, step)
        if seen < STEP_NAMES:
            # What is there and cannot be looked at has not vanished.
            for name in listing.unreadable(self._file_system):
                listing.known.pop(name, None)
                step.failed.append((listing.prefix + name, NOT_FOUND))
            self._end_listing()
            self._vanish(listing, step)

    def _is_left_out(self, path: bytes, entry: os.DirEntry[str], ignore: Ignore, step: Step) -> bool:
        if path in self._own and entry.is_dir(follow_symlinks=False):
            step.left_out.append((path, OWN))
            return True
        return bool(ignore) and ignore.ignores(path, folder=entry.is_dir(follow_symlinks=False))

    def _new_name(
        self, name: bytes, at: os.stat_result, old: Row | None, listing: FolderListing, step: Step
    ) -> None:
        path = listing.prefix + name
        if (problem := problem_of_path(path)) is not None:
            step.failed.append((path, problem))
            return
        if at.st_mode & 0o170000 != 0o040000:
            return self._changes.look_at(path, at, old, listing.descriptor, step)
        mounted = at.st_dev != listing.device
        if mounted and self._exclusions.one_file_system:
            step.left_out.append((path, OTHER_FILE_SYSTEM))
            self._sources.forget(path)
            self._gone.add_below(path)
        elif self._is_missing(path, step, mounted=mounted):
            return
        else:
            self._below.append((path, listing.ignore))
        self._changes.look_at(path, at, old, listing.descriptor, step)

    def _vanish(self, listing: FolderListing, step: Step) -> None:
        for name, row in listing.known.items():
            path = listing.prefix + name
            if not stat.S_ISDIR(row[1]):
                self._gone.add(path)
                continue
            if name in listing.left_out:
                self._sources.forget(path)
            if self._gone.lose_below(path, step):
                self._gone.add(path)
