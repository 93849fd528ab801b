"""Links: what is copied leads to the same place again."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ui.context import Place
from ui.links import client_link, command_of, file_link, filter_link, filters_of, parse_link


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
        ("files/7f3a//", Place("files", "path:7f3a:/")),
        ("logs?level=error", Place("logs", "?level=error")),
        ("database/runs", Place("database", "runs")),
        ("python -m app --open 'clients?state=failed'", Place("clients", "?state=failed")),
        ("", None),
        ("select * from runs", None),
        ("../etc", None),
    ],
)
def test_links_are_read(link: str, place: Place | None) -> None:
    assert parse_link(link) == place


@settings(deadline=None)
@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=60))
@example("0", "/")
def test_a_copied_link_leads_back(client: str, path: str) -> None:
    assert parse_link(command_of(client_link(client))) == Place("clients", f"client:{client}")
    place = parse_link(command_of(file_link(client, f"/{path}")))
    assert place == Place("files", f"path:{client}:/{path}")


def test_filters_come_back() -> None:
    place = parse_link(filter_link("clients", state="failed", text="a & b", other=""))
    assert place is not None
    assert filters_of(place.show) == {"state": "failed", "text": "a & b"}
    assert filters_of("client:7") is None
