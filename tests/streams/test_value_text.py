"""Values as JSON: complete, with names that differ, and never altered by how they are shown."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.model.database import RawText, Stored
from streams.model.value_text import indented_json, json_object, json_text, unique_names

names = st.lists(st.sampled_from(["a", "a (2)", "a (3)", "", " (2)", "b"]), max_size=8)


@given(names)
def test_names_that_are_equal_are_told_apart_from_all_others(columns: list[str]) -> None:
    found = unique_names(columns)
    assert len(set(found)) == len(columns)
    assert [name for name, column in zip(found, columns, strict=True) if columns.count(column) == 1] == [
        column for column in columns if columns.count(column) == 1
    ]
    assert all(name.startswith(column) for name, column in zip(found, columns, strict=True))


@given(st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text())
def test_a_value_comes_back_as_it_was(value: Stored) -> None:
    back = json.loads(json_text(value))
    assert (type(back), back) == (type(value), value)


def test_bytes_and_text_that_is_not_valid_can_be_told() -> None:
    assert json.loads(json_text(b"")) == {"hex": ""}
    assert json.loads(json_text(RawText(b"\x80A"))) == {"text_hex": "8041"}


def test_equal_column_names_lose_no_value() -> None:
    text = json_object(unique_names(["a", "a", "a (2)"]), ["1", "2", "3"])
    assert sorted(json.loads(text).values()) == [1, 2, 3]


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(json_values)
def test_indenting_keeps_every_value(value: Any) -> None:
    assert json.loads(indented_json(json.dumps(value))) == value


def test_indenting_keeps_digits_and_equal_names() -> None:
    text = '{"n": 99999999999999999999.10, "a": 1, "a": [2, {}], "s": "x, {y}\\""}'
    assert indented_json(text) == (
        '{\n "n": 99999999999999999999.10,\n "a": 1,\n "a": [\n  2,\n  {}\n ],\n "s": "x, {y}\\""\n}'
    )
    assert indented_json("{no json") == "{no json"
