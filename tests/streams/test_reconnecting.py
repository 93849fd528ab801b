"""reconnecting."""

from reactivex import operators as ops

from streams.operators import Backoff, Down, Msg, SourceCancelled, Up, reconnecting
from streams.testing.marbles import Marbles


def _text(happening: Up | Msg[str] | Down) -> str:
    if isinstance(happening, Msg):
        return happening.value
    return "U" if isinstance(happening, Up) else "D"


def test_back_off_grows_until_a_message_comes(m: Marbles) -> None:
    sessions = iter(("#", "-#", "-a-#", "#", "-b"))
    stream = reconnecting(
        lambda: m.cold(next(sessions)), backoff=Backoff(0.002, jitter_ratio=0), scheduler=m.scheduler
    )
    heard = m.record(stream, "^ 30ms !")
    m.flush()
    downs = [event.value for event in heard if isinstance(event.value, Down)]
    assert [(down.attempts, down.retry_in_s) for down in downs] == [
        (1, 0.002),
        (2, 0.004),
        (1, 0.002),
        (2, 0.004),
    ]
    assert [_text(event.value) for event in heard] == list("DDUaDDUb")
    assert [event.value.session for event in heard if isinstance(event.value, Up)] == [1, 2]


def test_a_proper_close_reconnects_too(m: Marbles) -> None:
    source = m.cold("a-|")
    stream = reconnecting(lambda: source, backoff=lambda _: 0.003, scheduler=m.scheduler)
    heard = m.record(stream, "^------!")
    m.flush()
    assert [(event.frame, _text(event.value)) for event in heard] == [
        (0, "U"),
        (0, "a"),
        (2, "D"),
        (5, "U"),
        (5, "a"),
    ]
    assert heard[2].value.error is None


def test_hurry_connects_now(m: Marbles) -> None:
    source = m.cold("#")
    stream = reconnecting(
        lambda: source, backoff=lambda _: 60.0, hurry_stream=m.hot("---h"), scheduler=m.scheduler
    )
    m.expect(stream.pipe(ops.map(_text)), "^ 9ms !").to_be("D--D")
    m.expect_subscriptions(source).to_be("(^!)", "---(^!)")
    m.flush()


def test_a_connect_that_raises_is_down(m: Marbles) -> None:
    def connect() -> None:
        raise OSError("no route")

    stream = reconnecting(connect, backoff=lambda _: 60.0, scheduler=m.scheduler)  # pyright: ignore
    m.expect(stream.pipe(ops.map(_text)), "^ 9ms !").to_be("D")
    m.flush()


def test_disposal_closes_the_connection(m: Marbles) -> None:
    source = m.cold("a----")
    m.record(reconnecting(lambda: source, scheduler=m.scheduler), "^--!")
    m.expect_subscriptions(source).to_be("^--!")
    m.flush()


def test_foreign_cancellation_ends_it(m: Marbles) -> None:
    source = m.cold("a-#", error=SourceCancelled("shut down"))
    stream = reconnecting(lambda: source, scheduler=m.scheduler).pipe(ops.map(_text))
    heard = m.record(stream)
    m.flush()
    assert heard[-1].kind == "error"
    assert heard[-1].frame == 2
