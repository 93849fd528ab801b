"""A copied row has its values themselves: what a cell has shortened is read in full, part by part."""

import json
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable

from streams.model.database import (
    Blob,
    CellQuery,
    Key,
    LongText,
    Masked,
    RawText,
    TablePage,
    Value,
    WholeValue,
)
from ui.views.database import copy_rows as database_copy
from ui.views.database.copy_rows import row_as_json
from ui.views.database.present import GridRow, mark_changes

LONG = "ä" * 5_000
RAW = b"\x80A" * 3_000


class Streams:
    """Answers with parts of what is stored."""

    def __init__(self, stored: dict[str, Any], size: int = 1_000) -> None:
        self._stored, self._size = stored, size

    def whole_value(self, query: CellQuery) -> Observable[WholeValue]:
        value = self._stored[query.column]
        raw = value.encode() if isinstance(value, str) else value.raw if isinstance(value, RawText) else value
        end = min(len(raw), query.start_bytes + self._size)
        part = raw[query.start_bytes : end]
        return rx.of(
            WholeValue(
                value=RawText(part)
                if isinstance(value, RawText)
                else part.decode()
                if isinstance(value, str)
                else part,
                size_bytes=len(raw),
                start_bytes=query.start_bytes,
                end_bytes=end,
                cut=end < len(raw),
            )
        )


async def copied(
    names: list[str], values: tuple[Value, ...], stored: dict[str, Any], *, key: bool = True
) -> Any:
    row = GridRow((1,), values)
    streams: Any = Streams(stored)
    ask = (lambda at: CellQuery(table="t", column=names[at], key=row.key)) if key else None
    text, cut = await row_as_json(names, row, ask, streams)
    return json.loads(text), cut


async def test_what_a_cell_shortens_is_copied_in_full() -> None:
    values: tuple[Value, ...] = (LongText(LONG[:200], 10_000), Blob(6_000, RAW[:16]), 2461375.032721945, None)
    record, cut = await copied(["a", "b", "c", "d"], values, {"a": LONG, "b": RAW})
    assert record == {"a": LONG, "b": {"hex": RAW.hex()}, "c": 2461375.032721945, "d": None}
    assert cut == 0


async def test_text_that_is_not_valid_is_copied_byte_by_byte() -> None:
    head = RawText(RAW).shown[:200]
    record, cut = await copied(["a", "b"], (LongText(head, len(RAW)), RawText(b"\x80")), {"a": RawText(RAW)})
    assert record == {"a": {"text_hex": RAW.hex()}, "b": {"text_hex": "80"}}
    assert cut == 0


async def test_equal_names_keep_their_values_and_a_secret_stays_one() -> None:
    record, _ = await copied(["a", "a", "a (2)"], (1, 2, Masked()), {})
    assert sorted(map(str, record.values())) == ["1", "2", "••••••"]


@pytest.mark.parametrize("key", [True, False])
async def test_what_is_not_complete_is_said(key: bool) -> None:
    record, cut = await copied(["a"], (LongText("old" * 67, 9_000),), {"a": LONG}, key=key)
    assert record == {"a": {"beginning": "old" * 67, "size_bytes": 9_000}}
    assert cut == 1


async def test_a_value_that_is_too_long_is_copied_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_copy, "MAX_BYTES", 3_000)
    record, cut = await copied(["a"], (LongText(LONG[:200], 10_000),), {"a": LONG})
    assert record == {"a": {"beginning": LONG[:1_500], "size_bytes": 10_000}}
    assert cut == 1


def test_another_kind_of_the_same_number_is_a_change() -> None:
    keys: tuple[Key, ...] = ((1,), (RawText(b"\x80"),))
    before = TablePage(columns=("a",), keys=keys, rows=((1,), ("x",)))
    after = TablePage(columns=("a",), keys=keys, rows=((1.0,), ("x",)))
    assert mark_changes(after, before) == {(1,): frozenset({0})}
