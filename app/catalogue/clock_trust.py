"""The rule by which a server's clock is trusted: pure, so that years of switching off and on can be tried.

A clock that jumps a year ahead must purge nothing. A reading is trusted at once where it follows the last
trusted one: at most ten minutes more than the uptime that has passed, or at most a day later where the
server was off. Any other reading ahead begins a stretch that is not trusted yet. It is trusted once the
server has been up for a day in all since it began, over any number of restarts and of further stretches,
and the clock was not set back before it. Until then ages are judged by the newest trusted time. So a server
that is off each weekend judges by a time some days old, but it judges.

A clock that is set back makes nothing due too early. It is taken for the right one after an hour: a machine
without a battery for its clock begins in 1970 at each start, until it has asked the network.
"""

from datetime import datetime, timedelta

import msgspec

JUMP = timedelta(minutes=10)
JUMP_WHILE_OFF = timedelta(days=1)
CONFIRM_S = 24 * 3600.0
"""Uptime after which a clock that has jumped ahead is trusted, in seconds."""
CONFIRM_BACK_S = 3600.0
"""Uptime after which a clock that was set back is trusted, in seconds."""
MAX_STRETCHES = 100


class Stretch(msgspec.Struct, frozen=True):
    """Readings of the clock that followed one another."""

    since: datetime
    at: datetime
    """The newest reading."""
    up_s: float = 0.0
    """For how long the server was up in it."""
    ahead_s: float = 0.0
    """By how much its begin was ahead of the stretch before."""
    seen_s: float | None = None
    """When the newest reading was taken, by the clock of the machine's uptime; None: before this start."""


class Clock(msgspec.Struct, frozen=True):
    """The state of the trust in a clock."""

    trusted: Stretch
    unproven: tuple[Stretch, ...] = ()
    """Oldest first."""
    behind_s: float = 0.0
    """For how long the clock has been behind the trusted time."""
    behind_seen_s: float | None = None

    @property
    def settled(self) -> bool:
        """Whether ages are judged by the time of now, or an earlier one than is trusted."""
        return not self.unproven

    def stored(self) -> "Clock":
        """Return what another process may know of it: uptimes are those of one machine's start."""
        return msgspec.structs.replace(
            self,
            trusted=msgspec.structs.replace(self.trusted, seen_s=None),
            unproven=tuple(msgspec.structs.replace(stretch, seen_s=None) for stretch in self.unproven),
            behind_seen_s=None,
        )


def first(now: datetime, clock_s: float | None = None) -> Clock:
    """Return the state of a clock that nothing is known of: it is trusted."""
    return Clock(Stretch(now, now, seen_s=clock_s))


def look(clock: Clock, now: datetime, clock_s: float) -> tuple[Clock, timedelta]:
    """Take a reading; return the state with it, and by how much the trusted time has jumped ahead by it."""
    if now < clock.trusted.at - JUMP:
        return _behind(clock, now, clock_s), timedelta(0)
    unproven = list(clock.unproven)
    while unproven and now < unproven[-1].since - JUMP:
        unproven.pop()
    trusted = clock.trusted
    last = unproven[-1] if unproven else trusted
    passed_s = 0.0 if last.seen_s is None else clock_s - last.seen_s
    ahead = now - last.at - timedelta(seconds=passed_s)
    if ahead <= (JUMP_WHILE_OFF if last.seen_s is None else JUMP):
        last = msgspec.structs.replace(last, at=now, up_s=last.up_s + passed_s, seen_s=clock_s)
        if unproven:
            unproven[-1] = last
        else:
            trusted = last
    else:
        unproven.append(Stretch(now, now, ahead_s=ahead.total_seconds(), seen_s=clock_s))
    jumped_s = 0.0
    while unproven and sum(stretch.up_s for stretch in unproven) >= CONFIRM_S:
        trusted = unproven.pop(0)
        jumped_s += trusted.ahead_s
    # Of so many the oldest is forgotten, with the uptime that counted for it.
    while len(unproven) > MAX_STRETCHES:
        forgotten = unproven.pop(0)
        ahead_s = forgotten.ahead_s + unproven[0].ahead_s
        unproven[0] = msgspec.structs.replace(unproven[0], ahead_s=ahead_s)
    return Clock(trusted, tuple(unproven)), timedelta(seconds=jumped_s)


def _behind(clock: Clock, now: datetime, clock_s: float) -> Clock:
    passed_s = 0.0 if clock.behind_seen_s is None else clock_s - clock.behind_seen_s
    behind_s = clock.behind_s + passed_s
    if behind_s >= CONFIRM_BACK_S:
        return first(now, clock_s)
    return msgspec.structs.replace(clock, behind_s=behind_s, behind_seen_s=clock_s)
