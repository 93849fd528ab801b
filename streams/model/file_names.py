"""Names of files that every system takes, made of names that somebody else has chosen."""

import re
from typing import Final

MAX_NAME_BYTES: Final = 200
"""Of a name, as UTF-8: file systems take 255, and a number may come behind it."""
_REFUSED = re.compile(r'[\x00-\x1f/\\:*?"<>|\x7f]')
"""What some system takes in no name."""


def safe_name(name: str) -> str:
    """Return a name that can be written on any system and leads to no other folder.

    Of one that is too long its middle is left out: names that are alike differ at their ends.
    """
    name = _REFUSED.sub("_", name).strip(" ").rstrip(".")
    data = name.encode("utf-8", "replace")
    if len(data) > MAX_NAME_BYTES:
        half = MAX_NAME_BYTES // 2 - 2
        name = data[:half].decode("utf-8", "ignore") + "…" + data[-half:].decode("utf-8", "ignore")
    return name or "_"
