"""Adding names to a run, a thousand at a time: contents, files, versions and counters in one transaction."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import bindparam, func, select, update

from app.catalogue.aliases import AnyRow
from app.catalogue.clients import change
from app.catalogue.content_owners import blobs_of, correct_size, count_names, owned_by
from app.catalogue.contents import StoredSizes
from app.catalogue.counters import Tally
from app.catalogue.entry_rows import check, names, newest, same, version
from app.catalogue.errors import BadQuery, BlobsMissing
from app.catalogue.file_events import emit_files_changed
from app.catalogue.paths import path_of
from app.catalogue.revision import current, renew
from app.catalogue.rows import CLIENT_COLUMNS, client_of
from app.catalogue.run_names import keep_vanished
from app.catalogue.schema import clients, file_versions, files, runs
from app.catalogue.search import add_paths
from app.catalogue.totals import increased
from app.catalogue.transaction import Transaction
from app.catalogue.writer import Writer
from app.wire.attributes import content_bytes
from app.wire.http import Accepted, AgentEntry
from streams.model.vocabulary import EntryKind, FileState

FindRun = Callable[[Transaction, int], AnyRow]

T = TypeVar("T")
NAMES_AT_ONCE = 250
"""Names in one write: each is a file, its version, its content, and its place in the search."""


class Entries:
    """Writes names and their versions for runs."""

    def __init__(
        self,
        writer: Writer,
        find_run: FindRun,
        stored_sizes: StoredSizes | None,
        raw_sizes: StoredSizes | None,
    ) -> None:
        self._writer = writer
        self._find_run = find_run
        self._stored_sizes = stored_sizes
        self._raw_sizes = raw_sizes

    async def add(self, run_id: int, entries: Sequence[AgentEntry]) -> Accepted:
        """Add names; see ``Runs.add_entries``."""
        for entry in entries:
            check(entry)

        def work(transaction: Transaction, part: Sequence[AgentEntry]) -> Accepted:
            run = self._find_run(transaction, run_id)
            tally, came = Tally(), Counter[str]()
            # The last of several with one name is the one that counts.
            named = {entry.raw_path: entry for entry in part}
            changed = self._add_part(transaction, run, named, tally, came)
            _note(transaction, run, came)
            _tell(transaction, run, tally, changed)
            return _accepted(transaction, run, len(part), changed)

        return await self._in_parts(work, entries)

    async def _in_parts(
        self, work: Callable[[Transaction, Sequence[T]], Accepted], items: Sequence[T]
    ) -> Accepted:
        """Write items in parts that hold no other write up; a part that fails leaves those before it."""
        done: Accepted | None = None
        for start in range(0, max(1, len(items)), NAMES_AT_ONCE):
            part = items[start : start + NAMES_AT_ONCE]
            after = await self._writer.write(lambda transaction, part=part: work(transaction, part))
            done = after if done is None else _joined(done, after)
        assert done is not None
        return done

    def _add_part(
        self,
        transaction: Transaction,
        run: AnyRow,
        entries: Mapping[bytes, AgentEntry],
        tally: Tally,
        came: Counter[str],
    ) -> int:
        contents = self._contents(transaction, run, entries.values())
        known = _known_files(transaction, run.client_no, list(entries))
        told = [(entry, contents.get(entry.sha256 or ""), known.get(path)) for path, entry in entries.items()]
        told = [each for each in told if each[2] is None or not same(each[2], each[0], each[1])]
        if not told:
            return 0
        version_id = transaction.numbers("file_versions", len(told))
        version_rows: list[dict[str, Any]] = []
        new: list[dict[str, Any]] = []
        again: list[dict[str, Any]] = []
        for entry, blob, old in told:
            columns = newest(transaction, entry, blob, version_id)
            version_id += 1
            if old is None:
                file_id = transaction.numbers("files")
                owner = {"client_no": run.client_no, "client_name": run.client_name}
                new.append(columns | owner | names(entry.raw_path) | {"id": file_id, "version_count": 1})
            else:
                file_id = old.id
                again.append(columns | {"which": old.id, "before": old.version_id})
                tally.add(old.kind, old.state, old.size_bytes, old.blob_id is not None, -1)
            if entry.kind is not EntryKind.FOLDER:
                came["files_seen"] += 1
                came["files_new" if old is None else "files_changed"] += 1
                came["bytes_seen"] += entry.size_bytes
            begins_us = transaction.now_us
            if old is not None:
                # Versions of a file never overlap, also where the clock was set back between them.
                begins_us = max(begins_us, old.created_at, old.ended_at or 0)
            version_rows.append(version(begins_us, run.id, entry, columns, file_id))
            tally.add(entry.kind, columns["state"], entry.size_bytes, blob is not None)
        if new:
            transaction.insert(files, new)
            add_paths(transaction, [(row["id"], row["client_no"], row["path_key"]) for row in new])
        if again:
            _renew(transaction, again)
        transaction.insert(file_versions, version_rows)
        named = Counter(row["blob_id"] for row in version_rows if row["blob_id"] is not None)
        count_names(transaction, run.client_no, named)
        return len(told)

    def _contents(
        self, transaction: Transaction, run: AnyRow, entries: Collection[AgentEntry]
    ) -> dict[str, AnyRow]:
        """Return the blob of each content; raises BlobsMissing, or BadQuery for a size not its own."""
        hashes = {entry.sha256 for entry in entries if entry.sha256 is not None}
        if not hashes:
            return {}
        stored: Collection[str] = hashes
        if self._stored_sizes is not None:
            # Asked inside the write, so that no purge can take them away in between.
            stored = transaction.ask(self._stored_sizes(hashes))
        found = blobs_of(transaction, hashes)
        own = owned_by(transaction, run.client_no, [row.id for row in found.values()])
        missing = [
            sha256
            for sha256 in hashes
            if (row := found.get(sha256)) is None or row.id not in own or row.damaged or sha256 not in stored
        ]
        if missing:
            raise BlobsMissing(missing)
        for entry in entries:
            row = found.get(entry.sha256 or "")
            if row is not None and row.size_bytes != content_bytes(entry.size_bytes, entry.attributes):
                self._check_size(transaction, row, entry)
        return found

    def _check_size(self, transaction: Transaction, row: AnyRow, entry: AgentEntry) -> None:
        """Raise BadQuery for a size that the store has not counted; earlier releases kept what was told."""
        sha256: str = row.sha256.hex()
        counted = row.size_bytes
        if self._raw_sizes is not None:
            counted = transaction.ask(self._raw_sizes([sha256])).get(sha256, counted)
        told = content_bytes(entry.size_bytes, entry.attributes)
        if counted != told:
            raise BadQuery(
                f"{path_of(entry.raw_path)!r} names a content of {counted:,} bytes, but tells {told:,}.",
                hint="Tell the size of what was sent.",
            )
        correct_size(transaction, row.id, row.size_bytes, counted)

    async def vanish(self, run_id: int, raw_paths: Sequence[bytes]) -> Accepted:
        """Mark names as gone; see ``Runs.add_vanished``."""

        def work(transaction: Transaction, part: Sequence[bytes]) -> Accepted:
            run = self._find_run(transaction, run_id)
            tally = Tally()
            gone: list[dict[str, Any]] = []
            went: list[bytes] = []
            for row in _known_files(transaction, run.client_no, part).values():
                if row.vanished_at is not None:
                    continue
                state = row.state if row.deleted_at is not None else FileState.VANISHED.value
                gone.append({"which": row.id, "version": row.version_id, "state": state})
                went.append(row.raw_path)
                tally.add(row.kind, row.state, row.size_bytes, row.blob_id is not None, -1)
                tally.add(row.kind, state, row.size_bytes, row.blob_id is not None)
            if gone:
                now = transaction.now_us
                transaction.run(
                    update(files)
                    .where(files.c.id == bindparam("which"))
                    .values(state=bindparam("state"), vanished_at=now),
                    [{"which": each["which"], "state": each["state"]} for each in gone],
                )
                _end_versions(transaction, [each["version"] for each in gone])
                keep_vanished(transaction, run, went)
                _note(transaction, run, {"files_vanished": len(gone)})
                _tell(transaction, run, tally, len(gone))
            return _accepted(transaction, run, len(gone), len(gone))

        return await self._in_parts(work, raw_paths)


def _joined(before: Accepted, after: Accepted) -> Accepted:
    """Return what two parts of one request have come to."""
    # Where another write has changed the tree in between, the agent is told what it does not know.
    whole = after.revision_before == before.revision
    return Accepted(
        accepted=before.accepted + after.accepted,
        revision=after.revision,
        revision_before=before.revision_before if whole else after.revision_before,
    )


def _accepted(transaction: Transaction, run: AnyRow, count: int, changed: int) -> Accepted:
    if changed:
        revision = renew(transaction, run.client_no)
        return Accepted(accepted=count, revision=revision.after, revision_before=revision.before)
    present = current(transaction, run.client_no)
    return Accepted(accepted=count, revision=present, revision_before=present)


def _renew(transaction: Transaction, again: Sequence[dict[str, Any]]) -> None:
    """Point files that were known to their new versions, and end the ones before."""
    _end_versions(transaction, [each.pop("before") for each in again])
    columns = {name: bindparam(name) for name in again[0] if name != "which"}
    transaction.run(
        update(files)
        .where(files.c.id == bindparam("which"))
        .values(version_count=files.c.version_count + 1, **columns),
        again,
    )


def _end_versions(transaction: Transaction, version_ids: Sequence[int]) -> None:
    transaction.run(
        update(file_versions)
        .where(file_versions.c.id == bindparam("which"), file_versions.c.ended_at.is_(None))
        # After the clock was set back a version still ends no earlier than it began.
        .values(ended_at=func.max(file_versions.c.created_at, transaction.now_us)),
        [{"which": version_id} for version_id in version_ids],
    )


def _note(transaction: Transaction, run: AnyRow, came: Mapping[str, int]) -> None:
    """Count what came for a run, in case its agent does not tell its end."""
    sums = {name: increased(runs.c[name], count) for name, count in came.items() if count}
    if sums:
        transaction.run(update(runs).where(runs.c.id == run.id).values(sums))


def _tell(transaction: Transaction, run: AnyRow, tally: Tally, count: int) -> None:
    if not count:
        return
    values = tally.values()
    if values:
        client = change(transaction, run.client_no, **values)
    else:
        rows = transaction.all(select(*CLIENT_COLUMNS).where(clients.c.no == run.client_no))
        client = client_of(rows[0])
    emit_files_changed(transaction, client, count, run_id=run.id)


def _known_files(transaction: Transaction, client_no: int, raw_paths: Sequence[bytes]) -> dict[bytes, AnyRow]:
    wanted = (
        select(
            files.c.id,
            files.c.raw_path,
            files.c.kind,
            files.c.state,
            files.c.size_bytes,
            files.c.blob_id,
            files.c.version_id,
            files.c.vanished_at,
            files.c.deleted_at,
            file_versions.c.created_at,
            file_versions.c.ended_at,
            file_versions.c.mtime_ns,
            file_versions.c.mode,
            file_versions.c.link_target,
            file_versions.c.inconsistent,
            file_versions.c.attributes,
        )
        .join(file_versions, file_versions.c.id == files.c.version_id)
        .where(files.c.client_no == client_no, files.c.raw_path.in_(raw_paths))
    )
    return {row.raw_path: row for row in transaction.all(wanted)}
