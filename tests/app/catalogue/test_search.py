"""The search by text finds what a list of all paths finds; its index follows every change of the files."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.catalogue import migrate
from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import SqliteTooOld
from app.catalogue.paths import key_of
from app.catalogue.search import (
    END,
    START,
    add_paths,
    candidates,
    client_mark,
    forget_paths,
    question,
    trigrams,
)
from app.catalogue.search_check import search_findings
from streams.model.files import FileQuery
from streams.model.vocabulary import RunTrigger
from tests.app.catalogue.seeds import Clock, back_up, enrol, entry, folder

PATHS = (
    "home/Ärger/Straße.TXT",
    "home/ΣΊΣΥΦΟΣ/ΟΔΟΣ.Σ",
    "home/100%_sure/a_b.txt",
    'home/say "hello"/it\'s.md',
    "home/日本語/写真.jpg",
    "home/🎵/s🎵ng.mp3",
    r"C:\Users\me\new.txt",
    "x",
    "zz",
    "end/qz",
    "a" * 300 + "/deep.tar.gz",
    "tab\there/new\nline.txt",
)
TEXTS = (
    "straße", "STRASSE", "Σ", "ος", "σίσυφος", "%", "_", "0%_s", "a_b", '"', '"hello"', "it's", "日", "日本",
    "本語/写", "🎵", "s🎵n", "\\", "C:\\U", "x", "zz", "qz", "z", "aaaa", "a" * 301, "tar.gz", "\t", "\nline",
    "nothing", "AND", "OR", "NEAR(", "*", "a*", "(", "-", "NOT x", "\0", "te\0xt", "'", "';", END, START,
)  # fmt: skip


def _findings(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return search_findings(database, thorough=True)


async def _found(catalogue: Catalogue, text: str) -> set[str]:
    page = await catalogue.files.page(FileQuery(text=text, limit=1000))
    assert page.total == len(page.rows)
    return {row.path for row in page.rows}


async def test_any_text_finds_what_a_list_finds(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    await back_up(catalogue, client, *(entry(path, path) for path in PATHS))
    for text in TEXTS:
        assert await _found(catalogue, text) == {path for path in PATHS if key_of(text) in key_of(path)}, text


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from("axz/._%\"' ßΣσς日🎵\\"), max_size=6))
async def test_odd_texts_find_what_a_list_finds(catalogue: Catalogue, text: str) -> None:
    if not (await catalogue.clients.all())[2]:
        await back_up(catalogue, await enrol(catalogue), *(entry(path, path) for path in PATHS))
    assert await _found(catalogue, text) == {path for path in PATHS if key_of(text) in key_of(path)}


async def test_the_index_follows_every_change(catalogue: Catalogue, clock: Clock, tmp_path: Path) -> None:
    database = tmp_path / "catalogue.db"
    one, two = await enrol(catalogue, "one"), await enrol(catalogue, "two")
    await back_up(catalogue, one, *(entry(path, path) for path in PATHS), folder("home"))
    await back_up(catalogue, two, *(entry(path, path) for path in PATHS))
    assert _findings(database) == []
    await back_up(catalogue, one, *(entry(path, f"new {path}") for path in PATHS[:3]))
    run = await catalogue.runs.start(one.id, RunTrigger.AGENT)
    await catalogue.runs.add_vanished(run.id, [PATHS[0].encode()])
    rows = (await catalogue.files.page(FileQuery(client_id=one.id, limit=1000))).rows
    await catalogue.files.delete([row.id for row in rows[:6]])
    await catalogue.files.undelete([rows[0].id])
    assert _findings(database) == []
    clock.forward(days=9)
    assert await catalogue.files.purge(clock.at - timedelta(days=1)) == 5
    assert _findings(database) == []
    await catalogue.removal.remove(two.id)
    await catalogue.removal.finish()
    assert _findings(database) == []
    await back_up(catalogue, one, *(entry(path, path) for path in PATHS))
    assert _findings(database) == []


async def test_what_does_not_agree_is_found(catalogue: Catalogue, tmp_path: Path) -> None:
    database = tmp_path / "catalogue.db"
    client = await enrol(catalogue)
    await back_up(catalogue, client, entry("here", "x"))
    await catalogue.writer.write(lambda transaction: add_paths(transaction, [(77, 1, "stray")]))
    assert _findings(database) == ["file 77 of client number 1 is in the search index, but not in the table"]
    await catalogue.writer.write(lambda transaction: forget_paths(transaction, [(77, 1, "stray")]))
    assert _findings(database) == []
    await catalogue.writer.write(lambda transaction: add_paths(transaction, [(78, 9, "stray")]))
    (finding,) = _findings(database)
    assert "a client that has none" in finding
    await catalogue.writer.write(lambda transaction: forget_paths(transaction, [(78, 9, "stray")]))
    await catalogue.writer.write(lambda transaction: forget_paths(transaction, [(1, 1, "here")]))
    assert _findings(database) == ["file 1 of client number 1 is not in the search index"]
    await catalogue.writer.write(lambda transaction: add_paths(transaction, [(1, 1, "hare")]))
    (finding,) = _findings(database)
    assert "where it should have" in finding


def test_a_question_asks_for_a_bounded_number_of_trigrams() -> None:
    assert trigrams("report") == ["rep", "epo", "por", "ort"]
    assert candidates("ab") == []
    assert candidates('a"b') == ['a"b']
    assert candidates("", suffix="pdf") == [f"df{END}"]
    assert candidates("", client_no=5) == [client_mark(5)]
    assert candidates("", suffix="c") == [f".c{END}"]
    assert len(candidates("".join(chr(0x4E00 + number) for number in range(500)))) == 16
    assert candidates("report") == ["rep", "epo", "por", "ort"]
    assert question(["rep", 'a"b']) == '"rep" AND "a""b"'


def test_marks_of_clients_are_different() -> None:
    numbers = [*range(1, 3000), 0x7FFF, 0x8000, 0x8001, 10**6, 2**29]
    marks = {client_mark(number) for number in numbers}
    assert len(marks) == len(set(numbers))
    assert all(len(mark) == 3 for mark in marks)


def test_a_sqlite_that_cannot_search_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        def execute(self, _sql: str) -> None:
            raise sqlite3.OperationalError("no such tokenizer: trigram")

        def close(self) -> None:
            pass

    monkeypatch.setattr(migrate.sqlite3, "connect", lambda *_args, **_more: Old())
    with pytest.raises(SqliteTooOld, match="trigram"):
        migrate.migrate(tmp_path / "catalogue.db")
    assert not (tmp_path / "catalogue.db").exists()
