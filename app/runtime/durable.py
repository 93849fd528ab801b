"""Names in folders that survive the loss of power."""

import os
from collections.abc import Callable
from pathlib import Path


def sync_folder(folder: Path, sync: Callable[[int], object] = os.fsync) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)
