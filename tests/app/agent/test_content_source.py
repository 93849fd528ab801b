import asyncio
import os
import threading
from pathlib import Path

import pytest

from app.agent.content_source import LargeContent, open_source


@pytest.mark.parametrize("fails", [False, True])
async def test_a_file_that_is_opened_when_nobody_waits_any_more_is_closed(
    tmp_path: Path, fails: bool
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    begun, may_go_on, opened = asyncio.Event(), threading.Event(), list[int]()
    loop, told = asyncio.get_running_loop(), list[object]()
    loop.set_exception_handler(lambda _loop, context: told.append(context))

    def slowly() -> int:
        loop.call_soon_threadsafe(begun.set)
        assert may_go_on.wait(30)
        if fails:
            raise OSError
        opened.append(os.open(tmp_path / "file", os.O_RDONLY))
        return opened[0]

    before = asyncio.all_tasks()
    sending = asyncio.create_task(open_source(LargeContent(slowly, "", 1), 0))
    await begun.wait()
    opening = asyncio.all_tasks() - before - {sending}
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    may_go_on.set()
    await asyncio.wait(opening)
    await asyncio.sleep(0)
    assert len(opened) == (0 if fails else 1)
    for file in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(file)
    assert told == []
