from random import Random

from app.fleet.disk import MAX_UNSENT, Disk
from app.fleet.roster import DAY_S, make_roster
from app.fleet.trees import make_tree

NOW_S = 1_760_000_000.0


def a_disk() -> Disk:
    machine = make_roster(1, 1)[0]
    tree = make_tree(machine, 1, NOW_S)
    return Disk(machine, tree, stored=set(tree), changed_s=NOW_S - 2 * DAY_S)


def test_something_changes_between_two_backups() -> None:
    disk = a_disk()
    disk.live_on(Random(1), NOW_S + 100)
    assert disk.unsent
    assert all(disk.tree[path] == file for path, file in disk.unsent.items())
    assert all(path not in disk.tree for path in disk.vanished)


def test_what_the_server_has_is_no_longer_unsent() -> None:
    disk = a_disk()
    disk.live_on(Random(1), NOW_S + 100)
    known = [disk.kept(file) for file in list(disk.unsent.values())]
    assert disk.unsent == {}
    assert True in known


def test_a_file_that_changed_again_meanwhile_stays_unsent() -> None:
    disk = a_disk()
    disk.live_on(Random(1), NOW_S + 100)
    path, sent = next(iter(disk.unsent.items()))
    newer = type(sent)(path, sent.size_bytes + 1, sent.mtime_ns + 1)
    disk.tree[path] = disk.unsent[path] = newer
    disk.kept(sent)
    assert disk.unsent[path] == newer


def test_a_server_that_is_down_for_long_does_not_let_the_list_grow_without_end() -> None:
    disk = a_disk()
    rng = Random(1)
    for day in range(200):
        disk.live_on(rng, NOW_S + DAY_S * day)
    assert len(disk.unsent) < MAX_UNSENT + 40


def test_what_vanished_is_told_once() -> None:
    disk = a_disk()
    rng = Random(2)
    day = 0
    while not disk.vanished:
        day += 1
        disk.live_on(rng, NOW_S + DAY_S * day)
        for file in list(disk.unsent.values()):
            disk.kept(file)
    disk.told_gone(disk.gone())
    assert disk.gone() == ()
