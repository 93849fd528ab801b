"""The colours of states can be read in both themes, and every state has a look."""

import re
from enum import StrEnum
from pathlib import Path

import flet as ft
import pytest

import ui
from streams.model import vocabulary
from tests.ui.harness import PageHarness
from ui.base import schemes
from ui.base.context import SessionPrefs
from ui.base.theme import (
    FACE,
    FIELD_LINE,
    FONTS,
    STRONG_FACE,
    WINDOW_FONTS,
    Density,
    Tone,
    look,
    states_with_looks,
    text_style,
)
from ui.components.orders import HELD_BACK
from ui.shell.app import dress

ASSETS = Path(ui.__file__).parent / "assets"
_SCHEMES = {"light": schemes.LIGHT, "dark": schemes.DARK}
_SURFACES = ("surface", "surface_container_lowest", "surface_container", "surface_bright")


def _field(role: ft.Colors) -> str:
    return role.name.lower()


def _luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_knows_its_ends() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#777777") == pytest.approx(1)


@pytest.mark.parametrize("name", list(_SCHEMES))
@pytest.mark.parametrize("surface", _SURFACES)
@pytest.mark.parametrize("tone", list(Tone))
def test_states_can_be_read_on_every_surface(name: str, surface: str, tone: Tone) -> None:
    scheme = _SCHEMES[name]
    ratio = contrast(getattr(scheme, _field(tone.color)), getattr(scheme, surface))
    assert ratio >= 4.5, f"{tone} on {surface}, {name}: {ratio:.2f}"


@pytest.mark.parametrize("name", list(_SCHEMES))
@pytest.mark.parametrize(
    ("ink", "surface"),
    [
        *(("on_surface", s) for s in _SURFACES),
        *(("on_surface_variant", s) for s in _SURFACES),
        ("on_surface", "secondary_container"),
        ("on_error_container", "error_container"),
        ("on_primary", "primary"),
        ("on_error", "error"),
        ("primary", "surface_container_lowest"),
    ],
)
def test_words_can_be_read(name: str, ink: str, surface: str) -> None:
    scheme = _SCHEMES[name]
    assert contrast(getattr(scheme, ink), getattr(scheme, surface)) >= 4.5


@pytest.mark.parametrize("name", list(_SCHEMES))
def test_states_can_be_read_in_a_selected_row(name: str) -> None:
    scheme = _SCHEMES[name]
    for tone in Tone:
        assert contrast(getattr(scheme, _field(tone.color)), scheme.secondary_container or "") >= 4.5, tone


_INKS = ("on_surface", "on_surface_variant", "primary", *(_field(tone.color) for tone in Tone))
_GROUNDS = (*_SURFACES, "secondary_container")


@pytest.mark.parametrize("name", list(_SCHEMES))
@pytest.mark.parametrize("stale", [False, True])
def test_every_ink_can_be_read_on_every_ground_fresh_and_stale(name: str, stale: bool) -> None:
    scheme = schemes.faded(_SCHEMES[name]) if stale else _SCHEMES[name]
    poor = {
        f"{ink} on {ground}": round(ratio, 2)
        for ink in _INKS
        for ground in _GROUNDS
        if (ratio := contrast(getattr(scheme, ink), getattr(scheme, ground))) < 4.5
    }
    assert not poor


@pytest.mark.parametrize("name", list(_SCHEMES))
def test_what_is_stale_looks_other_than_what_is_fresh(name: str) -> None:
    scheme = _SCHEMES[name]
    for ink in ("on_surface", "error", "tertiary_fixed", "primary_fixed"):
        assert getattr(schemes.faded(scheme), ink) != getattr(scheme, ink)


@pytest.mark.parametrize("name", list(_SCHEMES))
def test_borders_of_fields_and_rings_of_focus_can_be_seen(name: str) -> None:
    assert (FIELD_LINE, schemes.FOCUS_RING.color) == (ft.Colors.OUTLINE, ft.Colors.PRIMARY)
    scheme = _SCHEMES[name]
    for ground in _GROUNDS:
        for line in ("outline", "primary"):
            assert contrast(getattr(scheme, line), getattr(scheme, ground)) >= 3, (line, ground)
    # A filled button has its ring between its own colour and the page.
    assert contrast(str(scheme.on_surface), str(scheme.surface)) >= 3


@pytest.mark.parametrize("name", list(_SCHEMES))
def test_icons_of_orders_held_back_can_be_seen_and_words_over_tints_read(name: str) -> None:
    scheme = _SCHEMES[name]
    for ground in (str(getattr(scheme, surface)) for surface in _GROUNDS):
        for ink in ("on_surface_variant", "primary", "error"):
            icon = schemes.mixed(ground, str(getattr(scheme, ink)), HELD_BACK)
            assert contrast(icon, ground) >= 3, (ink, ground)
    for tone in Tone:
        for surface in _SURFACES:
            ground = schemes.mixed(getattr(scheme, surface), getattr(scheme, _field(tone.color)), 0.12)
            for ink in ("on_surface", "on_surface_variant"):
                assert contrast(getattr(scheme, ink), ground) >= 4.5, (tone, surface, ink)
    disabled = schemes.mixed(str(scheme.surface_container_lowest), str(scheme.on_surface), 0.12)
    assert contrast(str(scheme.on_surface_variant), disabled) >= 4.5, "a filled button that is held back"


def test_no_opacity_lies_over_words() -> None:
    """Opacity takes contrast away; words that are to be quiet have an ink for that."""
    may = {"orders.py", "states.py", "state_layers.py"}  # icons, the fade of a skeleton
    found = [
        f"{path.name}:{number}"
        for path in sorted(Path(ui.__file__).parent.rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"[\s.(]opacity\s*=(?!=)", line) and path.name not in may
    ]
    assert found == []


def test_the_weights_that_are_used_are_shipped() -> None:
    """A weight that no face has is thickened by the client, which blurs it."""
    for path in Path(ui.__file__).parent.rglob("*.py"):
        for weight in re.findall(r"FontWeight\.(\w+)", path.read_text()):
            assert weight == "W_400" or (weight, path.name) == ("W_600", "theme.py"), path
        for line in path.read_text().splitlines():
            assert "weight=STRONG" not in line or path.name == "theme.py" or "STRONG_FACE" in path.read_text()
    for scheme in _SCHEMES.values():
        styles = schemes.theme_of(scheme).text_theme
        assert styles is not None
        for role in (
            "body_medium",
            "label_large",
            "label_medium",
            "label_small",
            "title_medium",
            "title_small",
        ):
            assert getattr(styles, role).weight is ft.FontWeight.W_400, role
    assert text_style(strong=True).font_family == STRONG_FACE
    assert _weight_of(ASSETS / FONTS[STRONG_FACE]) == 600
    assert _weight_of(ASSETS / WINDOW_FONTS[FACE]) == 400
    assert (ASSETS / "fonts/Roboto-SemiBold-OFL.txt").is_file()


def _weight_of(file: Path) -> int:
    """Return ``usWeightClass`` of the table OS/2 of a TrueType font."""
    font = file.read_bytes()
    for number in range(int.from_bytes(font[4:6])):
        entry = font[12 + 16 * number : 28 + 16 * number]
        if entry[:4] == b"OS/2":
            offset = int.from_bytes(entry[8:12])
            return int.from_bytes(font[offset + 4 : offset + 6])
    raise AssertionError(f"{file} has no table OS/2")


@pytest.mark.parametrize(
    "states",
    [
        vocabulary.ClientState,
        vocabulary.RunState,
        vocabulary.FileState,
        vocabulary.ServerState,
        vocabulary.TransferState,
        vocabulary.LinkState,
        vocabulary.Health,
    ],
)
def test_every_state_has_word_icon_and_tone(states: type[StrEnum]) -> None:
    for state in states:
        assert look(state).word
        assert isinstance(look(state).tone, Tone)


def test_the_same_word_of_different_subjects_keeps_its_own_look() -> None:
    assert look(vocabulary.ServerState.RUNNING).tone is Tone.OK
    assert look(vocabulary.RunState.RUNNING).tone is Tone.BUSY


def test_one_word_has_one_look_within_a_subject() -> None:
    for looks in states_with_looks().values():
        words = [shown.word for shown in looks.values()]
        assert len(words) == len(set(words))


def test_sixty_rows_fit_as_promised() -> None:
    assert Density.COMPACT.row_height * 30 <= 1080 - 48
    assert [d.row_height for d in Density] == [44, 36, 30]


async def test_a_page_has_its_look_and_the_theme_chosen_last_before_anything_is_on_it() -> None:
    async with PageHarness.open() as h:
        prefs = SessionPrefs()
        dress(h.page, prefs=prefs, theme="light")
        assert (h.page.theme_mode, h.page.dark_theme) == (ft.ThemeMode.LIGHT, schemes.theme_of(schemes.DARK))
        prefs.put("shell.theme", "dark")
        dress(h.page, prefs=prefs, theme="light")
        assert h.page.theme_mode is ft.ThemeMode.DARK
        assert not h.page.controls


@pytest.mark.parametrize("web", [True, False])
async def test_words_have_one_face_in_browsers_and_windows(web: bool) -> None:
    async with PageHarness.open(web=web) as harness:
        dress(harness.page, prefs=SessionPrefs(), theme="light")
        page = harness.page
        assert page.theme is not None and page.dark_theme is not None and page.fonts is not None
        assert page.theme.font_family == page.dark_theme.font_family == FACE
        assert (FACE in page.fonts) is not web  # the client program for browsers has it
        assert all((ASSETS / file).is_file() for file in page.fonts.values())
