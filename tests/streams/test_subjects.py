"""LoopSubject, subscribe_safe and Held."""

import pytest
import reactivex as rx
from reactivex import Observable
from reactivex.disposable import Disposable
from reactivex.subject import Subject

from streams.core.refcount import Held
from streams.core.safe import subscribe_safe
from streams.core.subjects import LoopSubject
from streams.testing.marbles import Marbles


def _raise(error: Exception) -> None:
    raise error


def test_one_bad_observer_starves_nobody_and_the_producer_is_told() -> None:
    subject: LoopSubject[int] = LoopSubject()
    got: list[int] = []
    subject.subscribe(lambda value: _raise(ValueError(value)))
    subject.subscribe(got.append)
    with pytest.raises(ValueError, match="1"):
        subject.on_next(1)
    with pytest.raises(ValueError, match="2"):
        subject.on_next(2)
    assert got == [1, 2]


def test_emitting_within_an_emission_keeps_the_order_for_all() -> None:
    subject: LoopSubject[int] = LoopSubject()
    heard: list[tuple[str, int]] = []

    def first(value: int) -> None:
        heard.append(("first", value))
        if value == 1:
            subject.on_next(2)

    subject.subscribe(first)
    subject.subscribe(lambda value: heard.append(("second", value)))
    subject.on_next(1)
    assert heard == [("first", 1), ("second", 1), ("first", 2), ("second", 2)]


def test_completing_within_an_emission_comes_last() -> None:
    subject: LoopSubject[int] = LoopSubject()
    heard: list[object] = []

    def first(value: int) -> None:
        if value == 1:
            subject.on_next(2)
            subject.on_completed()
            subject.on_next(3)

    subject.subscribe(first)
    subject.subscribe(heard.append, on_completed=lambda: heard.append("|"))
    subject.on_next(1)
    assert heard == [1, 2, "|"]


def test_the_end_is_remembered() -> None:
    ended, broken = LoopSubject[int](), LoopSubject[int]()
    ended.on_completed()
    broken.on_error(OSError("gone"))
    broken.on_error(KeyError("too late"))
    heard: list[object] = []
    ended.subscribe(on_completed=lambda: heard.append("|"))
    broken.subscribe(on_error=lambda error: heard.append(str(error)))
    assert heard == ["|", "gone"]


def test_leaving_while_it_emits() -> None:
    subject: LoopSubject[int] = LoopSubject()
    got: list[int] = []
    second = subject.subscribe(got.append)
    assert subject.observed
    second.dispose()
    second.dispose()
    assert not subject.observed
    subject.on_next(1)
    assert got == []


def test_safe_end_reports_and_goes_on() -> None:
    subject: Subject[int] = Subject()
    reported: list[Exception] = []
    got: list[int] = []
    subscribe_safe(subject, lambda value: _raise(ValueError(value)), report=reported.append)
    subscribe_safe(subject, got.append, report=reported.append)
    subject.on_next(1)
    subject.on_next(2)
    assert got == [1, 2]
    assert [str(error) for error in reported] == ["1", "2"]


def test_safe_end_reports_an_error_nobody_takes() -> None:
    reported: list[Exception] = []
    taken: list[Exception] = []
    subscribe_safe(rx.throw(OSError("a")), print, report=reported.append)
    subscribe_safe(rx.throw(OSError("b")), print, report=reported.append, on_error=taken.append)
    assert [str(error) for error in reported] == ["a"]
    assert [str(error) for error in taken] == ["b"]


def test_safe_end_reports_what_its_own_handlers_raise() -> None:
    reported: list[Exception] = []
    mistake = ZeroDivisionError("mistake")
    subscribe_safe(
        rx.throw(OSError("a")), print, report=reported.append, on_error=lambda error: _raise(mistake)
    )
    subscribe_safe(rx.empty(), print, report=reported.append, on_completed=lambda: _raise(mistake))
    assert reported == [mistake, mistake]


def test_safe_end_survives_a_source_that_raises() -> None:
    def subscribe(observer: object, scheduler: object = None) -> None:
        raise OSError("at once")

    reported: list[Exception] = []
    subscribe_safe(Observable(subscribe), print, report=reported.append).dispose()  # pyright: ignore
    assert [str(error) for error in reported] == ["at once"]


def test_held_runs_for_its_holders(m: Marbles) -> None:
    log: list[tuple[str, float]] = []

    def start() -> Disposable:
        log.append(("start", m.scheduler.frame))
        return Disposable(lambda: log.append(("stop", m.scheduler.frame)))

    held = Held(start, scheduler=m.scheduler, linger_s=0.003)
    holds = [held.hold(), held.hold()]
    m.at(1, holds[0].dispose)
    m.at(1, holds[0].dispose)
    m.at(2, holds[1].dispose)
    m.at(4, lambda: holds.append(held.hold()))
    m.at(8, lambda: holds.pop().dispose())
    m.flush()
    assert log == [("start", 0), ("stop", 11)]
    assert not held.running


def test_held_that_stops_while_it_starts() -> None:
    stopped: list[bool] = []
    held: Held

    def start() -> Disposable:
        held.stop()
        return Disposable(lambda: stopped.append(True))

    held = Held(start)
    held.hold().dispose()
    assert stopped == [True]
