"""Survivors of a full collection are put aside, and everything is walked again from time to time."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from app.runtime.gc_tuning import SELDOM, still_heap


class _Node:
    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def _nothing_put_aside() -> Iterator[None]:
    """Give these tests the heap that the whole run has put aside."""
    gc.unfreeze()
    yield
    gc.freeze()


async def test_puts_aside_what_survives_and_gives_it_back_at_the_end() -> None:
    before, usual = list(gc.callbacks), gc.get_threshold()
    with still_heap(asyncio.get_running_loop()):
        assert gc.get_freeze_count() == 0
        assert gc.get_threshold() == SELDOM
        gc.collect()
        assert gc.get_freeze_count() > 1000
    assert gc.get_freeze_count() == 0
    assert gc.callbacks == before
    assert gc.get_threshold() == usual


async def test_leaves_young_collections_alone() -> None:
    with still_heap(asyncio.get_running_loop()):
        gc.collect(1)
        assert gc.get_freeze_count() == 0


async def test_finds_what_was_given_up_after_it_had_been_put_aside() -> None:
    with still_heap(asyncio.get_running_loop(), whole_every_s=0.0):
        node = _Node()
        gone = asyncio.Event()
        weakref.finalize(node, gone.set)
        gc.collect()
        del node
        async with asyncio.timeout(30):
            await gone.wait()
