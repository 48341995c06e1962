"""API keys as text."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.api.domain.keys import digest_of, hint_of, is_key, key_of

KEY = key_of(bytes(range(32)))


@given(st.binary(min_size=32, max_size=32))
def test_what_is_made_is_a_key_of_one_length(random: bytes) -> None:
    key = key_of(random)
    assert is_key(key)
    assert len(key) == len("betintel_") + 49
    assert digest_of(key) == hashlib.sha256(key.encode()).digest()


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_keys_of_other_bytes_are_others(one: bytes, other: bytes) -> None:
    assert (key_of(one) == key_of(other)) == (one == other)


@given(st.integers(9, len(KEY) - 1), st.sampled_from("0Az"))
def test_a_typing_error_is_found_by_the_checksum(place: int, character: str) -> None:
    typed = KEY[:place] + character + KEY[place + 1 :]
    assert is_key(typed) == (typed == KEY)


@given(st.text())
def test_any_text_may_be_asked_about(text: str) -> None:
    assert not is_key(text)


@pytest.mark.parametrize("text", ["", "betintel_", KEY + "0", KEY[:-1], KEY.upper(), KEY + "\n", "x" + KEY[1:]])
def test_what_is_no_key(text: str) -> None:
    assert not is_key(text)


def test_only_32_bytes_make_a_key() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        key_of(b"short")


def test_the_hint_leaves_nearly_everything_to_guess() -> None:
    assert hint_of(KEY) == KEY[-10:-6]
