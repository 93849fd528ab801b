"""Every background task has an owner that learns of its death, and endless work is taken up again."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import calls, dotted, modules, parsed, place, text

STARTS = (
    "create_task", "ensure_future", "run_coroutine_threadsafe", "run_in_executor", "start_soon", "Thread",
)  # fmt: skip
OWNED = {
    "app/agent/backup.py::run": "awaited there, and its failure is how the backup ended",
    "app/agent/content_source.py::open_source": "awaited there, and closed where its caller leaves",
    "app/agent/foreground.py::_end": "daemon thread that only prints",
    "app/agent/restore.py::_blocking": "awaited there, to its end",
    "app/agent/service.py::_reachable": "waits for an event, cancelled there",
    "app/database/connection.py::close": "awaited there",
    "app/database/connection.py::run": "awaited there, and interrupted where its caller leaves",
    "app/database/answers.py::_with_last": "awaited there",
    "app/bridge/socket.py::read": "cuts the socket when it fails, of which the reader learns",
    "app/catalogue/readers.py::read": "awaited there",
    "app/catalogue/transaction.py::ask": "its result is waited for",
    "app/catalogue/writer.py::open": "survives whatever a write raises, see test_writer",
    "app/catalogue/writer.py::_in_thread": "awaited there",
    "app/console/composition.py::run_task": "the page's own future, given to who asked",
    "app/fleet/child.py::_serve": "awaited there: the process ends with it, and has a successor",
    "app/fleet/child.py::_live": "waits for an event, cancelled there",
    "app/fleet/child.py::_stop_with_parent": "ends the process, also where it fails",
    "app/fleet/client.py::_stay": "awaited there",
    "app/server/shutdown.py::_told": "cuts a process that does not end",
    "app/server/running.py::end_by_agents": "wait for events, cancelled there",
    "app/server/sockets.py::first_of": "awaited there",
    "app/store/receive_buffer.py::_start": "awaited before the next frame and at the end",
    "app/store/intake.py::_receive": "awaited there, to its end",
    "app/store/intake.py::receive_many": "awaited there, to its end",
    "app/store/threads.py::run": "awaited there, to its end",
    "app/store/threads.py::taken": "awaited there, to its end",
    "app/runtime/tasks.py::start": "kept, and its failure is logged",
    "app/runtime/tasks.py::to_its_end": "awaited there, to its end",
    "app/console/start_report.py::step": "cancelled and awaited there",
    "app/console/front.py::ready": "wait for events, cancelled there",
    "app/console/launch.py::_first_to_end": "awaited there, to its end",
    "app/console/launch.py::_show": "awaited there, to its end: the program ends with it",
    "app/console/web_handouts.py::_give": "ended and awaited there",
    "app/console/web.py::serve_web": "awaited there: the console ends with it",
    "streams/operators/spawning.py::spawn": "its end is handed to the observer",
    "ui/base/bound_view.py::act": "what it raises is caught, reported and said",
}
"""What starts something in the background, and who learns how it ends. A new one needs its row."""


def _functions(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Yield each node of a file with the name of the innermost function that it is in."""

    def walk(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else name
            yield inner, child
            yield from walk(child, inner)

    yield from walk(parsed(path), "")


def _started() -> Iterator[tuple[Path, str, ast.Call]]:
    """Yield what starts something in the background; a task group owns what it starts."""
    for path in modules():
        if not any(word in text(path) for word in STARTS):
            continue
        for name, node in _functions(path):
            if isinstance(node, ast.Call):
                called = dotted(node.func).split(".")
                if called[-1] in STARTS and called[0] != "group":
                    yield path, name, node


def test_each_background_task_has_an_owner() -> None:
    found = {f"{place(path)}::{name}" for path, name, _ in _started()}
    assert found - OWNED.keys() == set(), "started, and nobody is named who learns of its death"
    assert OWNED.keys() - found == set(), "these are not there any more"


def _endless() -> dict[Path, set[str]]:
    """Return by file the names of coroutines that never return by themselves."""
    found: dict[Path, set[str]] = {path: set() for path in modules()}
    for path in modules():
        if "while True" not in text(path):
            continue
        for name, node in _functions(path):
            if isinstance(node, ast.While) and isinstance(node.test, ast.Constant):
                leaves = any(isinstance(each, ast.Return | ast.Break) for each in ast.walk(node))
                found[path] |= set() if leaves else {name}
    return found


def test_endless_work_is_kept_and_not_merely_started() -> None:
    endless = _endless()
    anywhere = {name for names in endless.values() for name in names}
    assert {"sweep", "conduct", "make_events"} <= anywhere
    started: list[str] = []
    for path in modules():
        if ".start(" not in text(path):
            continue
        for call, name in calls(path):
            given = call.args[0] if call.args else None
            if name.split(".")[-1] != "start" or not isinstance(given, ast.Call):
                continue
            *owner, work = dotted(given.func).split(".")
            if work in (endless[path] if owner == ["self"] else anywhere):
                started.append(f"{place(path, call)} starts {work}")
    assert not started, f"use Tasks.keep, which takes it up again: {started}"
