"""The connection that goes and comes back: told in the message centre, since the bar goes with its words."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from streams.model.failures import Failure
from streams.model.link import Link
from streams.model.vocabulary import LinkState
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.shell.connection_banner import LostBar
from ui.shell.toasts import ToastLayer


class Desk:
    """The bar, and the link that a test makes up."""

    def __init__(self, page: PageHarness) -> None:
        self.page = page
        self.streams = FakeStreams(page.now)
        self.bar = LostBar(streams=self.streams.bag, commands=FakeCommands(), context=page.context)
        self.toasts = ToastLayer(context=page.context)
        page.mount(self.bar, self.toasts)

    def up(self, *, reconnects: int = 0, gap_s: float | None = None) -> None:
        self.link(Link(state=LinkState.LIVE, since=self.page.now(), reconnects=reconnects, last_gap_s=gap_s))

    def down(self, code: str = "server_unreachable") -> None:
        failure = Failure(code=code, message="Nobody answers.", hint="Is it on?", since=self.page.now())
        self.link(Link(state=LinkState.DOWN, since=self.page.now(), failure=failure))

    def link(self, link: Link) -> None:
        self.streams.link.on_next(link)
        self.page.frame()

    def said(self) -> list[tuple[str, str]]:
        return [(message.text, message.detail) for message in self.page.context.messages.all]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with PageHarness.open() as page:
        yield Desk(page)
        assert page.reports == []


async def test_lost_and_back_are_kept_with_how_long_it_was_and_not_toasted(desk: Desk) -> None:
    desk.up()
    assert desk.said() == []
    desk.down()
    lost = ("Connection lost", "Nobody answers. Is it on?")
    assert desk.said() == [lost]
    desk.page.advance(42)
    desk.down("server_refused")  # another reason is no other loss
    assert desk.said() == [lost]
    desk.page.advance(23)
    desk.up(reconnects=1, gap_s=65.0)
    assert desk.said() == [("Connection back after 1 min 05 s", ""), lost]
    assert desk.page.texts(desk.toasts) == []


async def test_a_try_in_between_ends_no_loss(desk: Desk) -> None:
    desk.up()
    desk.down()
    trying = desk.streams.link.value
    desk.link(Link(state=LinkState.CONNECTING, since=desk.page.now(), failure=trying.failure))
    desk.down()
    assert len(desk.said()) == 1


async def test_the_server_that_only_polls_again_is_back(desk: Desk) -> None:
    desk.up()
    desk.down()
    desk.page.advance(30)
    desk.link(Link(state=LinkState.POLLING, since=desk.page.now(), failure=desk.streams.link.value.failure))
    assert desk.said()[0][0] == "Connection back after 30 s"
    desk.up(reconnects=1, gap_s=33.0)
    assert len(desk.said()) == 2


async def test_what_was_missed_asleep_is_told_on_waking(desk: Desk) -> None:
    desk.up(reconnects=1, gap_s=3.0)
    desk.bar.set_awake(False)
    desk.down()
    desk.page.advance(3600)
    desk.up(reconnects=2, gap_s=90.0)
    desk.bar.set_awake(True)
    desk.page.frame()
    assert desk.said() == [("Connection back after 1 min 30 s", "")]


async def test_one_lost_awake_and_back_asleep_is_not_longer_for_that(desk: Desk) -> None:
    desk.up()
    desk.down()
    desk.bar.set_awake(False)
    desk.page.advance(timedelta(hours=5).total_seconds())
    desk.up(reconnects=1, gap_s=90.0)
    desk.bar.set_awake(True)
    desk.page.frame()
    assert desk.said()[0] == ("Connection back after 1 min 30 s", "")
