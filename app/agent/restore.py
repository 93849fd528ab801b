"""Bringing a client's files back: checked against their hashes, several at once, never outside the folder."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import aiohttp
import msgspec

from app.agent.api import Api
from app.agent.arriving import Arriving, Damaged
from app.agent.failures import first_failure
from app.agent.names import reason_of, shown
from app.agent.paging import later
from app.agent.patience import Patience
from app.agent.restore_attributes import HARD_LINK
from app.agent.restore_plan import Item, Parts, RestorePlan, batches
from app.agent.restore_tree import TargetTree
from app.agent.target_file import InTheWay
from app.batches import BATCH_HEAD_BYTES, decode_batch
from app.protocol import ClientList, VersionIds, VersionPage
from streams.failures import CommandFailed, ConfigRejected
from streams.records.clients import Client
from streams.vocabulary import EntryKind

PAGE = 1000
ANY_CLIENT, OWN_CLIENT = "/api", "/api/agent"
"""Where trees and contents are asked for: with a token of a console, or with that of the client itself."""
WRITE_BYTES = 1024 * 1024
BROKEN_TIMES = 3
"""How often one file may break off while the server answers otherwise."""
EMPTY = hashlib.sha256().hexdigest()
CONFLICTS_TOLD = 3

T = TypeVar("T")


@dataclass(slots=True)
class Restored:
    """What a restore did."""

    files: int = 0
    folders: int = 0
    links: int = 0
    size_bytes: int = 0
    present: int = 0
    """Files and links that were there already, whole."""
    specials: int = 0
    """Devices, pipes and sockets."""
    stripped_bits: int = 0
    """Files that lost set-user-id or set-group-id, as their owners could not be set."""
    failed: list[tuple[bytes, str]] = field(default_factory=list)
    renamed: list[tuple[bytes, str]] = field(default_factory=list)
    """What had to take another name."""
    unset: dict[str, int] = field(default_factory=dict)
    """How often modes and so on could not be set."""


class Broken(Exception):
    """The server began to send a file and broke off."""


async def find_client(api: Api, patience: Patience, name: str) -> Client:
    """Return the client of this name (or id); raise ``ConfigRejected``."""
    listed = await patience.through(lambda: api.call("GET", "/api/clients", ClientList))
    found = next((c for c in listed.clients if c.name == name), None)
    found = found or next((c for c in listed.clients if c.id == name), None)
    if found is None:
        names = ", ".join(sorted(c.name for c in listed.clients)[:10]) or "none"
        raise ConfigRejected(f"The server knows no client {name!r}.", hint=f"It knows: {names}.")
    return found


async def read_tree(api: Api, patience: Patience, client_id: str | None, at: datetime | None) -> RestorePlan:
    """Return what was there at a time (None: now); without a client that of the token itself."""
    params: dict[str, str | int] = {"limit": PAGE}
    if client_id is not None:
        params["client_id"] = client_id
    path = f"{OWN_CLIENT if client_id is None else ANY_CLIENT}/tree"
    if at is not None:
        params["at"] = at.isoformat().replace("+00:00", "Z")
    plan = RestorePlan()
    after: int | None = None
    while True:
        page = await patience.through(lambda: api.call("GET", path, VersionPage, params=dict(params)))
        await asyncio.to_thread(plan.add, page.entries)
        if page.next_after is None:
            return plan
        after = params["after"] = later(after, page.next_after)


class Restore:
    """One restore of one plan into one folder."""

    def __init__(
        self,
        api: Api,
        tree: TargetTree,
        plan: RestorePlan,
        *,
        patience: Patience,
        overwrite: bool = False,
        in_flight: int = 6,
        own: bool = False,
        origin: str = "",
        on_progress: Callable[[Restored, Item], None] = lambda _done, _item: None,
    ) -> None:
        self._api, self._tree, self._plan, self._patience = api, tree, plan, patience
        self._overwrite, self._in_flight, self._on_progress = overwrite, in_flight, on_progress
        self._base = OWN_CLIENT if own else ANY_CLIENT
        self._origin = origin
        self._present: set[Parts] = set()
        """What was there already, whole."""
        self._failed_folders: set[Parts] = set()
        self._failed: set[Parts] = set()
        self._hard_links: dict[Parts, Item] = {}
        """Names that become further ones of an item."""
        self._moved = False
        """Names whose first one failed have got another one."""
        self._made: list[Item] = []
        """Folders that get their modes and times at the end."""
        self._whole = False
        self.done = Restored()
        self._ended = False

    async def run(self) -> Restored:
        """Restore everything that can be; raises where nothing can be done at all."""
        try:
            await self._blocking(self._begin)
            try:
                await self._blocking(self._make_folders)
                self._hard_links = self._plan.hard_links(self._is_lost)
                await self._contents_of(batches(self._left(EntryKind.FILE)))
                await self._blocking(self._make_links)
                await self._contents_of(batches(await self._blocking(self._make_hard_links)))
                # Those whose first name could not be restored become names of the second one.
                await self._contents_of(batches(await self._blocking(self._make_hard_links)))
                self._whole = not self._ended
            finally:
                # Also where the disk is full, or somebody stops it: what has come is to be usable.
                await asyncio.shield(asyncio.to_thread(self._finish))
        finally:
            await asyncio.shield(asyncio.to_thread(self._tree.put_modes_back))
        self.done.renamed = [
            (b"/" + b"/".join((*self._plan.base, *parts)), f"is there as {shown(name)}")
            for parts, name in sorted(self._tree.renamed.items())
        ]
        self.done.unset = dict(self._tree.attributes.unset)
        self.done.stripped_bits = self._tree.attributes.stripped_bits
        return self.done

    async def _blocking(self, work: Callable[[], T]) -> T:
        """Do what blocks in a thread; it stops before its next step where this is cancelled."""
        working = asyncio.create_task(asyncio.to_thread(work))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            self._ended = True
            await asyncio.wait({working})
            raise

    async def _contents_of(self, files: Iterator[list[Item]]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._in_flight):
                    group.create_task(self._files(files))
        except ExceptionGroup as failures:
            raise first_failure(failures) from None

    def _left(self, kind: EntryKind) -> list[Item]:
        """Return what is still to be made, without what is below folders that could not be."""
        return [
            item
            for item in self._plan.of_kind(kind)
            if item.parts not in self._present
            and item.parts not in self._hard_links
            and not self._is_lost(item.parts)
        ]

    def _is_lost(self, parts: Parts) -> bool:
        """Return whether a name is below a folder that could not be made."""
        return any(parts[:length] in self._failed_folders for length in range(1, len(parts)))

    def _begin(self) -> None:
        try:
            empty = self._tree.is_empty()
        except OSError as error:
            raise ConfigRejected(
                f"--to {self._tree.path}: cannot be read: {reason_of(error)}.", hint="Give another folder."
            ) from None
        self._tree.begin(self._origin)
        there = set[Parts]() if self._tree.created else {()}
        if not empty:
            try:
                there |= self._survey()
            except ConfigRejected:
                self._tree.abandon()
                raise
        if not self._ended:
            folders = self._plan.of_kind(EntryKind.FOLDER)
            self._tree.note((item.parts for item in folders if item.parts not in there), self._present)

    def _survey(self) -> set[Parts]:
        """Find out what is there already, as a restore that was cut leaves it, and what is in the way.

        Returns the folders that are there.
        """
        found: list[Item] = []
        folders: set[Parts] = set()
        for item in self._plan.items:
            if self._ended:
                break
            if item.parts and self._tree.present(item, overwrite=self._overwrite):
                # A folder that is there is looked for too, as it may have another name.
                (folders if item.kind is EntryKind.FOLDER else self._present).add(item.parts)
            elif not self._overwrite and self._tree.stands_in_the_way(item):
                found.append(item)
        if found:
            names = ", ".join(
                repr(b"/".join(i.parts).decode("utf-8", "replace")) for i in found[:CONFLICTS_TOLD]
            )
            more = f" and {len(found) - CONFLICTS_TOLD:,} more" if len(found) > CONFLICTS_TOLD else ""
            raise ConfigRejected(
                f"Nothing was restored: the folder has other files of the names {names}{more} already.",
                hint="Restore into an empty folder, or give --overwrite.",
            )
        self.done.present = len(self._present)
        return folders

    def _make_folders(self) -> None:
        for item in self._plan.of_kind(EntryKind.FOLDER):
            if self._ended:
                break
            if self._is_lost(item.parts):
                continue
            try:
                fresh = self._tree.make_folder(item.parts, overwrite=self._overwrite)
                if not fresh:
                    self._tree.clear_leftovers(item.parts, self._present)
            except (OSError, InTheWay) as error:
                self._failed_folders.add(item.parts)
                self._fail(item, error)
                continue
            self.done.folders += 1
            # A folder that was there keeps its own mode, unless it is to be as it was.
            if fresh or self._tree.is_own(item.parts) or (self._overwrite and item.parts):
                self._made.append(item)

    def _make_links(self) -> None:
        for item in (*self._left(EntryKind.LINK), *self._left(EntryKind.SPECIAL)):
            if self._ended:
                break
            self._make_node(item)

    def _make_node(self, item: Item) -> None:
        """Make a link or a special file."""
        make = self._tree.make_link if item.kind is EntryKind.LINK else self._tree.make_special
        try:
            make(item, overwrite=self._overwrite)
        except (OSError, InTheWay) as error:
            self._fail(item, error)
        else:
            self._count(item)

    def _make_hard_links(self) -> Iterator[Item]:
        """Make the further names of files; return those that have to be fetched after all.

        Where a first name could not be restored, the next one takes its part, and the others stay noted
        for another call; they are not noted twice.
        """
        left: list[Item] = []
        firsts: dict[Parts, Item] = {}
        waiting: dict[Parts, Item] = {}
        for item in self._plan.items:
            if self._ended:
                break
            if (first := self._hard_links.get(item.parts)) is None:
                continue
            if first.parts in self._failed:
                instead = firsts.setdefault(first.parts, item)
                if instead is not item and not self._moved:
                    waiting[item.parts] = instead
                    continue
                made = item.parts in self._present
                if instead is not item:
                    self._tree.attributes.note_unset(HARD_LINK)
            else:
                try:
                    made = self._tree.make_hard_link(
                        first, item, overwrite=self._overwrite or item.parts in self._present
                    )
                except (OSError, InTheWay) as error:
                    self._fail(item, error)
                    continue
            if made:
                self._count(item)
            elif item.parts in self._present:
                continue
            elif item.kind is EntryKind.FILE:
                left.append(item)
            else:
                self._make_node(item)
        self._hard_links, self._moved = waiting, True
        return iter(left)

    def _finish(self) -> None:
        """Give folders their modes and times, and what was there already where that is to be replaced."""
        if self._overwrite:
            for item in self._plan.items:
                if item.parts in self._present:
                    self._tree.finish(item)
        for item in reversed(self._made):
            if item.parts:
                self._tree.finish(item)
        if self._whole:
            self._tree.end()
        if self._made and not self._made[0].parts:
            self._tree.finish(self._made[0])

    async def _files(self, batches: Iterator[list[Item]]) -> None:
        for batch in batches:
            left = batch if len(batch) == 1 else await self._small(batch)
            for item in left:
                try:
                    await self._file(item)
                except (OSError, InTheWay, Damaged) as error:
                    self._fail(item, error)
                except CommandFailed as error:
                    self._say_failed(item, error.message)
                else:
                    self._count(item)
                self._on_progress(self.done, item)

    async def _small(self, batch: list[Item]) -> list[Item]:
        """Restore small files together; return those to be asked for one by one, which says what is wrong."""
        try:
            contents = await self._patience.through(lambda: self._contents(batch))
        except (CommandFailed, Broken):
            return batch
        outcomes = await self._blocking(lambda: self._write_all(batch, contents))
        for item, error in outcomes:
            if error is None:
                self._count(item)
            else:
                self._fail(item, error)
            self._on_progress(self.done, item)
        return [item for item in batch if item.sha256 not in contents]

    async def _contents(self, batch: list[Item]) -> dict[str, bytes]:
        asked = VersionIds(version_ids=tuple({item.sha256: item.version_id for item in batch}.values()))
        body = msgspec.json.encode(asked)
        async with self._api.request("POST", f"{self._base}/versions/contents", data=body) as response:
            expected = sum(item.content_size + BATCH_HEAD_BYTES for item in batch)
            if response.content_length is None or response.content_length > expected:
                raise Broken
            try:
                return dict(decode_batch(await response.read()))
            except ValueError as error:
                raise Broken from error

    def _write_all(
        self, batch: list[Item], contents: dict[str, bytes]
    ) -> list[tuple[Item, OSError | InTheWay | Damaged | None]]:
        """Write what has come; blocks. A restore that was given up stops before the next file."""
        outcomes: list[tuple[Item, OSError | InTheWay | Damaged | None]] = []
        for item in batch:
            if self._ended:
                break
            if item.sha256 not in contents:
                continue
            arriving = Arriving(self._tree, item, overwrite=self._overwrite)
            try:
                with closing(arriving):
                    arriving.keep(contents[item.sha256])
            except (OSError, InTheWay, Damaged) as error:
                outcomes.append((item, error))
            else:
                outcomes.append((item, None))
        return outcomes

    def _count(self, item: Item) -> None:
        if item.parts in self._present:
            return
        if item.kind is EntryKind.FILE:
            self.done.files += 1
            self.done.size_bytes += item.size
        else:
            self.done.links += item.kind is EntryKind.LINK
            self.done.specials += item.kind is EntryKind.SPECIAL

    def _fail(self, item: Item, error: Exception) -> None:
        """Note a name that could not be restored; a target that takes no more ends the restore."""
        if isinstance(error, OSError) and self._tree.takes_no_more(error, item.parts):
            raise ConfigRejected(
                f"--to {self._tree.path}: no more can be written: {reason_of(error)}.",
                hint="Make room and give the same command again: it goes on from there.",
            ) from None
        self._say_failed(item, reason_of(error) if isinstance(error, OSError) else str(error))

    def _say_failed(self, item: Item, reason: str) -> None:
        self._failed.add(item.parts)
        self.done.failed.append((item.path, reason))

    async def _file(self, item: Item) -> None:
        for left in range(BROKEN_TIMES - 1, -1, -1):
            try:
                return await self._patience.through(lambda: self._fetch(item))
            except Broken:
                if not left:
                    reason = "the server breaks off while it sends it; it may be damaged there"
                    raise Damaged(reason) from None

    async def _fetch(self, item: Item) -> None:
        arriving = Arriving(self._tree, item, overwrite=self._overwrite)
        pending = bytearray()
        try:
            if item.sha256 != EMPTY:
                path = f"{self._base}/versions/{item.version_id}/content"
                params = {} if item.extents is None else {"packed": "true"}
                async with self._api.request("GET", path, params=params) as response:
                    async for chunk in _body(response):
                        pending += chunk
                        if len(pending) >= WRITE_BYTES:
                            await asyncio.to_thread(arriving.write, bytes(pending))
                            pending.clear()
            await asyncio.to_thread(arriving.keep, bytes(pending))
        finally:
            if arriving.is_open:
                await asyncio.shield(asyncio.to_thread(arriving.close))


async def _body(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
        raise Broken from error
