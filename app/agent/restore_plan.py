"""The plan of a restore: its entries, and their places below the target folder."""

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from app.agent.ignore import compile_patterns
from app.agent.names import TYPE_OF_KIND, parts_of
from app.wire.attributes import NANOSECONDS, Attributes, content_bytes, problem_of_attributes
from app.wire.blob_batch import BATCH_BLOB_BYTES
from streams.model.files import FileVersion
from streams.model.vocabulary import EntryKind

Parts = tuple[bytes, ...]
MARKER = b".tidewatch-RESTORING"
"""Lies in the target, and says where it comes from, until the restore has come to its end."""
SPECIAL_TYPES = (stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK)
BATCH_FILES = 250
BATCH_BYTES = 4 * 1024 * 1024
"""What is fetched together: enough to make one request of many small files."""


class Item(msgspec.Struct, gc=False):
    """One name to restore."""

    parts: Parts
    """Where it goes, below the folder; empty for the folder itself."""
    path: bytes
    """Where it was on the client."""
    kind: EntryKind
    version_id: int
    size: int
    mtime_ns: int
    mode: int
    sha256: str | None
    target: bytes | None
    attributes: Attributes | None = None

    @property
    def type(self) -> int:
        """The type of the file, as ``stat`` says it."""
        return TYPE_OF_KIND[self.kind] if self.kind in TYPE_OF_KIND else stat.S_IFMT(self.mode)

    @property
    def device(self) -> int:
        """The number of a device; 0 for what is none."""
        return (self.attributes.device if self.attributes else None) or 0

    @property
    def extents(self) -> tuple[int, ...] | None:
        """The parts of a sparse file."""
        return None if self.attributes is None else self.attributes.extents

    @property
    def content_size(self) -> int:
        """How large the content is, without the holes of a sparse file."""
        return content_bytes(self.size, self.attributes)


@dataclass(slots=True)
class RestorePlan:
    """All that is to be restored, folders before what is in them."""

    base: Parts = ()
    """The folder on the client whose content goes into the target folder."""
    items: list[Item] = field(default_factory=list)
    refused: list[tuple[bytes, str]] = field(default_factory=list)
    """Names that could lead out of the target folder."""
    guessed: list[str] = field(default_factory=list)
    """Words that name nothing and were therefore taken as patterns."""
    unknown: list[str] = field(default_factory=list)
    """Whole paths that were asked for and are not there."""

    @property
    def origin(self) -> bytes:
        """The path on the client of what goes into the target folder."""
        return b"/" + b"/".join(self.base)

    def add(self, entries: Iterable[FileVersion]) -> None:
        """Take in what the server has."""
        for entry in entries:
            try:
                self.items.append(item_of(entry))
            except ValueError as error:
                self.refused.append((entry.raw_path, str(error)))

    def choose(self, words: Sequence[str], patterns: Sequence[str] = (), *, full_paths: bool = False) -> None:
        """Order all that was added, leave out what is not asked for; raise ``ConfigRejected``.

        A word that names something names it alone, whatever characters it has, with all that is below it.
        A whole path is never anything else; other words that name nothing are patterns, kept in ``guessed``.
        """
        self.items.sort(key=lambda item: item.parts)
        self._refuse_doubles()
        self.base = () if full_paths else common_folder(self.items)
        for item in self.items:
            item.parts = item.parts[len(self.base) :]
        # Of a half restored folder that was backed up: the restore keeps a note of its own there.
        self.items = [item for item in self.items if item.parts[:1] != (MARKER,)]
        if words or patterns:
            self._choose(words, patterns)

    def _refuse_doubles(self) -> None:
        unique: list[Item] = []
        for item in self.items:
            if unique and unique[-1].parts == item.parts:
                self.refused.append((item.path, "there are two of this name"))
            else:
                unique.append(item)
        self.items = unique

    def _choose(self, words: Sequence[str], patterns: Sequence[str]) -> None:
        known = {item.parts for item in self.items}
        known |= {parts[:length] for parts in tuple(known) for length in range(len(parts))}
        wanted: set[Parts] = set()
        self.guessed, self.unknown = [], []
        for word in words:
            if (named := self._named(word, known)) is not None:
                wanted.add(named)
            elif word.startswith("/"):
                self.unknown.append(word)
            else:
                self.guessed.append(word)
        taken = {item.parts for item in self.items if _is_below(item.parts, wanted)}
        taken |= _matching(self.items, [*self.guessed, *patterns], self.base)
        above = {parts[:length] for parts in taken for length in range(len(parts))}
        self.items = (
            [i for i in self.items if i.parts in taken or (i.kind is EntryKind.FOLDER and i.parts in above)]
            if taken
            else []
        )

    def _named(self, word: str, known: Collection[Parts]) -> Parts | None:
        """Return what a word names: a whole path, or one below the base."""
        parts = tuple(part for part in os.fsencode(word).split(b"/") if part)
        if word.startswith("/"):
            if self.base[: len(parts)] == parts:
                return () if () in known or not self.base else None
            if parts[: len(self.base)] != self.base:
                return None
            parts = parts[len(self.base) :]
        return parts if parts in known else None

    def hard_links(self, is_lost: Callable[[Parts], bool]) -> dict[Parts, Item]:
        """Return of each further name of a file the first one, of those that are not lost already."""
        first: dict[tuple[object, ...], Item] = {}
        further: dict[Parts, Item] = {}
        for item in self.items:
            if item.attributes is not None and item.attributes.hard_link is not None:
                if is_lost(item.parts):
                    continue
                # All of it has to agree: one of the names may not have been backed up again since.
                key = (item.kind, item.sha256, item.target, item.mode, item.mtime_ns, item.attributes)
                if first.setdefault(key, item) is not item:
                    further[item.parts] = first[key]
        return further

    def of_kind(self, kind: EntryKind) -> list[Item]:
        """Return the items of one kind, in order."""
        return [item for item in self.items if item.kind is kind]


def item_of(entry: FileVersion) -> Item:
    """Return what is needed of an entry; raises ``ValueError`` for a name that could lead elsewhere."""
    target = entry.link_target
    parts = parts_of(entry.raw_path)
    if not parts and entry.kind is not EntryKind.FOLDER:
        raise ValueError("it has no name")
    if entry.size_bytes < 0 or not -(2**63) <= entry.mtime_ns < 2**63:
        raise ValueError("its size or time is impossible")
    if entry.kind is EntryKind.LINK and (not target or b"\0" in target):
        raise ValueError("the link has no target")
    mode = entry.mode & 0o7777
    if entry.kind is EntryKind.SPECIAL:
        mode = entry.mode & 0o177777
        if stat.S_IFMT(mode) not in SPECIAL_TYPES:
            raise ValueError("its type is unknown")
    mtime_ns = entry.mtime_ns
    if entry.attributes is not None:
        problem = problem_of_attributes(entry.attributes, entry.size_bytes)
        if problem is not None:
            raise ValueError(problem)
        if entry.attributes.mtime is not None:
            mtime_ns = entry.attributes.mtime[0] * NANOSECONDS + entry.attributes.mtime[1]
    return Item(
        parts,
        entry.raw_path,
        entry.kind,
        entry.id,
        entry.size_bytes,
        mtime_ns,
        mode,
        entry.sha256,
        target,
        entry.attributes,
    )


def batches(files: Iterable[Item]) -> Iterator[list[Item]]:
    """Give files in their order, small ones together and each large one by itself."""
    batch: list[Item] = []
    size = 0
    for item in files:
        if item.content_size > BATCH_BLOB_BYTES:
            yield [item]
            continue
        if batch and (len(batch) == BATCH_FILES or size + item.content_size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.content_size
    if batch:
        yield batch


def common_folder(items: Iterable[Item]) -> Parts:
    """Return the deepest folder that holds everything, or is all there is."""
    common: Parts | None = None
    for item in items:
        folder = item.parts if item.kind is EntryKind.FOLDER else item.parts[:-1]
        if common is None:
            common = folder
        elif folder[: len(common)] != common:
            same = 0
            for one, other in zip(common, folder, strict=False):
                if one != other:
                    break
                same += 1
            common = common[:same]
    return common or ()


def _is_below(parts: Parts, wanted: Collection[Parts]) -> bool:
    return any(parts[:length] in wanted for length in range(len(parts) + 1))


def _matching(items: list[Item], patterns: Sequence[str], base: Parts) -> set[Parts]:
    """Return what matches patterns."""
    root = "/" + "/".join(os.fsdecode(part) for part in base)
    rules = compile_patterns(
        p.removeprefix(root) if base and p.startswith(root + "/") else p for p in patterns
    )
    if rules is None:
        return set()
    chosen_folders: dict[Parts, bool] = {(): False}

    def chosen(parts: Parts, *, folder: bool) -> bool:
        """Return whether the last pattern that matches takes a name in; else what holds for its folder."""
        found = rules.match(b"/".join(parts), folder=folder)
        return in_chosen_folder(parts[:-1]) if found is None else found

    def in_chosen_folder(parts: Parts) -> bool:
        known = len(parts)
        while parts[:known] not in chosen_folders:
            known -= 1
        for length in range(known + 1, len(parts) + 1):
            chosen_folders[parts[:length]] = chosen(parts[:length], folder=True)
        return chosen_folders[parts]

    taken: set[Parts] = set()
    for item in items:
        folder = item.kind is EntryKind.FOLDER
        if item.parts and (in_chosen_folder(item.parts) if folder else chosen(item.parts, folder=False)):
            taken.add(item.parts)
    return taken
