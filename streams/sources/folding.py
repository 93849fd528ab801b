"""Answers and frames through a fold, as the changes that a table follows."""

from collections.abc import Callable, Hashable
from types import MappingProxyType
from typing import Any, TypeVar

from streams.operators.results import Failed, Ok
from streams.records.events import Event
from streams.snapshot import Delta
from streams.sources.feed import FeedItem
from streams.sources.reading import Item

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")

_NOTHING: Delta[Any, Any] = Delta(MappingProxyType({}))
"""An answer that changes nothing still confirms what is known."""


def folding(
    read: Callable[[T], Delta[K, V] | None], hear: Callable[[FeedItem], Delta[K, V] | None]
) -> Callable[[Item[T]], Ok[Delta[K, V]] | Failed | None]:
    """Give answers to ``read`` and what the feed says to ``hear``; what they return has changed."""

    def take(item: Item[T]) -> Ok[Delta[K, V]] | Failed | None:
        if not isinstance(item, Event):  # hundreds of events come a second, and are asked nothing else
            if isinstance(item, Ok):
                return Ok(read(item.value) or _NOTHING)
            if isinstance(item, Failed):
                return item
        delta = hear(item)
        return None if delta is None else Ok(delta)

    return take
