"""The order of the palette's finds, and the offers it takes."""

import pytest

from tests.ui.palette_typing import entry
from ui.base.palette import MAX, MAX_OF_A_GROUP, Palette, ranked, score

NAMES = ("Dashboard", "Clients", "Files", "Database", "Back up all clients", "web-03", "web-13", "db-02")


def best(query: str) -> str | None:
    found = ranked(query, [entry(name) for name in NAMES])
    return found[0].label if found else None


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ("files", "Files"),
        ("da", "Dashboard"),
        ("data", "Database"),
        ("cli", "Clients"),
        ("03", "web-03"),
        ("web 13", "web-13"),
        ("web-03", "web-03"),
        ("back all", "Back up all clients"),
        ("all back", "Back up all clients"),
        ("dashbord", "Dashboard"),
        ("databsae", "Database"),
        ("DB-02", "db-02"),
        ("backup all", "Back up all clients"),
        ("bakup all", "Back up all clients"),
        ("clents all", "Back up all clients"),
        ("web-3", "web-03"),
        ("zzz", None),
        ("zzz all", None),
        ("of all the things", None),
    ],
)
def test_what_is_meant_comes_first(query: str, label: str | None) -> None:
    assert best(query) == label


def test_a_name_goes_before_other_words_and_those_before_misspelling() -> None:
    by_name, by_word, alike = entry("polling"), entry("critical", words="polling"), entry("pollinq")
    assert score("polling", by_name) > score("polling", by_word) > score("polling", alike) > 0


def test_who_types_a_whole_name_gets_what_bears_it() -> None:
    table = entry("events", "Tables", weight=0.8)
    others = [entry("server.replay_events", "Settings"), entry("keep events", "Settings")]
    assert ranked("events", [*others, table])[0] is table
    view = entry("Events", "Views")
    assert ranked("events", [table, view])[0] is view


def test_groups_stand_together_and_none_takes_all_the_room() -> None:
    entries = [entry(f"web-{n:02}", "Clients") for n in range(60)] + [entry("web page", "Tables")]
    found = [e.group for e in ranked("web", entries, [entry("web.txt", "Files")])]
    assert found == [*["Clients"] * MAX_OF_A_GROUP, "Tables", "Files"]
    assert len(ranked("web", entries[:60])) == MAX


def test_before_anything_is_typed_only_what_is_for_it() -> None:
    assert [e.label for e in ranked("", [entry("a"), entry("b", at_rest=False)])] == ["a"]


def test_a_part_that_offers_again_takes_the_place_of_its_former_offer() -> None:
    palette = Palette()
    palette.offer("tables", lambda: [entry("old")])
    palette.offer("tables", lambda: [entry("new")])
    assert [e.label for e in palette.entries()] == ["new"]
