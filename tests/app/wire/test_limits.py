"""Limits of what is taken from a machine that may say anything."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire.agent_socket import AgentProgress, decode_from_agent
from app.wire.blob_batch import decode_batch, encode_batch
from app.wire.http import AgentEntry, EnrolRequest, Entries, FinishRun, Hashes, StartRun, Vanished, encode
from app.wire.limits import MAX_BATCH_BLOBS, MAX_ENTRIES, MAX_REASON, MAX_WORD, problem_of_path
from streams.model.vocabulary import EntryKind

FOLDER = AgentEntry(raw_path=b"/a", kind=EntryKind.FOLDER, size_bytes=0, mtime_ns=0, mode=0o755)
FILE = msgspec.structs.replace(FOLDER, kind=EntryKind.FILE, size_bytes=5, sha256="0" * 64)
LINK = msgspec.structs.replace(FOLDER, kind=EntryKind.LINK, size_bytes=3, link_target=b"../")


def decoded(kind: type, **fields: object) -> object:
    return msgspec.json.decode(encode(fields), type=kind)


@pytest.mark.parametrize(
    ("raw_path", "reason"),
    [
        (b"", "absolute"),
        (b"a/b", "absolute"),
        (b"C:\\Users\\a", "absolute"),
        (b"/", "root"),
        (b"//a", "empty name"),
        (b"/a/", "empty name"),
        (b"/a/./b", "'.'"),
        (b"/a/../b", "'..'"),
        (b"/a\0b", "zero byte"),
        (b"/" + b"x" * 256, "longer than 255"),
        (b"/" + b"x/" * 2048, "longer than 4,096"),
    ],
)
def test_names_that_no_restore_could_make(raw_path: bytes, reason: str) -> None:
    problem = problem_of_path(raw_path)
    assert problem is not None
    assert reason in problem
    with pytest.raises(msgspec.ValidationError):
        decoded(Entries, entries=[msgspec.structs.replace(FOLDER, raw_path=raw_path)])


@pytest.mark.parametrize(
    "raw_path", [b"/a", b"/...", b"/a b/\n\x1b[2J\xff", b"/" + b"x" * 255, (b"/" + b"y" * 127) * 32]
)
def test_names_that_are_only_unusual(raw_path: bytes) -> None:
    assert problem_of_path(raw_path) is None
    entries = decoded(Entries, entries=[msgspec.structs.replace(FOLDER, raw_path=raw_path)])
    assert isinstance(entries, Entries)
    assert entries.entries[0].raw_path == raw_path


@pytest.mark.parametrize(
    ("entry", "changes"),
    [
        (FILE, {"sha256": None}),
        (FILE, {"sha256": "0" * 63}),
        (FILE, {"sha256": "0" * 64 + "\n"}),
        (FILE, {"sha256": "G" * 64}),
        (FILE, {"size_bytes": -1}),
        (FILE, {"size_bytes": 2**53 + 1}),
        (FILE, {"mtime_ns": 2**63}),
        (FILE, {"mtime_ns": -(2**63) - 1}),
        (FILE, {"mode": 0o200000}),
        (FILE, {"link_target": b"x"}),
        (FOLDER, {"sha256": "0" * 64}),
        (LINK, {"link_target": None}),
        (LINK, {"link_target": b""}),
        (LINK, {"link_target": b"a\0b"}),
        (LINK, {"link_target": b"x" * 4097}),
    ],
)
def test_entries_that_cannot_be(entry: AgentEntry, changes: dict[str, object]) -> None:
    assert isinstance(decoded(Entries, entries=[entry]), Entries)
    with pytest.raises(msgspec.ValidationError):
        decoded(Entries, entries=[msgspec.structs.asdict(entry) | changes])


def test_a_refusal_shows_the_name_on_one_line() -> None:
    entry = msgspec.structs.replace(FOLDER, raw_path=b"/a/../\x1b]0;x\n" + b"y" * 1000)
    with pytest.raises(msgspec.ValidationError) as refused:
        decoded(Entries, entries=[entry])
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


def test_bodies_hold_so_many_and_no_more() -> None:
    decoded(Entries, entries=[FOLDER] * MAX_ENTRIES)
    decoded(Vanished, raw_paths=[b"/a"] * MAX_ENTRIES)
    too_many: list[tuple[type, str, list[object]]] = [
        (Entries, "entries", [FOLDER] * (MAX_ENTRIES + 1)),
        (Vanished, "raw_paths", [b"/a"] * (MAX_ENTRIES + 1)),
        (Hashes, "hashes", ["0" * 64] * 10_001),
    ]
    for kind, name, values in too_many:
        with pytest.raises(msgspec.ValidationError):
            decoded(kind, **{name: values})
    tiny = encode_batch([("0" * 64, b"")] * (MAX_BATCH_BLOBS + 1))
    with pytest.raises(ValueError, match="more than"):
        list(decode_batch(tiny))


@given(st.text(max_size=3000))
def test_what_a_machine_says_can_be_shown(said: str) -> None:
    frame = decode_from_agent(encode(AgentProgress(run_id=1, current_path=said)))
    assert isinstance(frame, AgentProgress)
    finish = decoded(FinishRun, state="failed", reason=said)
    enrol = decoded(EnrolRequest, name="n", code="c", platform=said, agent_version=said)
    assert isinstance(finish, FinishRun)
    assert isinstance(enrol, EnrolRequest)
    assert finish.reason is not None
    assert len(finish.reason) <= MAX_REASON
    assert max(len(enrol.platform), len(enrol.agent_version)) <= MAX_WORD
    for text in (frame.current_path, finish.reason, enrol.platform):
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text)


@pytest.mark.parametrize("correlation_id", ["x" * 65, "a b", "a\n", "ä", "\x1b"])
def test_a_correlation_id_is_a_plain_word(correlation_id: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        decoded(StartRun, trigger="agent", correlation_id=correlation_id)


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "progress", "run_id": 2**63},
        {"type": "progress", "run_id": 1, "files_done": 2**63},
        {"type": "progress", "run_id": 1, "bytes_total": -1},
        {"type": "progress", "run_id": 1, "bytes_done": 1.5},
        {"type": "ack", "id": 10**30, "accepted": True},
    ],
)
def test_frames_with_numbers_that_cannot_be(frame: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_from_agent(encode(frame))
