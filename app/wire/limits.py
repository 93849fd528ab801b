"""Limits of what server and agent accept from each other: numbers, texts, names.

Checked where a record is decoded, and nowhere else: what has passed can be kept, shown and restored.
"""

from typing import Annotated, Final

import msgspec

from streams.model.safe_text import screen_text, terminal_text

MAX_PATH_BYTES: Final = 4096
MAX_NAME_BYTES: Final = 255
"""Of one part of a path: no file system of today takes a longer one back."""
MAX_ENTRIES: Final = 1000
"""Names in one body; a write of more would hold up all others."""
MAX_HASHES: Final = 10_000
"""Contents that can be asked for at once."""
MAX_IDS: Final = 10_000
"""Clients or files that one command is about."""
MAX_BATCH_BLOBS: Final = 5000
"""Contents in one batch."""
MAX_RUN_NAMES: Final = 100
"""Names of one run that failed, and as many that have vanished, are told and kept."""
MAX_REASON: Final = 1000
"""Characters of a reason, or of the first name of many, in events, lines and transfers."""
MAX_LABEL: Final = 1000
MAX_WORD: Final = 100
"""Of what an agent says of itself, such as its platform."""
MAX_CURSOR: Final = 8192

Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
"""How many files."""
Size = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""Bytes; up to here a floating number holds each of them too."""
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""An id, as a database can keep it."""
Time = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""Nanoseconds since 1970, as file systems keep them."""
Mode = Annotated[int, msgspec.Meta(ge=0, le=0o177777)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Id = Annotated[str, msgspec.Meta(max_length=64)]
"""Of a client; one that no client has is told as unknown where it is looked for."""
EnrolmentKey = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9_-]{43,86})?$(?!\n)")]
"""256 bits by chance or more, made by the machine that enrols."""
CorrelationId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.:-]{0,64}$(?!\n)")]
Bytes = Annotated[bytes, msgspec.Meta(max_length=MAX_PATH_BYTES)]
"""A path or the target of a link."""


def shown(raw_path: bytes) -> str:
    """Return a name for a message: on one line, its end where it is long."""
    text = terminal_text(raw_path.decode("utf-8", "backslashreplace"))
    return text if len(text) <= 200 else f"…{text[-200:]}"


def clipped(text: str, longest: int = MAX_REASON) -> str:
    """Return a text for people, cut where it is too long."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def spoken(text: str, longest: int = MAX_REASON) -> str:
    """Return what a machine says, for people: cut where it is too long, its control characters as escapes."""
    text = screen_text(text[:longest])
    return clipped(text, longest)


def problem_of_path(raw_path: bytes) -> str | None:
    """Return why a restore could not make this path; None where it could."""
    if not raw_path.startswith(b"/"):
        return "it is not absolute"
    if raw_path == b"/":
        return "it is the root itself"
    if len(raw_path) > MAX_PATH_BYTES:
        return f"it is longer than {MAX_PATH_BYTES:,} bytes"
    if b"\0" in raw_path:
        return "it holds a zero byte"
    for part in raw_path[1:].split(b"/"):
        if part in (b"", b".", b".."):
            return f"it holds {part.decode() or 'an empty name'!r}"
        if len(part) > MAX_NAME_BYTES:
            return f"one of its names is longer than {MAX_NAME_BYTES} bytes"
    return None


def check_path(raw_path: bytes) -> None:
    """Raise ``ValueError`` for a path that no restore could make."""
    problem = problem_of_path(raw_path)
    if problem is not None:
        raise ValueError(f"The path '{shown(raw_path)}' cannot be kept: {problem}.")
