"""Tokens of consoles and scripts: their names, rights and ends, never the tokens themselves."""

from datetime import datetime

from streams.model.base import Record
from streams.model.vocabulary import Scope


class ConsoleToken(Record, frozen=True, kw_only=True):
    """A token of a console or a script, without its secret."""

    id: int
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None = None
    """When it stops being good by itself; None never."""
    used_at: datetime | None = None
    """When it was last used, to the minute."""
    made_by: str = ""
    """The token that made it, or the user at the command line."""


class NewToken(Record, frozen=True, kw_only=True):
    """A token that was made just now; its secret is told this once."""

    token: ConsoleToken
    secret: str
