"""Where things lie in the store's folder, and how a directory entry is made durable."""

import os
from pathlib import Path

from app.store.errors import FULL, BadHash

_DIGITS = frozenset("0123456789abcdef")


class Layout:
    """Paths of a store: ``ab/cdef...`` for contents, ``tmp`` for uploads, ``damaged`` for the set aside."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tmp = root / "tmp"
        self.set_aside = root / "damaged"

    def make(self) -> None:
        """Create all folders, durably; afterwards no upload has to."""
        missing = [folder for folder in (self.root, *self.root.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            sync_directory(folder.parent)
        before = {entry.name for entry in self.root.iterdir()}
        wanted = [f"{number:02x}" for number in range(256)] + [self.tmp.name, self.set_aside.name]
        for name in wanted:
            if name not in before:
                (self.root / name).mkdir()
        sync_directory(self.root)

    def probe(self) -> None:
        """Raise OSError where no upload could begin; a full disk may be emptied while the server runs."""
        probe = self.tmp / "probe"
        try:
            probe.touch()
        except OSError as error:
            if error.errno not in FULL:
                raise
        probe.unlink(missing_ok=True)

    def blob(self, sha256: str) -> Path:
        """Return where a content lies; raises BadHash for what is no hash: no name leaves the folder."""
        if len(sha256) != 64 or not _DIGITS.issuperset(sha256):
            raise BadHash("A hash is 64 lower-case hexadecimal digits.")
        return self.root / sha256[:2] / sha256[2:]

    def damaged(self, sha256: str) -> Path:
        """Return where a content is set aside once it is found damaged."""
        return self.set_aside / sha256

    def folders(self) -> list[Path]:
        """Return the folders that contents lie in."""
        return [self.root / f"{number:02x}" for number in range(256)]


def holds_contents(root: Path) -> bool:
    """Return whether a store is at ``root`` and keeps any content."""
    return any(
        next(folder.iterdir(), None) is not None for folder in Layout(root).folders() if folder.is_dir()
    )


def sync_directory(folder: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
