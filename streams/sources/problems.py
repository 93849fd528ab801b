"""Present problems, folded from the other streams: nothing is read for them alone."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec
import reactivex as rx
from reactivex import Observable, abc
from reactivex import operators as ops

from streams.model.clients import Client
from streams.model.link import Link
from streams.model.problems import Problem
from streams.model.server import ServerStatus
from streams.model.snapshot import Delta, Snapshot
from streams.model.vocabulary import (
    ClientState,
    DiskRoom,
    Health,
    LinkState,
    ProblemKind,
    ServerState,
    VerificationState,
)
from streams.operators.audit_time import audit_time
from streams.operators.share_latest import share_latest

SETTLE_S = 0.25
"""Changes within so long are judged together."""
LOOK_S = 5.0
"""So often it is judged again what time alone makes wrong."""

Problems = tuple[Problem, ...]
Clock = Callable[[], datetime]


def problems(
    link: Observable[Link],
    status: Observable[Snapshot[ServerStatus]],
    clients: Observable[Delta[str, Client]],
    clients_freshness: Observable[Snapshot[int]],
    *,
    scheduler: abc.SchedulerBase,
    server_now: Clock,
) -> Observable[Problems]:
    """All that is wrong now, the worst first.

    Source:  the streams of the connection, the status and the clients; the time, each ``LOOK_S``.
    Emits:   once the server has answered or is known to be out of reach, then each change.
    Shape:   one record for each cause; one for a client at most.
    Sharing: one fold for all.
    Errors:  none; what cannot be read is a problem of its own.
    """

    judge = Judge(server_now)  # kept while nobody looks, with since when it has seen what tells no time

    def begin(_: Any = None) -> Observable[Problems]:
        changes = judge.follow(link, status, clients, clients_freshness).pipe(
            audit_time(SETTLE_S, scheduler=scheduler)
        )
        looks = rx.interval(LOOK_S, scheduler=scheduler)
        return rx.merge(changes, looks).pipe(
            ops.filter(lambda _: judge.knows),
            ops.map(lambda _: judge.judge()),
            ops.distinct_until_changed(),
        )

    return rx.defer(begin).pipe(share_latest())


class Judge:
    """The newest of each stream, and since when each cause is known that does not tell it."""

    def __init__(self, server_now: Clock) -> None:
        self._server_now = server_now
        self._link: Link | None = None
        self._status: Snapshot[ServerStatus] = Snapshot(None, Health.LOADING)
        self._freshness: Snapshot[int] = Snapshot(None, Health.LOADING)
        self._clients: dict[str, Client] = {}
        self._known: Problems = ()
        self._first: dict[str, datetime] = {}

    def follow(
        self,
        link: Observable[Link],
        status: Observable[Snapshot[ServerStatus]],
        clients: Observable[Delta[str, Client]],
        clients_freshness: Observable[Snapshot[int]],
    ) -> Observable[Any]:
        """Take all of these while somebody listens; what it emits says only that something was taken."""

        def take_link(value: Link) -> None:
            self._link = value

        def take_status(value: Snapshot[ServerStatus]) -> None:
            self._status = value

        def take_clients(delta: Delta[str, Client]) -> None:
            delta.apply_to(self._clients)

        def take_freshness(value: Snapshot[int]) -> None:
            self._freshness = value

        return rx.merge(
            link.pipe(ops.do_action(take_link)),
            status.pipe(ops.do_action(take_status)),
            clients.pipe(ops.do_action(take_clients)),
            clients_freshness.pipe(ops.do_action(take_freshness)),
        )

    @property
    def knows(self) -> bool:
        """Whether enough is known to say that all is well, or that nothing can be known."""
        if self._link is not None and self._link.lost:
            return True
        both = (self._status, self._freshness)
        return all(known.value is not None or known.failure is not None for known in both)

    def judge(self) -> Problems:
        """Return all that is wrong by what was taken, the worst first."""
        link, now = self._link, self._server_now()
        found: list[Problem] = []
        if link is not None and link.lost:
            # Of a server that is out of reach nothing new is known: what was wrong is not over, nor more.
            found = [p for p in self._known if p.kind not in _OF_THE_LINK]
            failure = link.failure
            reason = failure.message if failure is not None else ""
            found.append(Problem(key="no_connection", kind=ProblemKind.NO_CONNECTION, reason=reason))
        else:
            if link is not None and link.state is LinkState.STALE:
                found.append(Problem(key="server_silent", kind=ProblemKind.SERVER_SILENT))
            unread = next((k.failure for k in (self._status, self._freshness) if k.failure is not None), None)
            if unread is not None:
                found.append(
                    Problem(key="server_unread", kind=ProblemKind.SERVER_UNREAD, reason=unread.message)
                )
            if self._status.value is not None:
                found += problems_of_server(self._status.value)
            found += problems_of_clients(self._clients.values(), now)
        self._known = tuple(sorted((self._dated(problem, now) for problem in found), key=_rank))
        self._first = {p.key: p.since for p in self._known if p.seen and p.since is not None}
        return self._known

    def _dated(self, problem: Problem, now: datetime) -> Problem:
        if problem.since is not None:
            return problem
        return msgspec.structs.replace(problem, since=self._first.get(problem.key, now), seen=True)


_OF_THE_LINK = (ProblemKind.NO_CONNECTION, ProblemKind.SERVER_SILENT, ProblemKind.SERVER_UNREAD)
_ORDER = {kind: number for number, kind in enumerate(ProblemKind)}


def _rank(problem: Problem) -> tuple[bool, bool, int, float, str]:
    since = problem.since.timestamp() if problem.since is not None else 0.0
    of_client = bool(problem.client_id)
    kind = 0 if of_client else _ORDER[problem.kind]
    return not problem.kind.grave, of_client, kind, since, problem.key


def problems_of_server(status: ServerStatus) -> list[Problem]:
    """Return what is wrong with the server, its disk and its own data."""
    found: list[Problem] = []

    def add(kind: ProblemKind, reason: str = "", since: datetime | None = None, count: int = 0) -> None:
        found.append(Problem(key=str(kind), kind=kind, reason=reason, since=since, count=count))

    catalogue, verification = status.catalogue, status.verification
    if catalogue.lost:
        add(ProblemKind.CATALOGUE_LOST, catalogue.lost)
    if status.disk_room is DiskRoom.FULL:
        add(ProblemKind.DISK_FULL)
    elif status.disk_room is DiskRoom.LOW:
        add(ProblemKind.DISK_LOW)
    if status.state is not ServerState.RUNNING:
        add(ProblemKind.SERVER_STOPPED, str(status.state), status.state_since)
    if verification is not None and verification.damaged_count:
        add(ProblemKind.DAMAGE, count=verification.damaged_count)
    if verification is not None and verification.state is VerificationState.FAILING:
        add(ProblemKind.CANNOT_VERIFY, verification.reason)
    if catalogue.backup_problem:
        add(ProblemKind.NOT_COPIED, catalogue.backup_problem)
    if catalogue.ages_judged_by is not None:
        found.append(Problem(key="clock", kind=ProblemKind.CLOCK, judged_by=catalogue.ages_judged_by))
    return found


def problems_of_clients(clients: Iterable[Client], now: datetime) -> list[Problem]:
    """Return what is wrong with clients: of each the one thing that matters most.

    One that is to be removed is on its way out: nobody waits for its backups.
    """
    found: list[Problem] = []
    for client in clients:
        if client.destroy_at is not None:
            continue
        kind = _kind_of(client, now)
        if kind is None:
            continue
        since = client.failing_since if kind is ProblemKind.FAILING else client.missed_since
        if since is not None and since > now:
            since = None  # its last good backup was noted by a clock that was wrong
        found.append(
            Problem(
                key=f"client:{client.id}",
                kind=kind,
                since=since,
                client_id=client.id,
                client_name=client.name,
                client_state=client.state,
                last_seen_at=client.last_seen_at,
                reason=client.failure_reason or "" if kind is ProblemKind.FAILING else "",
            )
        )
    return found


def _kind_of(client: Client, now: datetime) -> ProblemKind | None:
    if client.failing_since is not None:
        return ProblemKind.FAILING
    if client.state is ClientState.REVOKED:
        return ProblemKind.CLIENT_LOST
    if client.within_goal(now):
        return None
    if client.last_success_at is None and client.missed_since > now:
        return None  # its first backup still has time
    if client.state is ClientState.OFFLINE:
        seen = client.last_seen_at
        if seen is None or (now - seen).total_seconds() > client.goal_s:
            return ProblemKind.CLIENT_LOST
    return ProblemKind.OVERDUE
