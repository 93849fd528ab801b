"""Bringing a client's files back: checked against their hashes, several at once, never outside the folder."""

import asyncio
from collections.abc import Callable, Iterator
from typing import TypeVar

from app.agent.api import Api
from app.agent.failures import first_failure
from app.agent.incoming_file import Damaged
from app.agent.names import reason_of, shown
from app.agent.restore_attributes import HARD_LINK
from app.agent.restore_contents import ContentFetcher
from app.agent.restore_plan import Item, Parts, RestorePlan, batches
from app.agent.restore_source import ANY_CLIENT, OWN_CLIENT
from app.agent.restore_survey import look_around
from app.agent.restore_tree import TargetTree
from app.agent.restored import Restored
from app.agent.retry import Patience
from app.agent.target_file import InTheWay
from streams.model.failures import CommandFailed, ConfigRejected
from streams.model.vocabulary import EntryKind

T = TypeVar("T")


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
        self._tree, self._plan = tree, plan
        self._overwrite, self._in_flight, self._on_progress = overwrite, in_flight, on_progress
        base = OWN_CLIENT if own else ANY_CLIENT
        self._fetcher = ContentFetcher(api, base, tree, patience, overwrite=overwrite)
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
                survey = look_around(
                    self._tree, self._plan, overwrite=self._overwrite, is_ended=lambda: self._ended
                )
            except ConfigRejected:
                self._tree.abandon()
                raise
            there |= survey.folders
            self._present = survey.present
            self.done.present = len(survey.present)
        if not self._ended:
            folders = self._plan.of_kind(EntryKind.FOLDER)
            self._tree.note((item.parts for item in folders if item.parts not in there), self._present)

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
                    await self._fetcher.file(item)
                except (OSError, InTheWay, Damaged) as error:
                    self._fail(item, error)
                except CommandFailed as error:
                    self._say_failed(item, error.message)
                else:
                    self._count(item)
                self._on_progress(self.done, item)

    async def _small(self, batch: list[Item]) -> list[Item]:
        """Restore small files together; return those to be asked for one by one, which says what is wrong."""
        contents = await self._fetcher.contents(batch)
        outcomes = await self._blocking(lambda: self._fetcher.write_all(batch, contents, lambda: self._ended))
        for item, error in outcomes:
            if error is None:
                self._count(item)
            else:
                self._fail(item, error)
            self._on_progress(self.done, item)
        return [item for item in batch if item.sha256 not in contents]

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
