"""The event that files of a client have changed."""

from app.catalogue.transaction import Transaction
from streams.model.clients import Client
from streams.model.files import FilesChanged
from streams.model.vocabulary import EventKind, Topic


def emit_files_changed(
    transaction: Transaction, client: Client, count: int, *, run_id: int | None = None
) -> None:
    """Leave the event in a write; ``client`` has its counters of after the change."""
    transaction.emit(
        EventKind.FILES_CHANGED,
        Topic.FILES,
        Topic.CLIENTS,
        client=client,
        files=FilesChanged(client_id=client.id, run_id=run_id, count=count),
    )
