"""Waiting times before something that failed is tried again."""

from collections.abc import Callable
from dataclasses import dataclass
from random import random

_LAST_DOUBLING = 60


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubling waits with a cap, spread by jitter so that many who failed together do not come back together.

    Call it with the number of failures in a row: ``min(cap_s, base_s * 2 ** (n - 1)) * (1 ± jitter_ratio)``.
    ``jitter`` gives evenly spread numbers from 0 to 1.
    """

    base_s: float = 0.5
    cap_s: float = 30.0
    jitter_ratio: float = 0.2
    jitter: Callable[[], float] = random

    def __call__(self, failures: int) -> float:
        """Return the seconds to wait after this many failures in a row."""
        doublings = min(max(failures - 1, 0), _LAST_DOUBLING)
        plain_s = min(self.cap_s, self.base_s * 2.0**doublings)
        return plain_s * (1.0 + self.jitter_ratio * (2.0 * self.jitter() - 1.0))
