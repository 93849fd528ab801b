"""The database beside the server, read by this console itself and never written.

What reads the file is a process of its own that starts from this package: nothing here may load HTTP with it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.database.connection import ROW_LIMIT, ReadOnlyDatabase, Rows

__all__ = ["ROW_LIMIT", "ReadOnlyDatabase", "Rows"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    from app.database import connection

    return getattr(connection, name)
