"""Links: what is copied leads to the same place again."""

import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ui.base.context import Place
from ui.base.deep_links import (
    client_link,
    command_of,
    file_link,
    file_of,
    filter_link,
    filters_of,
    parse_link,
    paths_meant,
)


@pytest.mark.parametrize(
    ("link", "place"),
    [
        ("clients", Place("clients")),
        ("clients/7f3a", Place("clients", "client:7f3a")),
        ("clients/", Place("clients")),
        ("clients?state=failed&text=web", Place("clients", "?state=failed&text=web")),
        ("files/7f3a", Place("files", "client:7f3a")),
        ("files/7f3a/", Place("files", "client:7f3a")),
        ("files/7f3a/home/a%20b.txt", Place("files", "path:7f3a:home/a b.txt")),
        ("files/Büro PC/C:\\Briefe\\März.txt", Place("files", "path:B%C3%BCro%20PC:C:\\Briefe\\März.txt")),
        ("files/7f3a//", Place("files", "path:7f3a:/")),
        ("logs?level=error", Place("logs", "?level=error")),
        ("database/runs", Place("database", "runs")),
        ("tidewatch --open 'clients?state=failed'", Place("clients", "?state=failed")),
        ("", None),
        ("select * from runs", None),
        ("../etc", None),
    ],
)
def test_links_are_read(link: str, place: Place | None) -> None:
    assert parse_link(link) == place


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=60))
@example("0", "/")
def test_a_copied_link_leads_back(client: str, path: str) -> None:
    assert parse_link(command_of(client_link(client))) == Place("clients", f"client:{client}")
    link = file_link(client, f"/{path}")
    place = parse_link(command_of(link))
    assert place is not None and place.view == "files"
    found = file_of(place.show)
    assert found is not None and found[0] == client
    assert f"/{path}" in paths_meant(found[1])
    words = shlex.split(command_of(link))
    assert words[-2:] == ["--open", link]
    assert parse_link(words[-1]) == place


def test_links_can_be_read() -> None:
    assert client_link("web-01") == "clients/web-01"
    assert command_of(client_link("web-01")) == "tidewatch --open clients/web-01"
    assert command_of(client_link("Büro PC 1/2")) == "tidewatch --open 'clients/Büro PC 1%2F2'"
    assert file_link("web-01", "/home/eva/日記 $1.txt") == "files/web-01/home/eva/日記 $1.txt"
    assert file_link("web-01", "C:\\a.txt") == "files/web-01/C:\\a.txt"


def test_filters_come_back() -> None:
    place = parse_link(filter_link("clients", state="failed", text="a & b", other=""))
    assert place is not None
    assert filters_of(place.show) == {"state": "failed", "text": "a & b"}
    assert filters_of("client:7") is None
