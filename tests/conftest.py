"""Kinds of tests by their folders, the place they write to, and their distribution over processes."""

import gc
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path, PurePath
from typing import Any, Final

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.programs import needed

KINDS: Final = {
    "slow": {"e2e", "faults"},
    "integration": {"integration", "catalogue", "databases", "fidelity", "server", "store"},
    "page": {"page"},
}
"""Folders by the kind of the tests in them, see the marks in pyproject.toml; all others are unit tests.

A single test among others says by its mark that it is an integration test.
"""
SPARED: Final = {"unit": {"slow", "integration", "page"}, "unit or page": {"slow", "integration"}}
"""Kinds that need not even be loaded for a choice of tests."""
MEMORY: Final = Path("/dev/shm")
ROOM: Final = 4 * 1024**3
"""So much must be free there; containers often have 64 MiB."""


def _write_to_memory() -> None:
    """Let ``tmp_path`` be in memory where there is room: what is synced a thousand times waits for a disk."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


_write_to_memory()
# How long an example takes says nothing on a machine that does other work too.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")
# A mounted view is a hundred thousand objects that refer to each other, and so is what is imported: with the
# thresholds of a program the collector takes a quarter of the time of the unit tests.
gc.set_threshold(100_000, 20, 1000)


def _kind(path: PurePath) -> str:
    """Return the kind of the tests in a file or folder, given from the root of the checkout."""
    folders = set(path.parts)
    return next((kind for kind, named in KINDS.items() if folders & named), "unit")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Spare quick tests the loading of all others; marks are given to what has been loaded."""
    spared = SPARED.get(config.getoption("markexpr"), ())
    return _kind(collection_path.relative_to(config.rootpath)) in spared or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test as what it is, before ``-m`` chooses."""
    for item in items:
        kind = _kind(PurePath(item.nodeid.partition("::")[0]).parent)
        if not (kind in ("unit", "page") and item.get_closest_marker("integration")):
            item.add_marker(getattr(pytest.mark, kind))


_reached: list[str] | None = None
"""What the running unit test has started or listens on; nothing else is looked at."""
_has_page = False
"""Whether the running test may have a page."""


def _note(call: Callable[..., Any], reaches: Callable[[Any], bool]) -> Callable[..., Any]:
    """Return ``call``, noted for the running unit test where its argument says that it reaches out."""

    @wraps(call)
    def noting(self: Any, *args: Any, **named: Any) -> Any:
        first = next(iter((*args, *named.values())), None)
        if _reached is not None and reaches(first):
            _reached.append(f"{call.__qualname__} {first!r}")
        return call(self, *args, **named)

    return noting


socket.socket.bind = _note(socket.socket.bind, lambda address: isinstance(address, tuple))
subprocess.Popen.__init__ = _note(subprocess.Popen.__init__, lambda _program: True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look for the programs that a test needs."""
    for mark in item.iter_markers("needs"):
        needed(*mark.args)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Hold quick tests to what they are: no program, no server, and a page only where it is said."""
    global _reached, _has_page  # noqa: PLW0603  (what is watched is not told which test runs)
    _has_page = item.get_closest_marker("page") is not None
    _reached = [] if _has_page or item.get_closest_marker("unit") else None
    umask = os.umask(0o022)  # a program that is run in this process makes its files private
    try:
        return (yield)
    finally:
        _reached = None
        os.umask(umask)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a quick test that has reached out."""
    result = yield
    assert not _reached, f"not a {'page' if _has_page else 'unit'} test, see tests/conftest.py: {_reached}"
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop() -> Iterator[Any]:
    """Keep what is loaded by now out of every full collection, and watch for pages if the toolkit is."""
    session = sys.modules.get("flet.messaging.session")
    if session is not None:
        session.Session.__init__ = _note(session.Session.__init__, lambda _link: not _has_page)
    gc.collect()
    gc.freeze()
    return (yield)


class _Sharing(LoadScopeScheduling):
    """One browser at a time, since two leave no processor to the programs they look at.

    The rules of the sources read and parse all of them once. Every other test goes to whoever is free.
    xdist's own groups are no help: pytest 9.2 does not let a mark change what a test is called.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith("tests/e2e/") and not file.endswith("_program.py"):
            return "tests/e2e"
        if file.startswith("tests/architecture/"):
            return "tests/architecture"
        return nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Share out so, unless another way is asked for."""
    return _Sharing(config, log) if config.getvalue("dist") == "load" else None
