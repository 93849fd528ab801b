"""The words that lead to a part of the files, as filters."""

from dataclasses import dataclass, field, replace

from streams.model.vocabulary import FileState
from ui.base.deep_links import file_of, filters_of
from ui.views.files.present import ANY, FileFilter, kept_filter

CARDS = ("unverified", "recent")
"""Cards that somebody can be led to; each is a filter of its own."""


@dataclass(frozen=True, slots=True)
class Led:
    """What to show."""

    filter: FileFilter = field(default_factory=FileFilter)
    """Of whom is told by ``client``, where only the files of one are meant."""
    client: str = ""
    """Name or id."""
    path: str = ""
    """The file to open."""
    card: str = ""
    transfers: bool = False
    """Whether the transfers are meant, and the files stay as they are."""


def led_to(show: str) -> Led | None:
    """Return what to show for ``Place.show``; None for what is no word.

    ``transfers``, ``all``, ``unverified``, ``recent``, a state, ``client:NAME``, ``path:NAME:PATH``,
    ``file:TEXT``, or filters as a link has them: ``?state=damaged&text=…``.
    """
    filters, of_client = filters_of(show), file_of(show)
    word, _, rest = show.partition(":")
    if filters is not None:
        chosen = kept_filter({"client_id" if key == "client" else key: each for key, each in filters.items()})
        if chosen == FileFilter():
            return None
        client = "" if chosen.client_id == ANY else chosen.client_id
        return Led(replace(chosen, client_id=ANY), client)
    if of_client is not None:
        client, path = of_client
        return Led(FileFilter(text=path), client, path)
    if word == "client" and rest:
        return Led(client=rest)
    if word == "file" and rest:
        return Led(FileFilter(text=rest))
    if word in {state.value for state in FileState}:
        return Led(FileFilter(state=word))
    if word in CARDS:
        return Led(card=word)
    return {"all": Led(), "transfers": Led(transfers=True)}.get(word)
