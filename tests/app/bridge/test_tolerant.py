"""One record that cannot be read costs itself, whatever machine has brought it about."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bridge.tolerant import salvaged, salvaged_frame
from app.wire.http import ClientList, encode
from streams.model.clients import Client
from streams.model.events import Event, Hello, ProgressFrame
from streams.model.runs import Progress
from streams.model.vocabulary import ClientState, EventKind, Topic

AT = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = Client(id="1" * 32, name="good", state=ClientState.ONLINE, created_at=AT, goal_s=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def plain(record: object) -> dict[str, Any]:
    return msgspec.json.decode(encode(record))


def listed(*clients: object) -> bytes:
    return encode({"epoch": "e", "seq": 7, "clients": clients})


@pytest.mark.parametrize(
    "change",
    [
        {"state": "asleep"},
        {"file_count": 9.3e18},
        {"created_at": "yesterday"},
        {"goal_s": None},
        {"id": None},
    ],
)
def test_a_client_that_cannot_be_read_is_left_out(change: dict[str, object]) -> None:
    found = salvaged(listed(plain(GOOD) | change, GOOD), ClientList, "/api/clients")
    assert (found.epoch, found.seq, found.clients) == ("e", 7, (GOOD,))


@given(JSON)
def test_whatever_stands_in_the_list_the_good_are_there(bad: object) -> None:
    found = salvaged(listed(GOOD, bad, GOOD), ClientList, "/api/clients")
    assert [client for client in found.clients if client == GOOD] == [GOOD, GOOD]


def test_an_answer_that_is_none_is_still_an_error() -> None:
    for body in (b"[]", b'{"epoch": 1, "seq": 2, "clients": []}', b'{"clients": {}}'):
        with pytest.raises(msgspec.ValidationError):
            salvaged(body, ClientList, "/api/clients")


def test_an_event_that_cannot_be_read_is_passed_over() -> None:
    event = Event(seq=1, at=AT, kind=EventKind.CLIENT_CHANGED, topics=(Topic.CLIENTS,), client=GOOD)
    assert salvaged_frame(encode(event), "x") == event
    assert salvaged_frame(encode(plain(event) | {"kind": "unheard of"}), "x") is None
    assert salvaged_frame(encode(plain(event) | {"client": plain(GOOD) | {"state": "?"}}), "x") is None


def test_one_progress_of_many_is_left_out() -> None:
    good = Progress(run_id=1, client_id="c", client_name="c", at=AT, bytes_done=5)
    bad = plain(good) | {"rate_bps": "fast"}
    frame = {"type": "progress", "runs": [bad, good], "ended": [4, "x", 5]}
    assert salvaged_frame(encode(frame), "x") == ProgressFrame(runs=(good,), ended=(4, 5))


def test_a_greeting_has_to_be_understood() -> None:
    hello = Hello(protocol=1, epoch="e", last_seq=1, server_version="1", at=AT)
    with pytest.raises(msgspec.ValidationError):
        salvaged_frame(encode(plain(hello) | {"protocol": "one"}), "x")
    with pytest.raises(msgspec.ValidationError):
        salvaged_frame(encode({"type": "unheard of"}), "x")
