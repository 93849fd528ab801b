"""Archives that are given away while they are made: read again by the standard library, or by nobody."""

import io
import zipfile
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.model.file_names import MAX_NAME_BYTES
from streams.model.zip_stream import Entry, free_path, zipped

AT = datetime(2026, 3, 11, 12, 30, 6, tzinfo=UTC)


def entry(path: str, *pieces: bytes, at: datetime = AT) -> Entry:
    async def read() -> AsyncGenerator[bytes]:
        for piece in pieces:
            yield piece

    return Entry(path, at, read)


async def made(*entries: Entry) -> zipfile.ZipFile:
    data = b"".join([piece async for piece in zipped(entries)])
    return zipfile.ZipFile(io.BytesIO(data))


async def test_files_are_in_their_folders_whole_and_with_their_time() -> None:
    archive = await made(
        entry("web-01//etc/a.conf", b"one ", b"two"),
        entry("web-01/Überweisung 1.txt", b"x" * 100_000),
        entry("web-01/empty"),
    )
    assert archive.testzip() is None
    assert {info.filename: archive.read(info) for info in archive.infolist()} == {
        "web-01/etc/a.conf": b"one two",
        "web-01/Überweisung 1.txt": b"x" * 100_000,
        "web-01/empty": b"",
    }
    assert archive.infolist()[0].date_time == (2026, 3, 11, 12, 30, 6)


async def test_no_file_at_all_is_an_empty_archive() -> None:
    assert (await made()).namelist() == []


@pytest.mark.parametrize(("year", "told"), [(1, 1980), (1969, 1980), (2107, 2107), (9999, 2107)])
async def test_a_time_that_zip_cannot_tell_becomes_the_nearest(year: int, told: int) -> None:
    archive = await made(entry("a", b"x", at=AT.replace(year=year)))
    assert archive.infolist()[0].date_time[0] == told


async def test_pieces_come_while_the_files_are_read() -> None:
    read: list[int] = []

    async def pieces() -> AsyncGenerator[bytes]:
        for number in range(4):
            read.append(number)
            yield bytes([number]) * 1000

    given = 0
    async for piece in zipped([Entry("a", AT, pieces)]):
        given += len(piece)
        assert given >= 1000 * len(read)  # nothing is kept back


async def test_what_fails_ends_it_as_nothing_that_opens() -> None:
    async def cut() -> AsyncGenerator[bytes]:
        yield b"beginning"
        raise ValueError("other bytes than were stored")

    came = b""
    with pytest.raises(ValueError, match="other bytes"):
        async for piece in zipped([entry("good", b"x"), Entry("bad", AT, cut)]):
            came += piece
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(came))


@given(st.lists(st.text(max_size=300), max_size=12))
def test_names_are_all_different_safe_and_lead_nowhere_else(paths: list[str]) -> None:
    taken: set[str] = set()
    found = [free_path(path, taken) for path in paths]
    assert len({name.casefold() for name in found}) == len(paths)
    for name in found:
        assert name and not name.startswith("/")
        for part in name.split("/"):
            assert part not in ("", ".", "..") and not set('\\:*?"<>|\0\n') & set(part)
            assert len(part.encode("utf-8", "replace")) <= MAX_NAME_BYTES + 20


def test_names_that_differ_in_case_alone_are_numbered() -> None:
    taken: set[str] = set()
    names = [free_path(path, taken) for path in ("c/a.txt", "c/A.txt", "c/a.txt", "d/a.txt")]
    assert names == ["c/a.txt", "c/A (2).txt", "c/a (3).txt", "d/a.txt"]


async def test_one_that_is_broken_off_lets_go_of_what_it_reads() -> None:
    closed: list[str] = []

    async def endless() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.append("file")

    archive = zipped([Entry("a", AT, endless)])
    await anext(archive)
    await archive.aclose()
    assert closed == ["file"]
