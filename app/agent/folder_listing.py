"""A folder that is being listed, and what is known of the names in it."""

import os
from dataclasses import dataclass, field

from app.agent.file_system import FileSystem
from app.agent.ignore import Ignore
from app.agent.index import Row


@dataclass(slots=True)
class FolderListing:
    """A folder that is being listed; a large one takes several steps."""

    prefix: bytes
    ignore: Ignore
    descriptor: int
    entries: "os._ScandirIterator[str]"
    device: int
    known: dict[bytes, Row]
    """What is left is not there any more."""
    left_out: set[bytes] = field(default_factory=set)
    """Of ``known``, what is there and left out."""
    not_found: set[bytes] = field(default_factory=set)
    """Was listed, and not there when it was looked at."""

    def close(self) -> None:
        """Close the folder."""
        self.entries.close()
        os.close(self.descriptor)

    def unreadable(self, file_system: FileSystem) -> set[bytes]:
        """Return the names that were not found and are there: nobody has deleted them meanwhile."""
        if not self.not_found:
            return set()
        try:
            return self.not_found & set(file_system.names(self.descriptor))
        except OSError:
            return self.not_found
