"""Whole answers through a fold, as the changes that a table follows."""

from collections.abc import Callable, Hashable
from types import MappingProxyType
from typing import Any, TypeVar

from streams.model.snapshot import Delta
from streams.operators.results import Failed, Ok

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")

_NOTHING: Delta[Any, Any] = Delta(MappingProxyType({}))
"""An answer that changes nothing still confirms what is known."""


def folded(
    read: Callable[[T], Delta[K, V] | None],
) -> Callable[[Ok[T] | Failed], Delta[K, V] | Failed]:
    """Give answers to ``read``; what it returns has changed."""

    def answered(answer: Ok[T] | Failed) -> Delta[K, V] | Failed:
        return (read(answer.value) or _NOTHING) if isinstance(answer, Ok) else answer

    return answered
