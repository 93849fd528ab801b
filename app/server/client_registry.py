"""The roster: every client as the last event told it, so that no request asks the database who it is."""

from collections.abc import Iterable

from streams.model.clients import Client
from streams.model.events import Event
from streams.model.vocabulary import ClientState


class Roster:
    """Clients by id; a fold over the events, so it is never older than what was committed."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def fill(self, clients: Iterable[Client]) -> None:
        """Take all clients, at the start."""
        self._clients = {client.id: client for client in clients}

    def add(self, client: Client) -> None:
        """Take a client that no event told of, unless one has meanwhile."""
        self._clients.setdefault(client.id, client)

    def note(self, event: Event) -> None:
        """Take what an event says of a client."""
        if event.client is not None:
            self._clients[event.client.id] = event.client
        if event.removed is not None:
            self._clients.pop(event.removed.id, None)

    def get(self, client_id: str) -> Client | None:
        """Return a client; None where the id is not known."""
        return self._clients.get(client_id)

    def name(self, client_id: str) -> str:
        """Return a client's name, or its id where it is not known."""
        client = self._clients.get(client_id)
        return client.name if client is not None else client_id

    def shut_out(self, client_id: str) -> bool:
        """Whether an operator has disconnected this client."""
        client = self._clients.get(client_id)
        return client is not None and client.state is ClientState.DISCONNECTED

    def revoked(self, client_id: str) -> bool:
        """Whether the token of this client was revoked."""
        client = self._clients.get(client_id)
        return client is not None and client.state is ClientState.REVOKED

    def all(self) -> tuple[Client, ...]:
        """Return all clients."""
        return tuple(self._clients.values())
