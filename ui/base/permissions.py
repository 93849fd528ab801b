"""Orders that the console can give now: the server is there, and the token has the scope."""

from typing import Final, NamedTuple

from streams.model.link import Link
from streams.model.vocabulary import Scope

NO_CONNECTION: Final = "There is no connection to the server"
"""Why an order is not offered while the server is lost."""


class Permissions(NamedTuple):
    """Judges each order of every view, so that all of them give the same reason."""

    lost: bool = False
    """Whether there is no server that could take an order."""
    scopes: frozenset[Scope] | None = None
    """What the token may do; None while the server has not told, then the server decides."""

    @classmethod
    def of(cls, link: Link) -> "Permissions":
        """Return those of a connection."""
        return cls(link.lost, None if link.scopes is None else frozenset(link.scopes))

    def refusal(self, needs: Scope | None, otherwise: str = "") -> str:
        """Return why an order with this scope cannot be given, else ``otherwise``; empty where it can.

        What needs none is no order to the server.
        """
        if needs is None:
            return otherwise
        if self.lost:
            return NO_CONNECTION
        if self.scopes is not None and needs not in self.scopes:
            return f"This console's token has no scope {needs}"
        return otherwise
