"""Letters that the page's own fonts do not have, from the fonts of this machine and from nowhere else.

For such letters the client program asks for fonts of Google's Noto family, in parts of some hundred letters
each: ``assets/fonts/notosansjp/v55/…4.woff2``. What it gets is a whole font file that fontconfig knows here
and that has these letters; 404 where there is none, as everywhere without fontconfig: then the letters stay
boxes. Of the request nothing but the name of the family is used, and that only to choose from the list.
"""

import asyncio
import re
import subprocess
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any, Final

import structlog
from starlette.responses import FileResponse, PlainTextResponse

log = structlog.stdlib.get_logger(__name__)

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LIST_S = 5.0
"""How long fontconfig may take to tell what there is; after that it is asked again by the next page."""
MAX_BYTES = 48 * 1024 * 1024
"""Files larger than this are not sent: the client program holds all of it in memory."""
COVERS_GROUP: Final = (b"x-covers", b"group")
"""Header that says: this file has the letters of all families of its group; the page asks for no other."""
_REQUEST = re.compile(
    r"/assets/fonts/(noto[a-z0-9]{1,60})/v\d{1,4}/[A-Za-z0-9_-]{1,200}(?:\.\d{1,4})?\.(?:woff2|ttf|otf)"
)
_READABLE = (".ttf", ".otf", ".ttc")
_HAN: Final = "3042 4e2d 4eec 5011 ac00"
"""Letters of Japanese, Chinese and Korean: a font that has them all serves all three."""
_LETTERS: Final[dict[str, tuple[str, ...]]] = {
    "notosans": ("905 1f00", "905", "1f00"),  # as it is asked for, it is also that of Devanagari
    "notosansjp": (_HAN, "3042 4e2d"),
    "notosanssc": (_HAN, "4e2d 4eec"),
    "notosanstc": (_HAN, "4e2d 5011"),
    "notosanshk": (_HAN, "4e2d 5011"),
    "notosanskr": (_HAN, "ac00"),
    "notocoloremoji": ("1f600",),
    "notosansarabic": ("627",),
    "notosansarmenian": ("531",),
    "notosansbengali": ("985",),
    "notosansethiopic": ("1200",),
    "notosansgeorgian": ("10d0",),
    "notosansgujarati": ("a85",),
    "notosansgurmukhi": ("a05",),
    "notosanshebrew": ("5d0",),
    "notosanskannada": ("c85",),
    "notosanskhmer": ("1780",),
    "notosanslao": ("e81",),
    "notosansmalayalam": ("d05",),
    "notosansmath": ("2203",),
    "notosansmyanmar": ("1000",),
    "notosanssinhala": ("d85",),
    "notosanssymbols": ("2605",),
    "notosanssymbols2": ("2713",),
    "notosanstamil": ("b85",),
    "notosanstelugu": ("c05",),
    "notosansthaana": ("780",),
    "notosansthai": ("e01",),
}
"""Letters that a font must have to be sent in the place of a family, the best choice first.

Families that are not named here are only replaced by themselves.
"""


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a font file, as fontconfig tells of it."""

    file: Path
    families: tuple[str, ...]
    """Lower case, without spaces."""
    style: str


class FontsOfThisMachine:
    """Chooses a file for a family, and keeps what was found."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Path | None, bool]] = {}
        self._asking = asyncio.Lock()

    async def file_for(self, family: str) -> tuple[Path | None, bool]:
        """Return the file with the letters of ``family``, and whether it has those of its whole group."""
        async with self._asking:
            if family not in self._found:
                try:
                    found = await asyncio.to_thread(_look, family)
                except (OSError, subprocess.SubprocessError) as error:
                    log.info("no_fonts", family=family, reason=str(error))
                    if isinstance(error, subprocess.TimeoutExpired):
                        return None, False
                    found = None, False
                self._found[family] = found
            return self._found[family]


def _look(family: str) -> tuple[Path | None, bool]:
    for letters in _LETTERS.get(family, ()):
        if (file := chosen(family, _faces(f":charset={letters}"))) is not None:
            return file, letters == _HAN
    if family in _LETTERS:
        return None, False
    return chosen(family, [face for face in _faces() if family in face.families]), False


def _faces(*pattern: str) -> list[Face]:
    """Return the faces that fontconfig knows; raises OSError or SubprocessError."""
    words = ["fc-list", "--format", r"%{file}\t%{family}\t%{style}\n", *pattern]
    told = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIST_S, check=True)
    return [face for line in told.stdout.decode(errors="replace").splitlines() if (face := _face(line))]


def _face(line: str) -> Face | None:
    file, _, rest = line.partition("\t")
    families, _, style = rest.partition("\t")
    if not file.lower().endswith(_READABLE):
        return None
    names = tuple(name.replace(" ", "").lower() for name in families.split(","))
    return Face(Path(file), names, style.lower())


def chosen(family: str, faces: Iterable[Face]) -> Path | None:
    """Return the best file for ``family`` among faces that have its letters; None where there is none."""
    best = min(faces, key=lambda face: _unlike(family, face), default=None)
    return best.file if best is not None else None


def _unlike(family: str, face: Face) -> tuple[bool, bool, bool, bool, str]:
    """Return what speaks against a face, the weightiest first."""
    names = face.families
    return (
        family not in names,
        not any(style in face.style for style in ("regular", "book", "normal", "roman")),
        not any(name.startswith(("notosans", "notocolor")) for name in names),
        any(word in name for name in names for word in ("serif", "mono", "condensed", "narrow")),
        str(face.file),
    )


class FallbackFonts:
    """Answers the page's questions for fonts, and hands all other requests on."""

    def __init__(self, app: AsgiApp, path: str) -> None:
        self._app, self._path, self._fonts = app, path, FontsOfThisMachine()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Send a font, or 404 where there is none."""
        family = self._asked(scope)
        if family is None:
            await self._app(scope, receive, send)
            return
        file, whole = await self._fonts.file_for(family)
        response = await asyncio.to_thread(_response, file)
        if whole:
            response.raw_headers.append(COVERS_GROUP)
        await response(scope, receive, send)

    def _asked(self, scope: MutableMapping[str, Any]) -> str | None:
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or scope["method"] != "GET" or not path.startswith(self._path):
            return None
        found = _REQUEST.fullmatch(path.removeprefix(self._path))
        return found[1] if found else None


def _response(file: Path | None) -> FileResponse | PlainTextResponse:
    try:
        known = file.stat() if file is not None else None
        if file is not None and known and S_ISREG(known.st_mode) and known.st_size <= MAX_BYTES:
            with file.open("rb"):  # fontconfig also tells of what this user may not read
                pass
            return FileResponse(file, media_type="font/ttf", stat_result=known)
    except OSError as error:
        log.info("font_unreadable", file=str(file), reason=str(error))
    return PlainTextResponse("no such font here", status_code=404)
