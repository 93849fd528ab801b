"""The database beside the server, read by this console itself and never written."""

from app.bridge.database.connection import ROW_LIMIT, ReadOnlyDatabase, Rows

__all__ = ["ROW_LIMIT", "ReadOnlyDatabase", "Rows"]
