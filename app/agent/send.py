"""Sends new and changed names: reads them, uploads unknown contents, tells the server, notes the result."""

import asyncio
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile

from app.agent.content_source import LargeContent
from app.agent.counts import Counts
from app.agent.failures import Refusal
from app.agent.folders import Folders
from app.agent.found import Found, facts_of
from app.agent.names import reason_of, shown
from app.agent.noted import Noted, noted
from app.agent.reading import Content, FileFailed, FileGone, FileReader, open_regular
from app.agent.run_journal import Ledger
from app.agent.upload import ContentChanged, Uploader
from app.wire.blob_batch import BATCH_BLOB_BYTES

REREAD_S = 0.2
RESENT_TIMES = 3
"""How often contents are sent that the server then says it has not."""
BLOBS_MISSING = "blobs_missing"
LOST_AGAIN = "the server loses its content again and again"


@dataclass(slots=True)
class _Read:
    """What reading a batch gave."""

    names: list[tuple[Found, Noted]] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    failed: list[tuple[Found, str]] = field(default_factory=list)
    gone: list[Found] = field(default_factory=list)
    grown: list[Found] = field(default_factory=list)
    inconsistent: list[bytes] = field(default_factory=list)


class Sender:
    """Brings names and their contents to the server; several calls may run at once."""

    def __init__(
        self,
        uploader: Uploader,
        ledger: Ledger,
        counts: Counts,
        *,
        reread_times: int,
        folder: Path,
        real_folders: Mapping[bytes, bytes] | None = None,
    ) -> None:
        self._uploader, self._ledger, self._counts, self._real_folders = (
            uploader,
            ledger,
            counts,
            real_folders,
        )
        self._reread_times, self._folder = reread_times, folder
        self._reader = FileReader(counts.attributes)

    async def batch(self, batch: Sequence[Found]) -> None:
        """Back up folders, links and small files."""
        self._counts.current = batch[-1].path
        read = await asyncio.to_thread(self._read, batch)
        refused = await self._uploader.small(read.contents) if read.contents else {}
        taken = [(found, name) for found, name in read.names if _content(name) not in refused]
        not_told = await self._record([name for _, name in taken], read.contents)
        for found, name in read.names:
            reason = refused.get(_content(name)) or not_told.get(found.path)
            if reason is None:
                self._done(found, told=name.entry is not None)
            else:
                self._failed(found, reason)
        for found, reason in read.failed:
            self._failed(found, reason)
        self._counts.inconsistent += read.inconsistent
        self._gone(read.gone)
        for found in read.grown:
            await self.large(found)

    async def _record(self, names: Sequence[Noted], contents: Mapping[str, bytes]) -> dict[bytes, str]:
        """Tell the server, and send contents again that it has lost; return what it does not take."""
        refused: dict[str, str] = {}
        for _ in range(RESENT_TIMES):
            not_taken = {path: refused[_content(n)] for path, n in _told(names) if _content(n) in refused}
            try:
                told = await self._ledger.record([n for n in names if _content(n) not in refused])
            except Refusal as error:
                if error.server_code != BLOBS_MISSING:
                    raise
            else:
                return not_taken | told
            lost = await self._uploader.lost(filter(None, map(_content, names)))
            refused |= await self._uploader.small({h: contents[h] for h in lost if h in contents})
        return {path: refused.get(_content(name), LOST_AGAIN) for path, name in _told(names)}

    def _read(self, batch: Sequence[Found]) -> _Read:
        with Folders(self._real_folders) as folders:
            return self._read_in(folders, batch)

    def _read_in(self, folders: Folders, batch: Sequence[Found]) -> _Read:
        read = _Read()
        for found in batch:
            if not stat.S_ISREG(found.mode):
                self._read_name(folders, found, read)
                continue
            try:
                content = self._reader.small(folders, found, BATCH_BLOB_BYTES, self._reread_times)
            except FileGone:
                read.gone.append(found)
            except FileFailed as error:
                read.failed.append((found, str(error)))
            else:
                if content is None:
                    read.grown.append(found)
                    continue
                name = _noted(content)
                read.names.append((found, name))
                if name.entry is not None and content.data is not None:
                    read.contents[content.sha256] = content.data
                if not content.still:
                    read.inconsistent.append(found.path)
        return read

    def _read_name(self, folders: Folders, found: Found, read: _Read) -> None:
        try:
            found = self._reader.name(folders, found)
        except FileGone:
            read.gone.append(found)
        except FileFailed as error:
            read.failed.append((found, str(error)))
        else:
            size = len(found.target) if found.target is not None else 0
            read.names.append((found, noted(found, size=size)))

    async def large(self, found: Found) -> None:
        """Back up one file that is too large to be held in memory."""
        self._counts.current = found.path
        try:
            for _ in range(RESENT_TIMES):
                name = await self._large(found)
                try:
                    refused = await self._ledger.record([name])
                    break
                except Refusal as error:
                    if error.server_code != BLOBS_MISSING:
                        raise
                await self._uploader.lost(filter(None, [_content(name)]))
            else:
                raise FileFailed(LOST_AGAIN)
            if refused:
                raise FileFailed(refused[found.path])
            self._done(found, told=name.entry is not None)
        except FileGone:
            self._gone([found])
        except FileFailed as error:
            self._failed(found, str(error))
        finally:
            self._counts.under_way.pop(found.path, None)

    async def _large(self, found: Found) -> Noted:
        for left in range(self._reread_times, -1, -1):
            content = await asyncio.to_thread(self._hash, found)
            if content.still or not left:
                name = _noted(content)
                try:
                    # What only grows at its end is sent as long as it was when reading began.
                    await self._send(
                        name,
                        content,
                        lambda content=content: self._reopen(content),
                        extents=content.extents,
                    )
                except ContentChanged:
                    pass
                else:
                    return name
            await asyncio.sleep(REREAD_S if left else 0)
        return await self._copied(found)

    async def _copied(self, found: Found) -> Noted:
        """Read a file that never holds still once, into our own folder, and send that."""
        try:
            with NamedTemporaryFile(dir=self._folder, prefix="copy-") as copy:
                path = Path(copy.name)
                content = await asyncio.to_thread(self._copy, found, path)
                name = _noted(content)
                await self._send(name, content, lambda: os.open(path, os.O_RDONLY), extents=None)
                return name
        except ContentChanged:
            raise FileFailed("the server does not get the bytes that are sent") from None
        except OSError as error:
            reason = f"it changes while it is read, and no copy can be made: {reason_of(error)}"
            raise FileFailed(reason) from None

    def _hash(self, found: Found) -> Content:
        with Folders(self._real_folders) as folders:
            return self._reader.hash(folders, found)

    def _copy(self, found: Found, to: Path) -> Content:
        with Folders(self._real_folders) as folders:
            return self._reader.copy(folders, found, to)

    def _reopen(self, content: Content) -> int:
        """Open the file whose content was hashed; raise ``ContentChanged`` where another has its name."""
        with Folders(self._real_folders) as folders:
            file, at = open_regular(folders, content.found.path)
        if facts_of(at)[3] != content.found.inode:
            os.close(file)
            raise ContentChanged
        return file

    async def _send(
        self,
        name: Noted,
        content: Content,
        open_file: Callable[[], int],
        *,
        extents: tuple[int, ...] | None,
    ) -> None:
        if name.entry is None:
            return
        key, under_way = content.found.path, self._counts.under_way

        def on_sent(sent: int) -> None:
            under_way[key] = sent

        await self._uploader.large(
            LargeContent(open_file, content.sha256, content.size, shown(key), on_sent, extents)
        )
        if not content.still:
            self._counts.inconsistent.append(key)

    def _gone(self, names: Iterable[Found]) -> None:
        """Count what went away after it was listed; only a listing without it tells that it has vanished."""
        for found in names:
            if not stat.S_ISDIR(found.mode):
                self._counts.files_seen -= 1
            self._pass_bytes(found)

    def _failed(self, found: Found, reason: str) -> None:
        self._counts.fail(found.path, reason)
        if not stat.S_ISDIR(found.mode):
            self._counts.files_done += 1
        self._pass_bytes(found)

    def _pass_bytes(self, found: Found) -> None:
        """Count the bytes of a file, of which the total has been made, as done with."""
        if stat.S_ISREG(found.mode):
            self._counts.bytes_done += found.size

    def _done(self, found: Found, *, told: bool) -> None:
        counts = self._counts
        if stat.S_ISDIR(found.mode):
            return
        counts.files_done += 1
        self._pass_bytes(found)
        if told and found.old is None:
            counts.files_new += 1
        elif told:
            counts.files_changed += 1


def _told(names: Iterable[Noted]) -> Iterator[tuple[bytes, Noted]]:
    return ((name.entry.raw_path, name) for name in names if name.entry is not None)


def _content(name: Noted) -> str:
    """Return the hash of what has to be at the server before the name is told; empty where nothing has."""
    return (name.entry and name.entry.sha256) or ""


def _noted(content: Content) -> Noted:
    return noted(
        content.found,
        size=content.file_size,
        sha256=content.sha256,
        still=content.still,
        honest=content.honest,
    )
