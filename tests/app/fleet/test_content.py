import hashlib

import pytest
import zstandard

from app.fleet.content import CHUNK_BYTES, Contents, SimFile

MTIME = 1_700_000_000_000_000_000


def file(
    path: str = "/srv/report.pdf", size: int = 10_000, mtime_ns: int = MTIME, *, shared: str = ""
) -> SimFile:
    return SimFile(path, size, mtime_ns, shared)


@pytest.mark.parametrize("size", [0, 1, 15, 3072, 3073, 40_000, CHUNK_BYTES, CHUNK_BYTES + 1, 1_000_003])
@pytest.mark.parametrize("path", ["a.pdf", "a.txt", "a"])
def test_a_file_has_the_size_it_claims_and_the_hash_of_its_bytes(size: int, path: str) -> None:
    contents = Contents(1)
    data = contents.read("web-01", file(path, size))
    assert len(data) == size
    assert contents.sha256("web-01", file(path, size)) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("offset", [1, 2000, 40_000, 300_000])
def test_reading_from_an_offset_goes_on_where_it_was(offset: int) -> None:
    contents, wanted = Contents(1), file(size=600_000)
    assert b"".join(contents.chunks("x", wanted, offset)) == contents.read("x", wanted)[offset:]


def test_bytes_follow_from_seed_owner_path_and_time() -> None:
    same = Contents(1).read("a", file())
    assert Contents(1).read("a", file()) == same
    others = [
        Contents(2).read("a", file()),
        Contents(1).read("b", file()),
        Contents(1).read("a", file("/srv/other.pdf")),
        Contents(1).read("a", file(mtime_ns=MTIME + 1)),
    ]
    assert same not in others
    assert len(set(others)) == len(others)


def test_a_shared_file_has_the_same_bytes_on_every_machine() -> None:
    contents = Contents(1)
    assert contents.read("a", file(shared="doc")) == contents.read("b", file(shared="doc", mtime_ns=1))


def test_a_large_file_costs_the_server_little() -> None:
    data = Contents(1).read("a", file(size=8_000_000))
    assert len(zstandard.ZstdCompressor(level=3).compress(data)) < 100_000
