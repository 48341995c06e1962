"""Cursors come back as they were given out, for the same filters only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.api import cursor
from bet_intel.api.problems import CursorError
from bet_intel.api.routes.opportunities import OpportunityQuery

NAMES = st.text(min_size=1, max_size=20)


@given(ev=st.floats(allow_nan=False), id=NAMES, sports=st.lists(NAMES, max_size=3))
def test_round_trip(ev: float, id: str, sports: list[str]) -> None:
    asked = OpportunityQuery(sport=tuple(sports))
    assert cursor.decode(cursor.encode((ev, id), asked), asked, tuple[float, str]) == (ev, id)


def test_page_size_and_format_may_change_between_pages() -> None:
    given_out = cursor.encode((0.05, "a"), OpportunityQuery())
    other = OpportunityQuery(limit=7, odds_format="american", cursor=given_out)
    assert cursor.decode(given_out, other, tuple[float, str]) == (0.05, "a")


@given(min_ev=st.floats(0.02, 0.5))
def test_other_filters_are_refused(min_ev: float) -> None:
    given_out = cursor.encode((0.05, "a"), OpportunityQuery())
    with pytest.raises(CursorError, match="other filters"):
        cursor.decode(given_out, OpportunityQuery(min_ev=min_ev), tuple[float, str])


@given(NAMES, NAMES)
def test_a_list_with_the_same_parameters_is_another(one: str, other: str) -> None:
    given_out = cursor.encode((0.05, "a"), OpportunityQuery(), of=one)
    if one == other:
        assert cursor.decode(given_out, OpportunityQuery(), tuple[float, str], of=other) == (0.05, "a")
        return
    for of in (other, ""):
        with pytest.raises(CursorError, match="another list"):
            cursor.decode(given_out, OpportunityQuery(), tuple[float, str], of=of)


@given(st.text(max_size=80))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(CursorError):
        cursor.decode(text, OpportunityQuery(), tuple[float, str])


@given(st.integers(min_value=0), st.integers(0, 255))
def test_damaged_cursor_is_refused_or_a_position(place: int, byte: int) -> None:
    asked = OpportunityQuery()
    whole = bytearray(cursor.encode((0.05, "abc"), asked).encode())
    whole[place % len(whole)] = byte
    try:
        ev, id = cursor.decode(whole.decode("latin-1"), asked, tuple[float, str])
    except CursorError:
        return
    assert isinstance(ev, float)
    assert isinstance(id, str)
