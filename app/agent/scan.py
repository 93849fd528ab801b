"""Finding what is new, changed or gone below the folders to back up, without reading any file."""

import os
import stat
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from app.agent.ignore import IGNORE_FILE, MAX_IGNORE_FILE_BYTES, Ignore
from app.agent.index import Index, Row
from app.agent.names import join, reason_of, split
from streams.failures import ConfigRejected

STEP_S = 0.1
STEP_NAMES = 2000
DECODED_KINDS = {
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "pipe",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


class Found(msgspec.Struct, gc=False):
    """A name that is new or may have changed, as it stood when it was found."""

    path: bytes
    mode: int
    """With the type of the file."""
    size: int
    mtime_ns: int
    inode: int
    ctime_ns: int
    old: Row | None
    target: bytes | None = None


@dataclass(slots=True)
class Step:
    """What one step of a scan found."""

    found: list[Found] = field(default_factory=list)
    vanished: list[bytes] = field(default_factory=list)
    failed: list[tuple[bytes, str]] = field(default_factory=list)
    """Could not be looked at, and why; what is known of them is left as it is."""
    skipped: list[tuple[bytes, str]] = field(default_factory=list)
    """Sockets, pipes and devices."""
    files: int = 0
    """Files and links that were looked at, unchanged ones included."""
    bytes: int = 0
    unchanged: int = 0
    """Of ``files`` those that are as they were."""
    done: bool = False

    def count(self) -> int:
        """Return how many names the reader of this step has to handle."""
        return len(self.found) + len(self.vanished) + len(self.failed)


def checked_roots(paths: Iterable[bytes]) -> list[bytes]:
    """Return what to back up as absolute paths, each once; raise ``ConfigRejected`` for what is not there."""
    roots: set[bytes] = set()
    for given in paths:
        path = os.path.abspath(given)  # noqa: PTH100
        path = b"/" if path == b"//" else path
        name = os.fsdecode(path)
        try:
            mode = os.lstat(path).st_mode
        except OSError as error:
            raise ConfigRejected(
                f"{name!r} cannot be backed up: {reason_of(error)}.", hint="Check the path."
            ) from None
        if stat.S_ISLNK(mode):
            raise ConfigRejected(
                f"{name!r} is a link.", hint="Give what it leads to; links are never followed."
            )
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            raise ConfigRejected(f"{name!r} is neither a file nor a folder.", hint="Give a folder.")
        roots.add(path)
    inner = {r for r in roots if any(o != r and r.startswith(o.rstrip(b"/") + b"/") for o in roots)}
    return sorted(roots - inner)


class Scanner:
    """Walks folders in steps; each ``step`` blocks for about a tenth of a second and belongs in a thread.

    Links are never followed. A name that cannot be looked at is reported and what is known of it stays.
    """

    def __init__(
        self,
        roots: Sequence[bytes],
        index: Index,
        patterns: Sequence[str] = (),
        leave_out: Iterable[bytes] = (),
    ) -> None:
        self._index = index
        self._leave_out = frozenset(leave_out)
        self._folders: list[tuple[bytes, Ignore]] = []
        self._roots = list(reversed(roots))
        self._patterns = tuple(patterns)
        self._gone: list[bytes] = []

    def step(self) -> Step:
        """Return what the next folders hold; the last step has ``done`` set."""
        step = Step()
        end = time.monotonic() + STEP_S
        while step.count() < STEP_NAMES and time.monotonic() < end:
            if self._gone:
                step.vanished += self._gone
                self._gone = []
            elif self._folders:
                self._folder(*self._folders.pop(), step)
            elif self._roots:
                self._root(self._roots.pop(), step)
            else:
                step.done = True
                break
        return step

    def _root(self, path: bytes, step: Step) -> None:
        folder, name = split(path)
        old = self._index.folder(folder).get(name)
        try:
            at = os.lstat(path)
        except OSError as error:
            step.failed.append((path, reason_of(error)))
            return
        self._name(path, at, old, step)
        if stat.S_ISDIR(at.st_mode):
            self._folders.append((path, Ignore.of(path, self._patterns)))

    def _folder(self, path: bytes, ignore: Ignore, step: Step) -> None:
        known = self._index.folder(path)
        try:
            with os.scandir(path) as listing:
                entries = list(listing)
        except FileNotFoundError:
            self._gone += self._index.below(path)
            return
        except OSError as error:
            step.failed.append((path, reason_of(error)))
            return
        if any(entry.name == IGNORE_FILE for entry in entries):
            ignore = self._with_file(path, ignore, step)
        prefix = join(path, b"")
        unchanged = size = 0
        leave_out = self._leave_out
        for entry in entries:
            name = entry.name
            if (ignore or leave_out) and self._is_left_out(prefix + name, entry, ignore):
                continue
            try:
                at = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                known.pop(name, None)
                step.failed.append((prefix + name, reason_of(error)))
                continue
            old = known.pop(name, None)
            mode = at.st_mode
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
                continue
            self._name(prefix + name, at, old, step)
            if mode & 0o170000 == 0o040000:
                self._folders.append((prefix + name, ignore))
        step.files += unchanged
        step.unchanged += unchanged
        step.bytes += size
        for name, row in known.items():
            self._gone.append(prefix + name)
            if stat.S_ISDIR(row[1]):
                self._gone += self._index.below(prefix + name)

    def _is_left_out(self, path: bytes, entry: os.DirEntry[bytes], ignore: Ignore) -> bool:
        return path in self._leave_out or (
            bool(ignore) and ignore.ignores(path, folder=entry.is_dir(follow_symlinks=False))
        )

    def _name(self, path: bytes, at: os.stat_result, old: Row | None, step: Step) -> None:
        kind = stat.S_IFMT(at.st_mode)
        if old is not None and stat.S_ISDIR(old[1]) and kind != stat.S_IFDIR:
            self._gone += self._index.below(path)
        if kind == stat.S_IFDIR:
            if old is None or old[1] != at.st_mode or old[3] != at.st_mtime_ns:
                step.found.append(Found(path, at.st_mode, 0, at.st_mtime_ns, at.st_ino, at.st_ctime_ns, old))
            return
        if kind not in (stat.S_IFREG, stat.S_IFLNK):
            step.skipped.append((path, DECODED_KINDS.get(kind, "special file")))
            if old is not None:
                self._gone.append(path)
            return
        step.files += 1
        now = (at.st_mode, at.st_size, at.st_mtime_ns, at.st_ino, at.st_ctime_ns)
        if old is not None and old[1:6] == now:
            step.unchanged += 1
            step.bytes += at.st_size if kind == stat.S_IFREG else 0
            return
        found = Found(path, *now, old)
        if kind == stat.S_IFLNK:
            try:
                found.target = os.readlink(path)  # noqa: PTH115
            except OSError as error:
                step.failed.append((path, reason_of(error)))
                return
        else:
            step.bytes += at.st_size
        step.found.append(found)

    @staticmethod
    def _with_file(folder: bytes, ignore: Ignore, step: Step) -> Ignore:
        path = join(folder, IGNORE_FILE)
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return ignore.with_file(folder, os.read(file, MAX_IGNORE_FILE_BYTES))
            finally:
                os.close(file)
        except OSError as error:
            step.failed.append((path, f"its patterns are not applied: {reason_of(error)}"))
        except ConfigRejected as error:
            step.failed.append((path, error.message))
        return ignore
