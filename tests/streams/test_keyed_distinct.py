"""keyed_distinct."""

from streams.operators import keyed_distinct
from streams.testing.marbles import Marbles


def test_each_key_has_its_own_memory(m: Marbles) -> None:
    values = {"a": ("k", 1), "b": ("k", 2), "c": ("l", 1), "d": ("l", 1)}
    source = m.hot("abacdcb|", values)
    distinct = keyed_distinct(lambda v: v[0])
    m.expect(source.pipe(distinct)).to_be("abac--b|", values)
    m.flush()


def test_none_is_a_value(m: Marbles) -> None:
    source = m.hot("aab|", {"a": ("k", None), "b": ("k", 0)})
    stream = source.pipe(keyed_distinct(lambda v: v[0], lambda v: v[1]))
    m.expect(stream).to_be("a-b|", {"a": ("k", None), "b": ("k", 0)})
    m.flush()


def test_own_equality(m: Marbles) -> None:
    near = keyed_distinct(lambda v: 1, same=lambda last, new: abs(last - new) < 2)
    source = m.hot("abcd|", {"a": 1, "b": 2, "c": 4, "d": 5})
    m.expect(source.pipe(near)).to_be("a-c-|", {"a": 1, "c": 4})
    m.flush()


def test_forgetting_frees_the_key(m: Marbles) -> None:
    source = m.hot("aaXa|")
    distinct = keyed_distinct(str.lower, lambda v: 1, forget=lambda v: v == "X")
    m.expect(source.pipe(distinct)).to_be("a-X-|")
    m.flush()


def test_a_forgotten_key_begins_anew(m: Marbles) -> None:
    source = m.hot("aaAaa|")
    distinct = keyed_distinct(str.lower, lambda v: 1, forget=str.isupper)
    m.expect(source.pipe(distinct)).to_be("a-Aa-|")
    m.flush()
