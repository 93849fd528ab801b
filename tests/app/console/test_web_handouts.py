"""Files for the browser: at an address that is good once, whole, or without an end."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from app.console import web_handouts
from app.console.web_handouts import GiveOut, Handouts
from streams.model.failures import CommandFailed
from streams.model.zip_stream import Pieces

ROOT = "/secret"


async def pieces() -> AsyncGenerator[bytes]:
    yield b"one "
    yield b"two"


async def nothing() -> AsyncGenerator[bytes]:
    return
    yield


async def refused() -> AsyncGenerator[bytes]:
    raise CommandFailed("The stored bytes are damaged.", code="damaged")
    yield b""


async def cut() -> AsyncGenerator[bytes]:
    yield b"beginning"
    raise CommandFailed("checksum mismatch", code="hash_mismatch")


class Browser:
    """Asks as a browser does, through the ASGI application."""

    def __init__(self) -> None:
        self.handouts = Handouts()
        self.handed_on: list[str] = []
        self.leaves = asyncio.Event()
        self._app = GiveOut(self._other, ROOT, self.handouts)

    async def _other(self, scope: Any, receive: Any, send: Any) -> None:
        self.handed_on.append(scope["path"])

    async def ask(self, path: str, method: str = "GET") -> list[Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            await self.leaves.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app({"type": "http", "path": path, "method": method}, receive, send)
        return sent

    async def get(self, given: Pieces, name: str = "a.txt") -> tuple[list[Any], Any]:
        handout = self.handouts.offer(name, given)
        return await self.ask(f"{ROOT}/{handout.address}"), handout


async def test_a_file_comes_whole_and_once() -> None:
    browser = Browser()
    sent, handout = await browser.get(pieces, "Überweisung 1.txt")
    await handout.taken()
    start, *bodies = sent
    headers = dict(start["headers"])
    assert start["status"] == 200
    assert headers[b"content-disposition"] == b"attachment; filename*=UTF-8''%C3%9Cberweisung%201.txt"
    assert b"".join(each["body"] for each in bodies) == b"one two"
    assert [each["more_body"] for each in bodies] == [True, True, False]
    again = await browser.ask(f"{ROOT}/{handout.address}")
    assert again[0]["status"] == 204  # the page stays


async def test_an_empty_file_is_a_file() -> None:
    sent, handout = await Browser().get(nothing)
    await handout.taken()
    assert sent[0]["status"] == 200 and sent[-1] == {
        "type": "http.response.body",
        "body": b"",
        "more_body": False,
    }


async def test_what_is_refused_at_once_leaves_the_page_where_it_is() -> None:
    sent, handout = await Browser().get(refused)
    assert sent[0]["status"] == 204
    with pytest.raises(CommandFailed, match="damaged"):
        await handout.taken()


async def test_what_fails_in_its_middle_has_no_end() -> None:
    sent, handout = await Browser().get(cut)
    assert sent[0]["status"] == 200
    assert all(each["more_body"] for each in sent[1:])
    with pytest.raises(CommandFailed, match="checksum mismatch"):
        await handout.taken()


async def test_a_browser_that_goes_ends_the_reading() -> None:
    browser, closed = Browser(), asyncio.Event()

    async def endless() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"x"
                browser.leaves.set()
                await asyncio.sleep(0)
        finally:
            closed.set()

    _, handout = await browser.get(endless)
    assert closed.is_set()
    with pytest.raises(CommandFailed, match="broken off"):
        await handout.taken()


async def test_what_nobody_wants_any_more_has_no_end_though_no_piece_comes() -> None:
    browser, read, closed = Browser(), asyncio.Event(), asyncio.Event()

    async def stuck() -> AsyncGenerator[bytes]:
        try:
            yield b"beginning"
            read.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    handout = browser.handouts.offer("a.txt", stuck)
    waiting = asyncio.create_task(handout.taken())
    asking = asyncio.create_task(browser.ask(f"{ROOT}/{handout.address}"))
    await read.wait()
    waiting.cancel()
    sent = await asking
    assert closed.is_set() and all(each.get("more_body", True) for each in sent)
    await asyncio.gather(waiting, return_exceptions=True)


async def test_what_is_stopped_before_its_first_piece_leaves_the_page_where_it_is() -> None:
    browser, read = Browser(), asyncio.Event()

    async def stuck() -> AsyncGenerator[bytes]:
        read.set()
        await asyncio.Event().wait()
        yield b""

    handout = browser.handouts.offer("a.txt", stuck)
    waiting = asyncio.create_task(handout.taken())
    asking = asyncio.create_task(browser.ask(f"{ROOT}/{handout.address}"))
    await read.wait()
    waiting.cancel()
    assert (await asking)[0]["status"] == 204
    await asyncio.gather(waiting, return_exceptions=True)


async def test_an_empty_piece_is_no_end() -> None:
    async def parts() -> AsyncGenerator[bytes]:
        for piece in (b"", b"one", b"", b"two"):
            yield piece

    sent, handout = await Browser().get(parts)
    await handout.taken()
    assert b"".join(each["body"] for each in sent[1:]) == b"onetwo"


async def test_a_browser_that_never_asks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_handouts, "BEGIN_S", 0.01)
    browser = Browser()
    handout = browser.handouts.offer("a.txt", pieces)
    with pytest.raises(CommandFailed, match="did not ask"):
        await handout.taken()
    # An address that somebody finds later gives nothing.
    assert (await browser.ask(f"{ROOT}/{handout.address}"))[0]["status"] == 204


async def test_what_is_stopped_before_the_browser_asks_is_given_to_nobody() -> None:
    browser = Browser()
    handout = browser.handouts.offer("a.txt", pieces)
    waiting = asyncio.create_task(handout.taken())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (await browser.ask(f"{ROOT}/{handout.address}"))[0]["status"] == 204


async def test_what_nobody_waits_for_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_handouts, "BEGIN_S", 0.0)
    browser = Browser()
    handout = browser.handouts.offer("a.txt", pieces)
    browser.handouts.offer("b.txt", pieces)
    assert len(browser.handouts._waiting) == 1
    assert (await browser.ask(f"{ROOT}/{handout.address}"))[0]["status"] == 204


@pytest.mark.parametrize("path", [f"{ROOT}/", f"{ROOT}/ws", f"{ROOT}/downloads", "/download/x"])
async def test_other_addresses_are_handed_on(path: str) -> None:
    browser = Browser()
    assert await browser.ask(path) == []
    assert browser.handed_on == [path]


@pytest.mark.parametrize("method", ["HEAD", "POST"])
async def test_only_getting_it_takes_it(method: str) -> None:
    browser = Browser()
    handout = browser.handouts.offer("a.txt", pieces)
    assert (await browser.ask(f"{ROOT}/{handout.address}", method))[0]["status"] == 204
    assert (await browser.ask(f"{ROOT}/{handout.address}"))[0]["status"] == 200
