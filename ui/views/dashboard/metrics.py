"""The cards of the server's load, as data, and what is said of its disk."""

from typing import Final

from streams.model.server import ServerStatus
from streams.model.vocabulary import DiskRoom
from ui.base.format import Formatter, count_text, ratio_text
from ui.base.theme import Tone
from ui.components.metric_cards import Metric


def _used_ratio(status: ServerStatus) -> float | None:
    total = status.disk_total_bytes
    return None if total <= 0 else (total - status.disk_free_bytes) / total


def _storage_tone(status: ServerStatus) -> Tone | None:
    ratio = _used_ratio(status) or 0.0
    if status.disk_room is DiskRoom.FULL or ratio >= 0.95:
        return Tone.BAD
    return Tone.WARNING if status.disk_room is DiskRoom.LOW or ratio >= 0.85 else None


def present_disk(status: ServerStatus, words: Formatter) -> tuple[str, str, Tone]:
    """Return what must be done about the server's disk, why, and how urgent it is; "" where it has room."""
    free, least = words.size(status.disk_free_bytes), words.size(status.disk_least_bytes)
    exact = f"{words.exact_size(status.disk_free_bytes)} of {words.size(status.disk_total_bytes)} are free."
    if status.disk_room is DiskRoom.FULL:
        text = f"Disk full: {free} left, uploads are refused"
        return text, f"{exact}\nMake room on it: {least} stay free for the server itself.", Tone.BAD
    if status.disk_room is DiskRoom.LOW:
        why = f"{exact}\nWith less than {least} uploads are refused. Make room on it."
        return f"Disk nearly full: {free} left", why, Tone.WARNING
    return "", "", Tone.QUIET


def _sample(status: ServerStatus, words: Formatter) -> str:
    return f"Sample of {words.exact_time(status.at)}"


METRICS: Final[tuple[Metric[ServerStatus], ...]] = (
    Metric(
        "cpu",
        "Server CPU",
        lambda s, _: ratio_text(s.cpu_ratio),
        lambda s, w: (
            f"The server's process takes {ratio_text(s.cpu_ratio, digits=1)} of one core;"
            f" 200 % are two cores in full.\n{_sample(s, w)}"
        ),
        series="cpu_ratio",
        leads_to="The last 10 minutes",
    ),
    Metric(
        "memory",
        "Server memory",
        lambda s, w: w.size(s.memory_bytes),
        lambda s, w: (
            f"The server's process takes {w.exact_size(s.memory_bytes)}"
            f" of the {w.size(s.memory_total_bytes)} of its machine.\n{_sample(s, w)}"
        ),
        series="memory_bytes",
        floor=None,
        leads_to="The last 10 minutes",
    ),
    Metric(
        "connections",
        "Connections",
        lambda s, _: count_text(s.connections),
        lambda s, w: (
            f"Open connections at the server's ports: {count_text(s.consoles)} of consoles,"
            f" the rest of agents and other programs.\n{_sample(s, w)}"
        ),
        series="connections",
        leads_to="The last 10 minutes",
    ),
    Metric(
        "clients_online",
        "Clients online",
        lambda s, _: f"{count_text(s.clients_online)} / {count_text(s.clients_total)}",
        _sample,
        series="clients_online",
        leads_to="The clients that are online",
    ),
    Metric(
        "throughput",
        "Throughput",
        lambda s, w: w.rate(s.received_bps),
        lambda s, w: (
            f"{w.rate(s.received_bps)} received from all clients, {w.rate(s.sent_bps)} sent.\n"
            f"A backup is faster than that where the server has its contents already.\n{_sample(s, w)}"
        ),
        series="received_bps",
        leads_to="The transfers",
    ),
    Metric(
        "storage",
        "Storage, whole disk",
        lambda s, w: f"{w.size(s.disk_total_bytes - s.disk_free_bytes)} of {w.size(s.disk_total_bytes)}",
        lambda s, w: (
            f"The disk with the server's data, with all that others keep on it:"
            f" {w.exact_size(s.disk_free_bytes)} free.\n"
            f"{w.size(s.store_bytes)} of it are contents of backups.\n" + _sample(s, w)
        ),
        ratio_fn=_used_ratio,
        tone_fn=_storage_tone,
        leads_to="The files",
        flex=11,
    ),
)
"""The six cards; a new one is one more entry."""
