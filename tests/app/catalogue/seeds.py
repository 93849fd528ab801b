"""Small catalogues for tests."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from app.catalogue.catalogue import Catalogue
from app.wire.http import Accepted, AgentEntry, FinishRun
from streams.model.clients import Client
from streams.model.events import Event
from streams.model.runs import Run
from streams.model.vocabulary import EntryKind, RunState, RunTrigger

START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


class Clock:
    """A clock that moves only when told to, and a little at each look."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        self.at += timedelta(microseconds=1)
        return self.at

    def forward(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


class Uptime:
    """A monotonic clock that moves only when told to."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def __call__(self) -> float:
        return self.at_s

    def pass_with(self, clock: Clock, **by: float) -> None:
        """Let time pass on both clocks, as it does while a server is up."""
        self.at_s += timedelta(**by).total_seconds()
        clock.forward(**by)


class ForgetfulStore:
    """A store of contents that only notes what is taken out of it."""

    def __init__(self) -> None:
        self.removed: list[str] = []

    async def unlink_many(self, hashes: Collection[str]) -> list[str]:
        self.removed += hashes
        return list(hashes)

    async def sync_removed(self, hashes: Collection[str]) -> None:
        assert set(hashes) <= set(self.removed)


def replayed(events: Sequence[Event]) -> list[Event]:
    """Return the events as they come to who was away: they were kept before they were committed."""
    return [replace(event, committed_at=None) for event in events]


def sha(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def entry(path: str | bytes, content: str = "x", *, mtime_ns: int = 10**18, mode: int = 0o644) -> AgentEntry:
    raw_path = path if isinstance(path, bytes) else path.encode()
    return AgentEntry(
        raw_path=raw_path,
        kind=EntryKind.FILE,
        size_bytes=len(content),
        mtime_ns=mtime_ns,
        mode=mode,
        sha256=sha(content),
    )


def folder(path: str) -> AgentEntry:
    return AgentEntry(
        raw_path=path.encode(), kind=EntryKind.FOLDER, size_bytes=0, mtime_ns=10**18, mode=0o755
    )


def link(path: str, target: bytes) -> AgentEntry:
    return AgentEntry(
        raw_path=path.encode(),
        kind=EntryKind.LINK,
        size_bytes=0,
        mtime_ns=10**18,
        mode=0o777,
        link_target=target,
    )


async def enrol(catalogue: Catalogue, name: str = "desk") -> Client:
    enrolment = await catalogue.enrolments.create(name)
    client, _ = await catalogue.enrolments.redeem(name, enrolment.code, "linux", "0.1.0")
    return client


async def send(catalogue: Catalogue, client_id: str, *entries: AgentEntry) -> None:
    """Note that a client has sent those contents of these files that it had not sent before."""
    sizes = {each.sha256: each.size_bytes for each in entries if each.sha256 is not None}
    for sha256 in await catalogue.contents.owned(client_id, sizes):
        del sizes[sha256]
    await catalogue.contents.receive(client_id, sizes, sent_bytes=sum(sizes.values()))


async def add(catalogue: Catalogue, run: Run, entries: Sequence[AgentEntry]) -> Accepted:
    """Tell names whose contents were sent before."""
    await send(catalogue, run.client_id, *entries)
    return await catalogue.runs.add_entries(run.id, entries)


async def back_up(catalogue: Catalogue, client: Client, *entries: AgentEntry) -> Run:
    run = await catalogue.runs.start(client.id, RunTrigger.SCHEDULE)
    await add(catalogue, run, entries)
    return await catalogue.runs.finish(run.id, FinishRun(state=RunState.COMPLETE))
