"""Every setting is in the README, so that nobody has to read the source to find it."""

import pytest

from app.config.settings import ENVIRONMENT_PREFIX, Settings
from tests.architecture.sources import ROOT

README = ROOT / "README.md"
NAMES = [
    (section, key)
    for section, outer in Settings.model_fields.items()
    for key in getattr(outer.annotation, "model_fields", {})
]


@pytest.fixture(scope="module")
def readme() -> str:
    if not README.exists():
        pytest.skip("there is no README yet")
    return README.read_text(encoding="utf-8")


@pytest.mark.parametrize(("section", "key"), NAMES, ids=[f"{s}.{k}" for s, k in NAMES])
def test_the_readme_names_the_setting(readme: str, section: str, key: str) -> None:
    assert f"`{section}.{key}`" in readme, f"README.md does not name `{section}.{key}`"


def test_the_readme_says_how_the_environment_names_a_setting(readme: str) -> None:
    assert ENVIRONMENT_PREFIX in readme


def test_every_setting_is_described() -> None:
    undescribed = [
        f"{section}.{key}"
        for section, outer in Settings.model_fields.items()
        for key, field in getattr(outer.annotation, "model_fields", {}).items()
        if not field.description
    ]
    assert not undescribed
