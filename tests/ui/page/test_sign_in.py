"""The page before the console: what it says at each step, and what its one button does."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from reactivex import Observable
from reactivex.subject import BehaviorSubject

from streams.ports.sign_in import (
    Answer,
    KeyQuestion,
    Step,
    TokenQuestion,
    Trouble,
    TrustKey,
    TryAgain,
    Trying,
    UseToken,
)
from tests.ui.harness import PageHarness
from ui.shell.sign_in import SignInScreen, present_step

HERE, KEY, OTHER = "backup.example.org:1256", "sha256:" + "A" * 43, "sha256:" + "B" * 43
TOKEN = TokenQuestion(server=HERE, kept_in="the keyring")


@dataclass
class FakeSignIn:
    """Shows what a test wants, and keeps the answers."""

    subject: BehaviorSubject[Step] = field(default_factory=lambda: BehaviorSubject[Step](Trying(server=HERE)))
    answers: list[Answer] = field(default_factory=list[Answer])

    @property
    def steps(self) -> Observable[Step]:
        return self.subject

    def answer(self, answer: Answer) -> None:
        self.answers.append(answer)


class Desk:
    def __init__(self, page: PageHarness) -> None:
        self.page, self.sign_in = page, FakeSignIn()
        self.screen = SignInScreen(self.sign_in, context=page.context)
        page.mount(self.screen)

    def show(self, step: Step) -> None:
        self.sign_in.subject.on_next(step)
        self.page.frame()

    async def press(self) -> None:
        await self.page.fire(self.screen._button, "click")


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with PageHarness.open() as page:
        yield Desk(page)
        assert page.reports == []


async def test_a_new_key_is_shown_and_trusted_with_one_press(desk: Desk) -> None:
    desk.show(KeyQuestion(server=HERE, seen=KEY))
    assert HERE in (desk.screen._title.value or "")
    await desk.press()
    assert desk.sign_in.answers == [TrustKey(fingerprint=KEY)]


async def test_another_key_has_to_be_compared_first(desk: Desk) -> None:
    desk.show(KeyQuestion(server=HERE, seen=KEY, trusted=OTHER))
    assert present_step(KeyQuestion(server=HERE, seen=KEY, trusted=OTHER)).keys == (
        ("Trusted so far", OTHER),
        ("Shown now", KEY),
    )
    assert desk.screen._button.disabled
    await desk.press()
    assert desk.sign_in.answers == []
    await desk.page.fire(desk.screen._armed, "change", value=True)
    await desk.press()
    assert desk.sign_in.answers == [TrustKey(fingerprint=KEY)]


async def test_a_token_is_typed_refused_and_typed_again(desk: Desk) -> None:
    desk.show(TOKEN)
    assert desk.screen._token.visible and desk.screen._button.disabled and not desk.screen._error.visible
    assert "the keyring" in (desk.screen._small.value or "")
    await desk.page.fire(desk.screen._token, "change", value="  tw_1 ")
    await desk.press()
    assert desk.sign_in.answers == [UseToken(token="tw_1")]
    desk.show(Trying(server=HERE))
    assert desk.screen._button.disabled and desk.screen._busy.visible
    await desk.press()
    assert len(desk.sign_in.answers) == 1
    desk.show(TokenQuestion(server=HERE, refused="That token is unknown.", kept_in="the keyring"))
    assert desk.screen._error.value == "That token is unknown." and desk.screen._error.visible
    assert not desk.screen._button.disabled  # what was typed stands, to be corrected


async def test_trouble_is_told_and_tried_again(desk: Desk) -> None:
    desk.show(Trouble(server=HERE, message="Nobody answers.", hint="Is it on?"))
    assert (desk.screen._error.value, desk.screen._hint.value) == ("Nobody answers.", "Is it on?")
    await desk.press()
    assert desk.sign_in.answers == [TryAgain()]
