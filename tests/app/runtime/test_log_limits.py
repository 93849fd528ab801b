"""Lines that an outsider can cause come once a minute, and tell how many were left out."""

import logging

import structlog

from app.runtime.log_limits import LimitedLog, RepeatFilter


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_that_repeats_comes_once_a_minute_with_a_count() -> None:
    clock = Clock()
    with structlog.testing.capture_logs() as lines:
        limited = LimitedLog(structlog.stdlib.get_logger("test"), clock=clock)
        for number in range(100):
            limited.info("malformed", number=number)
        limited.warning("another")
        clock.now = 60.0
        limited.info("malformed", number=100)
        clock.now = 200.0
        limited.info("malformed", number=101)
    assert [(line["event"], line.get("number"), line.get("left_out")) for line in lines] == [
        ("malformed", 0, None),
        ("another", None, None),
        ("malformed", 100, 99),
        ("malformed", 101, None),
    ]


def test_where_each_tells_of_another_thing_the_first_of_a_minute_come() -> None:
    clock = Clock()
    with structlog.testing.capture_logs() as lines:
        limited = LimitedLog(structlog.stdlib.get_logger("test"), most=3, clock=clock)
        for number in range(10):
            limited.error("content_damaged", number=number)
        clock.now = 60.0
        limited.error("content_damaged", number=10)
    assert [(line["number"], line.get("left_out")) for line in lines] == [
        (0, None),
        (1, None),
        (2, None),
        (10, 7),
    ]


def test_a_message_of_a_library_passes_once_a_minute_and_memory_is_bounded() -> None:
    clock = Clock()
    repeats = RepeatFilter(clock=clock)

    def passes(text: str) -> bool:
        return repeats.filter(logging.LogRecord("asyncio", logging.ERROR, "", 0, text, (), None))

    text = "socket.accept() out of system resource\nsocket: <socket {}>"
    assert [passes(text.format(number)) for number in range(5)] == [True, False, False, False, False]
    clock.now = 61.0
    assert passes(text.format(6))
    for number in range(10_000):
        passes(f"message {number}")
    assert len(repeats._next_at) <= 256
