"""The import contracts hold, also when a module is imported in a fresh process."""

import subprocess
import sys

from tests.architecture.sources import ROOT, imports, modules, place

MAY_IMPORT_UI = ("app/console/composition.py", "app/console/front.py")

IMPORT_ALL = """
import importlib, pkgutil, sys
for package in map(importlib.import_module, sys.argv[1].split(",")):
    inside = pkgutil.walk_packages(getattr(package, "__path__", ()), package.__name__ + ".")
    for name in (module.name for module in inside if ".migrations" not in module.name):
        importlib.import_module(name)
print(",".join(sorted({name.split(".")[0] for name in sys.modules} & set(sys.argv[2].split(",")))))
"""


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )


def _foreign(packages: str, forbidden: str) -> str:
    done = _run("-c", IMPORT_ALL, packages, forbidden)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_contracts_hold() -> None:
    done = _run("-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def test_streams_load_without_toolkit_network_or_database() -> None:
    assert _foreign("streams", "flet,aiohttp,aiosqlite,sqlalchemy,app,ui") == ""


def test_ui_loads_without_network_or_database() -> None:
    assert _foreign("ui", "aiohttp,aiosqlite,sqlalchemy,app") == ""


def test_the_far_end_loads_without_a_screen() -> None:
    far_end = ("app.server", "app.agent", "app.catalogue", "app.store", "app.fleet")
    assert _foreign(",".join(far_end), "flet,flet_web,reactivex,ui") == ""


def test_the_command_line_starts_without_loading_what_it_may_not_need() -> None:
    assert _foreign("app.__main__", "flet,aiohttp,sqlalchemy,reactivex") == ""


def test_only_the_console_imports_the_screen() -> None:
    found = [
        place(path, node)
        for path in modules("app")
        for node, name in imports(path)
        if name.split(".")[0] == "ui" and path.relative_to(ROOT).as_posix() not in MAY_IMPORT_UI
    ]
    assert not found, found
