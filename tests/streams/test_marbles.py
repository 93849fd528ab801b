"""The marble helper itself: its notation, its order within a frame, and how it draws what differs."""

import math
import random
import re
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
import reactivex as rx
from reactivex import operators as ops

from streams.core.schedulers import HiddenTimer
from streams.testing.drawing import difference, draw_events
from streams.testing.marbles import Marbles, MarblesDiffer, Overrun
from streams.testing.syntax import BadDiagram, Event, MarbleError, Span, parse, parse_span
from streams.testing.virtual_time import VirtualScheduler


@pytest.mark.parametrize(
    ("diagram", "expected"),
    [
        ("", []),
        ("---", []),
        ("-a-b", [(1, "a"), (3, "b")]),
        (" a b ", [(0, "a"), (1, "b")]),
        ("(ab)c", [(0, "a"), (0, "b"), (4, "c")]),
        ("-(a|)", [(1, "a"), (1, "|")]),
        ("a 10ms b", [(0, "a"), (11, "b")]),
        ("1.5s a", [(1500, "a")]),
        ("2m a", [(120_000, "a")]),
        ("0.5ms a", [(0.5, "a")]),
        ("10ms", [(0, "1"), (1, "0"), (2, "m"), (3, "s")]),
        ("a10ms b", [(0, "a"), (1, "1"), (2, "0"), (3, "m"), (4, "s"), (5, "b")]),
        ("-#", [(1, "#")]),
    ],
)
def test_notation(diagram: str, expected: list[tuple[float, str]]) -> None:
    signs = {"completed": "|", "error": "#"}
    events = parse(diagram)
    assert [(event.frame, signs.get(event.kind, event.value)) for event in events] == expected


def test_a_hot_diagram_begins_at_its_mark() -> None:
    assert [event.frame for event in parse("a-(bc) ^-d", hot=True)] == [-6.0, -4.0, -4.0, 2.0]


@pytest.mark.parametrize(
    ("diagram", "place"), [("(a", 0), ("a)", 1), ("((a))", 1), ("(a-)", 2), ("-!", 1), ("(a 5ms )", 3)]
)
def test_bad_diagrams_show_where(diagram: str, place: int) -> None:
    with pytest.raises(BadDiagram) as caught:
        parse(diagram)
    assert str(caught.value).splitlines()[-1] == "  " + " " * place + "^"


@pytest.mark.parametrize(
    ("diagram", "span"),
    [
        (None, Span(0, None)),
        ("^", Span(0, None)),
        ("--^--!", Span(2, 5)),
        ("-(^!)", Span(1, 1)),
        ("^ 10ms !", Span(0, 11)),
    ],
)
def test_subscription_notation(diagram: str | None, span: Span) -> None:
    assert parse_span(diagram) == span


@pytest.mark.parametrize("diagram", ["---", "^^", "^!!", "-a^"])
def test_bad_subscriptions(diagram: str) -> None:
    with pytest.raises(BadDiagram):
        parse_span(diagram)


def test_subscribing_and_unsubscribing_beat_emitting(m: Marbles) -> None:
    source = m.hot("a-b-c")
    m.expect(source, "^---!").to_be("a-b--")
    m.expect(source, "--^").to_be("--b-c")
    m.expect_subscriptions(source).to_be("^---!", "--^")
    m.flush()


def test_hot_plays_once_and_cold_for_each(m: Marbles) -> None:
    hot, cold = m.hot("-a-b|"), m.cold("-a|")
    m.expect(hot, "--^").to_be("---b|")
    m.expect(cold, "--^").to_be("---a|")
    m.expect(cold).to_be("-a|")
    m.flush()


def test_streams_can_be_compared(m: Marbles) -> None:
    source = m.hot("-a-b|")
    m.expect(source.pipe(ops.map(str.upper))).to_equal(source.pipe(ops.map(str.upper)))
    m.flush()


def test_hours_pass_at_once(m: Marbles) -> None:
    m.expect(rx.timer(7200.0, scheduler=m.scheduler)).to_be("120m (a|)", {"a": 0})
    m.flush()


def test_fractions_of_a_frame_are_exact(m: Marbles) -> None:
    m.expect(rx.timer(0.0015, scheduler=m.scheduler)).to_be("1.5ms (a|)", {"a": 0})
    m.flush()


def test_many_things_at_one_moment_stay_there(m: Marbles) -> None:
    ran: list[float] = []
    for _ in range(250):
        m.at(1, lambda: ran.append(m.scheduler.frame))
    m.flush()
    assert ran == [1.0] * 250


def test_an_endless_stream_says_what_to_do() -> None:
    marbles = Marbles()
    marbles.scheduler = VirtualScheduler(most_actions=1_000)
    marbles.expect(rx.interval(0.001, scheduler=marbles.scheduler)).to_be("")
    with pytest.raises(Overrun, match="unsubscription marble"):
        marbles.flush()


def test_advancing_stops_where_it_is_told() -> None:
    scheduler = VirtualScheduler()
    ran: list[float] = []
    for frame in (1, 2, 3):
        scheduler.schedule_relative(frame / 1000, lambda *_: ran.append(scheduler.frame))  # pyright: ignore
    scheduler.advance_to(2)
    assert (ran, scheduler.frame) == ([1, 2], 2)
    scheduler.advance_to(2.5)
    assert scheduler.frame == 2.5


def test_what_a_test_does_itself_may_fail(m: Marbles) -> None:
    m.at(1, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        m.flush()


def test_default_timers_are_forbidden_here(m: Marbles) -> None:
    m.expect(m.hot("-a|").pipe(ops.debounce(0.001))).to_be("#", error=HiddenTimer)
    m.flush()


def test_the_fixture_notices_a_forgotten_flush(m: Marbles) -> None:
    m.expect(m.cold("a|")).to_be("b|")
    assert not m.flushed
    with pytest.raises(MarblesDiffer):
        m.flush()


@dataclass(frozen=True)
class Box:
    state: dict[str, Any]


class Row(msgspec.Struct, frozen=True):
    name: str
    sizes: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("expected", "actual", "told"),
    [
        (1, 1, None),
        (1, 1.0, None),
        (1, True, "expected 1, got True"),
        (False, 0, "expected False, got 0"),
        (math.nan, math.nan, None),
        ("a", "b", "expected 'a', got 'b'"),
        ([1, 2], [1, 3], "[1]: expected 2, got 3"),
        ([1], [1, 2], " (length): expected 1, got 2"),
        ((1,), [1], "expected (1,), got [1]"),
        ({"a": 1}, {"a": 1}, None),
        ({"a": {"b": 0.5}}, {"a": {"b": 0.9}}, "['a']['b']: expected 0.5, got 0.9"),
        ({"a": 1}, {}, "['a']: expected 1, got no such key"),
        ({}, {"a": 1}, "['a']: expected no such key, got 1"),
        (Box({"cpu": 0.5}), Box({"cpu": 0.9}), ".state['cpu']: expected 0.5, got 0.9"),
        (Row("a", (1, 2)), Row("a", (1, 3)), ".sizes[1]: expected 2, got 3"),
        (OSError("a"), OSError("a"), None),
        (OSError("a"), ValueError("a"), "expected OSError('a'), got ValueError('a')"),
        (OSError, OSError("whatever"), None),
        (OSError, KeyError("x"), "expected <class 'OSError'>, got KeyError('x')"),
        (None, 0, "expected None, got 0"),
    ],
)
def test_the_first_differing_leaf_is_named(expected: Any, actual: Any, told: str | None) -> None:
    assert difference(expected, actual) == told


def _drawn(build: Any) -> str:
    marbles = Marbles()
    build(marbles)
    with pytest.raises(MarblesDiffer) as caught:
        marbles.flush()
    return str(caught.value)


def test_failures_are_drawn_on_one_axis() -> None:
    def build(m: Marbles) -> None:
        m.expect(m.cold("-a 15ms b 20ms (cd)-e")).to_be("-a 15ms b 20ms c----e|", {"a": "a"})

    assert _drawn(build).splitlines() == [
        "marbles differ",
        "  expected: -a 15ms b 20ms c----e|",
        "  actual:   -a 15ms b 20ms (cd)-e-",
        "  event 4: expected e at 43ms, got d at 38ms",
    ]


def test_values_get_the_letters_of_the_test() -> None:
    def build(m: Marbles) -> None:
        source = m.cold("ab", {"a": {"cpu": 0.5}, "b": {"cpu": 0.9}})
        m.expect(source).to_be("xx", {"x": {"cpu": 0.5}})

    assert _drawn(build).splitlines() == [
        "marbles differ",
        "  expected: xx",
        "  actual:   xy",
        "     x = {'cpu': 0.5}",
        "     y = {'cpu': 0.9}",
        "  event 2 at 1ms: ['cpu']: expected 0.5, got 0.9",
    ]


def test_errors_are_told_with_their_text() -> None:
    text = _drawn(lambda m: m.expect(m.cold("-#", error=OSError("gone"))).to_be("-#", error=OSError("left")))
    assert "# = OSError('left') (expected)" in text
    assert "event 1 at 1ms: expected OSError('left'), got OSError('gone')" in text


def test_subscriptions_are_drawn_too() -> None:
    def build(m: Marbles) -> None:
        source = m.cold("a")
        m.expect(source, "--^ 12ms !").to_be("--a")
        m.expect_subscriptions(source).to_be("--^--!", "^")

    assert _drawn(build).splitlines() == [
        "subscriptions differ",
        "  expected: --^--!----------",
        "  expected: ^---------------",
        "  actual:   --^------------!",
    ]


def test_all_that_differs_is_drawn() -> None:
    def build(m: Marbles) -> None:
        m.expect(m.cold("a")).to_be("b")
        m.expect(m.cold("c")).to_be("d")

    assert _drawn(build).count("marbles differ") == 2


def test_what_is_drawn_can_be_read_again() -> None:
    """A drawing is in the notation itself: whatever is drawn, parsing it gives the same events."""
    chance = random.Random(7)
    for _ in range(200):
        frames = sorted(chance.sample(range(80), chance.randint(1, 5)))
        events = [Event(float(frame), "next", chance.choice("abc")) for frame in frames]
        diagram = _draw(events)
        assert parse(diagram) == events, diagram


def _draw(events: list[Event]) -> str:
    found = re.search(r"actual:   (.*)", draw_events([], events))
    assert found
    return found[1]


def test_errors_of_marbles_are_equal() -> None:
    assert difference(parse("#")[0].value, MarbleError("error")) is None
