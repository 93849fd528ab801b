"""The layout of the store's folder."""

import errno
import os
from pathlib import Path

from app.store.errors import FULL, BadHash
from app.store.file_operations import FileOperations

_DIGITS = frozenset("0123456789abcdef")


class Layout:
    """Paths of a store: ``ab/cdef...`` for contents, ``tmp`` for uploads, ``damaged`` for the set aside.

    ``revoked`` has a name for each token that is good no longer.
    """

    def __init__(self, root: Path, files: FileOperations | None = None) -> None:
        self.root = root
        self.files = files or FileOperations()
        self.tmp = root / "tmp"
        self.set_aside = root / "damaged"
        self.identity = root / "identity"
        self.moment = root / "moment"
        self.revoked = root / "revoked"

    def make(self) -> None:
        """Create all folders, durably; afterwards no upload has to."""
        missing = [folder for folder in (self.root, *self.root.parents) if not folder.exists()]
        for folder in reversed(missing):
            self.files.make_folder(folder)
            self.files.sync_folder(folder.parent)
        before = {entry.name: entry for entry in os.scandir(self.root)}
        for folder in (*self.folders(), self.tmp, self.set_aside, self.revoked):
            found = before.get(folder.name)
            if found is None:
                self.files.make_folder(folder)
            elif not found.is_dir(follow_symlinks=False):
                raise NotADirectoryError(errno.ENOTDIR, "it is no folder", str(folder))
        self.files.sync_folder(self.root)

    def probe(self) -> None:
        """Raise OSError where no upload could begin; a full disk may be emptied while the server runs."""
        probe = self.tmp / "probe"
        try:
            os.close(self.files.open(probe, os.O_WRONLY | os.O_CREAT))
        except OSError as error:
            if error.errno in FULL:
                return
            raise
        self.files.remove(probe)

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
