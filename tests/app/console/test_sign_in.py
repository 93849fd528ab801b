"""Letting the console in: what is asked, what is never asked, and that no token goes to an unknown key."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.bridge.access import Access, FileStore, KeptAccess
from app.bridge.checks import check_token
from app.bridge.server_bridge import ServerBridge, open_bridge
from app.config import ConnectionSettings, Settings
from app.console.sign_in import AccessDesk, SignIn, let_in, question_of
from app.server.ports import OWN_TLS
from streams.core.schedulers import LoopScheduler
from streams.model.failures import (
    DatabaseMissing,
    ServerRefused,
    TidewatchError,
    TokenMissing,
    WrongCertificate,
    WrongToken,
)
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
from tests.app.agent.machines import Server, a_server
from tests.app.bridge.support import task_spawner
from tests.app.wire.integration.test_pinning import impostor

KEY, OTHER = "sha256:" + "A" * 43, "sha256:" + "B" * 43
HERE = "127.0.0.1:1256"


def settings_of(**given: object) -> ConnectionSettings:
    base: dict[str, object] = {"mock_mode": False, "database_path": "/nowhere/catalogue.db"}
    return ConnectionSettings.model_validate(base | given)


@pytest.mark.parametrize(
    ("failure", "given", "asks"),
    [
        (TokenMissing("none"), {}, TokenQuestion),
        (WrongToken("revoked"), {}, TokenQuestion),
        (WrongToken("revoked"), {"token": "tw_x"}, None),
        (WrongToken("revoked"), {"token_file": "/x"}, None),
        (WrongCertificate("unknown", seen=KEY), {}, KeyQuestion),
        (WrongCertificate("unknown", seen=KEY), {"ca_file": "/x"}, None),
        (WrongCertificate("another", seen=KEY, pinned=OTHER), {"fingerprint": OTHER}, None),
        (WrongCertificate("another, by the server's own note", seen=KEY, pinned=OTHER), {}, None),
        (WrongCertificate("no TLS at all"), {}, None),
        (WrongCertificate("no key", seen="unreadable"), {}, None),
        (ServerRefused("nobody"), {}, None),
        (DatabaseMissing("no file"), {}, None),
    ],
)
def test_only_what_a_person_can_answer_is_asked(
    failure: TidewatchError, given: dict[str, object], asks: type | None
) -> None:
    access = KeptAccess(HERE)
    question = question_of(failure, settings_of(**given), access, asked=False)
    assert question is None if asks is None else isinstance(question, asks)
    later = question_of(failure, settings_of(**given), access, asked=True)
    assert isinstance(later, asks or Trouble)


def test_another_key_than_the_trusted_one_is_asked_with_both() -> None:
    access = KeptAccess(HERE)
    access.use(Access(fingerprint=OTHER))
    failure = WrongCertificate("another", seen=KEY, pinned=OTHER)
    question = question_of(failure, settings_of(), access, asked=False)
    assert question == KeyQuestion(server=HERE, seen=KEY, trusted=OTHER)


class Person:
    """Answers each question as a function says, and remembers what was shown."""

    def __init__(self, sign_in: SignIn, answers: Callable[[Step], Answer | None]) -> None:
        self.seen: list[Step] = []

        def show(step: Step) -> None:
            self.seen.append(step)
            answer = answers(step)
            if answer is not None:
                # A hand is slower than the question that is being shown.
                asyncio.get_running_loop().call_soon(sign_in.answer, answer)

        self.looking = sign_in.steps.subscribe(show)


def asked(person: Person) -> list[type[Step]]:
    return [type(step) for step in person.seen if not isinstance(step, Trying)]


async def test_each_failure_after_the_first_question_is_told_and_tried_again(tmp_path: Path) -> None:
    failures: list[TidewatchError] = [
        TokenMissing("none"),
        ServerRefused("down for a moment", hint="Wait."),
        WrongToken("that one is unknown"),
    ]
    access = KeptAccess(HERE, [FileStore(tmp_path / "access.json")])
    sign_in = SignIn(HERE)
    tokens = iter(("tw_wrong", "tw_right"))

    async def connect() -> str:
        if failures:
            raise failures.pop(0)
        return access.current.token

    def answer(step: Step) -> Answer | None:
        match step:
            case TokenQuestion():
                return UseToken(token=next(tokens))
            case Trouble():
                return TryAgain()
            case _:
                return None

    person = Person(sign_in, answer)
    assert await let_in(connect, settings_of(), access, sign_in) == "tw_right"
    assert asked(person) == [TokenQuestion, Trouble, TokenQuestion]
    refused = [step.refused for step in person.seen if isinstance(step, TokenQuestion)]
    assert refused == ["", "that one is unknown"]
    assert FileStore(tmp_path / "access.json").read(HERE) == Access(token="tw_right")


async def test_without_a_person_the_failure_is_raised_at_once() -> None:
    async def connect() -> str:
        raise TokenMissing("none")

    with pytest.raises(TokenMissing):
        await let_in(connect, settings_of(), KeptAccess(HERE), None)


async def test_a_page_that_is_closed_without_an_answer_ends_with_the_failure() -> None:
    async def connect() -> str:
        raise TokenMissing("none")

    sign_in = SignIn(HERE)
    letting = asyncio.create_task(let_in(connect, settings_of(), KeptAccess(HERE), sign_in))
    await sign_in.asked.wait()
    sign_in.close()
    with pytest.raises(TokenMissing):
        await letting


def test_a_token_is_in_no_representation_of_an_answer() -> None:
    assert "secret" not in repr(UseToken(token="secret"))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with a_server(tmp_path / "data", OWN_TLS) as running:
        yield running


def elsewhere(server: Server, tmp_path: Path, **given: object) -> ConnectionSettings:
    """Return settings of a console that sees nothing of the server's folder."""
    base: dict[str, object] = {"port": server.info.port, "tls": "on", "check_s": 5}
    (tmp_path / "empty").mkdir(exist_ok=True)
    return settings_of(**(base | {"database_path": tmp_path / "empty" / "catalogue.db"} | given))


def connecting(
    connection: ConnectionSettings, access: KeptAccess
) -> Callable[[], "asyncio.Future[ServerBridge]"]:
    scheduler = LoopScheduler(asyncio.get_running_loop(), lambda error: pytest.fail(repr(error)))

    def connect() -> "asyncio.Future[ServerBridge]":
        opening = open_bridge(connection, Settings, access=access, scheduler=scheduler, spawn=task_spawner())
        return asyncio.ensure_future(opening)

    return connect


@pytest.mark.integration
async def test_key_and_token_are_asked_once_and_a_revoked_token_again(server: Server, tmp_path: Path) -> None:
    stores = [FileStore(tmp_path / "state" / "access.json")]
    # The database is the server's own, by a name that leads there only by way of the server.
    connection = elsewhere(server, tmp_path, database_path=server.info.database_path, tls="on")
    token = server.info.token_file.read_text().strip()
    server.info.token_file.unlink()
    (server.info.database_path.parent / "server.fingerprint").unlink()

    def answer(step: Step) -> Answer | None:
        match step:
            case KeyQuestion(seen=seen):
                assert seen == server.info.fingerprint
                return TrustKey(fingerprint=seen)
            case TokenQuestion():
                return UseToken(token=token)
            case _:
                return None

    access, sign_in = KeptAccess("there", stores), SignIn("there")
    person = Person(sign_in, answer)
    bridge = await let_in(connecting(connection, access), connection, access, sign_in)
    await bridge.close()
    assert asked(person) == [KeyQuestion, TokenQuestion]

    again = KeptAccess("there", stores)
    await again.load()
    bridge = await let_in(connecting(connection, again), connection, again, None)  # nobody is asked
    desk = AccessDesk(connection, again, lambda: check_token(bridge.http))
    with pytest.raises(WrongToken):
        await desk.use("tw_nobody")
    assert again.current.token == token  # the former stays
    await desk.use(token)
    assert str(tmp_path) in desk.kept_in and desk.may_change
    await desk.forget()
    assert desk.kept_in == ""
    await bridge.close()
    assert stores[0].read("there") is None


@pytest.mark.integration
async def test_no_token_goes_to_a_key_that_nobody_has_confirmed(tmp_path: Path) -> None:
    async with impostor(tmp_path / "impostor") as between:
        connection = settings_of(port=between.port, tls="on", check_s=5, database_path=tmp_path / "no.db")
        for known in (Access(token="tw_secret"), Access(token="tw_secret", fingerprint=OTHER)):
            access, sign_in = KeptAccess("there"), SignIn("there")
            access.use(known)
            person = Person(sign_in, lambda _step: None)
            letting = asyncio.create_task(let_in(connecting(connection, access), connection, access, sign_in))
            await sign_in.asked.wait()
            assert person.seen[-1] == KeyQuestion(
                server="there", seen=between.fingerprint, trusted=known.fingerprint
            )
            sign_in.close()
            with pytest.raises(WrongCertificate):
                await letting
        assert between.handshakes > 0 and between.heard == b""
