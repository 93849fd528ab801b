"""Rows of the catalogue as records, and the selects that fetch what a record needs."""

from sqlalchemy import Boolean, case, literal_column, select

from app.catalogue.aliases import AnyRow, AnySelect
from app.catalogue.schema import activity, blobs, clients, file_versions, files, runs
from app.catalogue.times import from_us
from app.wire.attributes import unpack
from streams.model.clients import Client
from streams.model.files import BackupFile, FileVersion
from streams.model.runs import Run
from streams.model.server import Activity
from streams.model.vocabulary import ClientState, EntryKind, EventKind, FileState, RunState, RunTrigger

CLIENT_COLUMNS = (
    clients.c.no,
    clients.c.id,
    clients.c.name,
    clients.c.state,
    clients.c.created_at,
    clients.c.goal_s,
    clients.c.last_seen_at,
    clients.c.last_success_at,
    clients.c.failing_since,
    clients.c.failure_reason,
    clients.c.last_run_state,
    clients.c.running_run_id,
    clients.c.backup_queued,
    clients.c.file_count,
    clients.c.stored_bytes,
    clients.c.vanished_count,
    clients.c.destroy_at,
    clients.c.protected,
    clients.c.platform,
    clients.c.agent_version,
    clients.c.held_bytes,
    clients.c.quota_bytes,
)

PRESENT = clients.c.removed_at.is_(None)
"""A client that is not removed; also where there is none."""
SOUND = literal_column("+blobs.damaged", Boolean).is_(False)
"""Contents that are not known to be damaged: nearly all, so that the sign keeps SQLite from walking the index
of damage where it should look up what is asked for."""
REMOVED = select(clients.c.no).where(clients.c.removed_at.is_not(None))
"""The numbers of removed clients whose rows are still going."""


def client_of(row: AnyRow) -> Client:
    """Return the client of a row with CLIENT_COLUMNS."""
    return Client(
        id=row.id,
        name=row.name,
        state=ClientState(row.state),
        created_at=from_us(row.created_at),
        goal_s=row.goal_s,
        last_seen_at=from_us(row.last_seen_at),
        last_success_at=from_us(row.last_success_at),
        failing_since=from_us(row.failing_since),
        failure_reason=row.failure_reason,
        last_run_state=RunState(row.last_run_state) if row.last_run_state else None,
        running_run_id=row.running_run_id,
        backup_queued=bool(row.backup_queued),
        file_count=row.file_count,
        stored_bytes=row.stored_bytes,
        vanished_count=row.vanished_count,
        destroy_at=from_us(row.destroy_at),
        protected=bool(row.protected),
        platform=row.platform,
        agent_version=row.agent_version,
        held_bytes=row.held_bytes,
        quota_bytes=row.quota_bytes,
    )


def select_runs() -> AnySelect:
    """Select runs with the name of their client."""
    return (
        select(runs, clients.c.id.label("client_id"), clients.c.name.label("client_name"))
        .join(clients, clients.c.no == runs.c.client_no)
        .where(PRESENT)
    )


def run_of(row: AnyRow) -> Run:
    """Return the run of a row of ``select_runs``."""
    return Run(
        id=row.id,
        client_id=row.client_id,
        client_name=row.client_name,
        trigger=RunTrigger(row.trigger),
        state=RunState(row.state),
        started_at=from_us(row.started_at),
        finished_at=from_us(row.finished_at),
        reason=row.reason,
        files_seen=row.files_seen,
        files_new=row.files_new,
        files_changed=row.files_changed,
        files_vanished=row.files_vanished,
        files_failed=row.files_failed,
        bytes_seen=row.bytes_seen,
        bytes_sent=row.bytes_sent,
        correlation_id=row.correlation_id,
        protected=bool(row.protected),
    )


def select_files() -> AnySelect:
    """Select files with their client and the content of their newest version."""
    return (
        select(
            files.c.id,
            clients.c.id.label("client_id"),
            files.c.client_name,
            files.c.path,
            files.c.path_key,
            files.c.name_key,
            files.c.raw_path,
            files.c.kind,
            files.c.suffix,
            files.c.state,
            files.c.version_id,
            files.c.version_count,
            files.c.size_bytes,
            files.c.modified_at,
            files.c.backed_up_at,
            files.c.deleted_at,
            blobs.c.verified_at,
            blobs.c.sha256,
        )
        .join(clients, clients.c.no == files.c.client_no)
        .join(blobs, blobs.c.id == files.c.blob_id, isouter=True)
        .where(PRESENT)
    )


def file_of(row: AnyRow) -> BackupFile:
    """Return the file of a row of ``select_files``."""
    return BackupFile(
        id=row.id,
        client_id=row.client_id,
        client_name=row.client_name,
        path=row.path,
        raw_path=row.raw_path,
        kind=EntryKind(row.kind),
        suffix=row.suffix,
        state=FileState(row.state),
        version_id=row.version_id,
        version_count=row.version_count,
        size_bytes=row.size_bytes,
        modified_at=from_us(row.modified_at),
        backed_up_at=from_us(row.backed_up_at),
        verified_at=from_us(row.verified_at),
        sha256=row.sha256.hex() if row.sha256 else None,
        deleted_at=from_us(row.deleted_at),
    )


def select_versions() -> AnySelect:
    """Select versions with their file, client and content, and the state of each."""
    newest_vanished = (files.c.version_id == file_versions.c.id) & files.c.vanished_at.is_not(None)
    state = case(
        (files.c.deleted_at.is_not(None), FileState.DELETED.value),
        (blobs.c.damaged, FileState.DAMAGED.value),
        (newest_vanished, FileState.VANISHED.value),
        (blobs.c.verified_at.is_not(None), FileState.VERIFIED.value),
        else_=FileState.STORED.value,
    )
    return (
        select(
            file_versions.c.id,
            file_versions.c.file_id,
            file_versions.c.run_id,
            clients.c.id.label("client_id"),
            files.c.path,
            files.c.raw_path,
            file_versions.c.kind,
            state.label("state"),
            file_versions.c.created_at,
            file_versions.c.size_bytes,
            file_versions.c.mtime_ns,
            file_versions.c.mode,
            blobs.c.sha256,
            file_versions.c.link_target,
            blobs.c.verified_at,
            file_versions.c.inconsistent,
            file_versions.c.attributes,
        )
        .select_from(files)
        .join(file_versions, file_versions.c.file_id == files.c.id)
        .join(clients, clients.c.no == files.c.client_no)
        .join(blobs, blobs.c.id == file_versions.c.blob_id, isouter=True)
        .where(PRESENT)
    )


def version_of(row: AnyRow) -> FileVersion:
    """Return the version of a row of ``select_versions``."""
    return FileVersion(
        id=row.id,
        file_id=row.file_id,
        run_id=row.run_id,
        client_id=row.client_id,
        path=row.path,
        raw_path=row.raw_path,
        kind=EntryKind(row.kind),
        state=FileState(row.state),
        created_at=from_us(row.created_at),
        size_bytes=row.size_bytes,
        mtime_ns=row.mtime_ns,
        mode=row.mode,
        sha256=row.sha256.hex() if row.sha256 else None,
        link_target=row.link_target,
        verified_at=from_us(row.verified_at),
        inconsistent=bool(row.inconsistent),
        attributes=unpack(row.attributes),
    )


def select_activity() -> AnySelect:
    """Select activity lines with the name of their client."""
    # A line stays when its client is removed, and then belongs to none.
    client_id = case((PRESENT, clients.c.id)).label("client_id")
    return select(activity, client_id).join(clients, clients.c.no == activity.c.client_no, isouter=True)


def activity_of(row: AnyRow) -> Activity:
    """Return the line of a row of ``select_activity``."""
    return Activity(
        seq=row.seq,
        at=from_us(row.at),
        kind=EventKind(row.kind),
        client_id=row.client_id,
        client_name=row.client_name,
        run_id=row.run_id,
        run_state=RunState(row.run_state) if row.run_state else None,
        files=row.files,
        bytes=row.bytes,
        duration_s=row.duration_s,
        reason=row.reason,
    )
