"""A browser that takes each file that is handed out, as soon as it is waited for."""

from dataclasses import dataclass, field

from streams.model.zip_stream import Pieces


@dataclass
class Taking:
    """One file that waits."""

    browser: "FakeBrowser"
    name: str
    pieces: Pieces
    address: str = "download/ticket"

    async def taken(self) -> None:
        data = b"".join([piece async for piece in self.pieces()])
        self.browser.files.append((self.name, data))


@dataclass
class FakeBrowser:
    """Keeps what it took: names and bytes, in order."""

    files: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])

    def hand_out(self, name: str, pieces: Pieces) -> Taking:
        return Taking(self, name, pieces)
