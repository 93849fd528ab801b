"""Metrics for Prometheus: the server, and of each client what an alert needs."""

from prometheus_client.parser import text_string_to_metric_families

from tests.servers import RunningServer, until

CLIENT = {"client": "alpha"}


async def values(server: RunningServer) -> dict[str, list[tuple[dict[str, str], float]]]:
    async with server.console.get("/metrics") as response:
        families = text_string_to_metric_families(await response.text())
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for sample in (sample for family in families for sample in family.samples):
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found


async def test_who_is_safe_can_be_asked_by_an_alert(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    found = await values(running_server)
    assert found["tidewatch_client_online"] == [(CLIENT, 0)]
    assert "tidewatch_client_last_success_timestamp_seconds" not in found
    assert found["tidewatch_client_goal_seconds"] == [(CLIENT, 26 * 3600)]
    async with agent.socket():
        await until(lambda: running_server.room.agents.connected(agent.client_id))
        run = await agent.back_up({"/a": b"a" * 1000})
        found = await values(running_server)
    assert found["tidewatch_client_online"] == [(CLIENT, 1)]
    assert found["tidewatch_client_failing"] == [(CLIENT, 0)]
    assert run.finished_at is not None
    (labels, at), *_ = found["tidewatch_client_last_success_timestamp_seconds"]
    assert (labels, round(at)) == (CLIENT, round(run.finished_at.timestamp()))


async def test_bytes_are_counted_and_queues_told(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    await agent.put_batch(b"a" * 1000)
    found = await values(running_server)
    assert found["tidewatch_received_bytes_total"][0][1] >= 1000
    assert found["tidewatch_tasks"][0][1] > 1
    assert found["tidewatch_sent_bytes_total"] == [({}, 0)]
    assert found["tidewatch_upload_queue"] == [({}, 0)]
