"""The server's load in the text form of Prometheus."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.records.server import ServerStatus
from streams.vocabulary import ServerState

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
    ("last_seq", "last_seq", "Number of the last event."),
)
"""Metric, field of ``ServerStatus``, and what it means."""


class _Sample(Collector):
    def __init__(self, status: ServerStatus) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        status = self._status
        for name, field, help_text in GAUGES:
            yield GaugeMetricFamily(f"tidewatch_{name}", help_text, value=float(getattr(status, field)))
        running = float(status.state is ServerState.RUNNING)
        yield GaugeMetricFamily("tidewatch_running", "1 while new backups are taken.", value=running)
        started = status.started_at.timestamp()
        yield GaugeMetricFamily("tidewatch_start_time_seconds", "When the server began.", value=started)
        yield InfoMetricFamily("tidewatch_server", "The server.", value={"version": status.version})


def exposition(status: ServerStatus) -> bytes:
    """Return a sample as Prometheus reads it."""
    registry = CollectorRegistry()
    registry.register(_Sample(status))
    return generate_latest(registry)
