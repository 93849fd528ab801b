"""Texts of the dashboard."""

from datetime import timedelta

from msgspec.structs import replace

from streams.model.runs import RunResults
from streams.model.server import Activity, StorageForecast
from streams.model.vocabulary import ClientState, EventKind, RunState
from tests.ui import fleet
from tests.ui.harness import NOON
from ui.base.format import Formatter
from ui.base.theme import Tone
from ui.views.clients.filters import matcher
from ui.views.clients.present import ClientRow
from ui.views.dashboard.metrics import METRICS, present_disk
from ui.views.dashboard.present import present_day, present_results, present_run, present_safety
from ui.views.shared.activity_present import present_activity
from ui.views.shared.present import present_back_up_all, present_forecast

WORDS = Formatter()


def test_the_safe_line_names_the_oldest_success_and_who_is_failing() -> None:
    safety = present_safety(fleet.clients(NOON), NOON, WORDS)
    assert safety.headline == "42 of 45 clients within their goal"
    assert safety.unsafe == 3
    assert safety.oldest == "Oldest success: lab-printer, 3 d 04 h · No backup yet: laptop-georg"
    assert safety.failing == "Failing: mail-gw since Tue 03:12: disk full at client"
    assert safety.failing_id == fleet.client_id("mail-gw")
    assert safety.tone is Tone.BAD


def test_who_is_within_its_goal_and_fails_is_counted_as_both() -> None:
    clients = [
        replace(client, failing_since=NOON) if client.name == "web-02" else client
        for client in fleet.clients(NOON)
    ]
    safety = present_safety(clients, NOON, WORDS)
    assert safety.headline == "42 of 45 clients within their goal, 1 of these failing"
    assert (safety.unsafe, safety.attention) == (3, 4)
    keeps = matcher("not_safe", "", clock=lambda: NOON, average=None)
    assert keeps is not None
    assert sum(keeps(ClientRow(client)) for client in clients) == safety.attention


def test_a_long_reason_comes_last_and_whole() -> None:
    reason = "timed out: the network share //nas-home/projects did not answer for 120 s"
    clients = [
        replace(client, failure_reason=reason) if client.failing_since else client
        for client in fleet.clients(NOON)
    ]
    safety = present_safety(clients, NOON, WORDS)
    assert safety.failing == f"Failing: mail-gw since Tue 03:12: {reason}"
    assert reason in safety.failing_exact


def test_all_is_well() -> None:
    fine = [c for c in fleet.clients(NOON) if c.within_goal(NOON)]
    safety = present_safety(fine, NOON, WORDS)
    assert safety.headline == "All 42 clients within their goal"
    assert safety.tone is Tone.OK
    assert not safety.failing
    assert present_safety(fine[:1], NOON, WORDS).headline == "The client is within its goal"


def test_a_client_that_can_never_back_up_again_is_named() -> None:
    fine = [c for c in fleet.clients(NOON) if c.within_goal(NOON)]
    revoked = [replace(fine[0], state=ClientState.REVOKED), replace(fine[1], state=ClientState.REVOKED)]
    safety = present_safety([*revoked, *fine[2:]], NOON, WORDS)
    assert safety.revoked == f"Revoked: {fine[0].name} and 1 more"
    assert (safety.revoked_id, safety.tone) == (fine[0].id, Tone.WARNING)
    reached, text = present_back_up_all(revoked)
    assert reached == ()
    assert text.endswith("2 have to be enrolled again.")


def test_a_client_without_a_backup_is_not_safe() -> None:
    never = fleet.client_of(fleet.NEVER, NOON)
    assert not never.within_goal(NOON)
    safety = present_safety([never], NOON, WORDS)
    assert safety.headline == "The client is not within its goal"
    assert safety.oldest == "No backup yet: laptop-georg"
    assert safety.tone is Tone.WARNING


def test_a_goal_is_missed_the_second_after_it() -> None:
    client = replace(fleet.client_of("web-01", NOON), goal_s=60.0, last_success_at=NOON)
    assert client.within_goal(NOON + timedelta(seconds=60))
    assert not client.within_goal(NOON + timedelta(seconds=61))


def test_a_running_backup() -> None:
    line = present_run(fleet.progress_of("web-01", 0.64, NOON), NOON, WORDS)
    assert (line.name, line.percent, line.rate, line.left) == ("web-01", "64 %", "31.0 MiB/s", "37 s")
    assert "2,688 of 4,200 files" in line.tooltip


def test_a_scan_has_no_fraction() -> None:
    line = present_run(fleet.progress_of("nas-office", 0.0, NOON), NOON, WORDS)
    assert line.ratio is None
    assert (line.percent, line.left) == ("scanning", "–")


def test_silence_is_not_shown_as_speed() -> None:
    progress = fleet.progress_of("web-01", 0.5, NOON)
    line = present_run(progress, NOON + timedelta(seconds=20), WORDS)
    assert line.silent
    assert (line.rate, line.left) == ("silent 20 s", "–")


def test_an_empty_backup_is_whole() -> None:
    progress = replace(fleet.progress_of("web-01", 0.5, NOON), bytes_total=0, bytes_done=0)
    assert present_run(progress, NOON, WORDS).ratio == 1.0


def test_each_count_of_last_backups_is_that_of_the_clients_it_leads_to() -> None:
    clients = fleet.clients(NOON)
    parts = present_results(clients)
    assert [part.state for part in parts] == [
        RunState.COMPLETE,
        RunState.FAILED,
        RunState.PARTIAL,
        RunState.CANCELLED,
        None,
    ]
    assert sum(part.count for part in parts) == len(clients)
    for part in parts:
        keep = matcher(part.shows, "", clock=lambda: NOON, average=None)
        assert keep is not None
        assert part.count == sum(keep(ClientRow(client)) for client in clients)
    assert [part.count for part in parts] == [43, 1, 0, 0, 1]


def test_the_last_day_is_told_in_words() -> None:
    assert present_day(fleet.results(), WORDS) == (
        "Last 24 h: 124 backups: 118 complete, 3 failed, 2 partial, 1 cancelled",
        "96.4 GiB received from the clients",
    )
    assert present_day(RunResults(hours=24), WORDS)[0] == "Last 24 h: no backup ended"


def test_the_forecast_has_its_band() -> None:
    text, why = present_forecast(fleet.forecast(NOON), NOON, WORDS)
    assert text == "full about Jul 9 (Jun 15 – Aug 16)"
    assert "5.1 GiB a day" in why


def test_what_cannot_be_forecast_is_said() -> None:
    none = StorageForecast(at=NOON, disk_total_bytes=100, disk_free_bytes=50)
    assert present_forecast(none, NOON, WORDS)[0] == "too little history to say when full"
    still = replace(none, growth_bytes_per_day=0.0)
    assert present_forecast(still, NOON, WORDS)[0] == "not growing"
    slow = replace(none, growth_bytes_per_day=0.001)
    assert present_forecast(slow, NOON, WORDS)[0] == "not full within 5 years"
    open_end = replace(fleet.forecast(NOON), full_latest=None)
    assert present_forecast(open_end, NOON, WORDS)[0].endswith("(Jun 15 – later)")


def test_back_up_all_says_whom_it_reaches() -> None:
    names, text = present_back_up_all(fleet.clients(NOON))
    assert len(names) == 44
    assert "lab-scope" not in names
    assert text == "37 clients begin at once, 7 when they are back. 1 is disconnected and left out."
    one = [replace(fleet.client_of("web-01", NOON), state=ClientState.ONLINE)]
    assert present_back_up_all(one)[1] == "1 client begins at once."


def test_the_cards() -> None:
    status = fleet.status(NOON)
    shown = {m.name: m.value_fn(status, WORDS) for m in METRICS}
    assert shown == {
        "cpu": "23 %",
        "memory": "1.2 GiB",
        "connections": "38",
        "clients_online": "37 / 45",
        "throughput": "84.0 MiB/s",
        "storage": "412 GiB of 1.0 TiB",
    }
    assert all(m.exact_fn(status, WORDS).endswith("Sample of 2026-03-11 12:00:00 UTC") for m in METRICS)


def test_a_disk_that_fills_up_is_coloured() -> None:
    storage = next(m for m in METRICS if m.name == "storage")
    status = fleet.status(NOON)
    assert storage.tone_fn(status) is None
    assert storage.tone_fn(replace(status, disk_free_bytes=status.disk_total_bytes // 10)) is Tone.WARNING
    assert storage.tone_fn(replace(status, disk_free_bytes=0)) is Tone.BAD
    assert storage.tone_fn(replace(status, disk_total_bytes=0)) is None


def _activity(kind: EventKind, **more: object) -> Activity:
    return Activity(seq=1, at=NOON, kind=kind, client_id="c", client_name="web-03", **more)  # type: ignore[arg-type]


def test_every_kind_of_event_has_its_words() -> None:
    for kind in EventKind:
        line = present_activity(_activity(kind, files=3), NOON, WORDS)
        assert line.text
        assert "{" not in line.text


def test_a_finished_run_in_words() -> None:
    ended = _activity(EventKind.RUN_FINISHED, files=1204, bytes=312 * fleet.MIB, duration_s=48.0)
    line = present_activity(ended, NOON, WORDS)
    assert (line.clock, line.text) == ("12:00:00", "web-03 backed up, 1,204 files, 312 MiB, 48 s")
    assert line.tone is Tone.OK
    failed = replace(ended, run_state=RunState.FAILED, reason="disk full at client", files=None, bytes=None)
    line = present_activity(failed, NOON, WORDS)
    assert line.text == "Backup of web-03 failed, 48 s: disk full at client"
    assert line.tone is Tone.BAD
    partial = replace(ended, run_state=RunState.PARTIAL, reason="2 files could not be read", files=1)
    assert present_activity(partial, NOON, WORDS).text.startswith("web-03 backed up in part, 1 file, ")


def test_an_older_line_tells_its_day() -> None:
    line = present_activity(_activity(EventKind.CLIENT_ONLINE), NOON + timedelta(days=1), WORDS)
    assert line.clock == "Wed 12:00"


def test_a_disk_that_runs_full_is_said_with_what_is_left() -> None:
    limits = {"disk_warn_bytes": 4 * fleet.GIB, "disk_least_bytes": 256 * fleet.MIB}
    well = replace(fleet.status(NOON), **limits)
    storage = next(metric for metric in METRICS if metric.name == "storage")
    assert present_disk(well, WORDS) == ("", "", Tone.QUIET)
    assert storage.tone_fn(well) is None
    low = replace(well, disk_total_bytes=8 * fleet.GIB, disk_free_bytes=3 * fleet.GIB)
    text, why, tone = present_disk(low, WORDS)
    assert (text, tone) == ("Disk nearly full: 3.0 GiB left", Tone.WARNING)
    assert "With less than 256 MiB uploads are refused" in why
    assert storage.tone_fn(low) is Tone.WARNING
    full = replace(low, disk_free_bytes=255 * fleet.MIB)
    text, _, tone = present_disk(full, WORDS)
    assert (text, tone) == ("Disk full: 255 MiB left, uploads are refused", Tone.BAD)
    assert storage.tone_fn(full) is Tone.BAD
