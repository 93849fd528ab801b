"""House rules that no linter can state, held over the whole source."""

import ast
import re

import pytest

from tests.architecture.sources import calls, dotted, imports, modules, nodes, place, text

LONGEST_FILE = 500
TIMED_OPERATORS = (
    "buffer_with_time", "buffer_with_time_or_count", "debounce", "delay", "delay_subscription", "interval",
    "delay_with_mapper", "sample", "skip_until_with_time", "skip_with_time", "skip_last_with_time",
    "take_last_with_time", "take_until_with_time", "take_with_time", "throttle_first", "timeout", "timer",
    "throttle_with_timeout", "time_interval", "timestamp", "window_with_time", "window_with_time_or_count",
)  # fmt: skip
TIMED_NAMES = frozenset(f"{of}.{name}" for name in TIMED_OPERATORS for of in ("ops", "rx", "reactivex"))
THREAD_TIMERS = re.compile(
    r"^threading\.Timer$|TimeoutScheduler$|NewThreadScheduler$|ThreadPoolScheduler$|EventLoopScheduler$"
)
JITTER = ("backoff",)
"""The one use of chance outside the simulated fleet: programs that come back must not come back together."""


def test_no_file_is_too_long() -> None:
    long = [
        f"{place(path)} has {count} lines"
        for path in modules("app", "streams", "ui", "tests")
        if (count := len(text(path).splitlines())) > LONGEST_FILE
    ]
    assert not long, f"over {LONGEST_FILE} lines: {long}"


def test_no_call_updates_the_whole_page() -> None:
    found = [
        place(path, call)
        for path in modules()
        for call, name in calls(path)
        if re.search(r"(^|\.)_?page\.update$", name)
    ]
    assert not found, f"page.update() costs 300 times what control.update() does: {found}"


def test_nothing_sleeps_on_the_event_loop() -> None:
    found = [place(path, call) for path in modules() for call, name in calls(path) if name == "time.sleep"]
    found += [place(path, node) for path in modules() for node, name in imports(path) if name == "time.sleep"]
    assert not found, f"await asyncio.sleep, or wait for a condition: {found}"


def test_every_timed_operator_gets_its_scheduler() -> None:
    found = [
        f"{place(path, call)} {name}"
        for path in modules()
        for call, name in calls(path)
        if name in TIMED_NAMES and not _has_scheduler(call)
    ]
    assert not found, f"without one RxPY starts an OS thread for each timer: {found}"


def _has_scheduler(call: ast.Call) -> bool:
    return any(word.arg in ("scheduler", None) for word in call.keywords) or any(
        "scheduler" in dotted(argument).lower() for argument in call.args
    )


def test_no_timer_thread_is_named() -> None:
    found = [
        f"{place(path, node)} {name}"
        for path in modules()
        for node, name in imports(path)
        if THREAD_TIMERS.search(name) and path.name != "schedulers.py"
    ]
    assert not found, found


def test_chance_only_in_the_simulated_fleet() -> None:
    found = [
        place(path, node)
        for path in modules()
        for node, name in imports(path)
        if name.split(".")[0] == "random" and "fleet" not in path.parts and not path.stem.endswith(JITTER)
    ]
    assert not found, f"a number on the screen is never invented: {found}"


def test_the_fleet_takes_its_chance_from_the_seed() -> None:
    found = [
        f"{place(path, call)} {name}"
        for path in modules("app")
        if "fleet" in path.parts
        for call, name in calls(path)
        if name.startswith("random.") or (name.endswith("Random") and not call.args)
    ]
    assert not found, f"only random.Random(seed): {found}"


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME", "X" * 3, "Not" + "ImplementedError"])
def test_nothing_is_left_for_later(word: str) -> None:
    found = [
        place(path)
        for path in modules("app", "streams", "ui", "tests")
        if word in text(path) and re.search(rf"\b{word}\b", text(path))
    ]
    assert not found, f"{word}: {found}"


def test_no_handler_swallows_what_it_catches() -> None:
    found = [
        place(path, node)
        for path in modules()
        for node in nodes(path)
        if isinstance(node, ast.ExceptHandler)
        and all(isinstance(part, ast.Pass) for part in node.body)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
    ]
    assert not found, found


OUR_CLOCK = {
    "ui/base/bound_view.py": "the state of boxes and bugs of this console",
    "ui/base/context.py": "makes both clocks",
    "ui/base/drawing.py": "measures what comes to the screen here; the offset is added by who takes it",
    "ui/base/messages.py": "messages of this console",
    "ui/components/asking.py": "how long this console has been asking",
    "ui/components/connection_status.py": "the connection is this console's",
    "ui/shell/connection_banner.py": "the connection is this console's",
    "ui/components/loading_states.py": "when this console was last told",
    "ui/views/database/view.py": "since when this console cannot read the file",
    "ui/views/database/health.py": "when this console has checked the file",
    "ui/views/logs/view.py": "names an exported file, and paces redraws",
    "ui/views/logs/line_pane.py": "paces redraws",
}


def test_ages_of_what_the_server_tells_are_by_its_clock() -> None:
    ours = re.compile(r"\bcontext\.(clock|seconds)\b|\butc_now\b|\bdatetime\.now\b|\btime\.time\b")
    found = {place(path) for path in modules("ui") if ours.search(text(path))}
    assert found - OUR_CLOCK.keys() == set(), "use context.server_clock() and server_seconds"


def test_no_module_is_described_by_a_question() -> None:
    question = re.compile(r'"""(What|How|Which|Who|Whose|Where|When|Whether|Why)\\b')
    found = [place(path) for path in modules("app", "streams", "ui", "tests") if question.match(text(path))]
    assert not found, f"say what it is, or what it does: {found}"
