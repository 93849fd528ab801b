"""What the console tells its user: a bounded list of messages that can be read again, copied and acted on."""

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from reactivex import Observable
from reactivex.subject import BehaviorSubject

from streams.failures import TidewatchError
from ui.theme import Tone

Undo = Callable[[], Coroutine[Any, Any, None]]


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
    seen: bool = False
    run_id: int | None = None
    """The run whose log lines say more; otherwise those of its time do."""

    @property
    def stays(self) -> bool:
        """Whether it stays on the screen until it is closed."""
        return self.tone is Tone.BAD

    def copy_text(self) -> str:
        """Return the whole message for the clipboard."""
        return "\n".join(
            part for part in (f"{self.at:%Y-%m-%d %H:%M:%S %Z} {self.text}", self.detail) if part
        )


class Messages:
    """The last ``keep`` messages, newest first, as a stream; the toasts and the message centre draw it."""

    def __init__(self, clock: Callable[[], datetime], *, keep: int = 100) -> None:
        self._clock = clock
        self._kept: deque[Message] = deque(maxlen=keep)
        self._said = 0
        self._subject: BehaviorSubject[tuple[Message, ...]] = BehaviorSubject(())

    @property
    def stream(self) -> Observable[tuple[Message, ...]]:
        """All kept messages, newest first; at once, then on change."""
        return self._subject

    @property
    def all(self) -> tuple[Message, ...]:
        """All kept messages, newest first."""
        return tuple(self._kept)

    def info(
        self, text: str, *, detail: str = "", action_label: str = "", action: Undo | None = None
    ) -> None:
        """Say something that is good to know; ``action`` is what its button does, such as undo."""
        self._say(Tone.BUSY, text, detail, action_label=action_label, action=action)

    def done(
        self, text: str, *, detail: str = "", action_label: str = "", action: Undo | None = None
    ) -> None:
        """Say that something asked for has really happened."""
        self._say(Tone.OK, text, detail, action_label=action_label, action=action)

    def warn(self, text: str, *, detail: str = "") -> None:
        """Say something that may need attention."""
        self._say(Tone.WARNING, text, detail)

    def error(self, text: str, *, detail: str = "", run_id: int | None = None) -> None:
        """Say that something failed; stays until closed. ``run_id`` is the run whose log lines say more."""
        self._say(Tone.BAD, text, detail, run_id=run_id)

    def failed(self, what: str, error: TidewatchError) -> None:
        """Say that a command failed, why, and what to do."""
        self.error(f"{what}: {error.message}", detail=error.hint)

    def mark_seen(self) -> None:
        """Take all messages as read; the bell shows no number then."""
        if any(not message.seen for message in self._kept):
            self._kept = deque((replace(m, seen=True) for m in self._kept), maxlen=self._kept.maxlen)
            self._subject.on_next(self.all)

    def clear(self) -> None:
        """Forget all messages."""
        self._kept.clear()
        self._subject.on_next(())

    def _say(
        self,
        tone: Tone,
        text: str,
        detail: str,
        *,
        action_label: str = "",
        action: Undo | None = None,
        run_id: int | None = None,
    ) -> None:
        self._said += 1
        message = Message(self._said, self._clock(), tone, text, detail, action_label, action, run_id=run_id)
        self._kept.appendleft(message)
        self._subject.on_next(self.all)
