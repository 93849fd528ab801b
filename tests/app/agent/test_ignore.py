import os
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.agent import ignore
from app.agent.ignore import CannotApply, Ignore
from streams.model.failures import ConfigRejected

PIECES = (
    b"*", b"**", b"?", b"/", b"/**/", b"**/", b"/**", b"[ab]", b"[!a]", b"[a-c]", b"[[:upper:]]", b"[]a]",
    b"[^/]", b"[a", b"\\*", b"\\a", b"\\", b" ", b"\\ ", b"a", b"b", b"ab", b"A", b".", b"#", b"!", b"-",
    b"]", b"\xc3\xa9", b"[\xc3\xa9]", b"[[:alpha:]", b"[[:no:]]", b"\r", b"\t",
)  # fmt: skip
NAMES = (
    b"a", b"b", b"c", b"ab", b"A", b"B", b"aa", b"a.b", b"#a", b"!a", b" a", b"a ", b"*", b"\\", b"[a", b"]",
    b"-", b"\xc3\xa9", b"\xe9", b"abc", b"a\nb", b"a\tb", b"**",
)  # fmt: skip


def rules(*patterns: str) -> Ignore:
    return Ignore.of(b"/home/me", patterns)


@pytest.mark.parametrize(
    ("pattern", "path", "folder", "ignored"),
    [
        ("*.log", b"/home/me/a/b.log", False, True),
        ("*.log", b"/home/me/a/b.log\n", False, False),
        ("/top", b"/home/me/top", False, True),
        ("/top", b"/home/me/a/top", False, False),
        ("build/", b"/home/me/x/build", True, True),
        ("build/", b"/home/me/x/build", False, False),
        ("cache/**", b"/home/me/cache", True, False),
        ("cache/**", b"/home/me/cache/x", False, True),
        ("cache/*", b"/home/me/cache", True, False),
        ("**/tmp", b"/home/me/a/b/tmp", True, True),
        ("caf\u00e9", "/home/me/caf\u00e9".encode(), False, True),
        ("# comment", b"/home/me/# comment", False, False),
        ("\\#file", b"/home/me/#file", False, True),
        ("*", b"/home/me/\xff", False, True),
    ],
)
def test_patterns_mean_what_they_mean_to_git(pattern: str, path: bytes, folder: bool, ignored: bool) -> None:
    assert rules(pattern).ignores(path, folder=folder) is ignored


def test_whole_paths_are_relative_to_what_is_backed_up() -> None:
    ours = rules("/home/me/cache", "*.log", "!/home/me/logs/keep.log", "/home/me/a/*.o")
    assert ours.ignores(b"/home/me/cache", folder=True)
    assert not ours.ignores(b"/home/me/a/cache", folder=True)
    assert ours.ignores(b"/home/me/logs/x.log", folder=False)
    assert not ours.ignores(b"/home/me/logs/keep.log", folder=False)
    assert ours.ignores(b"/home/me/a/x.o", folder=False)
    assert not rules("/home/me2/cache").ignores(b"/home/me/cache", folder=True)
    assert Ignore.of(b"/", ["/proc"]).ignores(b"/proc", folder=True)


def test_patterns_that_match_nothing_are_known() -> None:
    texts = ["*.log", "# no pattern", "build/", "a.log", "!keep.log", "/home/me/x/[ab]", "nothing"]
    unmatched = {0, 2, 3, 4, 5, 6}
    one = Ignore.of(b"/home/me", texts, unmatched)
    other = Ignore.of(b"/srv", texts, unmatched)
    for ours, path, folder in (
        (one, b"/home/me/z.log", False),
        (one, b"/home/me/build", False),
        (one, b"/home/me/x/b", False),
        (other, b"/srv/a.log", False),
        (one, b"/home/me/keep.log", False),
    ):
        ours.ignores(path, folder=folder)
    assert unmatched == {2, 6}
    one.ignores(b"/home/me/build", folder=True)
    assert unmatched == {6}


def test_the_last_match_decides_and_inner_files_go_before_outer_ones() -> None:
    outer = rules("*.log", "!keep.log")
    assert outer.ignores(b"/home/me/x.log", folder=False)
    assert not outer.ignores(b"/home/me/keep.log", folder=False)
    inner, wrong = outer.with_file(b"/home/me/logs", b"!*.log\n/secret\n")
    assert not wrong
    assert not inner.ignores(b"/home/me/logs/x.log", folder=False)
    assert inner.ignores(b"/home/me/logs/secret", folder=False)
    assert not inner.ignores(b"/home/me/logs/deep/secret", folder=False)


def test_no_patterns_cost_nothing() -> None:
    assert not rules()
    assert not rules("", "# nothing")
    assert not rules().with_file(b"/home/me", b"\n# only words\n")[0]


def test_an_operators_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(ConfigRejected, match="matches nothing"):
        rules("!")
    with pytest.raises(ConfigRejected, match="not closed"):
        rules("[a")


def test_a_bad_line_of_a_file_costs_itself_and_is_told() -> None:
    ours, wrong = rules().with_file(b"/home/me", b"\xef\xbb\xbf*.log\r\n[a\n" + b"x" * 5000 + b"\n*.tmp\n")
    assert [line.split(":")[0] for line in wrong] == [
        "line 2 matches nothing",
        "line 3 is skipped",
    ]
    assert ours.ignores(b"/home/me/a.log", folder=False)
    assert ours.ignores(b"/home/me/a.tmp", folder=False)


def test_files_that_are_too_large_are_not_applied() -> None:
    with pytest.raises(CannotApply, match="larger than 64 KiB"):
        rules().with_file(b"/home/me", b"x" * 65_537)
    nested = rules()
    for level in range(4):
        nested, _ = nested.with_file(b"/home/me" + b"/d" * level, (b"y" * 4000 + b"\n") * 16)
    with pytest.raises(CannotApply, match="with those above it"):
        nested.with_file(b"/home/me/d/d/d/d", (b"y" * 4000 + b"\n") * 2)
    _, wrong = rules().with_file(b"/home/me", b"z\n" * 2001)
    assert wrong == ["line 2001 and all after it are skipped: more than 2,000 patterns"]


def test_patterns_that_take_too_long_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignore, "FAIR_NS", -1)
    monkeypatch.setattr(ignore, "MAX_FILE_EXCESS_NS", 0)
    ours, _ = rules("*.iso").with_file(b"/home/me/guest", b"*a*a*a*b\n")
    assert ours.dropped() == []
    ours.ignores(b"/home/me/guest/" + b"a" * 255, folder=False)
    assert b"/home/me/guest" in ours.dropped()
    assert not ours.ignores(b"/home/me/guest/aaab", folder=False)


def test_the_rules_of_the_operator_hold_whatever_they_or_others_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FAIR_NS": -1, "MAX_FILE_EXCESS_NS": 0, "MAX_EXCESS_NS": 0}.items():
        monkeypatch.setattr(ignore, name, value)
    texts = [f"*.{number}" for number in range(50)]
    unmatched = set(range(50))
    ours, _ = Ignore.of(b"/home/me", texts, unmatched).with_file(b"/home/me/guest", b"*.iso\n")
    ours.ignores(b"/home/me/guest/x.iso", folder=False)
    for number in range(50):
        assert ours.ignores(b"/home/me/guest/x.%d" % number, folder=False)
        assert number not in unmatched
    assert ours.dropped() == [b"/home/me/guest"]


@pytest.mark.parametrize("pattern", [b"*a*a*a*a*a*a*a*a*b", b"?*" * 100 + b"b", b"*" + b"?" * 120 + b"b"])
def test_no_pattern_makes_matching_backtrack(pattern: bytes) -> None:
    # With a matcher that backtracks none of these ends within the life of the machine.
    ours, _ = rules().with_file(b"/home/me", pattern)
    assert not ours.ignores(b"/home/me/" + b"a" * 255, folder=False)


def _ours(patterns: bytes, path: bytes) -> bool:
    """Return what a walk would do: nothing below a folder that is left out is looked at."""
    held, _ = Ignore.of(b"/r", ()).with_file(b"/r", patterns)
    parts = path.split(b"/")
    above = [b"/r/" + b"/".join(parts[:length]) for length in range(1, len(parts))]
    return any(held.ignores(a, folder=True) for a in above) or held.ignores(b"/r/" + path, folder=False)


def _gits(repository: Path, patterns: bytes, paths: Sequence[bytes]) -> dict[bytes, bool]:
    (repository / ".gitignore").write_bytes(patterns)
    options = ("-c", "core.excludesFile=/dev/null", "-c", "core.ignoreCase=false")
    done = subprocess.run(
        ["git", *options, "check-ignore", "--no-index", "--stdin", "-z", "-v", "-n"],
        input=b"".join(path + b"\0" for path in paths), capture_output=True, cwd=repository, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    fields = done.stdout.split(b"\0")[:-1]
    return {
        fields[at + 3]: bool(fields[at + 2]) and not fields[at + 2].startswith(b"!")
        for at in range(0, len(fields), 4)
    }


@pytest.mark.integration
def test_generated_patterns_leave_out_what_git_leaves_out(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True, env={**os.environ, "GIT_TEMPLATE_DIR": ""})
    chance = random.Random(12)
    for _ in range(150):
        lines = [
            b"".join(chance.choices(PIECES, k=chance.randint(1, 6))) for _ in range(chance.randint(1, 6))
        ]
        lines = [b"!" + line if chance.random() < 0.25 else line for line in lines]
        patterns = b"\n".join(lines)
        paths = [b"/".join(chance.choices(NAMES, k=chance.randint(1, 4))) for _ in range(60)]
        gits = _gits(tmp_path, patterns, paths)
        different = [(path, git) for path, git in gits.items() if _ours(patterns, path) is not git]
        assert not different, patterns
