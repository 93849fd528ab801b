"""One backup as the server keeps it, and the index that follows what the server has acknowledged."""

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import structlog

from app.agent.api import Api
from app.agent.attributes import digest_of
from app.agent.failures import BETWEEN, Refusal, Replaced, RunCancelled, is_of_run, is_passing
from app.agent.index import Index, ServerRow
from app.agent.left_run import RUN
from app.agent.names import TYPE_OF_KIND, split
from app.agent.noted import Noted
from app.agent.paging import later
from app.agent.retry import Patience
from app.agent.revisions import Revisions
from app.agent.upload import missing_of
from app.wire.http import (
    Accepted,
    AgentClient,
    AgentEntry,
    Entries,
    FinishRun,
    StartRun,
    Vanished,
    VersionPage,
)
from streams.model.runs import Run
from streams.model.vocabulary import FileState, RunState, RunTrigger

NAMES_AT_ONCE = 1000
HASHES_AT_ONCE = 5000
REBUILD_TIMES = 3
"""How often the server's list is read again where it changed meanwhile."""
OTHER_REVISION = (
    "The server's list of this client's files is not the one of the last backup: it was cut off, an older"
    " copy was put back, files were deleted there, or another agent works as this client."
    " Reading what it has."
)
CONTENTS_ASKED_S = 86400.0
"""How often a scheduled backup asks whether the server still has all contents; others ask each time."""
BY_OPERATOR = "cancelled by an operator"

T = TypeVar("T")
K = TypeVar("K")


class Ledger:
    """The run at the server; where the server has ended it while we were away, another one goes on."""

    def __init__(
        self,
        api: Api,
        patience: Patience,
        index: Index,
        trigger: RunTrigger,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._api, self._patience, self._index, self._trigger = api, patience, index, trigger
        self._say = say
        self._renewing = asyncio.Lock()
        self._keeping = asyncio.Lock()
        self._revisions = Revisions("")
        self._asked_for_run = False
        """Whether a run was asked for whose answer has not come: the server may have begun it."""
        self.run_id = 0
        self.correlation_id = uuid.uuid4().hex

    async def begin(self) -> None:
        """Start the run and make sure that the index is of this client and of this server's present state."""
        structlog.contextvars.bind_contextvars(correlation_id=self.correlation_id)
        client = await self._client()
        kept_id = await asyncio.to_thread(self._index.fact, "client_id")
        revision = await asyncio.to_thread(self._index.fact, "revision")
        confirmed = (kept_id, revision) == (client.id, client.revision)
        if confirmed:
            self._revisions = Revisions(client.revision)
        else:
            if revision is None and client.file_count:
                self._say("There is no index of the last backup; reading from the server what it has.")
            elif revision is not None:
                self._say(OTHER_REVISION)
            self._revisions = Revisions(await self._rebuild(client))
        await self._start()
        await self._look_after_contents(at_once=not confirmed)

    async def _look_after_contents(self, *, at_once: bool) -> None:
        """Find out which contents the server has lost or found damaged since; they are sent again."""
        last = _number(await asyncio.to_thread(self._index.fact, "contents_asked_at"))
        # A time to come was noted by a clock that was wrong.
        scheduled = self._trigger is RunTrigger.SCHEDULE and not at_once
        if scheduled and 0 <= time.time() - last < CONTENTS_ASKED_S:
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

    async def record(self, names: Sequence[Noted]) -> dict[bytes, str]:
        """Tell the server, and after its answer keep the rows; return what it refuses, each with the reason.

        Raise the ``Refusal`` blobs_missing where it has lost contents: they are to be sent again, then this.
        """
        entries = [name.entry for name in names if name.entry is not None]
        refused: dict[bytes, str] = {}
        replies: list[Accepted] = []
        for start in range(0, len(entries), NAMES_AT_ONCE):
            refused |= await self._tell(entries[start : start + NAMES_AT_ONCE], replies)
        rows = [n.row for n in names if n.entry is None or n.entry.raw_path not in refused]
        await self._keep(self._index.put, rows, replies)
        return refused

    async def _tell(self, entries: Sequence[AgentEntry], replies: list[Accepted]) -> dict[bytes, str]:
        """Tell names to the server; where it refuses them, in halves, until it is clear which it means."""
        try:
            replies.append(await self._in_run("entries", Entries(entries=tuple(entries)), Accepted))
        except Refusal as error:
            if is_of_run(error) or is_passing(error) or error.server_code == "blobs_missing":
                raise
            if len(entries) == 1:
                return {entries[0].raw_path: f"the server refuses it: {error.message}"}
            half = len(entries) // 2
            first = await self._tell(entries[:half], replies)
            return first | await self._tell(entries[half:], replies)
        return {}

    async def vanish(self, paths: Sequence[bytes]) -> dict[bytes, str]:
        """Tell the server what is gone, and after its answer forget it; return what did not get through."""
        kept: dict[bytes, str] = {}
        for start in range(0, len(paths), NAMES_AT_ONCE):
            part = paths[start : start + NAMES_AT_ONCE]
            replies: list[Accepted] = []
            kept |= await self._tell_vanished(part, replies)
            await self._keep(self._index.remove, [split(p) for p in part if p not in kept], replies)
        return kept

    async def _tell_vanished(self, paths: Sequence[bytes], replies: list[Accepted]) -> dict[bytes, str]:
        try:
            replies.append(await self._in_run("vanished", Vanished(raw_paths=tuple(paths)), Accepted))
        except Refusal as error:
            if is_of_run(error) or is_passing(error):
                raise
            if len(paths) > 1:
                half = len(paths) // 2
                first = await self._tell_vanished(paths[:half], replies)
                return first | await self._tell_vanished(paths[half:], replies)
            if error.server_code.startswith(BETWEEN):
                return {paths[0]: f"the server cannot be told that it is gone: {error.message}"}
            # A name that the server cannot take was never there: it can only be forgotten.
        return {}

    async def _keep(
        self, change: Callable[[Iterable[K], str], None], rows: Iterable[K], replies: Sequence[Accepted]
    ) -> None:
        """Change the index, with the revision that the server has with it."""
        async with self._keeping:
            for reply in replies:
                self._revisions.note(reply.revision_before, reply.revision)
            await asyncio.to_thread(change, rows, self._revisions.known)

    async def stay_open(self) -> None:
        """Make sure that our run is one that runs; where the server has ended it, begin another."""
        await self._renew(self.run_id)

    async def finish(self, report: FinishRun) -> None:
        """End the run; told again after a lost answer, the server says once more what it has heard."""
        await self._in_run("finish", report, Run)

    async def give_up(self, report: FinishRun) -> None:
        """Try once to end the run, if it has begun, with a bad result; the server finds out by itself."""
        if self._asked_for_run:
            # Cut off before its answer came; the server answers the same question with the same run.
            self.run_id = (await self._ask_for_run()).id
        if self.run_id:
            await self._post("finish", report, Run)

    async def _client(self) -> AgentClient:
        return await self._patience.through(lambda: self._api.call("GET", "/api/agent/client", AgentClient))

    async def _start(self, instead_of: int | None = None) -> None:
        self._asked_for_run = True
        try:
            run = await self._patience.through(lambda: self._ask_for_run(instead_of))
        except Refusal as error:
            self._asked_for_run = False
            if error.server_code == "run_replaced":
                # It has begun since we asked how things stand.
                raise Replaced from None
            raise
        self._asked_for_run = False
        self.run_id = run.id
        await asyncio.to_thread(self._index.keep_fact, RUN, str(run.id))

    async def _ask_for_run(self, instead_of: int | None = None) -> Run:
        body = StartRun(trigger=self._trigger, correlation_id=self.correlation_id, instead_of=instead_of)
        return await self._api.call("POST", "/api/agent/runs", Run, json=body)

    async def _post(self, word: str, body: Entries | Vanished | FinishRun, reply: type[T]) -> T:
        return await self._api.call("POST", f"/api/agent/runs/{self.run_id}/{word}", reply, json=body)

    async def _in_run(self, word: str, body: Entries | Vanished | FinishRun, reply: type[T]) -> T:
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
            if client.running_run_id is not None:
                # To start ours would end the run of the other agent, and it would start another in its turn.
                raise Replaced
            if client.last_run_id is not None and client.last_run_id > ended:
                # It came in between and is done already: how ours ended is not known, that it must go on is.
                self._say(Replaced().line())
                ended = client.last_run_id
            elif client.last_run_state is RunState.CANCELLED:
                raise RunCancelled(BY_OPERATOR)
            await self._start(ended)

    async def _rebuild(self, client: AgentClient) -> str:
        """Learn from the server what it has, and return the revision of that.

        What it has as it stands here is believed further; other contents are read once more, but not sent.
        """
        for _ in range(REBUILD_TIMES):
            read = client.revision
            await asyncio.to_thread(self._index.begin_rebuild)
            await self._read_files()
            client = await self._client()
            if client.revision == read:
                break
        else:
            # It changes all the time: what was read helps this backup, and is not believed by the next one.
            read = ""
        await asyncio.to_thread(self._index.end_rebuild, client.id, read)
        return read

    async def _read_files(self) -> None:
        after: int | None = None
        while True:
            params = {"limit": NAMES_AT_ONCE, **({} if after is None else {"after": after})}
            page = await self._patience.through(
                lambda params=params: self._api.call("GET", "/api/agent/files", VersionPage, params=params)
            )
            rows: list[ServerRow] = [
                (
                    *split(entry.raw_path),
                    TYPE_OF_KIND.get(entry.kind, 0) | entry.mode,
                    entry.size_bytes,
                    entry.mtime_ns,
                    bytes.fromhex(entry.sha256) if entry.sha256 else None,
                    entry.link_target,
                    digest_of(entry.attributes),
                )
                for entry in page.entries
                if entry.state is not FileState.DAMAGED
            ]
            await asyncio.to_thread(self._index.add_at_server, rows)
            if page.next_after is None:
                return
            after = later(after, page.next_after)


def _number(text: str | None) -> float:
    """Return a number that was kept; 0 where there is none."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
