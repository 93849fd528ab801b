"""The revision of a client's tree changes with every change of its files, and with nothing else."""

from app.catalogue.catalogue import Catalogue
from app.wire.http import FinishRun
from streams.model.vocabulary import ClientState, RunState, RunTrigger
from tests.app.catalogue.seeds import Clock, add, back_up, enrol, entry


async def test_each_change_of_the_tree_gives_it_a_new_revision(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    seen = [await catalogue.clients.revision(client.id)]
    assert len(seen[0]) == 16
    run = await catalogue.runs.start(client.id, RunTrigger.SCHEDULE)
    added = await add(catalogue, run, [entry("a"), entry("b")])
    assert added.revision_before == seen[0]
    seen.append(added.revision)
    gone = await catalogue.runs.add_vanished(run.id, [b"b"])
    assert gone.revision_before == seen[1]
    seen.append(gone.revision)
    assert await catalogue.clients.revision(client.id) == seen[-1]
    assert len(set(seen)) == 3


async def test_a_write_that_changes_no_file_keeps_the_revision(catalogue: Catalogue) -> None:
    client = await enrol(catalogue)
    run = await catalogue.runs.start(client.id, RunTrigger.SCHEDULE)
    kept = (await add(catalogue, run, [entry("a")])).revision
    again = await add(catalogue, run, [entry("a")])
    assert (again.revision, again.revision_before) == (kept, kept)
    never_there = await catalogue.runs.add_vanished(run.id, [b"never there"])
    assert (never_there.revision, never_there.revision_before) == (kept, kept)
    await catalogue.runs.finish(run.id, FinishRun(state=RunState.COMPLETE))
    await catalogue.clients.set_state(client.id, ClientState.ONLINE)
    await catalogue.clients.set_goal(client.id, 3600)
    assert await catalogue.clients.revision(client.id) == kept


async def test_deleting_undeleting_and_purging_change_it_for_the_client_alone(
    catalogue: Catalogue, clock: Clock
) -> None:
    client, other = await enrol(catalogue), await enrol(catalogue, "other")
    await back_up(catalogue, client, entry("a"))
    await back_up(catalogue, other, entry("a"))
    others = await catalogue.clients.revision(other.id)
    ((version,), _) = await catalogue.files.tree(client.id)
    seen = [await catalogue.clients.revision(client.id)]
    for change in (catalogue.files.delete, catalogue.files.undelete, catalogue.files.delete):
        await change([version.file_id])
        seen.append(await catalogue.clients.revision(client.id))

    await catalogue.files.purge(clock.forward(days=1))
    seen.append(await catalogue.clients.revision(client.id))
    assert len(set(seen)) == 5
    assert await catalogue.clients.revision(other.id) == others
