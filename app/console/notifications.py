"""Notifications of the desktop, through the program that Linux desktops have for them."""

import asyncio
import shutil
from collections.abc import Callable

import structlog

from app.runtime.tasks import Tasks
from streams.model.safe_text import terminal_text

log = structlog.stdlib.get_logger(__name__)

PROGRAM = "notify-send"
MAX_LETTERS = 300


def notifier(tasks: Tasks, program: str = PROGRAM) -> Callable[[str, str], None]:
    """Return what shows a text and why; without the program it shows nothing, which is logged once."""
    path = shutil.which(program)
    if path is None:
        log.info("no_notifications", program=program)

    async def show(text: str, detail: str) -> None:
        assert path is not None
        words = (terminal_text(text)[:MAX_LETTERS], terminal_text(detail)[:MAX_LETTERS])
        try:
            shown = await asyncio.create_subprocess_exec(
                path,
                "--app-name=Tidewatch",
                "--",
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            code = await shown.wait()
        except OSError as error:
            log.warning("notification_failed", reason=error.strerror or str(error))
            return
        if code:
            log.warning("notification_failed", code=code)

    def notify(text: str, detail: str) -> None:
        if path is not None:
            tasks.start(show(text, detail), "notification")

    return notify
