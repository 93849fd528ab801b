"""Progress of running backups, with rate and remaining time, sent some times a second in one frame."""

from collections.abc import Callable

from app.server.hub import ConflatedFrame
from app.server.throughput import Rate, Ticker
from app.wire.agent_socket import AgentProgress
from streams.model.base import utc_now
from streams.model.events import ProgressFrame
from streams.model.runs import Progress, Run


class ProgressBoard:
    """How far each running backup is."""

    def __init__(self, send: Callable[[ConflatedFrame], None], every_s: float) -> None:
        self._send = send
        self._runs: dict[int, Run] = {}
        self._received: dict[str, int] = {}
        self._rates: dict[int, Rate] = {}
        self._newest: dict[int, Progress] = {}
        self._moved: set[int] = set()
        self._ended: set[int] = set()
        self.ticker = Ticker(self._tell, every_s)

    def __len__(self) -> int:
        return len(self._runs)

    def begin(self, run: Run) -> None:
        """Expect progress of ``run``."""
        self._runs[run.id] = run
        self._received[run.client_id] = 0

    def end(self, run_id: int) -> None:
        """Forget a run that has ended."""
        run = self._runs.pop(run_id, None)
        if run is not None:
            self._received.pop(run.client_id, None)
            self._rates.pop(run_id, None)
            self._newest.pop(run_id, None)
            self._moved.discard(run_id)
            self._ended.add(run_id)
            self.ticker.touch()

    def receive(self, client_id: str, count: int) -> None:
        """Note that ``count`` bytes of a client's contents have come, whole or not."""
        if client_id in self._received:
            self._received[client_id] += count

    def received_bytes(self, client_id: str) -> int:
        """Return how much has come of a client since its run began; 0 while none runs."""
        return self._received.get(client_id, 0)

    def run_of(self, run_id: int) -> Run | None:
        """Return a running run as it was when it began."""
        return self._runs.get(run_id)

    def runs(self) -> tuple[Run, ...]:
        """Return all running runs as they were when they began."""
        return tuple(self._runs.values())

    def all(self) -> tuple[Progress, ...]:
        """Return the newest progress of every running run that has told some."""
        return tuple(self._newest.values())

    def newest(self) -> ProgressFrame | None:
        """Return what a console that begins to listen must know."""
        return ProgressFrame(runs=self.all()) if self._newest else None

    def note(self, client_id: str, told: AgentProgress) -> None:
        """Take what an agent tells; of a run that is not its own, or has ended, it is nothing."""
        run = self._runs.get(told.run_id)
        if run is None or run.client_id != client_id:
            return
        # What was done before the first word of a run is not of this run: after a restart it goes on.
        rate = self._rates.setdefault(run.id, Rate(told.bytes_done)).mark(told.bytes_done)
        left = None if told.bytes_total is None else max(0, told.bytes_total - told.bytes_done)
        self._newest[run.id] = Progress(
            run_id=run.id,
            client_id=client_id,
            client_name=run.client_name,
            at=utc_now(),
            files_done=told.files_done,
            files_total=told.files_total,
            bytes_done=told.bytes_done,
            bytes_total=told.bytes_total,
            rate_bps=rate,
            eta_s=left / rate if left is not None and rate > 0 else None,
            current_path=told.current_path,
        )
        self._moved.add(run.id)
        self.ticker.touch()

    def _tell(self) -> None:
        runs = tuple(self._newest[run_id] for run_id in self._moved)
        ended = tuple(self._ended)
        self._moved.clear()
        self._ended.clear()
        self._send(ProgressFrame(runs=runs, ended=ended))
