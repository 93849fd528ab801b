"""Finding the client that somebody was led to, by its name or its id, as soon as the clients are known."""

from collections.abc import Callable, Iterable

import reactivex as rx
from reactivex import operators as ops

from streams.model.clients import Client
from streams.sources.registry import TableStream
from ui.base.bound_view import BoundView

Found = tuple[str, Client | None]
"""What was asked for, and the client that it is."""


def client_named(clients: Iterable[Client], wanted: str) -> Client | None:
    """Return the client of this id or name."""
    known = {client.id: client for client in clients}
    by_name = {client.name: client for client in known.values()}
    return known.get(wanted) or by_name.get(wanted)


class ClientNamed:
    """Looks at the clients of ``view`` until one is found that was asked for, or known not to be there."""

    def __init__(self, view: BoundView, clients: TableStream[str, Client]) -> None:
        self._view, self._clients = view, clients
        self._then: Callable[[Client], None] = lambda _client: None
        self._binding = view.bind(rx.never(), self._take, name="client_named")

    def find(self, wanted: str, then: Callable[[Client], None]) -> None:
        """Call ``then`` with the client of this name or id; a message says so where there is none."""
        self._then = then
        # A new look begins with all clients as they are now, also with one that came a moment ago.
        found = self._clients.deltas.pipe(
            ops.filter(lambda delta: delta.full),
            ops.take(1),
            ops.map(lambda delta: (wanted, client_named(delta.changed.values(), wanted))),
        )
        self._binding.switch(found)

    def forget(self) -> None:
        """Look for nobody any more: somebody was led elsewhere meanwhile."""
        self._binding.switch(rx.never())

    def _take(self, found: Found) -> None:
        self.forget()
        wanted, client = found
        if client is None:
            say_missing(
                self._view, f"client {wanted}", hint="It may have been removed, or have another name."
            )
        else:
            self._then(client)


def say_missing(view: BoundView, what: str, *, hint: str = "") -> None:
    """Say that what a link leads to is not there."""
    view.context.messages.warn(f"There is no {what}", detail=hint)
