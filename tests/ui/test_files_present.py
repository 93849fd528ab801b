"""Texts of the files view."""

from datetime import timedelta
from pathlib import Path

import pytest

from streams.model.file_names import MAX_NAME_BYTES, safe_name
from streams.model.files import FilePage, FilesSummary
from streams.model.new_file import numbered
from streams.model.outcome import Outcome
from streams.model.server import Transfer
from streams.model.vocabulary import FileState, TransferKind, TransferState
from tests.ui import fleet
from tests.ui.harness import NOON
from ui.base.format import Formatter
from ui.base.theme import Tone
from ui.views.files.present import (
    FileFilter,
    base_name,
    folder_of,
    kept_filter,
    present_cards,
    present_done,
    present_place,
    present_types,
    present_verified,
)
from ui.views.files.transfers import present_head, present_transfer, transfer_ratio

WORDS = Formatter()


@pytest.mark.parametrize(
    ("path", "name", "folder"),
    [
        ("/var/log/a.txt", "a.txt", "/var/log"),
        ("a.txt", "a.txt", "/"),
        ("C:\\Users\\anna\\b.doc", "b.doc", "C:\\Users\\anna"),
        ("/etc/nginx/", "nginx", "/etc"),
        ("/", "/", "/"),
    ],
)
def test_a_path_is_parted_into_folder_and_name(path: str, name: str, folder: str) -> None:
    assert (base_name(path), folder_of(path)) == (name, folder)


def test_the_filter_becomes_a_question_to_the_database() -> None:
    query = FileFilter(text="x", client_id="c", suffix="pdf", size="large", date="7", state="stored").query(
        NOON
    )
    assert (query.client_id, query.suffix, query.state) == ("c", "pdf", FileState.STORED)
    assert (query.min_bytes, query.max_bytes) == (100 * 1024**2, 1024**3)
    assert query.since == NOON - timedelta(days=7)
    assert FileFilter(date="older").query(NOON).until == NOON - timedelta(days=30)
    assert FileFilter().query(NOON).since is None
    assert (FileFilter().narrows, FileFilter(size="tiny").narrows, FileFilter(sort="size").narrows) == (
        False,
        True,
        False,
    )


def test_where_a_page_stands() -> None:
    rows = tuple(fleet.file_of(i, NOON) for i in range(100))
    assert present_place(FilePage(rows=rows, total=10_000, total_capped=True), 0) == "1–100 of 10,000+"
    assert present_place(FilePage(rows=rows[:12], total=212), 2) == "201–212 of 212"
    assert present_place(FilePage(rows=rows[:7], total=10_000, total_capped=True), None) == (
        "7 files at the end of 10,000+"
    )
    assert present_place(FilePage(rows=()), 0) == "No files"


def test_cards_and_types() -> None:
    cards = present_cards(FilesSummary(file_count=200, unverified_count=3, damaged_count=1), WORDS)
    assert (cards["unverified"].number, cards["unverified"].tone) == ("1.5 %", Tone.BAD)
    assert present_cards(FilesSummary(), WORDS)["unverified"].number == "–"
    assert "xyz" in [choice.key for choice in present_types(["xyz", ""])]


def test_what_is_known_of_the_bytes_has_its_age() -> None:
    assert (
        present_verified(FileState.VERIFIED, NOON - timedelta(hours=3), NOON) == "Read and checked 3 h ago."
    )
    assert "not read again" in present_verified(FileState.STORED, None, NOON)


def test_what_happened_to_files() -> None:
    assert present_done("deleted", Outcome(done=("1",)), ["a.txt"]) == "a.txt deleted"
    some = Outcome(done=("1", "2"), refused={"3": "purged"})
    assert present_done("brought back", some, ["a", "b", "c"]) == "2 files brought back, 1 refused: purged"


def test_names_of_downloads_lead_nowhere_else(tmp_path: Path) -> None:
    assert safe_name("a\\b/c:d?.txt") == "a_b_c_d_.txt"
    assert [safe_name(name) for name in ("..", "", " ")] == ["_", "_", "_"]
    long = safe_name("a" * 300 + "漢" * 300 + ".txt")
    assert len(long.encode()) <= MAX_NAME_BYTES + 3
    assert long.startswith("aaa") and long.endswith("漢.txt") and "…" in long
    (tmp_path / "a.txt").touch()
    (tmp_path / "a (2).txt").touch()
    assert next(numbered(tmp_path / "a.txt")).name == "a (3).txt"
    assert next(numbered(tmp_path / "b.txt")).name == "b.txt"


def transfer(**changes: object) -> Transfer:
    fields: dict[str, object] = {
        "id": "t",
        "kind": TransferKind.UPLOAD,
        "state": TransferState.RUNNING,
        "client_id": "c",
        "client_name": "web-01",
        "label": "/a",
        "started_at": NOON,
        "done_bytes": 512,
        "total_bytes": 1024,
        "rate_bps": 64.0,
    }
    return Transfer(**(fields | changes))  # type: ignore[arg-type]


def test_transfers_in_words() -> None:
    assert present_transfer(transfer(), WORDS) == "50 %   64 B/s   8 s left"
    assert present_transfer(transfer(total_bytes=None, rate_bps=0.0), WORDS) == "512 B"
    assert (
        present_transfer(transfer(state=TransferState.FAILED, reason="disk full"), WORDS)
        == "failed: disk full"
    )
    assert transfer_ratio(transfer(total_bytes=0)) == 1.0
    assert (present_head(0), present_head(3)) == ("No transfers", "Transfers (3)")


def test_a_remembered_filter_that_cannot_be_read_is_none() -> None:
    assert kept_filter({"state": "damaged", "sort": "size"}) == FileFilter(state="damaged", sort="size")
    assert kept_filter({"sort": "path"}) == FileFilter()  # of a former version
    assert kept_filter(None) == kept_filter("nonsense") == kept_filter({"state": 3}) == FileFilter()


def test_the_recent_backups_say_that_failed_ones_are_not_among_them() -> None:
    card = present_cards(FilesSummary(recent_run_count=62), WORDS)["recent"]
    assert (card.number, card.note) == ("62", "in 24 h")
    assert (
        card.tooltip
        == "62 backups ended complete or in part; those that failed or were cancelled are not counted"
    )
