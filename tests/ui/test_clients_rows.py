"""The rows of the clients table, from the clients and from their running backups."""

from datetime import timedelta

import msgspec

from streams.model.runs import Progress
from streams.model.snapshot import Delta
from tests.ui import fleet
from tests.ui.harness import NOON
from ui.views.clients.rows import ClientRows

WEB = fleet.client_id("web-01")
"""A client that backs up."""


def known() -> ClientRows:
    rows = ClientRows()
    rows.take_clients(Delta({client.id: client for client in fleet.clients(NOON)}, full=True))
    return rows


def of_run(run_id: int, ratio: float) -> Progress:
    return msgspec.structs.replace(fleet.progress_of("web-01", ratio, NOON), run_id=run_id)


def shown(rows: ClientRows) -> Progress | None:
    """How far the backup is in a row that changes for another reason."""
    client = msgspec.structs.replace(rows.clients[WEB], last_seen_at=NOON + timedelta(seconds=1))
    return rows.take_clients(Delta({WEB: client}))[WEB].progress


def test_a_row_has_the_progress_of_its_backup_until_it_ends() -> None:
    rows = known()
    half = of_run(1, 0.5)
    assert {key: row.progress for key, row in rows.take_progress(Delta({1: half})).items()} == {WEB: half}
    assert shown(rows) == half
    ended = rows.take_progress(Delta({}, removed=frozenset({1})))
    assert {key: row.progress for key, row in ended.items()} == {WEB: None}
    assert shown(rows) is None


def test_a_backup_keeps_its_progress_when_the_end_of_an_earlier_one_is_told_late() -> None:
    rows = known()
    later = of_run(2, 0.1)
    rows.take_progress(Delta({1: of_run(1, 0.5)}))
    rows.take_progress(Delta({2: later}))
    assert rows.take_progress(Delta({}, removed=frozenset({1}))) == {}
    assert shown(rows) == later


def test_a_new_beginning_forgets_the_backups_it_does_not_name() -> None:
    rows = known()
    rows.take_progress(Delta({1: of_run(1, 0.5)}))
    changed = rows.take_progress(Delta({}, full=True))
    assert {key: row.progress for key, row in changed.items()} == {WEB: None}
