"""Programs of others that tests run: without one its tests are skipped, or fail where all are required."""

import os
import shutil
from typing import Final, NoReturn

import pytest

REQUIRE: Final = "REQUIRE_PROGRAMS"


def required() -> bool:
    return os.environ.get(REQUIRE) == "1"


def found(*names: str) -> str | None:
    """Return the path of the first of these programs that this machine has."""
    return next((path for name in names if (path := shutil.which(name))), None)


def lacking(reason: str) -> NoReturn:
    """Skip the test for want of a program, or fail it where all programs are required."""
    if required():
        pytest.fail(f"{reason}, and {REQUIRE}=1 requires it", pytrace=False)
    pytest.skip(reason)


def needed(*names: str) -> str:
    """Return the path of the first of these programs; without any the test is skipped, or fails."""
    return found(*names) or lacking(f"not on this machine: {' or '.join(names)}")
