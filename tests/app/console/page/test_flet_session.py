"""A page keeps its changes when its link to the client breaks."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import flet as ft
import pytest
import pytest_asyncio
from flet.controls.context import _context_page
from flet.messaging.protocol import Message, MessageAction
from flet.messaging.session import Session
from flet.pubsub.pubsub_hub import PubSubHub
from flet_web.fastapi.flet_app import FletApp

from app.console.flet_session import mend_sending, mend_session
from tests.ui.harness import PageHarness


@pytest.fixture(autouse=True)
def mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FletApp, "send_message", FletApp.send_message)
    monkeypatch.setattr(Session, "handle_invoke_method_results", Session.handle_invoke_method_results)
    mend_sending()
    mend_session()


@ft.control
class Noticing(ft.Container):
    """Knows whether it is on a page."""

    def init(self) -> None:
        self.there = False

    def did_mount(self) -> None:
        self.there = True


@pytest_asyncio.fixture
async def link() -> AsyncIterator[Any]:
    """A link to a browser, with its session."""
    loop = asyncio.get_running_loop()
    executor = ThreadPoolExecutor(max_workers=1)
    app: Any = FletApp(loop, executor, lambda _: None, None)
    app.pubsubhub = PubSubHub(loop=loop, executor=executor)
    app._FletApp__send_queue = asyncio.Queue()
    session = Session(app)
    _context_page.set(session.page)
    app.send_message(Message(MessageAction.REGISTER_CLIENT, {"page": session.get_page_patch()}))
    app.session_here = session
    yield app
    session.close()
    await asyncio.sleep(0)
    executor.shutdown()


async def test_what_is_added_while_the_socket_closes_is_mounted(link: Any) -> None:
    link._FletApp__send_queue = None
    control = Noticing()
    link.session_here.page.add(control)
    assert control.there


async def test_what_is_sent_over_an_open_link_goes_out(link: Any) -> None:
    before = link._FletApp__send_queue.qsize()
    link.session_here.page.add(Noticing())
    assert link._FletApp__send_queue.qsize() == before + 1


async def test_the_answer_of_a_control_that_has_gone_reaches_who_asked() -> None:
    async with PageHarness.open() as harness:
        harness.connection.session = None  # nobody answers by itself
        field = ft.TextField(label="Name")
        harness.mount(field)
        focusing = asyncio.create_task(field.focus())
        await asyncio.sleep(0)
        (call,) = harness.connection.bodies(MessageAction.INVOKE_METHOD)
        harness.page.remove(field)
        harness.session.handle_invoke_method_results(call["control_id"], call["call_id"], None, None)
        async with asyncio.timeout(1):
            await focusing
