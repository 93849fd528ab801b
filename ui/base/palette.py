"""Offers of the palette, and how well they match what is typed; pure, the drawing is a component."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import flet as ft
from rapidfuzz import fuzz, utils
from reactivex import Observable

from streams.model.vocabulary import Scope
from ui.base.permissions import Permissions

ALL_PERMISSIONS: Final = Permissions()
MAX_OF_A_GROUP: Final = 5
MAX: Final = 12
_CUTOFF: Final = 52.0
_LIKE_WORD: Final = 75.0
"""From here on two words may be the same one, misspelt."""


@dataclass(frozen=True, slots=True)
class PaletteEntry:
    """One thing that can be chosen."""

    group: str
    """Where it is listed: Views, Clients, Files, Actions, Settings, Tables, …"""
    label: str
    icon: ft.IconData
    run: Callable[[], Any]
    detail: str = ""
    """What stands behind it, in small."""
    words: str = ""
    """Other words by which it is found."""
    keys: str = ""
    """The keys that do the same."""
    at_rest: bool = True
    """Whether it is offered before anything is typed."""
    weight: float = 1.0
    """Under 1 for what should stand behind others that fit as well."""
    needs: Scope | None = None
    """The scope that it takes, where it is an order to the server."""
    refused: str = ""
    """Why it cannot be chosen; empty where it can."""


Provider = Callable[[], Iterable[PaletteEntry]]
"""Gives what a part of the console offers now; called each time the palette opens."""
Search = Callable[[str], Observable[Sequence[PaletteEntry]]]
"""Looks something up that is not at hand; what it gives counts as fitting."""


class Palette:
    """The registry: parts of the console offer entries and searches under a name of their own."""

    def __init__(self) -> None:
        self._providers: dict[str, Provider] = {}
        self._searches: dict[str, Search] = {}

    def offer(self, name: str, provider: Provider) -> None:
        """Offer entries; a second offer of that name takes the place of the first."""
        self._providers[name] = provider

    def offer_search(self, name: str, search: Search) -> None:
        """Offer a search; a second offer of that name takes the place of the first."""
        self._searches[name] = search

    @property
    def searches(self) -> dict[str, Search]:
        """All searches by name."""
        return dict(self._searches)

    def entries(self, permissions: Permissions = ALL_PERMISSIONS) -> Iterator[PaletteEntry]:
        """Give everything that is offered now: no order to a server that is lost, and of those that the token
        does not allow, why not."""
        for provider in list(self._providers.values()):
            for entry in provider():
                if entry.needs is None:
                    yield entry
                elif not permissions.lost:
                    yield replace(entry, refused=permissions.refusal(entry.needs))


def score(query: str, entry: PaletteEntry) -> float:
    """Return how well an entry fits, 0 to 100; 0 is not at all. ``query`` is casefolded and stripped."""
    label = entry.label.casefold()
    if label == query:
        return 99.0 + entry.weight  # before all that only contains it, whatever its weight
    if label.startswith(query):
        best = 95.0
    elif _begins_words(query, label):
        best = 88.0
    elif query in label:
        best = 80.0
    elif _begins_words(query, f"{label} {entry.words.casefold()} {entry.detail.casefold()}"):
        best = 72.0
    else:
        best = 0.7 * _alike(query, label)
    best *= entry.weight
    return best if best >= _CUTOFF * entry.weight and best > 0 else 0.0


def _begins_words(query: str, text: str) -> bool:
    """Whether each word of the query begins a word of the text."""
    asked, words = _words_of(query), _words_of(text)
    return bool(asked) and all(any(word.startswith(part) for word in words) for part in asked)


def _alike(query: str, label: str) -> float:
    """Return the likeness of what may be misspelt: with the label, a word of it, or word by word."""
    if len(query) < 3:
        return 0.0
    words = [word for word in label.split() if abs(len(word) - len(query)) <= 2]
    wholes = (fuzz.ratio(query, label), *(fuzz.ratio(query, word) for word in words))
    return max(*wholes, _alike_by_words(_words_of(query), label))


def _alike_by_words(asked: Sequence[str], label: str) -> float:
    """Return the mean likeness of each word with the one it is most like; 0 where one is like none.

    Two words of the label may be written as one: what is called "back up" is looked for as "backup".
    """
    words = _words_of(label)
    words += [one + other for one, other in pairwise(words)]
    total = 0.0
    for part in asked:
        best = max((_like_word(part, word) for word in words), default=0.0)
        if not best:
            return 0.0
        total += best
    return total / len(asked) if asked else 0.0


def _like_word(part: str, word: str) -> float:
    if word.startswith(part):
        return 100.0
    return fuzz.ratio(part, word, score_cutoff=_LIKE_WORD) if len(part) > 2 else 0.0


def _words_of(text: str) -> list[str]:
    return utils.default_process(text).split()


def ranked(
    query: str, entries: Iterable[PaletteEntry], found: Iterable[PaletteEntry] = ()
) -> list[PaletteEntry]:
    """Return what to show, group by group, the best group and in it the best entry first.

    ``found`` are answers of searches, which fit by themselves; they stand behind what fits by its name.
    """
    asked = query.strip().casefold()
    groups: dict[str, list[tuple[float, int, PaletteEntry]]] = {}
    if not asked:
        scored = ((1.0, entry) for entry in entries if entry.at_rest)
    else:
        scored = ((points, entry) for entry in entries if (points := score(asked, entry)))
    for number, (points, entry) in enumerate(scored):
        groups.setdefault(entry.group, []).append((-points, number, entry))
    for number, entry in enumerate(found):
        groups.setdefault(entry.group, []).append((-60.0 * entry.weight, 10_000 + number, entry))
    chosen: list[PaletteEntry] = []
    most = MAX_OF_A_GROUP if len(groups) > 1 else MAX
    for group in sorted(groups.values(), key=lambda rows: min(rows)[:2]):
        chosen += [entry for _, _, entry in sorted(group, key=lambda row: row[:2])[:most]]
    return chosen[:MAX]
