from app.agent.backoff import Backoff


def pauses(seed: str, times: int = 12) -> list[float]:
    backoff = Backoff(seed, base_s=0.5, cap_s=30, jitter_ratio=0.3)
    return [backoff.next_s() for _ in range(times)]


def test_pauses_double_up_to_the_cap_within_the_jitter() -> None:
    for attempt, pause in enumerate(pauses("client")):
        plain = min(30, 0.5 * 2**attempt)
        assert 0.7 * plain <= pause <= 1.3 * plain


def test_clients_spread_and_one_client_is_always_the_same() -> None:
    assert pauses("a") == pauses("a")
    assert len({pauses(f"client {n}", 1)[0] for n in range(60)}) > 50


def test_after_a_success_it_begins_again() -> None:
    backoff = Backoff("x", base_s=1, cap_s=60)
    first = backoff.next_s()
    backoff.next_s()
    backoff.reset()
    assert backoff.next_s() == first
