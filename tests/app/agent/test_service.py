from types import SimpleNamespace

from app.agent.link import ShutOut
from app.agent.service import Service
from streams.model.base import utc_now
from streams.model.clients import Client
from streams.model.vocabulary import ClientState


def test_a_service_that_is_shut_out_says_so_once_each_time() -> None:
    said: list[str] = []
    setup = SimpleNamespace(name="alpha", plan=None, terminal=SimpleNamespace(say=said.append))
    service = Service(setup, once=False)  # type: ignore[arg-type]
    client = Client(id="c", name="alpha", state=ClientState.ONLINE, created_at=utc_now(), goal_s=1)
    for _ in range(3):
        service._on_refused(ShutOut())
    assert len(said) == 1 and "disconnected" in said[0] and "console" in said[0]
    service._on_greeted(client)
    service._on_refused(ShutOut())
    assert len(said) == 2
