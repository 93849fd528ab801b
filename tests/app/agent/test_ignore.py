import pytest

from app.agent.ignore import Ignore
from streams.failures import ConfigRejected


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
        ("**/tmp", b"/home/me/a/b/tmp", True, True),
        ("caf\u00e9", "/home/me/caf\u00e9".encode(), False, True),
        ("# comment", b"/home/me/# comment", False, False),
        ("\\#file", b"/home/me/#file", False, True),
        ("*", b"/home/me/\xff", False, True),
    ],
)
def test_patterns_mean_what_they_mean_to_git(pattern: str, path: bytes, folder: bool, ignored: bool) -> None:
    assert rules(pattern).ignores(path, folder=folder) is ignored


def test_the_last_match_decides_and_inner_files_go_before_outer_ones() -> None:
    outer = rules("*.log", "!keep.log")
    assert outer.ignores(b"/home/me/x.log", folder=False)
    assert not outer.ignores(b"/home/me/keep.log", folder=False)
    inner = outer.with_file(b"/home/me/logs", b"!*.log\n/secret\n")
    assert not inner.ignores(b"/home/me/logs/x.log", folder=False)
    assert inner.ignores(b"/home/me/logs/secret", folder=False)
    assert not inner.ignores(b"/home/me/logs/deep/secret", folder=False)


def test_no_patterns_cost_nothing() -> None:
    assert not rules()
    assert not rules("", "# nothing")
    assert not rules().with_file(b"/home/me", b"\n# only words\n")


def test_what_is_no_pattern_is_said() -> None:
    with pytest.raises(ConfigRejected, match="Invalid"):
        rules("!")
