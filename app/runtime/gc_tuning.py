"""Keeps long-lived objects out of the garbage collector's way.

A full collection walks every object that can hold others. A console with all its controls, or a server with
its caches, has some hundred thousand of them that stay as long as the program: a tenth of a second, in which
nothing is drawn or sent, several times a minute under load.
"""

import asyncio
import gc
from collections.abc import Generator
from contextlib import contextmanager

SELDOM = (20_000, 5, 5)
"""After so many new objects the young ones are walked; building a view makes that many. With Python's own 700
the collector takes a third of the time of that."""

WHOLE_EVERY_S = 1800.0
"""How often everything is walked after all: what was put aside and has been given up since is found then."""


@contextmanager
def still_heap(loop: asyncio.AbstractEventLoop, *, whole_every_s: float = WHOLE_EVERY_S) -> Generator[None]:
    """Put aside, for the length of the block, whatever survives a full collection, and collect more seldom.

    So each object is walked by one full collection and not by all of them. For the root of a program: it
    changes the collector of the whole process.
    """

    def on_collection(phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            gc.freeze()

    def whole() -> None:
        nonlocal timer
        gc.unfreeze()
        gc.collect()
        timer = loop.call_later(whole_every_s, whole)

    usual = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    gc.callbacks.append(on_collection)
    timer = loop.call_later(whole_every_s, whole)
    try:
        yield
    finally:
        timer.cancel()
        gc.callbacks.remove(on_collection)
        gc.set_threshold(*usual)
        gc.unfreeze()
