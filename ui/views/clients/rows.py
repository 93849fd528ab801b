"""The rows of the clients table, put together from two streams: the clients and their running backups."""

from collections.abc import Callable, Mapping, Sequence

from streams.model.clients import Client
from streams.model.runs import Progress
from streams.model.snapshot import Delta
from ui.views.clients.present import ClientRow


class ClientRows:
    """Clients by id, each with how far its backup is while one runs."""

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}
        self.known = False
        """Whether any have been read, so that none means that there are none."""
        self._runs: dict[int, Progress] = {}
        self._progress: dict[str, Progress] = {}

    def take_clients(self, delta: Delta[str, Client]) -> dict[str, ClientRow]:
        """Take a change of the clients; return the rows that it changes."""
        self.known = True
        delta.apply_to(self.clients)
        return {key: ClientRow(client, self._progress.get(key)) for key, client in delta.changed.items()}

    def take_progress(self, delta: Delta[int, Progress]) -> dict[str, ClientRow]:
        """Take a change of the running backups; return the rows that it changes."""
        delta.apply_to(self._runs)
        before, self._progress = self._progress, {run.client_id: run for run in self._runs.values()}
        return {
            key: ClientRow(self.clients[key], self._progress.get(key))
            for key in before.keys() | self._progress.keys()
            if key in self.clients and self._progress.get(key) != before.get(key)
        }

    def chosen(self, ids: set[str], fits: Callable[[Client], bool] | None = None) -> list[str]:
        """Return which of these there are: all, or those that fit."""
        found = [client for key, client in self.clients.items() if key in ids]
        return [client.id for client in found if fits is None or fits(client)]

    def names(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Return the names by id; of one that is gone its id."""
        return {key: self.clients[key].name if key in self.clients else key for key in ids}
