"""Letters that the page has no font for come from the fonts of this machine, and nothing else does."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.console import web_fonts
from app.console.web_fonts import FallbackFonts

TOKEN = "/q3Zk-8"
PART = "v37/k3kCo84MPvpLmixcA63oeAL7Iqp5IZJF9bmaG9_FnYkl.4.woff2"
FACES = {
    "": "{0}/NotoSansThaana.ttf\tNoto Sans Thaana\tBold\n{0}/NotoSansYi.ttf\tNoto Sans Yi\tRegular\n",
    "5d0": (
        "{0}/DejaVuSansMono.ttf\tDejaVu Sans Mono\tBook\n"
        "{0}/NotoSansHebrew-Bold.ttf\tNoto Sans Hebrew\tBold\n"
        "{0}/fixed.pcf.gz\tFixed\tRegular\n"
        "{0}/NotoSerifHebrew.ttf\tNoto Serif Hebrew\tRegular\n"
        "{0}/NotoSansHebrew.ttf\tNoto Sans Hebrew,נוטו\tRegular,Standard\n"
    ),
    "627": "{0}/NotoSerifArabic.ttf\tNoto Serif Arabic\tRegular\n{0}/DejaVuSans.ttf\tDejaVu Sans\tBook\n",
    "3042 4e2d 4eec 5011 ac00": "{0}/NotoSansCJK.ttc\tNoto Sans CJK JP\tRegular\n",
    "e01": "{0}/Gone.ttf\tNoto Sans Thai\tRegular\n",
    "1f600": "{0}/Large.ttf\tNoto Color Emoji\tRegular\n",
}


class Page:
    """Asks as the page does, of fonts in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.failing: list[Exception] = []
        self.app = FallbackFonts(self._next, TOKEN)
        for name in ("NotoSansHebrew.ttf", "NotoSansYi.ttf", "DejaVuSans.ttf", "NotoSansCJK.ttc"):
            (folder / name).write_bytes(name.encode())

    def run(self, words: Sequence[str], **_options: Any) -> "subprocess.CompletedProcess[bytes]":
        if self.failing:
            raise self.failing.pop()
        letters = words[3].removeprefix(":charset=") if len(words) > 3 else ""
        self.asked.append(letters)
        told = FACES.get(letters, "").format(self.folder).encode()
        return subprocess.CompletedProcess(words, 0, told, b"")

    async def get(self, path: str, method: str = "GET") -> tuple[int, bytes, dict[bytes, bytes]]:
        said: list[Any] = []

        async def send(message: Any) -> None:
            said.append(message)

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        asgi = {"version": "3.0", "spec_version": "2.4"}
        scope = {"type": "http", "method": method, "path": path, "headers": [], "asgi": asgi}
        await self.app(scope, receive, send)
        body = b"".join(message.get("body", b"") for message in said)
        return said[0]["status"], body, dict(said[0]["headers"])

    async def font(self, family: str) -> tuple[int, bytes]:
        status, body, _ = await self.get(f"{TOKEN}/assets/fonts/{family}/{PART}")
        return status, body

    @staticmethod
    async def _next(_scope: Any, _receive: Any, send: Callable[[Any], Any]) -> None:
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"not asked for fonts"})


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    page = Page(tmp_path)
    monkeypatch.setattr(web_fonts.subprocess, "run", page.run)
    monkeypatch.setattr(web_fonts, "MAX_BYTES", 20)
    (tmp_path / "Large.ttf").write_bytes(b"x" * 21)
    return page


@pytest.mark.parametrize(
    ("family", "file"),
    [
        ("notosanshebrew", "NotoSansHebrew.ttf"),
        ("notosansarabic", "DejaVuSans.ttf"),
        ("notosansjp", "NotoSansCJK.ttc"),
        ("notosanskr", "NotoSansCJK.ttc"),
        ("notosansyi", "NotoSansYi.ttf"),
    ],
)
async def test_a_family_is_the_font_here_that_has_its_letters(page: Page, family: str, file: str) -> None:
    assert await page.font(family) == (200, file.encode())


@pytest.mark.parametrize("family", ["notosanstamil", "notosansosage", "notosansthai", "notocoloremoji"])
async def test_what_there_is_no_font_for_is_not_found(page: Page, family: str) -> None:
    assert (await page.font(family))[0] == 404


async def test_a_font_that_this_user_may_not_read_is_not_found(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)  # not by its mode, which a superuser is not bound by
    assert (await page.font("notosanshebrew"))[0] == 404


async def test_the_page_is_told_which_font_serves_all_of_its_group(page: Page) -> None:
    for family, whole in (("notosanssc", True), ("notosanshebrew", False)):
        headers = (await page.get(f"{TOKEN}/assets/fonts/{family}/{PART}"))[2]
        assert (headers.get(b"x-covers") == b"group") is whole


async def test_each_family_is_looked_for_once(page: Page) -> None:
    for _ in range(3):
        await page.font("notosanshebrew")
        await page.font("notosanstamil")
    assert page.asked == ["5d0", "b85"]


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError("fc-list"), subprocess.CalledProcessError(1, "")],
    ids=["none", "fails"],
)
async def test_without_fontconfig_all_is_as_before(page: Page, error: Exception) -> None:
    page.failing.append(error)
    assert (await page.font("notosanshebrew"))[0] == 404
    assert (await page.font("notosanshebrew"))[0] == 404, "and it is not asked again"
    assert page.asked == []


async def test_a_fontconfig_that_takes_too_long_is_asked_again(page: Page) -> None:
    page.failing.append(subprocess.TimeoutExpired("fc-list", 5))
    assert (await page.font("notosanshebrew"))[0] == 404
    assert (await page.font("notosanshebrew"))[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        f"{TOKEN}/assets/fonts/roboto.woff2",
        f"{TOKEN}/assets/fonts/../../etc/passwd",
        f"{TOKEN}/assets/fonts/notosanshebrew/v37/../../../etc/passwd",
        f"{TOKEN}/assets/fonts/notosanshebrew/v37/../x.woff2",
        f"{TOKEN}/assets/fonts/notosanshebrew/v37/x.woff2/../../y.ttf",
        f"{TOKEN}/assets/fonts/notosanshebrew:charset=41/{PART}",
        f"{TOKEN}/assets/fonts/dejavusans/{PART}",
        f"{TOKEN}/x/assets/fonts/notosanshebrew/{PART}",
        f"/other/assets/fonts/notosanshebrew/{PART}",
        f"/assets/fonts/notosanshebrew/{PART}",
        f"{TOKEN}/assets/fonts/notosanshebrew/{PART}\n",
    ],
)
async def test_nothing_else_is_answered_here(page: Page, path: str) -> None:
    assert (await page.get(path))[0] == 299
    assert page.asked == []


async def test_fonts_can_only_be_read(page: Page) -> None:
    assert (await page.get(f"{TOKEN}/assets/fonts/notosanshebrew/{PART}", "POST"))[0] == 299
