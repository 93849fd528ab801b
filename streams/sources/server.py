"""The server itself: its load now and over the last minutes, and when its disk will be full."""

import msgspec
from reactivex import Observable

from streams.model.events import Event, StatusFrame
from streams.model.server import Series, ServerStatus, StorageForecast
from streams.model.server_settings import ServerSettingsSheet
from streams.model.vocabulary import EventKind, Topic
from streams.operators.results import Failed, Ok
from streams.sources.feed import FeedItem
from streams.sources.reading import Fetch, OnEvent, OnResponse, Reading

Update = Ok[ServerStatus] | Failed


def status(fetch: Fetch[ServerStatus], reading: Reading) -> Observable[Update]:
    """The server's load and state.

    Source:  GET /api/status every ``critical_s`` and after each gap; status frames, and events of the server.
    Emits:   the newest sample, at once and then on each.
    Shape:   one record; ratios from 0 to 1 of one core, sizes in bytes.
    Sharing: none; the cell that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """

    def begin() -> tuple[Fetch[ServerStatus], OnResponse[ServerStatus, Update], OnEvent[Update]]:
        newest: ServerStatus | None = None

        def take(sample: ServerStatus) -> Update | None:
            nonlocal newest
            if newest is not None and sample.epoch == newest.epoch and sample.at < newest.at:
                return None
            newest = sample
            return Ok(sample)

        def read(answer: Ok[ServerStatus] | Failed) -> Update | None:
            return answer if isinstance(answer, Failed) else take(answer.value)

        def on_event(item: FeedItem) -> Update | None:
            match item:
                case StatusFrame(status=sample):
                    return take(sample)
                case Event(server_state=state) if state is not None and newest is not None:
                    return take(msgspec.structs.replace(newest, state=state, at=max(newest.at, item.at)))
                case _:
                    return None

        return fetch, read, on_event

    return reading.polled(begin, reading.critical_s, Topic.STATUS, Topic.SERVER)


def load(fetch: Fetch[tuple[Series, ...]], reading: Reading) -> Observable[Ok[tuple[Series, ...]] | Failed]:
    """The server's metrics of the last 10 minutes.

    Source:  GET /api/load every ``background_s`` and after each gap.
    Emits:   one series for each metric, oldest point first, after each read.
    Shape:   some series of some hundred points.
    Sharing: none; the cell that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """
    return reading.queried(fetch, Topic.SERVER, lambda _: False)


def forecast(fetch: Fetch[StorageForecast], reading: Reading) -> Observable[Ok[StorageForecast] | Failed]:
    """When the server's disk will be full.

    Source:  GET /api/storage/forecast every ``background_s`` and after each gap.
    Emits:   the forecast after each read.
    Shape:   one record; sizes in bytes, growth in bytes per day.
    Sharing: none; the cell that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """
    return reading.queried(fetch, Topic.SERVER, lambda _: False)


def server_settings(
    fetch: Fetch[ServerSettingsSheet], reading: Reading
) -> Observable[Ok[ServerSettingsSheet] | Failed]:
    """The server's own settings.

    Source:  GET /api/settings every ``background_s``, after each gap, and after each change of a setting.
    Emits:   all settings after each read.
    Shape:   one record of about twenty-five settings.
    Sharing: none; the cell that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """
    changes = (EventKind.SETTINGS_CHANGED, EventKind.SERVER_STARTED)
    return reading.queried(fetch, Topic.SERVER, lambda event: event.kind in changes)
