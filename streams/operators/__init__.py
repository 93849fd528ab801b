"""The operators of this project, one a file; RxPY's own stay in ``reactivex.operators``."""

from streams.core.types import Operator, Seconds, seconds_of
from streams.operators.audit_time import audit_time
from streams.operators.backoff import Backoff
from streams.operators.conflate import conflate, conflate_into, conflate_merge
from streams.operators.conflate_deltas import conflate_deltas
from streams.operators.exactly_once import Gap, exactly_once
from streams.operators.exhaust_latest import exhaust_latest
from streams.operators.from_aiter import from_aiter
from streams.operators.from_coro import from_coro
from streams.operators.gate import gate, gate_latest
from streams.operators.keyed_distinct import keyed_distinct
from streams.operators.live_query import live_query
from streams.operators.observe_on_batched import observe_on_batched
from streams.operators.poll import poll
from streams.operators.reconnecting import Down, Msg, Up, reconnecting
from streams.operators.resubscribe import Run, repeat_every, resubscribe, retry_backoff
from streams.operators.results import Failed, Ok, SourceCancelled, TimedOut
from streams.operators.share_latest import share_latest
from streams.operators.spawning import Spawn, task_spawner
from streams.operators.throttle_time import throttle_time

__all__ = [
    "Backoff",
    "Down",
    "Failed",
    "Gap",
    "Msg",
    "Ok",
    "Operator",
    "Run",
    "Seconds",
    "SourceCancelled",
    "Spawn",
    "TimedOut",
    "Up",
    "audit_time",
    "conflate",
    "conflate_deltas",
    "conflate_into",
    "conflate_merge",
    "exactly_once",
    "exhaust_latest",
    "from_aiter",
    "from_coro",
    "gate",
    "gate_latest",
    "keyed_distinct",
    "live_query",
    "observe_on_batched",
    "poll",
    "reconnecting",
    "repeat_every",
    "resubscribe",
    "retry_backoff",
    "seconds_of",
    "share_latest",
    "task_spawner",
    "throttle_time",
]
