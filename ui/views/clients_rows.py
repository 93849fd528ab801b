"""The rows of the clients table, put together from two streams: the clients and their running backups."""

from collections.abc import Mapping, Sequence

from streams.records.clients import Client
from streams.records.runs import Progress
from streams.snapshot import Delta
from streams.vocabulary import ClientState
from ui.views.clients_present import ClientRow


class ClientRows:
    """Clients by id, each with how far its backup is while one runs."""

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}
        self.known = False
        """Whether any have been read, so that none means that there are none."""
        self._progress: dict[str, Progress] = {}
        self._run_clients: dict[int, str] = {}

    def take_clients(self, delta: Delta[str, Client]) -> dict[str, ClientRow]:
        """Take a change of the clients; return the rows that it changes."""
        self.known = True
        delta.apply_to(self.clients)
        return {key: ClientRow(client, self._progress.get(key)) for key, client in delta.changed.items()}

    def take_progress(self, delta: Delta[int, Progress]) -> dict[str, ClientRow]:
        """Take a change of the running backups; return the rows that it changes."""
        before = set(self._run_clients.values())
        if delta.full:
            self._run_clients, self._progress = {}, {}
        for run_id in delta.removed:
            client_id = self._run_clients.pop(run_id, None)
            if client_id is not None:
                self._progress.pop(client_id, None)
        for run_id, progress in delta.changed.items():
            self._run_clients[run_id] = progress.client_id
            self._progress[progress.client_id] = progress
        moved = {progress.client_id for progress in delta.changed.values()}
        touched = moved | (before - set(self._run_clients.values()))
        return {
            key: ClientRow(self.clients[key], self._progress.get(key))
            for key in touched
            if key in self.clients
        }

    def find(self, wanted: str) -> str | None:
        """Return the id of the client of this id or name."""
        if wanted in self.clients:
            return wanted
        return next((key for key, client in self.clients.items() if client.name == wanted), None)

    def chosen(self, ids: set[str], *, shut: bool | None = None) -> list[str]:
        """Return which of these there are: all, those that are disconnected, or only the others."""
        found = [client for key, client in self.clients.items() if key in ids]
        return [c.id for c in found if shut is None or (c.state is ClientState.DISCONNECTED) is shut]

    def names(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Return the names by id; of one that is gone its id."""
        return {key: self.clients[key].name if key in self.clients else key for key in ids}
