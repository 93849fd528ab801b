"""Waiting times before the server is tried again."""

import hashlib


class Backoff:
    """Pauses that double up to a cap, each made shorter or longer by a share that differs between clients.

    The share comes from the client's id and the attempt, so that a fleet spreads without any chance in it.
    """

    def __init__(self, seed: str, *, base_s: float, cap_s: float, jitter_ratio: float = 0.3) -> None:
        self._seed, self._base_s, self._cap_s, self._jitter_ratio = seed, base_s, cap_s, jitter_ratio
        self.attempt = 0

    def next_s(self) -> float:
        """Return the next pause in seconds."""
        pause = min(self._cap_s, self._base_s * 2 ** min(self.attempt, 30))
        digest = hashlib.blake2b(f"{self._seed}/{self.attempt}".encode(), digest_size=4).digest()
        share = int.from_bytes(digest, "big") / 0xFFFFFFFF * 2 - 1
        self.attempt += 1
        return pause * (1 + self._jitter_ratio * share)

    def reset(self) -> None:
        """Begin again with the shortest pause: something went well."""
        self.attempt = 0
