"""The pricing profile as an operator sets it."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from pydantic import ValidationError

from bet_intel.api.domain.pricing import PricingSettings
from bet_intel.api.telling import pricing_settings_changed
from bet_intel.ev_engine.domain.profile import STARTING, Bookmaker, Category, Profile, Slope
from bet_intel.ev_engine.settings import EvEngineSettings, ProfileSettings
from bet_intel.ev_engine.wire_settings import new_settings
from bet_intel.odds import Method


def settings(monkeypatch: pytest.MonkeyPatch, profile: object) -> EvEngineSettings:
    monkeypatch.setenv("BET_INTEL_EV_ENGINE_DSN", "postgresql://nobody@/none")
    monkeypatch.setenv("BET_INTEL_EV_ENGINE_PROFILE", json.dumps(profile))
    return EvEngineSettings()  # type: ignore[call-arg]  # the DSN comes from the environment


def test_nothing_said_is_the_starting_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(monkeypatch, {}).profiles() == tuple(STARTING.values())


def test_what_is_said_replaces_its_part_only(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "method": "shin",
        "bookmakers": {"circa": {"weight": 3, "sharp": True}, "betfair_ex_*": {"weight": 1, "commission": 0.02}},
        "bounds": {"prop": {"stale_seconds": 120}},
        "take_ev": 0.03,
    }
    profile = settings(monkeypatch, said).profiles()[0]
    starting = Profile()
    assert profile.method is Method.SHIN
    assert profile.bookmaker("circa") == Bookmaker(weight=3, sharp=True)
    assert profile.bookmaker("betfair_ex_uk") == Bookmaker(weight=1, commission=0.02, exchange=True)
    assert profile.bookmaker("pinnacle") == starting.bookmaker("pinnacle")
    assert profile.bounds[Category.PROP].stale_seconds == 120
    assert profile.bounds[Category.PROP].divergence == starting.bounds[Category.PROP].divergence
    assert profile.bounds[Category.MAIN] == starting.bounds[Category.MAIN]
    assert profile.take_ev == 0.03


BOOKMAKERS = {
    "betfair_ex_eu": {"weight": 3},
    "pinnacle": {"weight": 5},
    "smarkets": {"commission": 0.0},
    "betfair_ex_*": {"commission": 0.02},
    "betfair_ex_u*": {"weight": 0.5},
    "fanduel": {"sharp": True, "stake_step": "5"},
    "smar*": {"stake_step": "0.50"},
    "betfair_ex_a*": {"stake_step": 2},
}


def assert_laid_over(profile: Profile) -> None:
    assert profile.bookmaker("pinnacle") == Bookmaker(weight=5, sharp=True)
    assert profile.bookmaker("smarkets") == Bookmaker(weight=2, commission=0, exchange=True)
    assert profile.bookmaker("fanduel") == Bookmaker(sharp=True)
    # What is said of a longer beginning, or of the whole key, is said beside what a shorter one says.
    assert profile.bookmaker("betfair_ex_au") == Bookmaker(weight=2, commission=0.02, exchange=True)
    assert profile.bookmaker("betfair_ex_uk") == Bookmaker(weight=0.5, commission=0.02, exchange=True)
    assert profile.bookmaker("betfair_ex_eu") == Bookmaker(weight=3, commission=0.02, exchange=True)
    # A step is laid over by itself: no weight or commission of a whole key hides that of its beginning.
    steps = {key: profile.step(key) for key in ("fanduel", "smarkets", "betfair_ex_au", "betfair_ex_uk", "pinnacle")}
    assert {key: str(step) for key, step in steps.items()} == {
        "fanduel": "5",
        "smarkets": "0.50",
        "betfair_ex_au": "2",
        "betfair_ex_uk": str(profile.stake_step),
        "pinnacle": str(profile.stake_step),
    }


def test_what_is_not_said_of_a_bookmaker_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_laid_over(settings(monkeypatch, {"bookmakers": BOOKMAKERS}).profiles()[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"methods": "shin"},
        {"method": "median"},
        {"bookmakers": {"circa": {"weight": -1}}},
        {"bookmakers": {"circa": {"commission": 1}}},
        {"bookmakers": {"circa": {"stake_step": 0}}},
        {"overrides": [{"stake_steps": {"circa": "-1"}}]},
        {"bounds": {"mains": {"stale_seconds": 1}}},
        {"bounds": {"main": {"stale_seconds": 0}}},
        {"take_ev": 4.5},
    ],
)
def test_what_cannot_be_meant_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: object) -> None:
    with pytest.raises(ValidationError):
        settings(monkeypatch, wrong)


OVERRIDES = [
    {"sport": "soccer", "weights": {"betfair_ex_*": 4}, "stake_steps": {"betfair_ex_*": "0.10"}},
    {
        "sport": "basketball_nba",
        "market": "player_*",
        "weights": {"fanduel": 2, "pinnacle": 1},
        "bounds": {"prop": {"stale_seconds": 300}},
        "min_references": 2,
        "dispersion": 0.3,
    },
]
SLOPES = {"soccer": {"by_market": {"totals": 0.2}, "half_points": 2}}


def assert_meant(profile: Profile) -> None:
    assert profile.at("soccer", "soccer_epl", "h2h").bookmaker("betfair_ex_uk").weight == 4
    assert profile.at("soccer", "soccer_epl", "h2h").step("betfair_ex_uk") == Decimal("0.1")
    props = profile.at("basketball", "basketball_nba", "player_points")
    assert (props.bookmaker("fanduel").weight, props.bookmaker("pinnacle").weight) == (2, 1)
    assert props.bookmaker("pinnacle").sharp
    assert (props.min_references, props.dispersion) == (2, 0.3)
    assert props.bounds[Category.PROP].stale_seconds == 300
    assert props.bounds[Category.PROP].divergence == profile.bounds[Category.PROP].divergence
    assert profile.at("basketball", "basketball_nba", "h2h") == profile
    assert profile.slope("soccer", "soccer_epl") == Slope({"totals": 0.2}, 2)
    assert profile.slope("baseball", "baseball_mlb") == Profile().slope("baseball", "baseball_mlb")


def test_weights_and_bounds_by_sport_and_market_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_meant(settings(monkeypatch, {"overrides": OVERRIDES, "slopes": SLOPES}).profiles()[0])


EVERYTHING = {
    "method": "shin",
    "bookmakers": BOOKMAKERS,
    "bounds": {"prop": {"stale_seconds": 120, "divergence": 0.2, "plausible_ev": 0.3}},
    "behind_newest_seconds": 200,
    "min_references": 4,
    "dispersion": 0.3,
    "lowest_probability": 0.03,
    "highest_probability": 0.97,
    "take_ev": 0.05,
    "reopen_seconds": 0,
    "low_hold": 0.01,
    "middle_cost": 0.04,
    "stake": "500",
    "stake_step": "0.50",
    "sharp_references": True,
    "worst_case": True,
    "kelly_fraction": 0.5,
    "stake_cap": 0.1,
    "limit_weight": 0.25,
    "estimate_divergence": 0.05,
    "slopes": SLOPES,
    "overrides": OVERRIDES,
}


def test_every_setting_arrives_as_the_gateway_tells_it() -> None:
    assert EVERYTHING.keys() == set(PricingSettings.__struct_fields__)
    document = msgspec.convert(EVERYTHING, PricingSettings)
    told = new_settings(pricing_settings_changed("consensus", 7, document, datetime(2026, 5, 2, tzinfo=UTC)))
    assert told.settings == ProfileSettings.model_validate(EVERYTHING)
    assert_laid_over(told.settings.profile(Profile()))
    assert told.settings.profile(Profile()).worst_case


def test_they_arrive_as_the_gateway_tells_them() -> None:
    document = msgspec.convert({"overrides": OVERRIDES, "slopes": SLOPES, "limit_weight": 0.25}, PricingSettings)
    told = new_settings(pricing_settings_changed("consensus", 7, document, datetime(2026, 5, 2, tzinfo=UTC)))
    profile = told.settings.profile(Profile())
    assert_meant(profile)
    assert (profile.limit_weight, profile.estimate_divergence) == (0.25, 0.07)


@pytest.mark.parametrize(
    "wrong",
    [
        {"overrides": [{"sports": "soccer"}]},
        {"overrides": [{"weights": {"fanduel": -1}}]},
        {"overrides": [{"bounds": {"mains": {"stale_seconds": 1}}}]},
        {"slopes": {"soccer": {"by_market": {"totals": 0}}}},
        {"limit_weight": 2},
    ],
)
def test_overrides_that_cannot_be_meant_are_refused(monkeypatch: pytest.MonkeyPatch, wrong: object) -> None:
    with pytest.raises(ValidationError):
        settings(monkeypatch, wrong)


def test_a_longer_beginning_makes_no_exchange_of_its_own_and_a_whole_key_says_nothing_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"bookmakers": {"betfair_ex_u*": {"weight": 3}, "betfair*": {"weight": 0.5}}}
    profile = settings(monkeypatch, given).profiles()[0]
    assert {profile.exchange(key) for key in ("betfair_ex_uk", "betfair_ex_us", "betfair_ex_eu")} == {"betfair_ex_"}
    assert profile.bookmaker("betfair_ex_uk") == Bookmaker(weight=3, commission=0.05, exchange=True)
    assert profile.bookmaker("betfair_sb_uk") == Bookmaker(weight=0.5)
