import itertools
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.catalogue import migrate
from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import BadQuery, UnknownRun
from app.catalogue.paging import ORDERS
from app.catalogue.paths import key_of
from streams.model.files import BackupFile, FileQuery
from streams.model.vocabulary import FileState, RunTrigger
from tests.app.catalogue.bounds import set_bounds
from tests.app.catalogue.seeds import START, Clock, back_up, enrol, entry, folder

KEYS = {
    "name": lambda row: (key_of(row.path).replace("\\", "/").rpartition("/")[2], row.id),
    "path": lambda row: (key_of(row.path), row.id),
    "client": lambda row: (row.client_name, key_of(row.path), row.id),
    "size": lambda row: (row.size_bytes, row.id),
    "suffix": lambda row: (row.suffix, row.id),
    "date": lambda row: (row.backed_up_at, row.id),
    "state": lambda row: (row.state.value, row.id),
}
WORDS = ("alpha", "Beta", "über", "%", "_x", "b\\c")


async def _seed(catalogue: Catalogue, clock: Clock) -> list[BackupFile]:
    for number, name in enumerate(("zeta", "desk", "mail")):
        client = await enrol(catalogue, name)
        paths = [
            f"{word}/{number}{size}.{suffix}" for word in WORDS for size, suffix in enumerate(("txt", "PDF"))
        ]
        clock.forward(hours=1)
        await back_up(catalogue, client, *(entry(path, path[: 3 + number]) for path in paths), folder("dir"))
        run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
        await catalogue.runs.add_vanished(run.id, [paths[1].encode()])
    rows = (await catalogue.files.page(FileQuery(limit=1000))).rows
    deleted = rows[5]
    await catalogue.files.delete([deleted.id])
    return [row for row in rows if row.id != deleted.id]


async def _walk(catalogue: Catalogue, query: FileQuery) -> tuple[list[BackupFile], list[BackupFile]]:
    """All rows forwards from the first page, and backwards from the last."""
    forwards: list[BackupFile] = []
    page = await catalogue.files.page(query)
    assert page.previous_cursor is None
    last = page.last_cursor
    forwards += page.rows
    while page.next_cursor is not None:
        page = await catalogue.files.page(_at(query, page.next_cursor))
        assert page.previous_cursor is not None
        forwards += page.rows
    backwards: list[BackupFile] = []
    if last is None:
        return forwards, list(forwards)
    page = await catalogue.files.page(_at(query, last))
    assert page.next_cursor is None
    backwards = list(page.rows)
    while page.previous_cursor is not None:
        page = await catalogue.files.page(_at(query, page.previous_cursor))
        backwards = [*page.rows, *backwards]
    return forwards, backwards


def _at(query: FileQuery, cursor: str) -> FileQuery:
    return FileQuery(
        client_id=query.client_id,
        text=query.text,
        state=query.state,
        min_bytes=query.min_bytes,
        max_bytes=query.max_bytes,
        sort=query.sort,
        descending=query.descending,
        limit=query.limit,
        cursor=cursor,
    )


# As on few files, where all candidates are looked at; and as on millions, where counting stops and the index
# of the order is walked: compared with the candidates from the start of the page, or where a sample has them,
# or all are looked at after all. Where too many are candidates to be listed, the rows are read.
MANY = {"COUNT_CAP": 3, "MAX_GATHERED": 0, "LOOKED_AT": 5}
FAR = {**MANY, "WALK_COST": 0, "MAX_LEFT": 0, "SAMPLE": 5, "STEP": 2, "MAX_STEP": 4}
NO_LIST = {**MANY, "MAX_LISTED": -1, "READ_FIRST": 2}
WAYS = {
    "gathered": {},
    "compared from the start": {**MANY, "PASSED": 2, "WALK_COST": 10_000},
    "compared for a while": {**FAR, "PASSED": 2, "WALK_COST": 10_000, "NEAR": 0, "SAMPLE": 1000},
    "compared at places": {**FAR, "LOOK_COST": 10_000, "MAX_IN_VAIN": 1000},
    "compared in vain": {**FAR, "LOOK_COST": 0, "MAX_IN_VAIN": 2},
    "looked at after all": {**FAR, "MAX_IN_VAIN": 0},
    "listed further": {"MAX_GATHERED": 1, "MAX_LISTED": 8, "MAX_OF_TEXT": 30},
    "read": {**NO_LIST, "MAX_READ": 10_000},
    "compared after reading": {**NO_LIST, "MAX_READ": 5, "WALK_COST": 10_000},
    "places after reading": {**NO_LIST, **FAR, "MAX_READ": 5},
    "too many to be listed": {**NO_LIST, "MAX_READ": 5, "LISTED_AFTER_ALL": -1},
}


@pytest.mark.parametrize("way", WAYS)
async def test_pages_are_a_sorted_list_in_pieces(
    catalogue: Catalogue, clock: Clock, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bounds(monkeypatch, WAYS[way])
    rows = await _seed(catalogue, clock)
    for sort, descending, limit in itertools.product(ORDERS, (False, True), (9,)):
        for text in ("", "b", "ALPHA/") if descending else ("\\c", "bet"):
            query = FileQuery(sort=sort, descending=descending, limit=limit, text=text)
            wanted = sorted(
                (row for row in rows if key_of(text) in key_of(row.path)), key=KEYS[sort], reverse=descending
            )
            forwards, backwards = await _walk(catalogue, query)
            assert forwards == wanted
            assert backwards == wanted


@pytest.mark.parametrize("way", WAYS)
async def test_pages_within_bounds_are_a_sorted_list_in_pieces(
    catalogue: Catalogue, clock: Clock, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the order of what is bounded, where the walk starts and ends at the bounds."""
    set_bounds(monkeypatch, WAYS[way])
    rows = await _seed(catalogue, clock)
    for sort, descending, (least, most) in itertools.product(
        ("size", "date"), (False, True), ((4, None), (None, 4), (3, 4))
    ):
        query = FileQuery(sort=sort, descending=descending, limit=7, min_bytes=least, max_bytes=most)
        within = [row for row in rows if (least or 0) <= row.size_bytes <= (most or 99)]
        wanted = sorted(within, key=KEYS[sort], reverse=descending)
        assert 7 < len(wanted) < len(rows)
        forwards, backwards = await _walk(catalogue, query)
        assert forwards == wanted
        assert backwards == wanted


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_filters_agree_with_a_list(catalogue: Catalogue, clock: Clock, data: st.DataObject) -> None:
    if not (await catalogue.clients.all())[2]:
        await _seed(catalogue, clock)
    rows = (await catalogue.files.page(FileQuery(limit=1000))).rows
    _, _, clients = await catalogue.clients.all()
    low, high = sorted(data.draw(st.tuples(st.integers(0, 6), st.integers(0, 6))))
    query = FileQuery(
        client_id=data.draw(st.sampled_from([None, *(client.id for client in clients)])),
        text=data.draw(st.sampled_from(["", "ALPHA", "0", "_", "nothing"])),
        suffix=data.draw(st.sampled_from([None, "txt", ".PDF", "zip"])),
        state=data.draw(st.sampled_from([None, FileState.STORED, FileState.VANISHED])),
        min_bytes=low,
        max_bytes=high,
        since=START + timedelta(hours=data.draw(st.sampled_from([0, 2]))),
        until=START + timedelta(hours=data.draw(st.sampled_from([3, 9]))),
        sort=data.draw(st.sampled_from(sorted(ORDERS))),
        limit=1000,
    )
    wanted = {
        row.id
        for row in rows
        if query.client_id in (None, row.client_id)
        and query.text.lower() in key_of(row.path)
        and (query.suffix is None or row.suffix == query.suffix.lower().removeprefix("."))
        and query.state in (None, row.state)
        and low <= row.size_bytes <= high
        and query.since is not None
        and query.until is not None
        and query.since <= row.backed_up_at <= query.until
    }
    page = await catalogue.files.page(query)
    assert {row.id for row in page.rows} == wanted
    assert (page.total, page.total_capped) == (len(wanted), False)


async def test_rows_that_come_and_go_do_not_disturb_the_pages(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    await back_up(catalogue, client, *(entry(f"f{number:02}", "x") for number in range(0, 20, 2)))
    first = await catalogue.files.page(FileQuery(limit=4))
    await catalogue.files.delete([first.rows[-1].id])
    await back_up(catalogue, client, entry("f05", "x"), entry("f07", "x"))
    second = await catalogue.files.page(FileQuery(limit=4, cursor=first.next_cursor))
    assert [row.path for row in second.rows] == ["f07", "f08", "f10", "f12"]
    assert (first.total, second.total) == (10, 11)
    await catalogue.files.delete([row.id for row in second.rows])
    again = await catalogue.files.page(FileQuery(limit=4, cursor=first.next_cursor))
    found = await catalogue.files.page(FileQuery(limit=1, text="f1", cursor=None))
    assert (again.total, found.total) == (7, 3)
    await back_up(catalogue, client, *(entry(f"f{number:02}", "x") for number in (10, 12, 13)))
    later = await catalogue.files.page(FileQuery(limit=1, text="f1", cursor=found.next_cursor))
    assert later.total == 6
    await catalogue.files.undelete([row.id for row in second.rows])
    back = await catalogue.files.page(FileQuery(limit=4, cursor=second.previous_cursor))
    assert [row.path for row in back.rows] == ["f00", "f02", "f04", "f05"]


@pytest.mark.parametrize(
    "query",
    [
        FileQuery(sort="colour"),
        FileQuery(limit=0),
        FileQuery(limit=100_000),
        FileQuery(cursor="rubbish!"),
        FileQuery(cursor="W10"),
        FileQuery(min_bytes=2**70),
    ],
)
async def test_questions_that_cannot_be(catalogue: Catalogue, query: FileQuery) -> None:
    with pytest.raises(BadQuery):
        await catalogue.files.page(query)


async def test_a_cursor_of_another_order_is_refused(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    await back_up(catalogue, client, *(entry(f"f{number}", "x") for number in range(5)))
    cursor = (await catalogue.files.page(FileQuery(limit=2))).next_cursor
    with pytest.raises(BadQuery):
        await catalogue.files.page(FileQuery(limit=2, sort="size", cursor=cursor))


async def test_sorted_by_name_the_folders_do_not_count(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    paths = ("etc/z/12-local.conf", "etc/a/78-local.conf", "30-Local.conf", r"C:\data\55-local.conf")
    await back_up(catalogue, client, *(entry(path, path) for path in paths))
    query = FileQuery(sort="name", limit=2)
    first = await catalogue.files.page(query)
    second = await catalogue.files.page(
        FileQuery(sort=query.sort, limit=query.limit, cursor=first.next_cursor)
    )
    assert [row.path for row in (*first.rows, *second.rows)] == [paths[0], paths[2], paths[3], paths[1]]


async def test_what_has_vanished_is_listed_and_counted_for_itself(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    run = await back_up(catalogue, client, *(entry(f"f{number}", str(number)) for number in range(5)))
    run = await catalogue.runs.start(client.id, run.trigger)
    await catalogue.runs.add_vanished(run.id, [b"f0", b"f1"])
    summary, page = await catalogue.files.summary(), await catalogue.files.page(FileQuery())
    known = await catalogue.clients.one(client.id)
    assert (summary.file_count, summary.vanished_count, page.total) == (3, 2, 5)
    assert (known.file_count, known.vanished_count) == (3, 2)
    deleted = next(row.id for row in page.rows if row.path == "f0")
    await catalogue.files.delete([deleted])
    summary = await catalogue.files.summary()
    assert (summary.file_count, summary.vanished_count, summary.deleted_count) == (3, 1, 1)


def test_the_migration_names_and_counts_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalogue.db"
    monkeypatch.setattr(migrate, "SCHEMA_VERSION", "0002")
    migrate.migrate(path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            """INSERT INTO clients (no, id, name, state, created_at, goal_s, backup_queued, platform,
               agent_version, file_count, stored_bytes, unverified_count, damaged_count, deleted_count)
               VALUES (1, 'a', 'web-01', 'online', 0, 60, 0, '', '', 1, 0, 0, 0, 0)"""
        )
        for number, (kind, state) in enumerate(
            [("file", "stored"), ("file", "vanished"), ("folder", "vanished")], 1
        ):
            name = f"etc/{number}-local.conf"
            database.execute(
                """INSERT INTO files (id, client_no, client_name, raw_path, path, path_key, kind, suffix,
                   state, version_id, version_count, size_bytes, modified_at, backed_up_at)
                   VALUES (?, 1, 'web-01', ?, ?, ?, ?, '', ?, 1, 1, 0, 0, 0)""",
                (number, name.encode(), name, name, kind, state),
            )
    monkeypatch.undo()
    migrate.migrate(path)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT vanished_count FROM clients").fetchall() == [(1,)]
        names = database.execute("SELECT name_key FROM files ORDER BY name_key").fetchall()
    assert names == [("1-local.conf",), ("2-local.conf",), ("3-local.conf",)]


async def test_a_run_tells_its_files_by_result(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    first = await back_up(catalogue, client, entry("a", "1"), entry("b", "1"))
    second = await back_up(catalogue, client, entry("a", "2"), entry("c", "1"))
    details = await catalogue.runs.details(first.id)
    assert [(file.path, file.result) for file in details.files] == [("a", "new"), ("b", "new")]
    details = await catalogue.runs.details(second.id)
    assert [(file.path, file.result) for file in details.files] == [("a", "changed"), ("c", "new")]
    assert details.run.id == second.id and not details.more_files
    with pytest.raises(UnknownRun):
        await catalogue.runs.details(10**9)
