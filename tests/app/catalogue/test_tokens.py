from datetime import timedelta
from pathlib import Path

import pytest

from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import BadQuery, CodeExpired, CodeUsed, WrongCode
from app.catalogue.tokens import TokenInfo
from streams.model.events import Event
from streams.model.vocabulary import ClientState, EventKind, Scope
from tests.app.catalogue.seeds import Clock, enrol


async def test_a_token_is_good_until_it_is_revoked(catalogue: Catalogue) -> None:
    gone: list[TokenInfo] = []
    catalogue.tokens.on_revoked.append(gone.append)
    token = await catalogue.tokens.issue({Scope.LOOK, Scope.RESTORE}, name="first")
    info = await catalogue.tokens.check(token)
    assert info is not None
    assert (info.scopes, info.client_id, info.name) == ({Scope.LOOK, Scope.RESTORE}, None, "first")
    assert info.allows(Scope.RESTORE) and not info.allows(Scope.OPERATE)
    assert await catalogue.tokens.check(token + "x") is None
    await catalogue.tokens.revoke(info.id)
    assert await catalogue.tokens.check(token) is None
    assert gone == [info]
    await catalogue.tokens.look_for_revoked()
    assert gone == [info]


async def test_a_token_ends_by_itself(catalogue: Catalogue, clock: Clock) -> None:
    ended: list[TokenInfo] = []
    catalogue.tokens.on_revoked.append(ended.append)
    token = await catalogue.tokens.issue({Scope.LOOK}, name="day", expires_at=clock() + timedelta(days=1))
    info = await catalogue.tokens.check(token)
    assert info is not None
    clock.forward(hours=23)
    await catalogue.tokens.look_for_revoked()
    assert (await catalogue.tokens.check(token), ended) == (info, [])
    clock.forward(hours=1)
    assert await catalogue.tokens.check(token) is None
    await catalogue.tokens.look_for_revoked()
    await catalogue.tokens.look_for_revoked()
    assert ended == [info]


async def test_a_revocation_of_another_process_is_found_whatever_the_clock_says(
    catalogue: Catalogue, clock: Clock, tmp_path: Path
) -> None:
    ended: list[TokenInfo] = []
    catalogue.tokens.on_revoked.append(ended.append)
    token = await catalogue.tokens.issue({Scope.LOOK}, name="leaked")
    info = await catalogue.tokens.check(token)
    assert info is not None
    await catalogue.tokens.look_for_revoked()
    clock.forward(hours=-1)
    other = await Catalogue.open(tmp_path / "catalogue.db", now=clock)
    try:
        await other.tokens.revoke(info.id)
    finally:
        await other.close()
    await catalogue.tokens.look_for_revoked()
    assert (await catalogue.tokens.check(token), ended) == (None, [info])


async def test_only_hashes_are_kept(catalogue: Catalogue, tmp_path: Path) -> None:
    enrolment = await catalogue.enrolments.create("desk")
    _, token = await catalogue.enrolments.redeem("desk", enrolment.code, "linux", "1")
    everything = b"".join(file.read_bytes() for file in tmp_path.glob("catalogue.db*"))
    assert b"desk" in everything
    assert token.encode() not in everything
    assert enrolment.code.encode() not in everything


async def test_a_code_works_once_for_its_name(catalogue: Catalogue, clock: Clock) -> None:
    enrolment = await catalogue.enrolments.create(" desk ", valid_s=60)
    with pytest.raises(WrongCode):
        await catalogue.enrolments.redeem("other", enrolment.code, "", "")
    with pytest.raises(WrongCode):
        await catalogue.enrolments.redeem("desk", "WRONG", "", "")
    typed = enrolment.code.lower().replace("-", " ")
    client, token = await catalogue.enrolments.redeem("desk", typed, "linux", "1")
    info = await catalogue.tokens.check(token)
    assert info is not None
    assert (info.scopes, info.client_id) == ({Scope.AGENT}, client.id)
    with pytest.raises(CodeUsed):
        await catalogue.enrolments.redeem("desk", enrolment.code, "", "")
    late = await catalogue.enrolments.create("desk", valid_s=60)
    clock.forward(seconds=61)
    with pytest.raises(CodeExpired):
        await catalogue.enrolments.redeem("desk", late.code, "", "")


async def test_a_code_is_answered_again_to_the_machine_that_used_it(
    catalogue: Catalogue, clock: Clock
) -> None:
    enrolment, key = await catalogue.enrolments.create("desk", valid_s=60), "k" * 43
    first = await catalogue.enrolments.redeem("desk", enrolment.code, "linux", "1", machine_key=key)
    again = await catalogue.enrolments.redeem("desk", enrolment.code, "linux", "1", machine_key=key)
    assert (again[0].id, again[1]) == (first[0].id, first[1])
    for other in ("", "o" * 43):
        with pytest.raises(CodeUsed):
            await catalogue.enrolments.redeem("desk", enrolment.code, "", "", machine_key=other)
    with pytest.raises(WrongCode):
        await catalogue.enrolments.redeem("other", enrolment.code, "", "", machine_key=key)
    clock.forward(seconds=61)
    with pytest.raises(CodeUsed):
        await catalogue.enrolments.redeem("desk", enrolment.code, "", "", machine_key=key)


async def test_a_used_code_gives_no_revoked_token_back(catalogue: Catalogue) -> None:
    enrolment, key = await catalogue.enrolments.create("desk"), "k" * 43
    client, token = await catalogue.enrolments.redeem("desk", enrolment.code, "linux", "1", machine_key=key)
    await catalogue.tokens.revoke_client(client.id)
    with pytest.raises(CodeUsed):
        await catalogue.enrolments.redeem("desk", enrolment.code, "linux", "1", machine_key=key)
    assert await catalogue.tokens.check(token) is None


async def test_the_same_key_gives_each_code_a_token_of_its_own(catalogue: Catalogue) -> None:
    made: set[str] = set()
    for _ in range(2):
        code = (await catalogue.enrolments.create("desk")).code
        made.add((await catalogue.enrolments.redeem("desk", code, "", "", machine_key="k" * 43))[1])
    assert len(made) == 2


async def test_enrolling_again_keeps_the_id_and_ends_the_old_token(
    catalogue: Catalogue, told: list[Event]
) -> None:
    first = await catalogue.enrolments.create("desk")
    client, old = await catalogue.enrolments.redeem("desk", first.code, "linux", "1")
    second = await catalogue.enrolments.create("desk")
    again, new = await catalogue.enrolments.redeem("desk", second.code, "linux", "2")
    assert (again.id, again.agent_version) == (client.id, "2")
    assert await catalogue.tokens.check(old) is None
    assert await catalogue.tokens.check(new) is not None
    told.clear()
    await catalogue.tokens.revoke_client(client.id)
    assert await catalogue.tokens.check(new) is None
    assert [event.kind for event in told] == [EventKind.CLIENT_REVOKED]
    assert told[0].activity is not None
    await catalogue.tokens.revoke_client(client.id)
    assert len(told) == 1, "nothing is left to revoke"


async def test_a_revoked_client_is_that_until_it_is_enrolled_again(
    catalogue: Catalogue, told: list[Event]
) -> None:
    code = await catalogue.enrolments.create("desk")
    client, _ = await catalogue.enrolments.redeem("desk", code.code, "linux", "1")
    await catalogue.clients.set_state(client.id, ClientState.ONLINE, seen_at=client.created_at)
    await catalogue.clients.queue_backup([client.id])
    await catalogue.tokens.revoke_client(client.id)
    assert told[-1].client is not None
    assert (told[-1].client.state, told[-1].client.backup_queued) == (ClientState.REVOKED, False)
    # What is said of it afterwards, as that its socket has closed, does not make it another.
    for state in (ClientState.OFFLINE, ClientState.DISCONNECTED):
        await catalogue.clients.set_state(client.id, state)
    await catalogue.clients.allow(client.id)
    assert (await catalogue.clients.one(client.id)).state is ClientState.REVOKED
    again = await catalogue.enrolments.create("desk")
    known, _ = await catalogue.enrolments.redeem("desk", again.code, "linux", "1")
    assert (known.id, known.state) == (client.id, ClientState.OFFLINE)
    assert told[-1].client == known


async def test_a_token_in_the_place_of_another_is_no_revocation(
    catalogue: Catalogue, told: list[Event]
) -> None:
    code = await catalogue.enrolments.create("desk")
    client, old = await catalogue.enrolments.redeem("desk", code.code, "linux", "1")
    told.clear()
    new = await catalogue.tokens.renew(client.id, "desk")
    assert (await catalogue.tokens.check(old), told) == (None, [])
    assert await catalogue.tokens.check(new) is not None


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201])
async def test_names_that_cannot_be(catalogue: Catalogue, name: str) -> None:
    with pytest.raises(BadQuery):
        await catalogue.enrolments.create(name)


async def test_clients_are_found_by_id_and_name(catalogue: Catalogue, clock: Clock) -> None:
    client = await enrol(catalogue, "Büro 7")
    assert await catalogue.clients.by_name("Büro 7") == client
    assert await catalogue.clients.by_name("desk") is None
    seen = clock.forward(minutes=5)
    await catalogue.clients.seen({client.id: seen})
    assert (await catalogue.clients.one(client.id)).last_seen_at == seen
