"""Answers and frames through a fold, as the changes that a table follows."""

from collections.abc import Callable, Hashable
from types import MappingProxyType
from typing import Any, TypeVar

from reactivex import Observable

from streams.operators.results import Failed, Ok
from streams.snapshot import Delta
from streams.sources.feed import FeedItem
from streams.sources.reading import chosen

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")

_NOTHING: Delta[Any, Any] = Delta(MappingProxyType({}))
"""An answer that changes nothing still confirms what is known."""


def folded(
    items: Observable[Ok[T] | Failed | FeedItem],
    read: Callable[[T], Delta[K, V] | None],
    hear: Callable[[FeedItem], Delta[K, V] | None],
) -> Observable[Ok[Delta[K, V]] | Failed]:
    """Give answers to ``read`` and what the feed says to ``hear``; emit what they say has changed."""

    def take(item: Ok[T] | Failed | FeedItem) -> Ok[Delta[K, V]] | Failed | None:
        if isinstance(item, Failed):
            return item
        if isinstance(item, Ok):
            return Ok(read(item.value) or _NOTHING)
        delta = hear(item)
        return None if delta is None else Ok(delta)

    return items.pipe(chosen(take))
