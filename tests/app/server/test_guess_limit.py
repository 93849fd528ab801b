"""Guesses: counted by address and name, behind proxies too, and the right code is taken all the same."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from app.server.peers import Peers, network_of
from app.server.rate_limit import KEYS, MAX_DELAY_S, GuessLimit
from tests.servers import RunningServer, a_server

PROXY = {"trusted_proxies": ("127.0.0.0/8",)}


def address(peers: Peers, remote: str, *headers: tuple[str, str]) -> str:
    from multidict import CIMultiDict

    request = make_mocked_request("GET", "/", headers=CIMultiDict(headers))
    return peers.address(request.clone(remote=remote))


@pytest.mark.parametrize(
    ("remote", "headers", "expected"),
    [
        ("192.0.2.1", [("X-Forwarded-For", "198.51.100.7")], "192.0.2.1"),
        ("10.0.0.1", [("X-Forwarded-For", "1.1.1.1, 198.51.100.7")], "198.51.100.7"),
        ("10.0.0.1", [("X-Forwarded-For", "1.1.1.1, 198.51.100.7, 10.9.9.9")], "198.51.100.7"),
        ("10.0.0.1", [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "198.51.100.7")], "198.51.100.7"),
        ("10.0.0.1", [("X-Forwarded-For", "198.51.100.7:4711")], "198.51.100.7"),
        ("10.0.0.1", [("X-Forwarded-For", "rubbish")], "10.0.0.1"),
        ("10.0.0.1", [("X-Forwarded-For", "")], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [("Forwarded", 'for=1.1.1.1, for="[2001:db8::7]:80";proto=https')], "2001:db8::7"),
        ("10.0.0.1", [("Forwarded", "for=1.1.1.1"), ("X-Forwarded-For", "2.2.2.2")], "10.0.0.1"),
        ("::ffff:10.0.0.1", [("X-Forwarded-For", "198.51.100.7")], "198.51.100.7"),
    ],
)
def test_only_what_a_trusted_proxy_adds_is_believed(
    remote: str, headers: list[tuple[str, str]], expected: str
) -> None:
    assert address(Peers(["10.0.0.0/8"]), remote, *headers) == expected


def test_addresses_count_by_what_one_subscriber_has() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") != network_of("192.0.2.2")
    assert len(network_of("x" * 10_000)) == 64


def test_failures_are_refused_after_some_and_forgotten_after_a_minute() -> None:
    now = 0.0
    guesses = GuessLimit(2, clock=lambda: now)
    assert [guesses.note_failure("x") is None for _ in range(3)] == [True, True, False]
    assert guesses.delay_s("x", "y") > 0 == guesses.delay_s("y")
    for _ in range(100):
        guesses.note_failure("x")
    assert guesses.delay_s("x") == MAX_DELAY_S
    now = 61.0
    assert guesses.delay_s("x") == 0
    assert guesses.note_failure("x") is None


def test_memory_is_bounded_whatever_is_tried() -> None:
    guesses = GuessLimit(20)
    for number in range(KEYS + 500):
        guesses.note_failure("the address", f"name {number}")
    assert len(guesses) == KEYS
    assert guesses.note_failure("the address") is not None


async def tried(server: RunningServer, name: str, code: str, forwarded: str = "") -> int:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    async with server.http().post("/api/enrol", json={"name": name, "code": code}, headers=headers) as answer:
        return answer.status


async def code_of(server: RunningServer, name: str) -> str:
    return (await server.post("/api/enrolments", {"name": name}))["code"]


async def test_guesses_lock_nobody_out(tmp_path: Path) -> None:
    async with a_server(tmp_path, enrol_failures=3) as server:
        assert [await tried(server, "alpha", "guess") for _ in range(5)] == [403, 403, 403, 429, 429]
        # From the address of the attacker, for the attacked name and for another one.
        assert await tried(server, "beta", await code_of(server, "beta")) == 200
        assert await tried(server, "alpha", await code_of(server, "alpha")) == 200


async def test_a_name_is_limited_over_all_addresses_and_an_address_over_all_names(tmp_path: Path) -> None:
    async with a_server(tmp_path, enrol_failures=3, **PROXY) as server:
        found = [await tried(server, "alpha", "guess", f"198.51.100.{n}") for n in range(5)]
        assert found == [403, 403, 403, 429, 429]
        found = [await tried(server, f"name {n}", "guess", "203.0.113.1") for n in range(5)]
        assert found == [403, 403, 403, 429, 429]
        assert await tried(server, "another", "guess", "203.0.113.2") == 403


async def test_who_is_no_trusted_proxy_cannot_choose_its_address(tmp_path: Path) -> None:
    async with a_server(tmp_path, enrol_failures=3) as server:
        found = [await tried(server, f"name {n}", "guess", f"198.51.100.{n}") for n in range(5)]
        assert found == [403, 403, 403, 429, 429]


async def test_wrong_tokens_are_limited_and_good_ones_are_not(tmp_path: Path) -> None:
    async with a_server(tmp_path, wrong_tokens=3) as server:

        async def status(token: str | None) -> tuple[int, Any]:
            async with server.http(token).get("/api/clients") as answer:
                return answer.status, answer.headers.get("Retry-After")

        assert [(await status("tw_wrong"))[0] for _ in range(4)] == [401, 401, 401, 429]
        assert int((await status("tw_wrong"))[1]) > 0
        assert (await status(server.token))[0] == 200
        assert (await status(None))[0] == 401  # no guess
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with server.http("tw_wrong").ws_connect(f"{server.events_url}/events"):
                pass
        assert refused.value.status == 429
