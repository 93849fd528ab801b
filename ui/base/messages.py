"""Messages to the user: a bounded list that can be read again, copied and acted on."""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypedDict, Unpack

from reactivex import Observable
from reactivex.subject import BehaviorSubject

from streams.model.failures import TidewatchError
from streams.model.problems import Problem
from streams.model.vocabulary import Scope
from ui.base.theme import Tone

RETOLD_S = 0.5
"""The least time between two words on how far something is."""
Undo = Callable[[], Coroutine[Any, Any, None]]


class More(TypedDict, total=False):
    """What a message may have besides its text; ``Message`` says what each is."""

    detail: str
    action_label: str
    action: Undo | None
    run_id: int | None
    quiet: bool
    ongoing: bool
    lasting: bool
    needs: Scope | None
    lead: Problem | None
    undoes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that was said."""

    number: int
    at: datetime
    tone: Tone
    text: str
    detail: str = ""
    """Why, and what to do; shown in the message centre and copied with the text."""
    action_label: str = ""
    action: Undo | None = None
    """What its button does, such as undo."""
    seen: bool = False
    run_id: int | None = None
    """The run whose log lines say more; otherwise those of its time do."""
    quiet: bool = False
    """For the message centre only, since something else on the screen says it already."""
    ongoing: bool = False
    """Says what is under way; taken back when its result is said."""
    lasting: bool = True
    """Whether what it offers can still be done long after it was said."""
    needs: Scope | None = None
    """The scope that what it offers takes, where that is an order to the server."""
    lead: Problem | None = None
    """The problem that it tells of, to whose reason it leads."""
    undoes: frozenset[str] = frozenset()
    """What it takes back, each by a name; once all of it was taken back elsewhere it offers that no more."""
    ended: bool = False
    """What it tells of is over: it stays on the screen no longer."""

    @property
    def stays(self) -> bool:
        """Whether it stays on the screen until it is closed."""
        return self.tone is Tone.BAD and not self.ended

    def copy_text(self) -> str:
        """Return the whole message for the clipboard."""
        return "\n".join(
            part for part in (f"{self.at:%Y-%m-%d %H:%M:%S %Z} {self.text}", self.detail) if part
        )


class Messages:
    """The last ``keep`` messages, newest first, as a stream; the toasts and the message centre draw it."""

    def __init__(self, clock: Callable[[], datetime], *, keep: int = 100) -> None:
        self._clock = clock
        self._most = keep
        self._kept: tuple[Message, ...] = ()
        self._said = 0
        self._subject: BehaviorSubject[tuple[Message, ...]] = BehaviorSubject(())

    @property
    def stream(self) -> Observable[tuple[Message, ...]]:
        """All kept messages, newest first; at once, then on change."""
        return self._subject

    @property
    def all(self) -> tuple[Message, ...]:
        """All kept messages, newest first."""
        return self._kept

    def info(self, text: str, **more: Unpack[More]) -> int:
        """Say something that is good to know; return its number."""
        return self._say(Tone.BUSY, text, **more)

    def done(self, text: str, **more: Unpack[More]) -> int:
        """Say that something asked for has really happened; return its number."""
        return self._say(Tone.OK, text, **more)

    def warn(self, text: str, **more: Unpack[More]) -> int:
        """Say something that may need attention; return its number."""
        return self._say(Tone.WARNING, text, **more)

    def error(self, text: str, **more: Unpack[More]) -> int:
        """Say that something failed; stays until closed. Returns its number."""
        return self._say(Tone.BAD, text, **more)

    def failed(self, what: str, error: TidewatchError) -> None:
        """Say that a command failed, why, and what to do."""
        self.error(f"{what}: {error.message}", detail=error.hint)

    @contextmanager
    def working(self, text: str) -> Generator[None]:
        """Say that something is under way, until the block is left: then its result is to be said."""
        number = self.info(text, ongoing=True)
        try:
            yield
        finally:
            self.over(number)

    @contextmanager
    def stoppable(self, text: str) -> Generator[Callable[[str], None]]:
        """Say that something is under way, with how far it is and a button that stops it.

        Stopping cancels the task that is in the block, and is said. What is told comes twice a second at
        most.
        """
        task = asyncio.current_task()
        assert task is not None
        stopped, told = False, self._clock()

        async def stop() -> None:
            nonlocal stopped
            stopped = True
            task.cancel()

        number = self.info(text, ongoing=True, action_label="Stop", action=stop)

        def tell(text: str) -> None:
            nonlocal told
            if (self._clock() - told).total_seconds() >= RETOLD_S:
                told = self._clock()
                self.retell(number, text)

        try:
            yield tell
        except asyncio.CancelledError:
            if stopped:
                self.info(f"{text}: stopped, nothing of it is left")
            raise
        finally:
            self.over(number)

    def retell(self, number: int, text: str, detail: str = "") -> None:
        """Say of what is under way how far it is by now, unless somebody has cleared it away."""
        if any(message.number == number for message in self._kept):
            self._keep(
                replace(message, text=text, detail=detail) if message.number == number else message
                for message in self._kept
            )

    def settle(self, number: int) -> None:
        """Note that what a message tells of is over; it stays in the message centre."""
        self._keep(
            replace(message, ended=True) if message.number == number else message for message in self._kept
        )

    def over(self, number: int) -> None:
        """Take back what was under way; its result is to be said."""
        self._keep(message for message in self._kept if message.number != number)

    async def do(self, number: int) -> None:
        """Do what a message offers; it offers that no more, unless it fails."""
        action = next((message.action for message in self._kept if message.number == number), None)
        if action is None:
            return
        self._offer(number, None)
        try:
            await action()
        except BaseException:
            self._offer(number, action)
            raise

    def used_up(self, names: Iterable[str]) -> None:
        """Note what has been taken back, by whatever way: no message offers that any more."""
        gone = frozenset(names)

        def left(message: Message) -> Message:
            if not message.undoes & gone:
                return message
            undoes = message.undoes - gone
            return replace(message, undoes=undoes, action=message.action if undoes else None)

        if any(message.undoes & gone for message in self._kept):
            self._keep(left(message) for message in self._kept)

    def mark_seen(self) -> None:
        """Take all messages as read; the bell shows no number then."""
        if any(not message.seen for message in self._kept):
            self._keep(replace(message, seen=True) for message in self._kept)

    def clear(self) -> None:
        """Forget all messages."""
        self._keep(())

    def _say(self, tone: Tone, text: str, **more: Unpack[More]) -> int:
        self._said += 1
        self._keep((Message(self._said, self._clock(), tone, text, **more), *self._kept))
        return self._said

    def _offer(self, number: int, action: Undo | None) -> None:
        self._keep(
            replace(message, action=action) if message.number == number else message for message in self._kept
        )

    def _keep(self, messages: Iterable[Message]) -> None:
        self._kept = tuple(messages)[: self._most]
        self._subject.on_next(self._kept)
