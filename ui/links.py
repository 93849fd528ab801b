"""Links to a place in the console: ``clients/ID``, ``clients?state=overdue``, ``files/ID/PATH``, ``logs?…``.

``python -m app --open LINK`` starts there, the palette understands them, and row menus copy them.
"""

from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from ui.context import Place

COMMAND: Final = "python -m app --open "


def parse_link(text: str) -> Place | None:
    """Return the place that a link names, None if it is no link; whether its view exists is not asked."""
    link = text.strip().removeprefix(COMMAND).strip("'\" ").lstrip("/")
    end = min((at for at in (link.find("/"), link.find("?")) if at >= 0), default=len(link))
    view, rest = link[:end], link[end:]
    if not (view.isidentifier() and view.islower()):
        return None
    if rest.startswith("?"):
        return Place(view, rest if len(rest) > 1 else "")
    return Place(view, _shown(view, rest.removeprefix("/")))


def _shown(view: str, rest: str) -> str:
    first, _, path = rest.partition("/")
    if view == "files" and first and path:  # each slash of a path counts, also one at its end
        return f"path:{unquote(first)}:{unquote(path)}"
    name = unquote(rest.strip("/"))
    return f"client:{name}" if name and view in ("clients", "files") else name


def client_link(client_id: str) -> str:
    """Return the link to a client's details."""
    return f"clients/{quote(client_id, safe='')}"


def file_link(client_id: str, path: str) -> str:
    """Return the link to a file of a client."""
    return f"files/{quote(client_id, safe='')}/{quote(path, safe='/')}"


def filter_link(view: str, **filters: str) -> str:
    """Return the link to a view with filters."""
    given = {key: value for key, value in filters.items() if value}
    return f"{view}?{urlencode(given)}" if given else view


def filters_of(show: str) -> dict[str, str] | None:
    """Return the filters that ``Place.show`` carries, None if it is another word."""
    return dict(parse_qsl(show[1:])) if show.startswith("?") else None


def command_of(link: str) -> str:
    """Return the command line that opens a link, as it is copied."""
    plain = all(char.isalnum() or char in "/-_.~%" for char in link)
    return COMMAND + (link if plain else f"'{link}'")
