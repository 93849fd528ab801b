import re

import pytest

from app.fleet.content import SimFile
from app.fleet.roster import DAY_S, FLAKY_REASONS, Machine, Temper, make_roster
from app.fleet.synthetic_history import HISTORY_DAYS, Past, make_past
from streams.model.vocabulary import RunState

NOW_S = 1_760_000_000.0
SEED = 5
ROSTER = make_roster(45, SEED)


def past_of(machine: Machine) -> Past:
    return make_past(machine, SEED, NOW_S)


def of_temper(temper: Temper) -> Past:
    return past_of(next(machine for machine in ROSTER if machine.temper is temper))


@pytest.mark.parametrize("machine", ROSTER, ids=lambda machine: machine.name)
def test_runs_are_in_order_and_lie_in_the_past(machine: Machine) -> None:
    past = past_of(machine)
    at = past.enrolled_s
    for run in past.runs:
        assert at <= run.started_s < run.finished_s < NOW_S
        at = run.finished_s
        assert run.good or not run.written
        assert (run.reason is None) == (run.state is RunState.COMPLETE)


@pytest.mark.parametrize("machine", ROSTER, ids=lambda machine: machine.name)
def test_the_last_version_kept_of_each_file_is_the_one_on_the_disk(machine: Machine) -> None:
    past = past_of(machine)
    kept: dict[str, SimFile] = {}
    for run in past.runs:
        kept.update((file.path, file) for file in run.written)
        for path in run.vanished:
            del kept[path]
    assert set(kept) == past.disk.stored
    for path, file in past.disk.tree.items():
        assert kept.get(path) == file or past.disk.unsent[path] == file
    for run in past.runs:
        assert all(file.mtime_ns / 1e9 <= run.started_s for file in run.written)
        assert len({file.path for file in run.written}) == len(run.written)


@pytest.mark.parametrize("machine", ROSTER, ids=lambda machine: machine.name)
def test_every_run_has_seen_something(machine: Machine) -> None:
    for run in past_of(machine).runs:
        assert run.seen_count > 0 and run.seen_bytes > 0


def test_no_reason_tells_of_a_time_that_the_run_may_not_have_taken() -> None:
    reasons = {run.reason or "" for machine in ROSTER for run in past_of(machine).runs} | set(FLAKY_REASONS)
    reasons |= {machine.reason or "" for machine in make_roster(60, SEED)}
    assert not [reason for reason in reasons if re.search(r"\d+ (s|min|h)\b", reason)]


def test_the_same_seed_gives_the_same_past() -> None:
    assert past_of(ROSTER[3]) == past_of(ROSTER[3])


def test_who_was_never_connected_has_no_past() -> None:
    past = of_temper(Temper.NEVER)
    assert past.runs == ()
    assert past.last_seen_s is None


def test_who_fails_has_failed_since_its_trouble_began() -> None:
    past = of_temper(Temper.FAILING)
    since_s = NOW_S - past.machine.trouble_s
    later = [run for run in past.runs if run.started_s > since_s]
    assert later
    assert all(run.state is RunState.FAILED and run.reason == past.machine.reason for run in later)


def test_who_is_gone_was_last_seen_when_it_left() -> None:
    past = of_temper(Temper.GONE)
    assert past.last_seen_s == NOW_S - past.machine.trouble_s
    assert past.last_seen_s is not None
    assert past.runs[-1].finished_s <= past.last_seen_s


def test_the_fleet_has_thirty_days_behind_it() -> None:
    starts = [run.started_s for machine in ROSTER for run in past_of(machine).runs]
    assert min(starts) < NOW_S - HISTORY_DAYS * DAY_S
    by_day = {int((NOW_S - start) // DAY_S) for start in starts}
    assert by_day >= set(range(HISTORY_DAYS))
