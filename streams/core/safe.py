"""The safe end of every chain: what goes wrong there is reported, and nobody else notices."""

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

T = TypeVar("T")

Report = Callable[[Exception], None]


def subscribe_safe(
    source: Observable[T],
    on_next: Callable[[T], None],
    *,
    report: Report,
    on_error: Callable[[Exception], None] | None = None,
    on_completed: Callable[[], None] | None = None,
) -> abc.DisposableBase:
    """Subscribe for effect; whatever a callback raises goes to ``report`` and the stream goes on.

    Without this, a callback that raises keeps the value from the subscribers behind it, and throws into the
    producer. An error of the stream goes to ``on_error``, or to ``report``.
    """

    def guarded_next(value: T) -> None:
        try:
            on_next(value)
        except Exception as error:  # noqa: BLE001
            report(error)

    def guarded_error(error: Exception) -> None:
        try:
            (on_error or report)(error)
        except Exception as second:  # noqa: BLE001
            report(second)

    def guarded_completed() -> None:
        try:
            if on_completed is not None:
                on_completed()
        except Exception as error:  # noqa: BLE001
            report(error)

    try:
        return source.subscribe(guarded_next, guarded_error, guarded_completed)
    except Exception as error:  # noqa: BLE001
        report(error)
        return Disposable()
