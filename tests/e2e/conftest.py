"""Chromium for every browser test, or a clear word why it is not there."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.e2e.driver import CHROMIUM, open_browser
from tests.programs import needed


@pytest.fixture(scope="session")
def chromium_path() -> str:
    return needed(*CHROMIUM)


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    async with open_browser(chromium_path) as started:
        yield started
