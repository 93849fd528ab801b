"""No question and no write reads a large table as a whole: told by the plans that SQLite makes."""

import re
import sqlite3
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, event

from app.catalogue import batch_write
from app.catalogue.catalogue import Catalogue
from app.catalogue.paging import ORDERS
from app.wire.http import FinishRun
from streams.model.files import FilePage, FileQuery
from streams.model.vocabulary import FileState, RunState, RunTrigger
from tests.app.catalogue.bounds import set_bounds
from tests.app.catalogue.seeds import START, Clock, ForgetfulStore, add, back_up, enrol, entry, send, sha

LARGE = {
    "files", "file_versions", "blobs", "client_contents", "verifications", "events", "activity", "runs",
    "run_rollup", "metric_samples", "doomed_contents", "pending_states",
}  # fmt: skip
SCAN = re.compile(r"^SCAN (\w+)(.*)$")
ALL_SOUND = re.compile(r"^SEARCH blobs USING (COVERING )?INDEX ix_blobs_checked \(damaged=\?\)")
"""Nearly all contents are sound: along the index of damage alone all of them are read."""
LIST = re.compile(r"(\w+)\.(\w+) IN \((?:\?, ){99}")
"""A list of a hundred values or more."""
Statement = tuple[str, Any]


@contextmanager
def statements() -> Generator[list[Statement]]:
    """Gather what is executed meanwhile."""
    found: list[Statement] = []

    def executed(_connection: Any, _cursor: Any, sql: str, values: Any, _context: Any, many: bool) -> None:
        found.append((sql, values[0] if many else values))

    event.listen(Engine, "before_cursor_execute", executed)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", executed)


def plans(path: Path, found: list[Statement]) -> Iterator[tuple[str, list[str]]]:
    with closing(sqlite3.connect(path)) as database:
        for sql, values in found:
            if sql.split()[0] in ("SELECT", "UPDATE", "DELETE", "INSERT"):
                rows = database.execute(f"EXPLAIN QUERY PLAN {sql}", values)
                yield sql, [str(row[3]) for row in rows]


def whole_scans(path: Path, found: list[Statement]) -> list[tuple[str, str]]:
    """Return the statements that read a large table as a whole."""
    scans: list[tuple[str, str]] = []
    for sql, steps in plans(path, found):
        for step in steps:
            if ALL_SOUND.match(step) and "LIMIT" not in sql and "count(" not in sql:
                scans.append((step, sql))
            scan = SCAN.match(step)
            # Along an index, or the numbers of the rows, and only until a limit is met.
            walks = (
                scan is not None
                and "LIMIT" in sql
                and ("USING" in scan[2] or f"ORDER BY {scan[1]}.seq" in sql)
            )
            if scan is not None and scan[1] in LARGE and not walks:
                scans.append((step, sql))
    return scans


def not_by_their_lists(path: Path, found: list[Statement]) -> list[tuple[str, str]]:
    """Return the statements that do not look up the values of a long list, but read all of something else.

    Without statistics SQLite believes that each client has ten rows, which is less than any long list.
    """
    strays: list[tuple[str, str]] = []
    for sql, steps in plans(path, found):
        listed = LIST.search(sql)
        if listed is None:
            continue
        heads = [steps[0], *(after for step, after in pairwise(steps) if step.startswith("LIST SUBQUERY"))]
        key = "(rowid=" if listed[2] in ("id", "no") else f"{listed[2]}=?"
        pending = listed[1] == "pending_states"
        if not any(head.startswith(f"SEARCH {listed[1]} ") and (pending or key in head) for head in heads):
            strays.append((" | ".join(steps), sql))
    return strays


@pytest.fixture
async def filled(catalogue: Catalogue, clock: Clock) -> Catalogue:
    for name in ("one", "two"):
        client = await enrol(catalogue, name)
        await back_up(catalogue, client, *(entry(f"{name}/{n}.txt", f"{n} {name}") for n in range(20)))
        await back_up(catalogue, client, *(entry(f"{name}/{n}.txt", f"{n + 1} {name}") for n in range(5)))
        clock.forward(hours=1)
    return catalogue


_MANY = {"MAX_GATHERED": 0, "SAMPLE": 2, "STEP": 2}
_NO_LIST = {**_MANY, "MAX_LISTED": -1, "READ_FIRST": 1, "MAX_READ": 2}


@pytest.mark.parametrize(
    "way",
    [
        {},
        {**_MANY, "PASSED": 1, "WALK_COST": 10_000},
        {**_MANY, "WALK_COST": 0, "MAX_LEFT": 0},
        {**_NO_LIST, "WALK_COST": 10_000},
        {**_NO_LIST, "WALK_COST": 0, "MAX_LEFT": 0},
        {**_NO_LIST, "LISTED_AFTER_ALL": -1},
    ],
)
async def test_no_page_of_files_reads_all_of_them(
    filled: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: dict[str, int]
) -> None:
    """First, next, previous and last page of each order, with each kind of filter, in each way to find it."""
    (client, *_) = (await filled.clients.all())[2]
    filters: list[dict[str, Any]] = [
        {"client_id": client.id}, {"state": FileState.STORED}, {"state": FileState.DELETED},
        {"suffix": "txt", "client_id": client.id}, {"text": "one/1"}, {"text": "e"}, {"min_bytes": 1},
    ]  # fmt: skip
    ids = [row.id for row in (await filled.files.page(FileQuery(text="one/1"))).rows]
    await filled.files.delete(ids[:8])
    set_bounds(monkeypatch, way)
    with statements() as found:
        # All orders where there is no filter: the way of each does not depend on its filters.
        pages = [({}, sort) for sort in ORDERS] if not way else []
        pages += [(each, ("client", "date")[number % 2]) for number, each in enumerate(filters)]
        for each, sort in pages:
            first = await filled.files.page(FileQuery(sort=sort, limit=2, **each))
            for cursor in (first.next_cursor, first.last_cursor):
                if cursor is not None:
                    at = await filled.files.page(FileQuery(sort=sort, limit=2, cursor=cursor, **each))
                    back = FileQuery(sort=sort, limit=2, cursor=at.previous_cursor, **each)
                    await filled.files.page(back)
    assert len(found) > 50
    assert whole_scans(tmp_path / "catalogue.db", found) == []
    for sql, steps in plans(tmp_path / "catalogue.db", found):
        if "INDEXED BY" in sql and "NOT INDEXED" not in sql:
            assert not any("TEMP B-TREE FOR ORDER BY" in step for step in steps), sql


async def _verify(catalogue: Catalogue) -> None:
    (client, *_) = (await catalogue.clients.all())[2]
    ids = [row.id for row in (await catalogue.files.page(FileQuery())).rows]
    for wanted in ((None, None), (None, client.id), (ids, None)):
        assert [blob async for blob in catalogue.files.hashes_of(*wanted)]
    assert await catalogue.verification.due(START + timedelta(days=9))
    await catalogue.files.mark_verified({sha("3 one"): True, sha("4 one"): False})
    await catalogue.files.spread_states()
    assert await catalogue.files.path_of(sha("4 one"))


async def _purge(catalogue: Catalogue) -> None:
    ids = [row.id for row in (await catalogue.files.page(FileQuery())).rows]
    await catalogue.files.delete(ids[:9])
    await catalogue.files.undelete(ids[:1])
    assert await catalogue.files.purge(START + timedelta(days=9)) == 8
    assert await catalogue.doomed.drop(ForgetfulStore())


async def _remove(catalogue: Catalogue) -> None:
    (client, *_) = (await catalogue.clients.all())[2]
    await catalogue.removal.remove(client.id)
    await catalogue.removal.finish()
    await catalogue.doomed.drop(ForgetfulStore())


async def _back_up(catalogue: Catalogue) -> None:
    (client, *_) = (await catalogue.clients.all())[2]
    run = await catalogue.runs.start(client.id, RunTrigger.AGENT)
    await add(catalogue, run, [entry("new", "new"), entry("one/1.txt", "changed")])
    await catalogue.runs.add_vanished(run.id, [b"one/2.txt"])
    await catalogue.runs.finish(run.id, FinishRun(state=RunState.COMPLETE))
    await catalogue.contents.forget_unnamed()


async def _retain(catalogue: Catalogue) -> None:
    old = START + timedelta(days=9)
    await catalogue.metrics.record({"cpu_ratio": 0.5}, START - timedelta(days=9000))
    await catalogue.metrics.flush()
    assert await catalogue.metrics.rollup()
    assert await catalogue.events.purge(old, keep=0)
    assert await catalogue.activity.purge(old)
    await catalogue.analytics.forget()


async def _restore(catalogue: Catalogue) -> None:
    (client, *_) = (await catalogue.clients.all())[2]
    entries, _ = await catalogue.files.tree(client.id)
    assert await catalogue.files.version(entries[0].id)
    # As many at once as a restore asks for: with few of them SQLite looks up each in any case.
    asked = [*(each.id for each in entries), *range(10_000, 10_250)]
    assert await catalogue.files.small_contents(asked, 10**6, client.id)
    assert await catalogue.files.small_contents(asked, 10**6)


async def _ask_for_missing(catalogue: Catalogue) -> None:
    (client, *_) = (await catalogue.clients.all())[2]
    hashes = [sha(f"{number} one") for number in range(1000)]
    assert await catalogue.contents.owned(client.id, hashes)
    assert await catalogue.contents.owned(client.id, hashes, damaged=True)
    assert await catalogue.contents.known(hashes)


async def _start(catalogue: Catalogue) -> None:
    await catalogue.clients.mark_all_offline()
    await catalogue.runs.fail_orphans("ended")


@pytest.mark.parametrize(
    "work", [_verify, _purge, _remove, _back_up, _restore, _ask_for_missing, _retain, _start]
)
async def test_no_work_reads_a_whole_table(
    filled: Catalogue, tmp_path: Path, work: Callable[[Catalogue], Awaitable[None]]
) -> None:
    with statements() as found:
        await work(filled)
    assert found
    # The lists of what is due are read as they are: there is nothing else in them.
    due = ("doomed_contents", "pending_states", "runs USING INDEX ix_runs_protected")
    scans = whole_scans(tmp_path / "catalogue.db", found)
    assert [scan for scan in scans if not scan[0].startswith(tuple(f"SCAN {table}" for table in due))] == []


@pytest.mark.parametrize("count", [250, 500])
async def test_what_is_asked_for_in_a_long_list_is_looked_up(
    catalogue: Catalogue, clock: Clock, tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every statement with a list, with as many values as the program gives it."""
    # As large as on a fast machine, however busy this one is.
    monkeypatch.setattr(batch_write, "FIRST_ROWS", batch_write.MAX_ROWS)
    monkeypatch.setattr(batch_write, "next_rows", lambda rows, _took: rows)
    one, two = await enrol(catalogue, "one"), await enrol(catalogue, "two")
    entries = [entry(f"{number}", f"{number}") for number in range(count)]
    hashes = [sha(f"{number}") for number in range(count)]
    with statements() as found:
        for client in (one, two):
            await back_up(catalogue, client, *entries)
        await send(catalogue, one.id, *(entry("never named", f"not {number}") for number in range(count)))
        await send(catalogue, two.id, *(entry("never named", f"nor {number}") for number in range(count)))
        for damaged in (False, True):
            assert len(await catalogue.contents.owned(one.id, hashes, damaged=damaged)) == count
        assert len(await catalogue.contents.known(hashes)) == count
        versions, _ = await catalogue.files.tree(one.id)
        ids = [version.id for version in versions]
        assert len(await catalogue.files.small_contents(ids, 10**6, one.id)) == count
        assert len(await catalogue.files.small_contents(ids, 10**6)) == count
        assert not await catalogue.files.small_contents(ids, 10**6, two.id)
        files = [version.file_id for version in versions]
        assert len([blob async for blob in catalogue.files.hashes_of(files)]) == count
        await catalogue.files.mark_verified(dict.fromkeys(hashes, False))
        await catalogue.contents.receive(one.id, dict.fromkeys(hashes, 2))
        run = await catalogue.runs.start(one.id, RunTrigger.AGENT)
        await catalogue.runs.add_vanished(run.id, [each.raw_path for each in entries])
        await catalogue.runs.finish(run.id, FinishRun(state=RunState.COMPLETE))
        await catalogue.files.delete(files)
        await catalogue.files.undelete(files)
        await catalogue.files.delete(files)
        clock.forward(days=9)
        assert await catalogue.files.purge(clock.at) == count
        assert await catalogue.contents.forget_unnamed() == 2 * count
        await catalogue.removal.remove(two.id)
        await catalogue.removal.finish()
        await catalogue.doomed.drop(ForgetfulStore())
    with_lists = [sql for sql, _ in found if LIST.search(sql)]
    assert len(set(with_lists)) >= 15
    assert not_by_their_lists(tmp_path / "catalogue.db", found) == []


def test_a_whole_scan_is_seen(catalogue: Catalogue, tmp_path: Path) -> None:
    assert whole_scans(catalogue.path, [("SELECT * FROM files WHERE mode = 1".replace("mode", "kind"), ())])
    assert tmp_path in catalogue.path.parents


async def test_letters_are_listed_only_where_no_other_filter_finds_fewer(filled: Catalogue) -> None:
    """What has one letter may be nearly all files, and each of their trigrams is a row of that list."""
    for query, listed in ((FileQuery(text="e", suffix="txt"), False), (FileQuery(text="e"), True)):
        with statements() as found:
            assert (await filled.files.page(query)).total
        assert any("files_trigrams" in str(each) for each in found) is listed


def rows_passed(path: Path, found: list[Statement]) -> int:
    """Return about how many rows statements pass: they are run again, and the steps of SQLite counted."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with closing(sqlite3.connect(path)) as database:
        database.set_progress_handler(step, 10)
        for sql, values in found:
            if sql.startswith(("SELECT", "WITH")):
                database.execute(sql, values).fetchall()
    return steps


@pytest.fixture
async def many(catalogue: Catalogue) -> Catalogue:
    """1,500 files of sizes from 1 to 1,500, of which the last by name begin alike."""
    client = await enrol(catalogue)
    names = [f"{'zoo-' if number > 1400 else ''}{number:04}.txt" for number in range(1, 1501)]
    for start in range(0, 1500, 500):
        contents = (entry(name, "x" * int(name[-8:-4])) for name in names[start : start + 500])
        await back_up(catalogue, client, *contents)
    return catalogue


async def _passed(catalogue: Catalogue, query: FileQuery) -> tuple[FilePage, int, int]:
    """Return a page, and about how many entries of an order are passed for it, and rows looked at."""
    with statements() as found:
        page = await catalogue.files.page(query)
    along = [each for each in found if "INDEXED BY ix" in each[0]]
    # Their ids are a text in JSON; where not, the statement has its own limit.
    lists = [str(values[0]) for sql, values in found if "NOT INDEXED" in sql and "json_each" in sql]
    return page, rows_passed(catalogue.path, along), sum(len(msgspec.json.decode(ids)) for ids in lists)


async def test_a_page_within_bounds_begins_where_it_is(
    many: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of sizes neither what is below the bounds is passed, nor the pages before."""
    set_bounds(monkeypatch, {"LOOKED_AT": 5, "READ_FIRST": 20})
    for least, most in ((1200, None), (None, 300)):
        for descending in (False, True):
            query = FileQuery(sort="size", descending=descending, limit=9, min_bytes=least, max_bytes=most)
            first, passed, _ = await _passed(many, query)
            _, of_last, _ = await _passed(many, replace(query, cursor=first.last_cursor))
            assert 0 < passed < 120
            assert 0 < of_last < 120


async def test_matches_that_lie_together_far_away_are_found_where_a_sample_has_them(
    many: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is neither walked to them, through all that does not match, nor are all looked at."""
    set_bounds(monkeypatch, {"MAX_GATHERED": 10, "SAMPLE": 10, "LOOKED_AT": 5})
    query = FileQuery(sort="name", text="zoo", limit=9)
    set_bounds(monkeypatch, {"WALK_COST": 10_000, "PASSED": 2000})
    same, all_passed, _ = await _passed(many, query)
    set_bounds(monkeypatch, {"WALK_COST": 0, "MAX_IN_VAIN": 0})
    _, _, all_looked_at = await _passed(many, query)
    set_bounds(monkeypatch, {"MAX_IN_VAIN": 9, "STEP": 20, "MAX_LEFT": 5, "CONFIRMED_AT_ONCE": 10})
    found, passed, looked_at = await _passed(many, query)
    assert [row.size_bytes for row in found.rows] == list(range(1401, 1410))
    assert same.rows == found.rows
    assert passed < all_passed / 3
    assert looked_at < all_looked_at / 2
    last, passed, looked_at = await _passed(many, replace(query, cursor=found.last_cursor))
    assert [row.size_bytes for row in last.rows] == list(range(1492, 1501))
    assert passed < all_passed / 3
    assert looked_at < all_looked_at / 2


async def test_no_row_is_read_that_is_no_candidate(many: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries of the index are compared, and rows are looked at only to confirm them and to count."""
    set_bounds(monkeypatch, {"MAX_GATHERED": 10, "SAMPLE": 10, "WALK_COST": 10_000, "LOOKED_AT": 20})
    set_bounds(monkeypatch, {"CONFIRMED_AT_ONCE": 10, "PASSED": 3000})
    with statements() as found:
        page, _, looked_at = await _passed(many, FileQuery(sort="size", text="zoo", limit=9))
    assert [row.size_bytes for row in page.rows] == list(range(1401, 1410))
    assert (page.total, page.total_capped) == (20, True)
    along = [sql for sql, _ in found if "INDEXED BY" in sql]
    assert along
    assert not any("path_key" in sql for sql in along)
    assert looked_at == 10 + 10 + 20


async def test_a_text_that_many_have_is_listed_further_where_another_filter_leaves_many(
    many: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the full-text index has told before is not asked for again, and few rows are looked at."""
    set_bounds(monkeypatch, {"MAX_GATHERED": 35, "MAX_LISTED": 60, "LOOKED_AT": 5})
    query = FileQuery(sort="name", text="zoo", min_bytes=1370, max_bytes=1429, limit=9)
    with statements() as found:
        page, _, looked_at = await _passed(many, query)
    assert [row.size_bytes for row in page.rows] == list(range(1401, 1410))
    assert (page.total, page.total_capped, looked_at) == (29, False, 29)
    listed = [sql for sql, _ in found if "files_text MATCH ?" in sql and "json_group_array" in sql]
    assert ["rowid > ?" in sql for sql in listed] == [False, True]


async def test_none_is_said_where_all_candidates_were_looked_at(
    many: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bounds(monkeypatch, {"MAX_GATHERED": 10, "PASSED": 20, "NEAR": 20, "LOOKED_AT": 30})
    page = await many.files.page(
        FileQuery(text="zoo", suffix="txt", max_bytes=1400, min_bytes=1, sort="name")
    )
    assert (page.rows, page.total, page.total_capped) == ((), 0, False)


async def test_what_one_filter_finds_is_counted_without_a_look(
    many: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bounds(monkeypatch, {"MAX_GATHERED": 5, "LOOKED_AT": 5, "COUNT_CAP": 600})
    for most, total, capped in ((500, 500, False), (900, 600, True)):
        page = await many.files.page(FileQuery(max_bytes=most, sort="name", limit=9))
        assert (page.total, page.total_capped) == (total, capped)


async def test_letters_of_one_client_are_compared_in_its_index(many: Catalogue) -> None:
    """Not listed from all clients, and no row is read that does not match."""
    other = await enrol(many, "other")
    await back_up(many, other, entry("oz-1.txt", "x"), entry("no-2.txt", "y"))
    with statements() as found:
        page = await many.files.page(FileQuery(text="z", client_id=other.id, sort="size"))
    assert [row.path for row in page.rows] == ["oz-1.txt"]
    assert not any("files_trigrams" in str(each) for each in found)
    (listed,) = [sql for sql, _ in found if "INDEXED BY ix_files_client" in sql]
    assert "client_name = ?" in listed


async def test_the_full_text_index_is_asked_once_for_a_page(many: Catalogue) -> None:
    """Where many trigrams are common, to ask it takes longer than all the rest."""
    with statements() as found:
        page = await many.files.page(FileQuery(text="zoo-14", sort="size", limit=9))
    assert page.total == 99
    assert sum("files_text MATCH ?" in sql and "json_group_array" in sql for sql, _ in found) == 1


async def test_trigrams_that_all_files_have_are_not_asked_for(
    many: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bounds(monkeypatch, {"RARITY_SAMPLE": 50})
    with statements() as found:
        page = await many.files.page(FileQuery(text="zoo-1450.txt"))
    assert len(page.rows) == 1
    listed = ("files_text MATCH ?", "json_group_array")
    (asked,) = [values[0] for sql, values in found if all(word in sql for word in listed)]
    assert "txt" not in asked


async def test_what_the_full_text_index_is_asked_for_is_not_counted_again(
    many: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client and a suffix have trigrams of their own, and may have millions of files."""
    set_bounds(monkeypatch, {"MAX_GATHERED": 5})
    (client, *_) = (await many.clients.all())[2]
    with statements() as found:
        page = await many.files.page(FileQuery(text="zoo-145", suffix="txt", client_id=client.id))
    assert page.total == 10
    counts = [sql for sql, _ in found if "count(*)" in sql and "FROM files " in sql]
    assert not [sql for sql in counts if "INDEXED" not in sql]
