"""Object keys: their form, their time of issue, and that none comes twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.blobs.key import check_key, is_key, issued_at, new_key


@given(st.integers(0, 2**56 - 1))
def test_a_key_tells_its_time(now: int) -> None:
    key = new_key(now)
    assert issued_at(key) == now
    assert check_key(key) == key
    assert len(key) == 35


@given(st.integers(0, 2**56 - 1), st.integers(0, 2**56 - 1))
def test_keys_sort_by_time(one: int, other: int) -> None:
    if one != other:
        assert (new_key(one) < new_key(other)) == (one < other)


def test_no_key_comes_twice() -> None:
    assert len({new_key(7) for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("now", [-1, 2**56])
def test_no_time_outside_the_form(now: int) -> None:
    with pytest.raises(ValueError, match="time"):
        new_key(now)


@given(st.text(max_size=40))
def test_nothing_else_is_a_key(text: str) -> None:
    if not is_key(text):
        with pytest.raises(ValueError, match="malformed"):
            issued_at(text)
