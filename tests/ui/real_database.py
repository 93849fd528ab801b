"""The streams of a real database file, without a server: for the demo, and for tests from file to screen."""

from pathlib import Path
from typing import Any

import reactivex as rx

from app.bridge.database.ports import DatabasePorts
from streams.model.base import utc_now
from streams.model.vocabulary import Topic
from streams.operators.spawning import Spawn, task_spawner
from streams.sources.database import DatabaseStreams, build_database
from streams.sources.feed import FeedItem
from streams.sources.reading import Reading
from streams.state.environment import Environment


class _SilentFeed:
    """No server says anything."""

    def frames(self, *_topics: Topic) -> rx.Observable[FeedItem]:
        """Nothing."""
        return rx.never()


def database_of(
    path: Path, scheduler: Any, *, spawn: Spawn | None = None
) -> tuple[DatabaseStreams, DatabasePorts]:
    """Return the streams of a file, and what must be closed at the end."""

    def report(error: BaseException) -> None:
        raise error

    ports = DatabasePorts(path, spawn or task_spawner())
    reading = Reading(scheduler=scheduler, feed=_SilentFeed())  # pyright: ignore[reportArgumentType]
    environment = Environment(scheduler, report, utc_now, 2.5, 0.0)
    return build_database(ports, reading, environment), ports
