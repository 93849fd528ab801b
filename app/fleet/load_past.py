"""The load that the server had in the past of the fleet: samples of its metrics, worked out from the runs."""

import bisect
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from random import Random

from app.fleet.behaviour import is_on
from app.fleet.roster import DAY_S, HOUR_S
from app.fleet.synthetic_history import AWAY_TEMPERS, HISTORY_DAYS, Past

MEGABYTE = 1_000_000
FINE_S, FINE_STEP_S = 12 * 60.0, 10.0
CLOSE_S, CLOSE_STEP_S = 2 * HOUR_S, 60.0

Sample = tuple[datetime, Mapping[str, float]]


def samples(pasts: Sequence[Past], store_bytes: int, seed: int, now_s: float) -> Iterator[Sample]:
    """Yield samples from 30 days ago until now, in order: hourly, then each minute, at last each 10 s.

    ``store_bytes`` is what the store takes now; it grew as the runs sent.
    """
    rng = Random(f"{seed}:load")
    runs = sorted((run.started_s, run.finished_s, run.sent_bytes) for past in pasts for run in past.runs)
    ends = sorted((finished_s, sent) for _, finished_s, sent in runs)
    finished = [finished_s for finished_s, _ in ends]
    sums = [0]
    for _, sent in ends:
        sums.append(sums[-1] + sent)
    per_byte = store_bytes / sums[-1] if sums[-1] else 0.0
    starts = [started_s for started_s, _, _ in runs]
    longest_s = max((end_s - start_s for start_s, end_s, _ in runs), default=0.0)
    at_s = now_s - HISTORY_DAYS * DAY_S
    while at_s < now_s - FINE_STEP_S:
        near = runs[bisect.bisect_left(starts, at_s - longest_s) : bisect.bisect_right(starts, at_s)]
        active = [(sent, end_s - start_s) for start_s, end_s, sent in near if end_s > at_s]
        received = sum(sent / lasted_s for sent, lasted_s in active)
        online = sum(_online(past, at_s) for past in pasts)
        yield (
            datetime.fromtimestamp(at_s, UTC),
            {
                "cpu_ratio": 0.012 + 0.02 * len(active) + received / (400 * MEGABYTE) + rng.uniform(0, 0.008),
                "memory_bytes": (92 + 0.3 * online + 1.5 * len(active) + rng.uniform(0, 3)) * MEGABYTE,
                "connections": online + 2.0 * len(active) + 2,
                "clients_online": float(online),
                "received_bps": received * rng.uniform(0.8, 1.2),
                "sent_bps": received * 0.01 + rng.uniform(0, 2000),
                "store_bytes": per_byte * sums[bisect.bisect_right(finished, at_s)],
            },
        )
        left_s = now_s - at_s
        at_s += FINE_STEP_S if left_s <= FINE_S else CLOSE_STEP_S if left_s <= CLOSE_S else HOUR_S


def _online(past: Past, at_s: float) -> bool:
    """Whether a machine was connected: between enrolment and last sight, while it was switched on."""
    if past.last_seen_s is None or at_s < past.enrolled_s:
        return False
    if past.machine.temper in AWAY_TEMPERS and at_s > past.last_seen_s:
        return False
    return is_on(past.machine, at_s)
