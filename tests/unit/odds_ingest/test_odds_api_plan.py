"""Asking for the least credits."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds_ingest.providers.the_odds_api.bookmakers import REGIONS
from bet_intel.odds_ingest.providers.the_odds_api.plan import Selection, plan

SMALL = {
    "us": frozenset(f"us{i}" for i in range(12)) | {"both"},
    "eu": frozenset(f"eu{i}" for i in range(8)) | {"both"},
    "uk": frozenset(f"uk{i}" for i in range(3)),
}
EVERYONE = sorted({*SMALL["us"], *SMALL["eu"], *SMALL["uk"], "elsewhere1", "elsewhere2"})


def cost(selections: tuple[Selection, ...]) -> int:
    return sum(selection.regions_charged for selection in selections)


def cheapest(wanted: set[str], whole: set[str]) -> int:
    """By trying everything, from the price list: regions, and every ten bookmakers as one."""
    tried = []
    for count in range(len(SMALL) + 1):
        for regions in combinations(SMALL, count):
            if whole <= set(regions):
                rest = wanted - {key for region in regions for key in SMALL[region]}
                tried.append(count + (len(rest) + 9) // 10)
    return min(tried)


@given(
    st.sets(st.sampled_from(EVERYONE)),
    st.sets(st.sampled_from(sorted(SMALL))),
)
def test_everybody_wanted_is_shown_and_nothing_is_cheaper(wanted: set[str], whole: set[str]) -> None:
    if not wanted and not whole:
        with pytest.raises(ValueError, match="name the bookmakers"):
            plan(wanted, whole, SMALL)
        return
    selections = plan(wanted, whole, SMALL)
    shown = {key for one in selections for region in one.regions for key in SMALL[region]}
    asked_by_key = [key for one in selections for key in one.bookmakers]
    assert wanted <= shown.union(asked_by_key)
    assert shown.isdisjoint(asked_by_key), "nobody is asked for twice"
    assert whole <= {region for one in selections for region in one.regions}
    assert len(selections) <= 2
    assert cost(selections) == cheapest(wanted, whole)
    assert plan(sorted(wanted, reverse=True), sorted(whole), dict(reversed(SMALL.items()))) == selections


def test_ten_bookmakers_of_many_regions_cost_one_region() -> None:
    wanted = [*sorted(SMALL["us"])[1:6], *sorted(SMALL["eu"])[1:6]]
    assert plan(wanted, (), SMALL) == (Selection(bookmakers=tuple(sorted(wanted))),)


def test_a_region_is_asked_for_whole_where_more_than_ten_are_wanted_of_it() -> None:
    assert plan(SMALL["us"], (), SMALL) == (Selection(regions=("us",)),)


def test_a_region_and_ten_bookmakers_by_key_are_two_calls() -> None:
    by_key = sorted({*SMALL["eu"], "elsewhere1", "elsewhere2"} - SMALL["us"])
    assert len(by_key) == 10
    expected = (Selection(regions=("us",)), Selection(bookmakers=tuple(by_key)))
    assert plan({*SMALL["us"], *by_key}, (), SMALL) == expected
    assert plan(by_key, ("us",), SMALL) == expected


def test_a_call_is_for_regions_or_for_bookmakers() -> None:
    for wrong in ({}, {"regions": ("us",), "bookmakers": ("pinnacle",)}):
        with pytest.raises(ValueError, match="give one of them"):
            Selection(**wrong)


def test_the_list_of_regions_knows_the_sharp_ones() -> None:
    assert "pinnacle" in REGIONS["eu"]
    assert "betfair_ex_uk" in REGIONS["uk"]
    assert len(REGIONS["us"]) > 10, "asking for the region is cheaper than by key"
