"""Letting the console in: what only a person can answer is asked on its page, and the start tries again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from reactivex import Observable
from reactivex.subject import BehaviorSubject

from app.bridge.access import KeptAccess
from app.bridge.address import asks_for_token
from app.config import ConnectionSettings
from streams.model.failures import TidewatchError, TokenMissing, WrongCertificate, WrongToken
from streams.model.tokens import ConsoleToken
from streams.ports.sign_in import (
    Answer,
    KeyQuestion,
    Question,
    Step,
    TokenQuestion,
    Trouble,
    TrustKey,
    Trying,
    UseToken,
)

T = TypeVar("T")


class NobodyAnswers(Exception):
    """The page on which it was asked has been closed for good."""


class SignIn:
    """The question that stands, and its answer; implements ``streams.ports.sign_in.SignInPort``."""

    def __init__(self, server: str) -> None:
        self._steps: BehaviorSubject[Step] = BehaviorSubject(Trying(server=server))
        self._answer: asyncio.Future[Answer] | None = None
        self._closed = False
        self.asked = asyncio.Event()
        """Set with the first question: from then on somebody has to see a page."""

    @property
    def steps(self) -> Observable[Step]:
        """The question that stands, or that its answer is being tried; at once, then each change."""
        return self._steps

    def answer(self, answer: Answer) -> None:
        """Answer the question that stands; does nothing where none does."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    async def ask(self, question: Question) -> Answer:
        """Show a question and wait for its answer, however long that takes; raises NobodyAnswers."""
        if self._closed:
            raise NobodyAnswers
        self._answer = asyncio.get_running_loop().create_future()
        self._steps.on_next(question)
        self.asked.set()
        answer = await self._answer
        self._steps.on_next(Trying(server=question.server))
        return answer

    def close(self) -> None:
        """Give up on the question that stands."""
        self._closed = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NobodyAnswers())


async def let_in(
    connect: Callable[[], Awaitable[T]],
    connection: ConnectionSettings,
    access: KeptAccess,
    sign_in: SignIn | None,
) -> T:
    """Return what ``connect`` returns, asking for what only a person knows; keep what it was let in with.

    Raises the failure of ``connect`` where nobody can be asked or no answer of a person would help.
    """
    asked = False
    while True:
        try:
            connected = await connect()
            break
        except TidewatchError as failure:
            question = question_of(failure, connection, access, asked=asked)
            if question is None or sign_in is None:
                raise
            try:
                answer = await sign_in.ask(question)
            except NobodyAnswers:
                raise failure from None
        asked = True
        if isinstance(answer, TrustKey):
            access.use(msgspec.structs.replace(access.current, fingerprint=answer.fingerprint))
        elif isinstance(answer, UseToken):
            access.use(msgspec.structs.replace(access.current, token=answer.token))
    if asked:
        await access.keep()
    return connected


def question_of(
    failure: TidewatchError, connection: ConnectionSettings, access: KeptAccess, *, asked: bool
) -> Question | None:
    """Return what to ask a person after a failure; None where that is for whoever writes the configuration.

    Once somebody has been ``asked``, any failure is told on the same page, to be tried again.
    """
    server, known = access.server, access.current
    if isinstance(failure, WrongCertificate) and failure.seen.startswith("sha256:"):
        ours = not connection.fingerprint and connection.ca_file is None
        if ours and failure.pinned in ("", known.fingerprint):
            return KeyQuestion(server=server, seen=failure.seen, trusted=failure.pinned)
    if isinstance(failure, WrongToken) and asks_for_token(connection):
        refused = "" if isinstance(failure, TokenMissing) else failure.message
        return TokenQuestion(server=server, refused=refused, kept_in=access.best_place)
    return Trouble(server=server, message=failure.message, hint=failure.hint) if asked else None


class AccessDesk:
    """What lets a running console in; implements ``streams.ports.sign_in.AccessPort``."""

    def __init__(
        self,
        connection: ConnectionSettings,
        access: KeptAccess,
        check: Callable[[], Awaitable[ConsoleToken]],
    ) -> None:
        """``check`` asks the server about the token that is in use."""
        self._access, self._check = access, check
        self._may_change = asks_for_token(connection) and not connection.mock_mode

    @property
    def may_change(self) -> bool:
        """Whether a person gives the token."""
        return self._may_change

    @property
    def kept_in(self) -> str:
        """Where the token is kept, in words; empty where none is."""
        return self._access.place

    async def use(self, token: str) -> None:
        """Have the server look at another token, and keep it; the former stays where it is refused."""
        former = self._access.current
        self._access.use(msgspec.structs.replace(former, token=token))
        try:
            await self._check()
        except BaseException:
            self._access.use(former)
            raise
        await self._access.keep()

    async def forget(self) -> None:
        """Forget what was given: the next start asks again."""
        await self._access.forget()
