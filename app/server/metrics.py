"""The server's load, and how safe each client is, in the text form of Prometheus."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from app.server.transfers import TransferBoard
from streams.model.clients import Client
from streams.model.server import ServerStatus
from streams.model.vocabulary import ClientState, ServerState

GAUGES: tuple[tuple[str, str, str], ...] = (
    ("cpu_ratio", "cpu_ratio", "Share of one core that the server uses."),
    ("memory_bytes", "memory_bytes", "Memory of the server."),
    ("connections", "connections", "Open connections."),
    ("clients_online", "clients_online", "Clients whose agent is connected."),
    ("clients", "clients_total", "Clients that are known."),
    ("consoles", "consoles", "Consoles that are connected."),
    ("runs_active", "runs_active", "Backups that run."),
    ("transfers_active", "transfers_active", "Uploads, downloads and verifications under way."),
    ("received_bytes_per_second", "received_bps", "Bytes of contents received."),
    ("sent_bytes_per_second", "sent_bps", "Bytes of contents sent."),
    ("disk_bytes", "disk_total_bytes", "Size of the disk under the data folder."),
    ("disk_free_bytes", "disk_free_bytes", "Free space on that disk."),
    ("store_bytes", "store_bytes", "Size of the stored contents on the disk."),
    ("write_queue", "write_queue", "Writes that wait for the catalogue."),
    ("event_queue", "event_queue", "Events that wait for the slowest console."),
    ("upload_queue", "upload_queue", "Uploads that wait for their turn."),
    ("last_seq", "last_seq", "Number of the last event."),
)
"""Metric, field of ``ServerStatus``, and what it means."""


CLIENT_GAUGES: tuple[tuple[str, str, Callable[[Client], float | None]], ...] = (
    ("online", "1 while its agent is connected.", lambda client: client.state is ClientState.ONLINE),
    ("failing", "1 since its last backup failed.", lambda client: client.failing_since is not None),
    ("goal_seconds", "The age that its last good backup should not exceed.", lambda client: client.goal_s),
    (
        "last_success_timestamp_seconds",
        "When its last good backup ended.",
        lambda client: client.last_success_at and client.last_success_at.timestamp(),
    ),
)
"""Metric of a client, what it means, and its value; None where there is none yet."""


class _Sample(Collector):
    def __init__(self, status: ServerStatus, clients: Sequence[Client], transfers: TransferBoard) -> None:
        self._status = status
        self._clients = clients
        self._transfers = transfers

    def collect(self) -> Iterator[Metric]:
        yield from self._of_server()
        for name, help_text, value_of in CLIENT_GAUGES:
            family = GaugeMetricFamily(f"tidewatch_client_{name}", help_text, labels=("client",))
            for client in self._clients:
                value = value_of(client)
                if value is not None:
                    family.add_metric((client.name,), float(value))
            yield family

    def _of_server(self) -> Iterator[Metric]:
        status, transfers = self._status, self._transfers
        for way, count in (("received", transfers.received_bytes), ("sent", transfers.sent_bytes)):
            yield CounterMetricFamily(f"tidewatch_{way}_bytes", f"Bytes of contents {way}.", value=count)
        for name, field, help_text in GAUGES:
            yield GaugeMetricFamily(f"tidewatch_{name}", help_text, value=float(getattr(status, field)))
        tasks = float(len(asyncio.all_tasks()))
        yield GaugeMetricFamily("tidewatch_tasks", "Tasks of the server's loop.", value=tasks)
        running = float(status.state is ServerState.RUNNING)
        yield GaugeMetricFamily("tidewatch_running", "1 while new backups are taken.", value=running)
        started = status.started_at.timestamp()
        yield GaugeMetricFamily("tidewatch_start_time_seconds", "When the server began.", value=started)
        yield InfoMetricFamily("tidewatch_server", "The server.", value={"version": status.version})


def exposition(status: ServerStatus, clients: Sequence[Client], transfers: TransferBoard) -> bytes:
    """Return a sample as Prometheus reads it; call it on the server's loop, whose tasks it counts."""
    registry = CollectorRegistry()
    registry.register(_Sample(status, clients, transfers))
    return generate_latest(registry)
