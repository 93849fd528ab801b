"""Texts of the clients view."""

from datetime import timedelta

import msgspec
import pytest

from streams.model.clients import Client
from streams.model.outcome import Outcome
from streams.model.vocabulary import ClientState, RunState
from tests.ui import fleet
from tests.ui.harness import NOON
from ui.base.format import Formatter
from ui.base.theme import Tone
from ui.views.clients.details_present import (
    present_failures,
    present_run_bars,
    present_running,
    present_running_head,
)
from ui.views.clients.filters import average_bytes, matcher, present_cards
from ui.views.clients.present import (
    ClientRow,
    client_columns,
    present_file_counts,
    present_goal,
    present_progress,
    present_seen,
    present_state,
    present_state_why,
)
from ui.views.shared.client_state import is_overdue
from ui.views.shared.command_results import present_outcome, present_verified

WORDS = Formatter()


def client(**changes: object) -> Client:
    base = fleet.client_of("web-02", NOON)
    return msgspec.structs.replace(base, **changes)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "online"),
        ({"running_run_id": 7, "failing_since": NOON}, "backing up"),
        ({"state": ClientState.DISCONNECTED, "failing_since": NOON}, "disconnected"),
        ({"state": ClientState.OFFLINE, "failing_since": NOON}, "failing"),
        ({"state": ClientState.REVOKED, "failing_since": NOON, "running_run_id": 7}, "revoked"),
        ({"state": ClientState.NEVER, "last_success_at": None}, "never connected"),
        ({"state": ClientState.OFFLINE, "backup_queued": True}, "backup queued"),
        ({"last_success_at": NOON - timedelta(days=2)}, "overdue"),
        ({"state": ClientState.OFFLINE}, "offline"),
    ],
)
def test_the_state_that_matters_most_is_the_one_that_is_said(changes: dict[str, object], word: str) -> None:
    assert present_state(ClientRow(client(**changes)), NOON).word == word


def test_what_fails_or_is_overdue_says_that_it_is_offline_and_that_a_backup_waits() -> None:
    away: dict[str, object] = {"state": ClientState.OFFLINE, "failing_since": NOON}
    long_ago = {"last_success_at": NOON - timedelta(days=2)}
    cells = {column.key: column for column in client_columns(WORDS, lambda: NOON)}
    said = [
        getattr(cells["state"].cell(ClientRow(client(**changes))), "detail", None)
        for changes in (
            away,
            long_ago | {"state": ClientState.OFFLINE},
            long_ago,
            {"state": ClientState.OFFLINE},
        )
    ]
    assert said == ["offline", "offline", "", ""]
    waiting = present_progress(ClientRow(client(**away, backup_queued=True)), WORDS)
    assert (waiting.text, waiting.active) == ("begins when it is back", False)


@pytest.mark.parametrize(("ahead", "overdue"), [(timedelta(hours=1), False), (timedelta(days=365), True)])
def test_a_backup_from_the_future_does_not_hide_that_one_is_overdue(ahead: timedelta, overdue: bool) -> None:
    noted = client(last_success_at=NOON + ahead, goal_s=26 * 3600.0)
    assert is_overdue(noted, NOON) is overdue


def test_the_reason_of_a_failure_is_in_the_tooltip() -> None:
    failing = fleet.client_of(fleet.FAILING, NOON)
    why = present_state_why(ClientRow(failing), WORDS, NOON)
    assert "disk full at client" in why
    assert "No good backup within its goal" in why


def test_of_a_revoked_client_the_tooltip_says_how_it_comes_back() -> None:
    why = present_state_why(ClientRow(client(state=ClientState.REVOKED)), WORDS, NOON)
    assert "Its token was revoked" in why
    assert "tidewatch server enrol web-02 --data DIR" in why


def test_progress_says_per_cent_and_rate_and_nothing_when_nothing_runs() -> None:
    running = fleet.client_of("web-01", NOON)
    cell = present_progress(ClientRow(running, fleet.progress_of("web-01", 0.64, NOON)), WORDS)
    assert (cell.text, cell.active) == ("63 %  31.0 MiB/s", True) or cell.text == "64 %  31.0 MiB/s"
    assert present_progress(ClientRow(client()), WORDS).active is False
    scanning = present_progress(ClientRow(running, fleet.progress_of("web-01", 0.0, NOON)), WORDS)
    assert scanning.text == "scanning, 0 files"
    assert present_progress(ClientRow(running), WORDS).text == "starting"


def test_the_cards_count_and_name_those_that_fail() -> None:
    cards = present_cards(list(fleet.clients(NOON)), WORDS)
    assert cards["all"].number == "45"
    assert (cards["failing"].number, cards["failing"].note, cards["failing"].tone) == (
        "1",
        "mail-gw",
        Tone.BAD,
    )
    nothing = present_cards([], WORDS)
    assert nothing["large"].number == "–"


def test_the_average_is_of_those_that_have_something() -> None:
    assert average_bytes([client(stored_bytes=0), client(stored_bytes=10), client(stored_bytes=20)]) == 15
    assert average_bytes([]) is None


def names_of(state: str, text: str = "", average: float | None = None) -> list[str]:
    keep = matcher(state, text, clock=lambda: NOON, average=average)
    return [c.name for c in fleet.clients(NOON) if keep is None or keep(ClientRow(c))]


def test_filters() -> None:
    assert len(names_of("all")) == 45
    assert names_of("failing") == ["mail-gw"]
    assert names_of("disconnected") == ["lab-scope"]
    assert names_of("never") == ["laptop-georg"]
    assert set(names_of("not_safe")) == {"mail-gw", "lab-printer", "laptop-georg"}
    assert names_of("running") == ["app-03", "db-02", "nas-office", "web-01"]
    assert names_of("last:failed") == ["mail-gw"]
    assert names_of("all", "LAPTOP-a") == ["laptop-anna"]
    assert names_of("all", fleet.client_id("wiki")) == ["wiki"]
    assert names_of("large", average=10.0**12) == []


def test_runs_are_bars_oldest_first_with_their_story() -> None:
    runs = [fleet.run_of(i, "web-02", NOON) for i in range(30)]
    bars = present_run_bars(runs, WORDS, NOON)
    assert len(bars) == 30
    assert all(0 < bar.height <= 1 for bar in bars)
    assert present_run_bars([], WORDS, NOON) == ()
    failures = present_failures(runs, WORDS, NOON)
    assert 0 < len(failures) <= 3
    bad = [run for run in runs if run.state in (RunState.FAILED, RunState.PARTIAL)]
    assert str(bad[0].reason) in failures[0]


def test_goals_and_running_in_words() -> None:
    assert [present_goal(s) for s in (3600.0, 86400.0, 7 * 86400.0)] == [
        "every 1 h",
        "every 24 h",
        "every 7 d",
    ]
    text = present_running(fleet.progress_of("web-01", 0.5, NOON), WORDS)
    assert "2,100 of 4,200 files" in text
    assert present_running_head(fleet.progress_of("web-01", 0.5, NOON), WORDS) == "50 %  31.0 MiB/s"


def test_what_is_not_known_yet_while_a_client_scans_is_left_out() -> None:
    scanning = fleet.progress_of("web-01", 0.0, NOON)
    assert present_running_head(scanning, WORDS) == "scanning"
    assert present_running(scanning, WORDS) == "0 files so far"


def test_who_is_connected_has_been_seen_now() -> None:
    silent = NOON - timedelta(seconds=28)
    online = msgspec.structs.replace(fleet.client_of("web-02", NOON), last_seen_at=silent)
    assert online.state is ClientState.ONLINE
    assert present_seen(online, WORDS, NOON) == ("now", "2026-03-11 11:59:32 UTC")
    gone = msgspec.structs.replace(online, state=ClientState.OFFLINE)
    assert present_seen(gone, WORDS, NOON)[0] == "28 s ago"
    read_at = NOON - timedelta(seconds=90)
    assert present_seen(online, WORDS, NOON, read_at) == (
        "1 min ago",
        "It was online when the server was last heard, at 2026-03-11 11:58:30 UTC",
    )
    assert present_seen(gone, WORDS, NOON, read_at)[0] == "28 s ago"
    key = next(column.sort_key for column in client_columns(WORDS, lambda: NOON) if column.key == "seen")
    assert key is not None
    assert key(ClientRow(gone)) < key(ClientRow(online)) == key(ClientRow(fleet.client_of("web-01", NOON)))


def test_files_no_longer_on_a_client_are_told_beside_those_that_are() -> None:
    client = msgspec.structs.replace(fleet.client_of("web-02", NOON), file_count=65)
    assert present_file_counts(client) == ("65", "")
    text, story = present_file_counts(msgspec.structs.replace(client, vanished_count=3))
    assert text == "65 + 3 vanished"
    assert "listed" in story


def test_outcomes_tell_done_queued_and_refused() -> None:
    names = {"1": "a", "2": "b"}
    assert present_outcome("Backup started for", Outcome(done=("1",)), names) == "Backup started for a"
    both = present_outcome(
        "Backup started for", Outcome(queued=("1",), refused={"2": "it is shut out"}), names
    )
    assert both == "Queued for a until it is back, refused for b: it is shut out"
    many = Outcome(done=("1", "2"), queued=("3", "4"))
    told = present_outcome("Backup started for", many, names)
    assert told == "Backup started for 2 clients, queued for 2 clients until they are back"
    assert present_outcome("Disconnected", Outcome(done=("1", "2")), names) == "Disconnected 2 clients"
    assert present_outcome("Allowed", Outcome(), names) == "Nothing to do"
    assert present_verified(1, ()) == "1 version checked, as it should be"
    assert present_verified(2, ()) == "2 versions checked, all as they should be"
    assert present_verified(0, ()) == "nothing to check"
    assert present_verified(9, ("x", "y")) == "9 versions checked, 2 damaged: x, y"


def test_the_card_of_the_failing_says_that_there_are_more_than_it_names() -> None:
    names = ("a", "b", "c", "d")
    clients = [
        msgspec.structs.replace(client, name=name, failing_since=NOON)
        for name, client in zip(names, fleet.clients(NOON), strict=False)
    ]
    assert present_cards(clients, WORDS)["failing"].note == "a, b, c and 1 more"
    assert present_cards(clients[:3], WORDS)["failing"].note == "a, b, c"


def test_wide_tables_tell_why_it_fails_its_goal_and_its_system() -> None:
    client = msgspec.structs.replace(
        fleet.client_of("mail-gw", NOON),
        failing_since=NOON,
        failure_reason="no route",
        goal_s=86400.0,
        platform="Linux 6.1",
        agent_version="0.1.0",
    )
    columns = {column.key: column for column in client_columns(WORDS, lambda: NOON)}
    wide = [columns[key] for key in ("reason", "goal", "system", "agent")]
    told = [column.cell(ClientRow(client)).text for column in wide]  # type: ignore[union-attr]
    assert told == ["no route", "every 24 h", "Linux 6.1", "0.1.0"]
    usual = max(column.priority for key, column in columns.items() if column not in wide)
    assert all(column.priority > usual for column in wide)  # they are the first to go
    well = ClientRow(msgspec.structs.replace(client, failing_since=None))
    assert columns["reason"].cell(well).text == ""  # type: ignore[union-attr]
