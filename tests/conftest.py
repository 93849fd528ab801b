"""How a parallel run shares out the tests: what must not meet, and what is dear to prepare twice."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling


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
