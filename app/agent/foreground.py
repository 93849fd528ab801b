"""A command in the foreground: each failure of the outside world is one line, and a signal ends it early."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from app.agent.terminal import complain
from streams.failures import TidewatchError

NOT_DONE = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(work: Coroutine[Any, Any, int], stopped: str, *, stopped_code: int = NOT_DONE) -> int:
    """Do ``work`` in a loop of its own and return its exit code; a signal ends it, saying ``stopped``."""
    try:
        return asyncio.run(attended(work, stopped, stopped_code=stopped_code))
    except KeyboardInterrupt:
        complain(TidewatchError(stopped))
        return stopped_code


async def attended(work: Coroutine[Any, Any, int], stopped: str, *, stopped_code: int = NOT_DONE) -> int:
    """Return the exit code of ``work``, or that of something that was not done, and why in one line.

    ``stopped_code`` is that of a signal: who works until told to end has then done what it should.
    """
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, task.cancel)
    try:
        return await work
    except TidewatchError as error:
        complain(error)
    except asyncio.CancelledError:
        complain(TidewatchError(stopped))
        return stopped_code
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
    return NOT_DONE
