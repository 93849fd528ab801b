"""A command in the foreground: each failure of the outside world is one line, and a signal ends it early."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from app.agent.failures import failure_of_system
from app.agent.system.process import off_signals, on_signals
from app.agent.terminal import complain
from streams.model.failures import TidewatchError

NOT_DONE = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE_S = 1.5
"""How long the work may take to end after a signal; a thread may wait for a disk that does not answer."""
LAST_WORDS_S = 0.2
SHOW_CURSOR = "\x1b[?25h"


class _Deadline:
    """Ends the process some time after a signal, whatever its threads wait for."""

    def __init__(self, stopped: str, code: int) -> None:
        self._stopped, self._code = stopped, code
        self._timer = threading.Timer(GRACE_S, self._end)
        self._timer.daemon = True

    def start(self) -> None:
        """Begin to count, at the first signal."""
        if self._timer.ident is None:
            self._timer.start()

    def cancel(self) -> None:
        """Stop counting: the work has ended."""
        self._timer.cancel()

    def _end(self) -> None:
        # Whoever reads our output may have stopped reading: that must not hold us either.
        words = threading.Thread(target=self._say, daemon=True)
        words.start()
        words.join(LAST_WORDS_S)
        os._exit(self._code)

    def _say(self) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(SHOW_CURSOR)
        complain(TidewatchError(self._stopped))


def run(work: Coroutine[Any, Any, int], stopped: str, *, stopped_code: int = NOT_DONE) -> int:
    """Do ``work`` in a loop of its own and return its exit code; a signal ends it, saying ``stopped``.

    After a signal the process ends within ``GRACE_S``, even where a thread cannot be ended.
    """
    deadline = _Deadline(stopped, stopped_code)
    try:
        return asyncio.run(attended(work, stopped, stopped_code=stopped_code, on_signal=deadline.start))
    except KeyboardInterrupt:
        complain(TidewatchError(stopped))
        return stopped_code
    finally:
        deadline.cancel()


async def attended(
    work: Coroutine[Any, Any, int],
    stopped: str,
    *,
    stopped_code: int = NOT_DONE,
    on_signal: Callable[[], None] = lambda: None,
) -> int:
    """Return the exit code of ``work``, or that of something that was not done, and why in one line.

    ``stopped_code`` is that of a signal: who works until told to end has then done what it should.
    """
    task = asyncio.current_task()
    assert task is not None

    def stop() -> None:
        on_signal()
        task.cancel()

    on_signals(SIGNALS, stop)
    try:
        return await work
    except TidewatchError as error:
        complain(error)
    except OSError as error:
        complain(failure_of_system(error))
    except asyncio.CancelledError:
        complain(TidewatchError(stopped))
        return stopped_code
    finally:
        off_signals(SIGNALS)
    return NOT_DONE
