"""Sizes in words mean the same wherever they are written."""

import pytest

from app.runtime.sizes import bytes_of_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1500", 1500),
        ("12B", 12),
        ("500M", 500_000_000),
        ("500 MB", 500_000_000),
        ("1.5kB", 1500),
        ("4GiB", 4 << 30),
        (" 2tib ", 2 << 40),
        ("3Ki", 3072),
    ],
)
def test_a_size_is_a_number_with_a_unit(text: str, size: int) -> None:
    assert bytes_of_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "B", "x", "-1", "1X", "5iB", "1e9", "nan", "inf", "1.", "9" * 30, "1MM"]
)
def test_what_is_no_size_is_none(text: str) -> None:
    assert bytes_of_size(text) is None
