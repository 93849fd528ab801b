"""One backup as the server keeps it, and the index that follows what the server has acknowledged."""

import asyncio
import stat
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from app.agent.api import Api
from app.agent.failures import Refusal
from app.agent.index import UNSURE, FullRow, Index
from app.agent.names import split
from app.agent.patience import Patience
from app.agent.scan import Found
from app.agent.upload import missing_of
from app.protocol import Accepted, AgentEntry, Entries, FinishRun, StartRun, Vanished, VersionPage
from streams.failures import TidewatchError
from streams.records.clients import Client
from streams.records.runs import Run
from streams.vocabulary import EntryKind, FileState, RunState, RunTrigger

NAMES_AT_ONCE = 1000
HASHES_AT_ONCE = 5000
CONTENTS_ASKED_S = 86400.0
"""How often a scheduled backup asks whether the server still has all contents; others ask each time."""
SETTLED_NS = 2_000_000_000
"""A file changed so shortly before it was read may change again without its times telling."""
KIND_OF_TYPE = {stat.S_IFREG: EntryKind.FILE, stat.S_IFDIR: EntryKind.FOLDER, stat.S_IFLNK: EntryKind.LINK}
BY_OPERATOR = "cancelled by an operator"
TYPE_OF_KIND = {kind: file_type for file_type, kind in KIND_OF_TYPE.items()}

T = TypeVar("T")


class RunCancelled(TidewatchError):
    """This run was ended before its end; the message is the reason, as the server keeps it."""

    code = "run_cancelled"

    def line(self) -> str:
        """Return what the agent says of it."""
        return f"The backup was ended: {self.message}."


@dataclass(frozen=True, slots=True)
class Noted:
    """A name to be told to the server (where ``entry`` is given) and to be kept in the index."""

    entry: AgentEntry | None
    row: FullRow


def noted(found: Found, *, size: int = 0, sha256: str | None = None, still: bool = True) -> Noted:
    """Return what is to be noted of a name; nothing is told where server and name agree."""
    digest = bytes.fromhex(sha256) if sha256 else None
    sure = still and time.time_ns() - found.ctime_ns > SETTLED_NS
    row = (
        *split(found.path),
        found.mode,
        found.size,
        found.mtime_ns,
        found.inode if sure else UNSURE,
        found.ctime_ns,
        digest,
        found.target,
    )
    old = found.old
    if old is not None and still and (old[1], old[3], old[6], old[7]) == (row[2], row[4], row[7], row[8]):
        return Noted(None, row)
    entry = AgentEntry(
        raw_path=found.path,
        kind=KIND_OF_TYPE[stat.S_IFMT(found.mode)],
        size_bytes=size,
        mtime_ns=found.mtime_ns,
        mode=stat.S_IMODE(found.mode),
        sha256=sha256,
        link_target=found.target,
        inconsistent=not still,
    )
    return Noted(entry, row)


class Ledger:
    """The run at the server; where the server has ended it while we were away, another one goes on."""

    def __init__(self, api: Api, patience: Patience, index: Index, trigger: RunTrigger) -> None:
        self._api, self._patience, self._index, self._trigger = api, patience, index, trigger
        self._renewing = asyncio.Lock()
        self.run_id = 0
        self.correlation_id = uuid.uuid4().hex

    async def begin(self) -> None:
        """Start the run and make sure that the index is of this client and of this server's present state."""
        structlog.contextvars.bind_contextvars(correlation_id=self.correlation_id)
        client = await self._client()
        same = await asyncio.to_thread(self._index.fact, "client_id") == client.id
        count = await asyncio.to_thread(self._index.fact, "server_files")
        if not same or count != str(client.file_count):
            await self._rebuild(client)
        await self._start()
        await self._look_after_contents()

    async def _look_after_contents(self) -> None:
        """Find out which contents the server has lost or found damaged since; they are sent again."""
        last = float(await asyncio.to_thread(self._index.fact, "contents_asked_at") or 0)
        if self._trigger is RunTrigger.SCHEDULE and time.time() - last < CONTENTS_ASKED_S:
            return
        hashes = await asyncio.to_thread(self._index.hashes)
        lost: list[bytes] = []
        for start in range(0, len(hashes), HASHES_AT_ONCE):
            part = [sha256.hex() for sha256 in hashes[start : start + HASHES_AT_ONCE]]
            missing = await self._patience.through(lambda part=part: missing_of(self._api, part))
            lost += [bytes.fromhex(sha256) for sha256 in missing]
        if lost:
            await asyncio.to_thread(self._index.forget_contents, lost)
        await asyncio.to_thread(self._index.keep_fact, "contents_asked_at", str(time.time()))

    async def record(self, names: Sequence[Noted]) -> None:
        """Tell the server, and after its answer keep the rows."""
        entries = [name.entry for name in names if name.entry is not None]
        for start in range(0, len(entries), NAMES_AT_ONCE):
            body = Entries(entries=tuple(entries[start : start + NAMES_AT_ONCE]))
            await self._in_run("entries", body, Accepted)
        await asyncio.to_thread(self._index.put, [name.row for name in names])

    async def vanish(self, paths: Sequence[bytes]) -> None:
        """Tell the server what is gone, and after its answer forget it."""
        for start in range(0, len(paths), NAMES_AT_ONCE):
            part = tuple(paths[start : start + NAMES_AT_ONCE])
            await self._in_run("vanished", Vanished(raw_paths=part), Accepted)
            await asyncio.to_thread(self._index.remove, [split(path) for path in part])

    async def stay_open(self) -> None:
        """Make sure that our run is one that runs; where the server has ended it, begin another."""
        await self._renew(self.run_id)

    async def finish(self, report: FinishRun) -> None:
        """End the run; where the answer was lost on the way, look whether it had been heard."""
        try:
            await self._patience.through(lambda: self._post("finish", report, Run))
        except Refusal as error:
            if error.server_code not in ("run_ended", "unknown_run"):
                raise
            client = await self._client()
            if client.last_run_state is not report.state:
                await self._start()
                await self._patience.through(lambda: self._post("finish", report, Run))
        client = await self._client()
        await asyncio.to_thread(self._index.keep_fact, "server_files", str(client.file_count))

    async def give_up(self, report: FinishRun) -> None:
        """Try once to end the run with a bad result; the server finds out by itself otherwise."""
        await self._post("finish", report, Run)

    async def _client(self) -> Client:
        return await self._patience.through(lambda: self._api.call("GET", "/api/agent/client", Client))

    async def _start(self) -> None:
        body = StartRun(trigger=self._trigger, correlation_id=self.correlation_id)
        run = await self._patience.through(lambda: self._api.call("POST", "/api/agent/runs", Run, json=body))
        self.run_id = run.id

    async def _post(self, word: str, body: Entries | Vanished | FinishRun, reply: type[T]) -> T:
        return await self._api.call("POST", f"/api/agent/runs/{self.run_id}/{word}", reply, json=body)

    async def _in_run(self, word: str, body: Entries | Vanished, reply: type[T]) -> T:
        while True:
            run_id = self.run_id
            try:
                return await self._patience.through(lambda: self._post(word, body, reply))
            except Refusal as error:
                if error.server_code not in ("run_ended", "unknown_run"):
                    raise
                await self._renew(run_id)

    async def _renew(self, ended: int) -> None:
        """Go on in another run, unless an operator has ended this one while we could not be told."""
        async with self._renewing:
            if self.run_id != ended:
                return
            client = await self._client()
            if client.running_run_id == ended:
                return
            if client.last_run_state is RunState.CANCELLED:
                raise RunCancelled(BY_OPERATOR)
            await self._start()

    async def _rebuild(self, client: Client) -> None:
        """Learn from the server what it has; contents will be read once more, but not sent."""
        await asyncio.to_thread(self._index.clear)
        after: int | None = None
        while True:
            params = {"limit": NAMES_AT_ONCE, **({} if after is None else {"after": after})}
            page = await self._patience.through(
                lambda params=params: self._api.call("GET", "/api/agent/files", VersionPage, params=params)
            )
            rows: list[FullRow] = [
                (
                    *split(entry.raw_path),
                    TYPE_OF_KIND[entry.kind] | entry.mode,
                    entry.size_bytes,
                    entry.mtime_ns,
                    UNSURE,
                    0,
                    bytes.fromhex(entry.sha256) if entry.sha256 else None,
                    entry.link_target,
                )
                for entry in page.entries
                if entry.state is not FileState.DAMAGED
            ]
            await asyncio.to_thread(self._index.put, rows)
            after = page.next_after
            if after is None:
                break
        await asyncio.to_thread(self._index.keep_fact, "client_id", client.id)
