"""Query parameters: read strictly, refused with what is expected."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.api.problems import ParameterError
from bet_intel.api.query import parse
from bet_intel.api.routes.events import EventQuery
from bet_intel.api.routes.opportunities import OpportunityQuery


def test_defaults_hide_small_and_suspect_ones() -> None:
    asked = parse("", OpportunityQuery)
    assert asked.min_ev == 0.01
    assert asked.class_ == ("take", "marginal")
    assert (asked.profile, asked.limit, asked.odds_format) == ("consensus", 50, "decimal")


def test_every_parameter_is_read() -> None:
    asked = parse(
        "sport=baseball,soccer&league=mlb&event=made_up:1&market=h2h&bookmaker=alpha,beta&class=suspect&profile=sharp"
        "&min_ev=-0.5&max_ev=0.2&min_odds=1.5&max_odds=4&starts_before=2026-04-16T18:00:00%2B02:00&limit=7"
        "&cursor=abc&odds_format=american",
        OpportunityQuery,
    )
    assert asked == OpportunityQuery(
        sport=("baseball", "soccer"),
        league=("mlb",),
        event="made_up:1",
        market=("h2h",),
        bookmaker=("alpha", "beta"),
        class_=("suspect",),
        profile="sharp",
        min_ev=-0.5,
        max_ev=0.2,
        min_odds=1.5,
        max_odds=4.0,
        starts_before=datetime(2026, 4, 16, 16, 0, tzinfo=UTC),
        limit=7,
        cursor="abc",
        odds_format="american",
    )


def test_unix_seconds_are_a_time() -> None:
    assert parse("starts_after=1776364200", EventQuery).starts_after == datetime(2026, 4, 16, 18, 30, tzinfo=UTC)


def test_as_many_may_be_in_a_list_as_the_contract_says_also_where_one_is_there_twice() -> None:
    assert parse("class=take,take,suspect", OpportunityQuery) == parse("class=suspect,take", OpportunityQuery)
    with pytest.raises(ParameterError, match="class"):
        parse("class=take,take,take,suspect", OpportunityQuery)


def test_lists_mean_the_same_in_any_order() -> None:
    one = parse("sport=b,a,a&limit=5", OpportunityQuery)
    other = parse("limit=5&sport=a,%20b", OpportunityQuery)
    assert one.canonical() == other.canonical()


@pytest.mark.parametrize("name", ["minev", "class_", "", "Sport"])
def test_unknown_parameter_is_named_with_the_known(name: str) -> None:
    with pytest.raises(ParameterError, match="Known parameters: bookmaker, class, cursor") as refused:
        parse(f"{name}=1", OpportunityQuery)
    assert refused.value.parameter == name
    assert "min_ev" in refused.value.known


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("min_ev=much", "expected a number at least -1"),
        ("min_ev=nan", "expected a number"),
        ("min_ev=inf", "expected a number"),
        ("min_ev=", "expected a number"),
        ("min_odds=1", "above 1"),
        ("limit=0", "expected a whole number at least 1 and at most 200"),
        ("limit=201", "at most 200"),
        ("limit=2.5", "expected a whole number"),
        ("class=take,good", "one of take, marginal, suspect"),
        ("class=", "one of take"),
        ("odds_format=fractional", "one of decimal, american"),
        ("starts_before=tomorrow", "2026-04-16T18:30:00Z"),
        ("starts_before=2026-04-16T18:30:00", "2026-04-16T18:30:00Z"),
        ("starts_before=1e99", "2026-04-16T18:30:00Z"),
        ("starts_before=9999-12-31T23:59:59-14:00", "2026-04-16T18:30:00Z"),
        ("starts_before=0001-01-01T00:00:00%2B14:00", "2026-04-16T18:30:00Z"),
        ("starts_before=253402300800", "2026-04-16T18:30:00Z"),
        ("sport=a,,b", "comma-separated list"),
        ("event=%00", "NUL"),
        ("sport=baseball&sport=soccer", "separated by commas"),
        ("limit=5&limit=6", "give it once"),
        ("max_ev=0.005", r"0\.01 unless given"),
        ("min_odds=3&max_odds=2", "below min_odds"),
    ],
)
def test_bad_value_says_what_is_expected(query: str, expected: str) -> None:
    with pytest.raises(ParameterError, match=expected) as refused:
        parse(query, OpportunityQuery)
    assert refused.value.parameter


def test_empty_range_of_starts_is_refused() -> None:
    with pytest.raises(ParameterError, match="nothing can match"):
        parse("starts_after=2026-04-17T00:00:00Z&starts_before=2026-04-16T00:00:00Z", EventQuery)


NAMES = st.sampled_from([*OpportunityQuery.__struct_fields__, "class", "other"])
PAIRS = st.lists(st.tuples(NAMES, st.text(max_size=30) | st.floats().map(str) | st.integers().map(str)), max_size=4)


@given(st.text(max_size=60) | PAIRS.map(urlencode))
def test_any_query_string_is_read_or_refused(query_string: str) -> None:
    try:
        asked = parse(query_string, OpportunityQuery)
    except ParameterError:
        return
    assert 1 <= asked.limit <= 200
    assert parse(query_string, OpportunityQuery).canonical() == asked.canonical()
