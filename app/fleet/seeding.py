"""Seeds a simulated server: clients with their tokens and, the first time, a history."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.catalogue.bulk_insert import HistoryClient, HistoryRun, write_history
from app.catalogue.catalogue import Catalogue
from app.fleet.content import Contents, SimFile
from app.fleet.disk import Disk
from app.fleet.load_past import samples
from app.fleet.roster import Machine, Role, Temper, make_roster
from app.fleet.synthetic_history import Past, PastRun, make_past
from app.server.data_dir import CATALOGUE_FILE, STORE_FOLDER
from app.store.store import Store
from app.wire.http import AgentEntry
from streams.model.base import utc_now
from streams.model.vocabulary import ClientState, EntryKind

FILE_MODE = 0o100644
SMALL_BYTES = 1024 * 1024
"""Up to this size contents are stored many at once."""
BATCH_BYTES = 6 * 1024 * 1024
BATCH_BLOBS = 200
VERIFIED_ROLES = (Role.DATABASE, Role.FILES, Role.MAIL)
"""Machines whose stored files were verified some days ago."""


@dataclass(frozen=True, slots=True)
class Member:
    """One client of the fleet: who it is to the server, and its machine's disk."""

    client_id: str
    token: str
    disk: Disk


async def prepare(data_dir: Path, *, count: int, seed: int, quiet: bool = False) -> tuple[Member, ...]:
    """Return the fleet; the server's folder is filled with its past where there is none yet.

    Tokens are made anew at every start, so that none has to be kept.
    """
    roster = make_roster(count, seed)
    if quiet:
        roster = tuple(replace(machine, temper=Temper.STEADY, office_hours=False) for machine in roster)
    catalogue = await Catalogue.open(data_dir / CATALOGUE_FILE)
    try:
        _, _, known = await catalogue.clients.all()
        ids = {client.name: client.id for client in known}
        new = tuple(machine for machine in roster if machine.name not in ids)
        members = [await _returning(catalogue, m, ids[m.name]) for m in roster if m.name in ids]
        if new:
            members += await _write_past(catalogue, data_dir, new, seed)
        return tuple(members)
    finally:
        await catalogue.close()


async def _returning(catalogue: Catalogue, machine: Machine, client_id: str) -> Member:
    """Return a client of an earlier start; on its disk is what the server has of it."""
    token = await catalogue.tokens.renew(client_id, machine.name)
    tree: dict[str, SimFile] = {}
    after: int | None = 0
    while after is not None:
        entries, after = await catalogue.files.tree(client_id, None, after, 1000)
        for entry in entries:
            tree[entry.path] = SimFile(entry.path, entry.size_bytes, entry.mtime_ns)
    disk = Disk(machine, tree, stored=set(tree), changed_s=utc_now().timestamp())
    return Member(client_id, token, disk)


async def _write_past(
    catalogue: Catalogue, data_dir: Path, machines: tuple[Machine, ...], seed: int
) -> list[Member]:
    now_s = utc_now().timestamp()
    pasts = [make_past(machine, seed, now_s) for machine in machines]
    store = Store(data_dir / STORE_FOLDER)
    await store.prepare()
    try:
        hashes = await _store_contents(store, Contents(seed), pasts)
        sizes = await store.sizes(set(hashes.values()))
        store_bytes = await store.size_on_disk()
    finally:
        await store.close()
    seeded = await write_history(
        catalogue,
        [_client(past, hashes) for past in pasts],
        samples(pasts, store_bytes, seed, now_s),
        stored_size=lambda sha256, _: sizes[sha256],
        verified=_verified(pasts, hashes, now_s),
    )
    return [
        Member(seeded[past.machine.name].id, seeded[past.machine.name].token, past.disk) for past in pasts
    ]


Key = tuple[str, SimFile]
"""Whose file it is, and which version of it."""


def _versions(pasts: list[Past]) -> Iterator[Key]:
    for past in pasts:
        for run in past.runs:
            for file in run.written:
                yield _key(past, file)


def _key(past: Past, file: SimFile) -> Key:
    if file.shared:
        return "", SimFile(file.shared, file.size_bytes, 0, file.shared)
    return past.machine.name, file


async def _store_contents(store: Store, contents: Contents, pasts: list[Past]) -> dict[Key, str]:
    """Store the bytes of every version in the pasts; return their hashes."""
    hashes: dict[Key, str] = {}
    waiting = dict.fromkeys(_versions(pasts))
    small = [key for key in waiting if key[1].size_bytes <= SMALL_BYTES]
    large = [key for key in waiting if key[1].size_bytes > SMALL_BYTES]
    made: list[tuple[str, bytes]] = []
    for batch in (*_batches(small), []):
        making = asyncio.to_thread(_make, contents, batch)
        following, _ = await asyncio.gather(making, store.receive_many(made, synced=False))
        hashes.update(zip(batch, (sha256 for sha256, _ in following), strict=True))
        made = following
    for key in large:
        owner, file = key
        hashes[key] = await asyncio.to_thread(contents.sha256, owner, file)
        await store.receive(hashes[key], file.size_bytes, 0, _chunks(contents, owner, file))
    return hashes


async def _chunks(contents: Contents, owner: str, file: SimFile) -> AsyncIterator[bytes]:
    for chunk in contents.chunks(owner, file):
        yield chunk


def _batches(keys: list[Key]) -> Iterator[list[Key]]:
    batch: list[Key] = []
    size = 0
    for key in keys:
        batch.append(key)
        size += key[1].size_bytes
        if size > BATCH_BYTES or len(batch) == BATCH_BLOBS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _make(contents: Contents, batch: list[Key]) -> list[tuple[str, bytes]]:
    return [contents.read_hashed(owner, file) for owner, file in batch]


def _client(past: Past, hashes: dict[Key, str]) -> HistoryClient:
    machine = past.machine
    state = {Temper.NEVER: ClientState.NEVER, Temper.SHUT_OUT: ClientState.DISCONNECTED}
    return HistoryClient(
        name=machine.name,
        created_at=_at(past.enrolled_s),
        last_seen_at=None if past.last_seen_s is None else _at(past.last_seen_s),
        state=state.get(machine.temper, ClientState.OFFLINE),
        goal_s=machine.goal_s,
        platform=machine.platform,
        agent_version=machine.agent_version,
        runs=[_run(past, run, hashes) for run in past.runs],
    )


def _run(past: Past, run: PastRun, hashes: dict[Key, str]) -> HistoryRun:
    entries = [
        AgentEntry(
            raw_path=file.path.encode(), kind=EntryKind.FILE, size_bytes=file.size_bytes,
            mtime_ns=file.mtime_ns, mode=FILE_MODE, sha256=hashes[_key(past, file)],
        )
        for file in run.written
    ]  # fmt: skip
    return HistoryRun(
        started_at=_at(run.started_s),
        finished_at=_at(run.finished_s),
        state=run.state,
        trigger=run.trigger,
        reason=run.reason,
        entries=entries,
        vanished=[path.encode() for path in run.vanished],
        files_seen=run.seen_count,
        bytes_seen=run.seen_bytes,
        files_failed=run.failed_count,
    )


def _verified(pasts: list[Past], hashes: dict[Key, str], now_s: float) -> dict[str, datetime]:
    """Return when contents were verified last: those of some machines, a few days ago."""
    at_s = now_s - timedelta(days=2, hours=5).total_seconds()
    return {
        hashes[_key(past, file)]: _at(at_s)
        for past in pasts
        if past.machine.role in VERIFIED_ROLES
        for run in past.runs
        if run.finished_s < at_s
        for file in run.written
    }


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
