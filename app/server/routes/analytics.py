"""Routes about the past of the whole fleet and of the server."""

from app.server.dispatch import Route
from app.server.services import Room
from streams.model.analytics import AnalyticsQuery, BackupHistory, ClientHeat, LoadHistory, StorageTrend
from streams.model.vocabulary import Scope


async def backups(room: Room, query: AnalyticsQuery) -> BackupHistory:
    """Return how the backups of a period ended, in intervals, oldest first.

    GET /api/analytics/backups: 200, 400 bad_request for a period that is none.
    """
    return await room.catalogue.analytics.backups(query)


async def hours(room: Room, query: AnalyticsQuery) -> ClientHeat:
    """Return at which hours of the day the clients were backed up.

    GET /api/analytics/hours: 200, 400 bad_request for a period that is none.
    """
    return await room.catalogue.analytics.hours(query)


async def performance(room: Room, query: AnalyticsQuery) -> LoadHistory:
    """Return the server's own load over a period, at most 300 points a series.

    GET /api/analytics/performance: 200, 400 bad_request for a period that is none.
    """
    return await room.catalogue.analytics.performance(query)


async def storage(room: Room, query: AnalyticsQuery) -> StorageTrend:
    """Return how the file store grew over a period, and when its disk will be full.

    GET /api/analytics/storage: 200, 400 bad_request for a period that is none.
    """
    now = await room.status.current()
    forecast = await room.catalogue.metrics.forecast(now.disk_total_bytes, now.disk_free_bytes)
    return await room.catalogue.analytics.storage(query, forecast)


ANALYTICS = (
    Route("GET", "/api/analytics/backups", backups, Scope.LOOK),
    Route("GET", "/api/analytics/hours", hours, Scope.LOOK),
    Route("GET", "/api/analytics/performance", performance, Scope.LOOK),
    Route("GET", "/api/analytics/storage", storage, Scope.LOOK),
)
