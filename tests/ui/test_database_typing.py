"""Characters that an SQL editor adds while one types, key by key."""

import pytest

from ui.views.database.autoclose import Typing

CLOSES = {"(": ")", "[": "]", "{": "}", "'": "'", '"': '"', "`": "`"}


class _Editor:
    """Closes what is opened, as the editor does, and steps over nothing."""

    def __init__(self, text: str = "") -> None:
        self.text, self.caret = text, len(text)
        self.typing = Typing(text)

    def type(self, keys: str) -> "_Editor":
        for key in keys:
            self._put(key + CLOSES.get(key, ""))
            self.caret += 1
        return self

    def paste(self, text: str) -> "_Editor":
        self._put(text)
        self.caret += len(text)
        return self

    def back(self) -> "_Editor":
        self.text = self.text[: self.caret - 1] + self.text[self.caret :]
        self.caret -= 1
        self.typing.take(self.text)
        return self

    def _put(self, text: str) -> None:
        self.text = self.text[: self.caret] + text + self.text[self.caret :]
        self.typing.take(self.text)


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from files where client_name = 'git' and state = 'present' group by 1",
        'select ((1 + 2) * (3)) as [a b], "c", `d`',
        "select json_extract('{\"a\": [1, {\"b\": 2}]}', '$.a[1].b')",
        "where name in ('a', 'b')",
        "select ')' || '(' || ''",
    ],
)
def test_what_is_typed_is_what_is_meant(sql: str) -> None:
    assert _Editor().type(sql).typing.clean == sql


def test_what_was_tidied_is_followed_on() -> None:
    editor = _Editor().type("f('a', (")
    assert editor.text != editor.typing.clean
    assert editor.typing.tidy(editor.caret) == len("f('a', (")
    assert editor.typing.text == "f('a', ())"
    assert not editor.typing.untidy
    editor.text, editor.caret = editor.typing.text, len("f('a', (")
    editor.type("1))")
    assert editor.text == "f('a', (1))))"  # the two that were closed, and the two that were typed
    assert editor.typing.clean == "f('a', (1))"


def test_a_part_of_the_text_has_nothing_that_is_too_many_either() -> None:
    editor = _Editor().type("select 'a', f(1), 2")
    start = editor.text.index("'")
    assert editor.text[start:] != "'a', f(1), 2"
    assert editor.typing.part(start, len(editor.text)) == "'a', f(1), 2"


def test_what_the_editor_closed_and_nobody_typed_stays() -> None:
    editor = _Editor().type("count(*")
    assert editor.typing.clean == "count(*)"
    assert not editor.typing.untidy


def test_what_is_pasted_or_typed_into_a_text_of_others_stays() -> None:
    assert _Editor().paste("select ((1))").type(")").typing.clean == "select ((1)))"
    assert _Editor("f(x)").type(")").typing.clean == "f(x))"


def test_taking_back_what_was_opened_takes_back_what_was_closed() -> None:
    assert _Editor().type("a(").back().typing.clean == "a"
    assert _Editor().type("a'").back().type("b").typing.clean == "ab"


def test_a_text_that_was_put_there_begins_anew() -> None:
    typing = _Editor().type("'a'").typing
    typing.reset("''''")
    assert typing.clean == "''''"
