"""Counters of a restore."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Restored:
    """What a restore did."""

    files: int = 0
    folders: int = 0
    links: int = 0
    size_bytes: int = 0
    present: int = 0
    """Files and links that were there already, whole."""
    specials: int = 0
    """Devices, pipes and sockets."""
    stripped_bits: int = 0
    """Files that lost set-user-id or set-group-id, as their owners could not be set."""
    failed: list[tuple[bytes, str]] = field(default_factory=list)
    renamed: list[tuple[bytes, str]] = field(default_factory=list)
    """What had to take another name."""
    unset: dict[str, int] = field(default_factory=dict)
    """How often modes and so on could not be set."""
