import pytest

from app.agent.names import join, parts_of, shown, split


@pytest.mark.parametrize("path", [b"/a/b", b"/a", b"/", b"/\xff/\n"])
def test_a_path_survives_being_taken_apart(path: bytes) -> None:
    folder, name = split(path)
    assert (join(folder, name) if folder else b"/") == path


@pytest.mark.parametrize("path", [b"a/b", b"/a/../b", b"/..", b"/a//b", b"/a/", b"/./a", b"/a\0b", b""])
def test_a_path_that_could_lead_elsewhere_is_refused(path: bytes) -> None:
    with pytest.raises(ValueError, match="path"):
        parts_of(path)


def test_names_that_only_look_dangerous_are_good() -> None:
    assert parts_of(b"/.../..x/%2e%2e") == (b"...", b"..x", b"%2e%2e")
    assert parts_of(b"/") == ()


def test_every_name_is_shown_on_one_line() -> None:
    assert shown(b"/a\nb\x1b[31m\xff") == "/a\\nb\\x1b[31m\\xff"
    assert len(shown(b"x" * 5000)) < 400
