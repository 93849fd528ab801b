"""resubscribe, retry_backoff, repeat_every."""

import reactivex as rx

from streams.operators import Backoff, Run, SourceCancelled, repeat_every, resubscribe, retry_backoff
from streams.testing.marbles import Marbles


def test_decide_is_told_everything(m: Marbles) -> None:
    runs: list[Run] = []
    left = ["-ab#", "#", "--|", "-#"]

    def decide(run: Run) -> float | None:
        runs.append(run)
        return 0.001 if left else None

    source = rx.defer(lambda _: m.cold(left.pop(0)))
    m.expect(source.pipe(resubscribe(decide, scheduler=m.scheduler))).to_be("-ab------#")
    m.flush()
    assert [(run.number, run.values, run.failures, run.barren, run.took_s) for run in runs] == [
        (1, 2, 1, 1, 0.003),
        (2, 0, 2, 2, 0.0),
        (3, 0, 0, 3, 0.002),
        (4, 0, 1, 4, 0.001),
    ]


def test_announcements_come_as_the_wait_begins(m: Marbles) -> None:
    source = m.cold("-#")
    again = resubscribe(
        lambda run: 0.003 if run.number < 2 else None,
        scheduler=m.scheduler,
        announce=lambda run, wait_s: "xy",
    )
    m.expect(source.pipe(again)).to_be("-(xy)#")
    m.expect_subscriptions(source).to_be("^!", "----^!")
    m.flush()


def test_hurry_ends_the_wait(m: Marbles) -> None:
    source = m.cold("-a|")
    again = resubscribe(lambda run: 9.0, scheduler=m.scheduler, hurry_stream=m.hot("----h-----"))
    m.expect(source.pipe(again), "^-------!").to_be("-a---a--")
    m.expect_subscriptions(source).to_be("^-!", "----^-!")
    m.flush()


def test_hurry_during_a_run_takes_the_wait_after_it_away(m: Marbles) -> None:
    source = m.cold("--a|")
    again = resubscribe(lambda run: 9.0, scheduler=m.scheduler, hurry_stream=m.hot("-h--------"))
    m.expect(source.pipe(again), "^-------!").to_be("--a--a--")
    m.flush()


def test_recheck_counts_from_the_end_of_the_run(m: Marbles) -> None:
    waits = iter((0.050, 0.004, None))
    source = m.cold("-a|")
    again = resubscribe(lambda run: next(waits), scheduler=m.scheduler, recheck_stream=m.hot("---r-----"))
    m.expect(source.pipe(again)).to_be("-a-----a|")
    m.flush()


def test_a_source_that_ends_at_once_starves_nobody(m: Marbles) -> None:
    source = m.cold("(a|)")
    again = resubscribe(lambda run: 0.0 if run.number < 500 else None, scheduler=m.scheduler)
    heard = m.record(source.pipe(again))
    m.flush()
    assert len(heard) == 501
    assert heard[-1].frame == 0


def test_disposal_during_the_wait_starts_nothing(m: Marbles) -> None:
    source = m.cold("-#")
    m.expect(source.pipe(retry_backoff(lambda _: 0.005, scheduler=m.scheduler)), "^--!").to_be("---")
    m.expect_subscriptions(source).to_be("^!")
    m.flush()


def test_retry_gives_up_and_says_why(m: Marbles) -> None:
    source = m.cold("#", error=OSError("refused"))
    retried = source.pipe(retry_backoff(Backoff(0.001, jitter_ratio=0), max_retries=2, scheduler=m.scheduler))
    m.expect(retried).to_be("---#", error=OSError("refused"))
    m.flush()


def test_retry_only_what_is_worth_it(m: Marbles) -> None:
    source = m.cold("-#", error=KeyError("bug"))
    retried = source.pipe(
        retry_backoff(retry_if=lambda error: isinstance(error, OSError), scheduler=m.scheduler)
    )
    m.expect(retried).to_be("-#", error=KeyError)
    m.expect_subscriptions(source).to_be("^!")
    m.flush()


def test_retry_never_repeats_a_foreign_cancellation(m: Marbles) -> None:
    source = m.cold("-#", error=SourceCancelled("shut down"))
    m.expect(source.pipe(retry_backoff(scheduler=m.scheduler))).to_be("-#", error=SourceCancelled)
    m.expect_subscriptions(source).to_be("^!")
    m.flush()


def test_repeat_lets_errors_through(m: Marbles) -> None:
    source = m.cold("-a#")
    m.expect(source.pipe(repeat_every(0.005, scheduler=m.scheduler))).to_be("-a#")
    m.flush()


def test_repeat_does_not_overlap(m: Marbles) -> None:
    source = m.cold("---a|")
    m.expect(source.pipe(repeat_every(0.002, count=2, scheduler=m.scheduler))).to_be("---a---a|")
    m.expect_subscriptions(source).to_be("^---!", "----^---!")
    m.flush()
