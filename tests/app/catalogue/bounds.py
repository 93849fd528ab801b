"""Other bounds for the pages of files, so that a few files are searched like millions."""

from collections.abc import Mapping

import pytest

from app.catalogue import candidates, file_filter, file_pages, index_walk

MODULES = (candidates, file_filter, file_pages, index_walk)


def set_bounds(monkeypatch: pytest.MonkeyPatch, bounds: Mapping[str, int]) -> None:
    """Set constants, each in all modules that have it."""
    for name, value in bounds.items():
        users = [module for module in MODULES if hasattr(module, name)]
        assert users, name
        for module in users:
            monkeypatch.setattr(module, name, value)
