"""Records on the wire: whole, and without what goes without saying."""

from datetime import UTC, datetime

import msgspec

from streams.model.clients import Client
from streams.model.events import Event, decode_server_frame, encode
from streams.model.vocabulary import ClientState, EventKind, RunState, Topic

AT = datetime(2026, 1, 1, 12, 30, 15, 250_000, tzinfo=UTC)


def _event(client: Client) -> Event:
    topics = (Topic.CLIENTS,)
    return Event(seq=7, at=AT, committed_at=AT, kind=EventKind.CLIENT_CHANGED, topics=topics, client=client)


def test_an_event_says_nothing_of_what_it_is_not_about() -> None:
    plain = Client(id="0" * 32, name="nas", state=ClientState.ONLINE, created_at=AT, goal_s=86_400.0)
    sent = msgspec.json.decode(encode(_event(plain)))
    assert set(sent) == {"type", "seq", "at", "committed_at", "kind", "topics", "client"}
    assert set(sent["client"]) == {"id", "name", "state", "created_at", "goal_s"}


def test_an_event_arrives_as_it_was_sent() -> None:
    whole = Client(
        id="1" * 32, name="büro", state=ClientState.OFFLINE, created_at=AT, goal_s=60.0, last_seen_at=AT,
        last_success_at=AT, failing_since=AT, failure_reason="disk full", last_run_state=RunState.FAILED,
        running_run_id=3, backup_queued=True, file_count=4, stored_bytes=5, vanished_count=6,
        platform="Debian 12", agent_version="0.1.0",
    )  # fmt: skip
    plain = Client(id="0" * 32, name="nas", state=ClientState.ONLINE, created_at=AT, goal_s=86_400.0)
    for client in (whole, plain):
        assert decode_server_frame(encode(_event(client))) == _event(client)
