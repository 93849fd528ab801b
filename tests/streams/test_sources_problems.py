"""Present problems: once a cause, since when, and gone with their cause."""

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace
from reactivex.subject import BehaviorSubject, Subject

from streams.model.clients import Client
from streams.model.failures import Failure
from streams.model.link import Link
from streams.model.problems import Problem
from streams.model.server import CatalogueStatus, ServerStatus
from streams.model.snapshot import Delta, Snapshot
from streams.model.vocabulary import ClientState, Health, LinkState, ProblemKind, ServerState
from streams.sources.problems import LOOK_S, problems, problems_of_clients, problems_of_server
from streams.testing.virtual_time import VirtualScheduler

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
STATUS = ServerStatus(
    at=NOON,
    state=ServerState.RUNNING,
    epoch="e",
    version="1",
    started_at=NOON,
    cpu_ratio=0,
    memory_bytes=1,
    memory_total_bytes=2,
    connections=0,
    clients_online=0,
    clients_total=0,
    consoles=1,
    runs_active=0,
    transfers_active=0,
    received_bps=0,
    sent_bps=0,
    disk_total_bytes=100,
    disk_free_bytes=50,
    store_bytes=10,
    write_queue=0,
    event_queue=0,
    last_seq=1,
    state_since=NOON,
)


def client(name: str = "web", *, good: timedelta | None = HOUR, **more: Any) -> Client:
    given: dict[str, Any] = {
        "id": name,
        "name": name,
        "state": ClientState.ONLINE,
        "created_at": NOON - 100 * HOUR,
        "goal_s": 24 * 3600.0,
        "last_seen_at": NOON,
        "last_success_at": None if good is None else NOON - good,
    }
    return Client(**(given | more))


def kinds(*clients: Client) -> list[ProblemKind]:
    return [problem.kind for problem in problems_of_clients(clients, NOON)]


def test_each_client_has_one_problem_at_most() -> None:
    assert kinds(client()) == []
    assert kinds(client(failing_since=NOON - HOUR)) == [ProblemKind.FAILING]
    both = client(good=30 * HOUR, failing_since=NOON - 2 * HOUR, state=ClientState.OFFLINE)
    assert kinds(both) == [ProblemKind.FAILING]
    assert kinds(client(good=25 * HOUR)) == [ProblemKind.OVERDUE]
    assert kinds(client(good=None)) == [ProblemKind.OVERDUE]


def test_a_client_that_stays_away_is_lost_and_one_whose_token_is_no_good_at_once() -> None:
    away = {"state": ClientState.OFFLINE, "good": 30 * HOUR}
    assert kinds(client(**away, last_seen_at=NOON - HOUR)) == [ProblemKind.OVERDUE]
    assert kinds(client(**away, last_seen_at=NOON - 25 * HOUR)) == [ProblemKind.CLIENT_LOST]
    assert kinds(client(state=ClientState.REVOKED)) == [ProblemKind.CLIENT_LOST]


def test_nobody_waits_for_a_client_that_is_to_be_removed() -> None:
    assert kinds(client(good=None, destroy_at=NOON + HOUR, failing_since=NOON)) == []


def test_since_is_when_the_goal_was_missed() -> None:
    (late,) = problems_of_clients([client(good=25 * HOUR)], NOON)
    assert late.since == NOON - HOUR
    (failing,) = problems_of_clients([client(failing_since=NOON - 2 * HOUR, failure_reason="full")], NOON)
    assert (failing.since, failing.reason) == (NOON - 2 * HOUR, "full")


def test_a_first_backup_is_not_overdue_before_its_time() -> None:
    assert problems_of_clients([client(good=None, created_at=NOON - HOUR)], NOON) == []
    (late,) = problems_of_clients([client(good=None, created_at=NOON - 25 * HOUR)], NOON)
    assert late.since == NOON - HOUR


def test_nothing_is_wrong_since_a_time_that_is_to_come() -> None:
    (ahead,) = problems_of_clients([client(good=-30 * HOUR)], NOON)
    assert ahead.since is None


def test_a_stopped_server_a_full_disk_and_a_lost_catalogue_are_problems_of_their_own() -> None:
    assert problems_of_server(STATUS) == []
    wrong = replace(
        STATUS,
        state=ServerState.STOPPED,
        disk_least_bytes=60,
        catalogue=CatalogueStatus(lost="deleted"),
    )
    found = problems_of_server(wrong)
    assert [p.kind for p in found] == [
        ProblemKind.CATALOGUE_LOST,
        ProblemKind.DISK_FULL,
        ProblemKind.SERVER_STOPPED,
    ]
    assert found[-1].since == NOON
    assert all(problem.kind.grave for problem in found)


class Desk:
    """The fold over streams that a test makes up, in virtual time."""

    def __init__(self) -> None:
        self.scheduler = VirtualScheduler()
        self.link = BehaviorSubject(Link(state=LinkState.LIVE, since=NOON))
        self.status: BehaviorSubject[Snapshot[ServerStatus]] = BehaviorSubject(Snapshot(None, Health.LOADING))
        self.clients: Subject[Delta[str, Client]] = Subject()
        self.freshness: BehaviorSubject[Snapshot[int]] = BehaviorSubject(Snapshot(None, Health.LOADING))
        self.told: list[tuple[Problem, ...]] = []
        self.stream = problems(
            self.link,
            self.status,
            self.clients,
            self.freshness,
            scheduler=self.scheduler,
            server_now=self.now,
        )
        self.listening = self.stream.subscribe(self.told.append)

    def now(self) -> datetime:
        return NOON + timedelta(milliseconds=self.scheduler.frame)

    def advance(self, seconds: float = 1.0) -> None:
        self.scheduler.advance_to(self.scheduler.frame + seconds * 1000)

    def fill(self, *clients: Client) -> None:
        self.status.on_next(Snapshot(STATUS, Health.OK, NOON))
        self.clients.on_next(Delta({each.id: each for each in clients}, full=True))
        self.freshness.on_next(Snapshot(len(clients), Health.OK, NOON))
        self.advance()

    @property
    def kinds(self) -> list[ProblemKind]:
        return [problem.kind for problem in self.told[-1]]


def test_nothing_is_said_before_anything_is_known_and_then_once_a_change() -> None:
    desk = Desk()
    desk.advance(3 * LOOK_S)
    assert desk.told == []
    desk.fill(client())
    assert desk.told == [()]
    desk.advance(3 * LOOK_S)
    assert desk.told == [()]


def test_time_alone_makes_a_client_overdue() -> None:
    desk = Desk()
    desk.fill(client(good=24 * HOUR - timedelta(seconds=30)))
    assert desk.kinds == []
    desk.advance(30 + LOOK_S)
    assert desk.kinds == [ProblemKind.OVERDUE]


def test_while_the_server_is_lost_nothing_is_said_to_be_over() -> None:
    desk = Desk()
    desk.fill(client(failing_since=NOON - HOUR))
    assert desk.kinds == [ProblemKind.FAILING]
    failure = Failure(code="server_refused", message="Nothing listens.", since=NOON)
    desk.link.on_next(Link(state=LinkState.DOWN, since=NOON, failure=failure))
    desk.advance()
    assert desk.kinds == [ProblemKind.NO_CONNECTION, ProblemKind.FAILING]
    assert desk.told[-1][0].reason == "Nothing listens."
    since = desk.told[-1][0].since
    desk.advance(60)
    desk.link.on_next(Link(state=LinkState.CONNECTING, since=NOON, failure=failure))
    desk.advance()
    assert desk.told[-1][0].since == since
    desk.link.on_next(Link(state=LinkState.LIVE, since=NOON))
    desk.clients.on_next(Delta({"web": client()}))
    desk.advance()
    assert desk.kinds == []


def test_an_answer_that_cannot_be_read_is_a_problem_though_the_link_is_live() -> None:
    desk = Desk()
    desk.fill(client())
    failure = Failure(code="catalogue", message="The catalogue does not answer.", since=NOON)
    desk.status.on_next(Snapshot(STATUS, Health.ERROR, NOON, failure=failure))
    desk.advance()
    assert [(p.kind, p.reason) for p in desk.told[-1]] == [
        (ProblemKind.SERVER_UNREAD, "The catalogue does not answer.")
    ]


def test_who_comes_late_gets_what_is_known() -> None:
    desk = Desk()
    desk.fill(client(good=None))
    late: list[tuple[Problem, ...]] = []
    desk.stream.subscribe(late.append)
    assert late == [desk.told[-1]]
