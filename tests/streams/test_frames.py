"""The beat of the screen: at once after a quiet time, then at its rate; values first, then the drawing."""

import pytest

from streams.operators.frames import Frames
from streams.testing.virtual_time import VirtualScheduler


class _Stage:
    def __init__(self, gap_s: float = 0.010) -> None:
        self.scheduler = VirtualScheduler()
        self.frames = Frames(self.scheduler, gap_s)
        self.calls: list[tuple[float, str]] = []

    def note(self, what: str) -> None:
        self.calls.append((self.scheduler.frame, what))


def test_the_first_want_is_served_at_once_and_a_flood_at_the_rate() -> None:
    s = _Stage()

    def deliver() -> None:
        s.note("v")

    for frame in range(25):
        s.scheduler.advance_to(frame)
        s.frames.want(deliver)
        s.frames.want(deliver)
    s.scheduler.run()
    assert s.calls == [(0, "v"), (10, "v"), (20, "v"), (30, "v")]
    assert s.frames.drawn == 4


def test_what_values_change_is_drawn_in_the_same_frame_and_only_once() -> None:
    s = _Stage()

    def draw() -> None:
        s.note("drawn")

    def deliver(what: str) -> None:
        s.note(what)
        s.frames.want_drawn(draw)

    s.frames.want(lambda: deliver("a"))
    s.frames.want(lambda: deliver("b"))
    s.scheduler.run()
    assert s.calls == [(0, "a"), (0, "b"), (0, "drawn")]


def test_what_is_wanted_for_a_half_that_is_over_waits_for_the_next_frame() -> None:
    s = _Stage()
    again = iter((True, False))

    def deliver() -> None:
        s.note("value")
        if next(again):
            s.frames.want(deliver)

    s.frames.want(deliver)
    s.frames.want_drawn(lambda: s.frames.want_drawn(lambda: s.note("drawn")))
    s.scheduler.run()
    assert s.calls == [(0, "value"), (10, "value"), (10, "drawn")]


def test_what_is_called_off_leaves_nothing_scheduled() -> None:
    s = _Stage()

    def deliver() -> None:
        s.note("never")

    s.frames.want(deliver)
    s.frames.forget(deliver)
    s.scheduler.run()
    assert s.calls == []
    assert s.frames.drawn == 0
    s.frames.want(lambda: s.note("later"))
    s.scheduler.run()
    assert s.calls == [(0, "later")]


def test_one_that_raises_keeps_no_other_from_its_turn() -> None:
    s = _Stage()

    def broken() -> None:
        raise ValueError("broken")

    s.frames.want(broken)
    s.frames.want(lambda: s.note("value"))
    s.frames.want_drawn(lambda: s.note("drawn"))
    with pytest.raises(ValueError, match="broken"):
        s.scheduler.run()
    assert s.calls == [(0, "value"), (0, "drawn")]
    s.frames.want(lambda: s.note("next"))
    s.scheduler.run()
    assert s.calls[-1] == (10, "next")


def test_another_rate_takes_effect_with_the_next_frame() -> None:
    s = _Stage()
    s.frames.want(lambda: s.note("a"))
    s.scheduler.run()
    s.frames.set_gap(0.050)
    s.frames.want(lambda: s.note("b"))
    s.scheduler.run()
    s.frames.want(lambda: s.note("c"))
    s.scheduler.run()
    assert s.calls == [(0, "a"), (10, "b"), (60, "c")]
