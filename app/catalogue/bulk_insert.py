"""Writing a past into the catalogue at once: clients with their runs, files and versions at given times.

No events, which would flood every console; but each run leaves its line of activity, and metrics are
rolled up.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from app.catalogue.catalogue import Catalogue
from app.catalogue.intervals import Intervals
from app.catalogue.past import Past
from app.catalogue.past_rows import HistoryClient, HistoryRun, SeededClient
from app.catalogue.times import to_us

__all__ = ["HistoryClient", "HistoryRun", "SeededClient", "write_history"]

METRICS_AT_ONCE = 50_000


async def write_history(
    catalogue: Catalogue,
    clients: Iterable[HistoryClient],
    metrics: Iterable[tuple[datetime, Mapping[str, float]]] = (),
    *,
    stored_size: Callable[[str, int], int] = lambda _sha256, size: size,
    verified: Mapping[str, datetime] | None = None,
) -> dict[str, SeededClient]:
    """Write a past; return the clients by name. One transaction for each client, so that memory stays small.

    ``metrics`` are samples in the order of their times. ``stored_size`` tells the compressed size of a
    content from its hash and size, ``verified`` when a content was last verified. A client of the same name
    that has no run yet gets the past and keeps its id.
    """
    past = Past(stored_size, verified or {})
    for client in clients:
        await catalogue.writer.write(lambda transaction, client=client: past.write(transaction, client))
    await catalogue.writer.write(past.write_activity)
    for gathered in _rolled_up(metrics):
        await catalogue.writer.write(gathered.write)
    return past.seeded


def _rolled_up(metrics: Iterable[tuple[datetime, Mapping[str, float]]]) -> Iterable[Intervals]:
    """Gather samples into intervals, in parts that fit into memory."""
    gathered = Intervals()
    for at, sample in metrics:
        if len(gathered.kept) > METRICS_AT_ONCE:
            yield gathered
            gathered = Intervals()
        gathered.add(to_us(at), sample)
    yield gathered
