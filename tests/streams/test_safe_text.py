import pytest

from streams.model.safe_text import label_text, screen_text, terminal_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name.txt", "plain name.txt"),
        ("\x1b]0;PWNED\x07\x1b[2J", r"\x1b]0;PWNED\x07\x1b[2J"),
        ("two\nlines\r", r"two\nlines\r"),
        ("exe.\u202egpj", r"exe.\u202egpj"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("isolate\u2066x\u2069", r"isolate\u2066x\u2069"),
        ("c1\x9b31m", r"c1\x9b31m"),
        ("half\udcff", r"half\udcff"),
        ("line\u2028separator", r"line\u2028separator"),
    ],
)
def test_what_could_act_or_deceive_is_written_as_an_escape(text: str, shown: str) -> None:
    assert terminal_text(text) == shown
    assert screen_text(text) == shown
    assert label_text(text) == shown.replace(r"\n", "\n")


def test_letters_of_all_scripts_stay() -> None:
    for text in (
        "caf\u00e9",
        "\u65e5\u672c\u8a9e",
        "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
        "\U0001f41a",
    ):
        assert terminal_text(text) == text
        assert screen_text(text) == text
    family = "\U0001f468\u200d\U0001f469"
    assert screen_text(family) == family
