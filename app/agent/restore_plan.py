"""What is to be restored, and where below the folder it goes."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from app.agent.ignore import compile_patterns
from app.agent.names import parts_of
from app.batches import BATCH_BLOB_BYTES
from streams.records.files import FileVersion
from streams.vocabulary import EntryKind

Parts = tuple[bytes, ...]
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


@dataclass(slots=True)
class RestorePlan:
    """All that is to be restored, folders before what is in them."""

    base: Parts = ()
    """The folder on the client whose content goes into the target folder."""
    items: list[Item] = field(default_factory=list)
    refused: list[tuple[bytes, str]] = field(default_factory=list)
    """Names that could lead out of the target folder."""

    def add(self, entries: Iterable[FileVersion]) -> None:
        """Take in what the server has."""
        for entry in entries:
            try:
                self.items.append(item_of(entry))
            except ValueError as error:
                self.refused.append((entry.raw_path, str(error)))

    def choose(self, patterns: Sequence[str], *, full_paths: bool) -> None:
        """Order all that was added, leave out what does not match; raise ``ConfigRejected``."""
        self.items.sort(key=lambda item: item.parts)
        self.base = () if full_paths else common_folder(self.items)
        for item in self.items:
            item.parts = item.parts[len(self.base) :]
        if patterns:
            self.items = _matching(self.items, patterns, self.base)

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
    return Item(
        parts,
        entry.raw_path,
        entry.kind,
        entry.id,
        entry.size_bytes,
        entry.mtime_ns,
        entry.mode & 0o7777,
        entry.sha256,
        target,
    )


def batches(files: Iterable[Item]) -> Iterator[list[Item]]:
    """Give files in their order, small ones together and each large one by itself."""
    batch: list[Item] = []
    size = 0
    for item in files:
        if item.size > BATCH_BLOB_BYTES:
            yield [item]
            continue
        if batch and (len(batch) == BATCH_FILES or size + item.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.size
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


def _matching(items: list[Item], patterns: Sequence[str], base: Parts) -> list[Item]:
    """Return what matches, and the folders that lead there."""
    root = "/" + "/".join(os.fsdecode(part) for part in base)
    rules = compile_patterns(
        p.removeprefix(root) if base and p.startswith(root + "/") else p for p in patterns
    )
    if rules is None:
        return []
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
    above: set[Parts] = set()
    for item in items:
        folder = item.kind is EntryKind.FOLDER
        if item.parts and (in_chosen_folder(item.parts) if folder else chosen(item.parts, folder=False)):
            taken.add(item.parts)
            above.update(item.parts[:length] for length in range(len(item.parts)))
    return [i for i in items if i.parts in taken or (i.kind is EntryKind.FOLDER and i.parts in above)]
