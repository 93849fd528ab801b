"""Links to a place in the console: ``clients/NAME``, ``clients?state=overdue``, ``files/NAME/PATH``, …

``tidewatch --open LINK`` starts there, the palette understands them, and row menus copy them. A client's
id stands as well where its name does.
"""

import re
import shlex
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from ui.base.context import Place

COMMAND: Final = "tidewatch --open "


def parse_link(text: str) -> Place | None:
    """Return the place that a link names, None if it is no link; whether its view exists is not asked."""
    link = text.strip().removeprefix(COMMAND).strip("'\" ").lstrip("/")
    end = min((at for at in (link.find("/"), link.find("?")) if at >= 0), default=len(link))
    view, rest = link[:end], link[end:]
    if not (view.isidentifier() and view.islower()):
        return None
    if rest.startswith("?"):
        return Place(view, rest if len(rest) > 1 else "")
    rest = rest.removeprefix("/")
    first, _, path = rest.partition("/")
    if view == "files" and first and path:  # each slash of a path counts, also one at its end
        return file_place(unquote(first), unquote(path))
    name = unquote(rest.strip("/"))
    return Place(view, f"client:{name}" if name and view in ("clients", "files") else name)


def file_place(client: str, path: str) -> Place:
    """Return the place of a file of a client, which is given by its id or its name."""
    return Place("files", f"path:{quote(client, safe='')}:{path}")


def file_of(show: str) -> tuple[str, str] | None:
    """Return the client and the path that ``Place.show`` carries, None if it is another word."""
    word, _, rest = show.partition(":")
    client, colon, path = rest.partition(":")
    return (unquote(client), path) if word == "path" and colon else None


def is_id(text: str) -> bool:
    """Whether a text is the id of a client rather than its name."""
    return re.fullmatch("[0-9a-f]{32}", text) is not None


def paths_meant(path: str) -> tuple[str, str]:
    """Return what the path of a link may stand for: in a link the slash before a whole path is left out."""
    return path, f"/{path}"


def client_link(name: str) -> str:
    """Return the link to a client's details."""
    return f"clients/{_readable(name, '/')}"


def file_link(client_name: str, path: str) -> str:
    """Return the link to a file of a client; ``paths_meant`` says what the path of a link may mean."""
    inside = path.removeprefix("/") or path
    return f"files/{_readable(client_name, '/')}/{_readable(inside)}"


def _readable(text: str, also: str = "") -> str:
    """Quote what would be read as something else; letters of any language stay as they are."""
    hidden = f"%'\"{also}"
    kept = "".join(c if c.isprintable() and c not in hidden else quote(c, safe="") for c in text)
    return f"{kept[:-1]}%20" if kept.endswith(" ") else kept


def filter_link(view: str, **filters: str) -> str:
    """Return the link to a view with filters."""
    given = {key: value for key, value in filters.items() if value}
    return f"{view}?{urlencode(given)}" if given else view


def filters_part(**filters: str) -> str:
    """Return the part of a link that holds filters, with its question mark; "" where none is set."""
    return filter_link("", **filters)


def filters_of(show: str) -> dict[str, str] | None:
    """Return the filters that ``Place.show`` carries, None if it is another word."""
    return dict(parse_qsl(show[1:])) if show.startswith("?") else None


def command_of(link: str) -> str:
    """Return the command line that opens a link, as it is copied; quoted for a shell where it needs to be."""
    return COMMAND + shlex.quote(link)
