"""The port for sign-in: the questions before a server lets a console in, and their answers."""

from typing import Protocol

from reactivex import Observable

from streams.model.base import Record


class KeyQuestion(Record, frozen=True, kw_only=True):
    """Whether the public key that the server shows is really its own."""

    server: str
    """Host and port."""
    seen: str
    """Fingerprint of the key: sha256: and 43 characters."""
    trusted: str = ""
    """The fingerprint of the key that this console has trusted so far; empty where there was none."""


class TokenQuestion(Record, frozen=True, kw_only=True):
    """For the token that lets this console in."""

    server: str
    refused: str = ""
    """Why the one before is not taken; empty where there was none."""
    kept_in: str
    """Where it will be kept, in words."""


class Trouble(Record, frozen=True, kw_only=True):
    """What keeps the console from asking further, and may pass: it is tried again when told to."""

    server: str
    message: str
    hint: str = ""


class Trying(Record, frozen=True, kw_only=True):
    """The last answer is being tried."""

    server: str


Question = KeyQuestion | TokenQuestion | Trouble
Step = Question | Trying


class TrustKey(Record, frozen=True, kw_only=True):
    """The key is the server's own; no other is accepted from now on."""

    fingerprint: str


class UseToken(Record, frozen=True, kw_only=True):
    """The token as it was given; its representation hides it, since those get into logs."""

    token: str

    def __repr__(self) -> str:
        return "UseToken(token='***')"


class TryAgain(Record, frozen=True, kw_only=True):
    """Try as before."""


Answer = TrustKey | UseToken | TryAgain


class SignInPort(Protocol):
    """The questions before the console, and where their answers go."""

    @property
    def steps(self) -> Observable[Step]:
        """The question that stands, or that its answer is being tried; at once, then each change."""
        ...

    def answer(self, answer: Answer) -> None:
        """Answer the question that stands; does nothing where none does."""
        ...


class AccessPort(Protocol):
    """What lets this console in, as the screen of a running console may see and change it."""

    @property
    def may_change(self) -> bool:
        """Whether a person gives the token; False where the configuration names it."""
        ...

    @property
    def kept_in(self) -> str:
        """Where the token that was given is kept, in words; empty where none is."""
        ...

    async def use(self, token: str) -> None:
        """Try another token and keep it; raise ``TidewatchError`` and keep the former where it is refused."""
        ...

    async def forget(self) -> None:
        """Forget the token and the server's key that were given: the next start asks again."""
        ...
