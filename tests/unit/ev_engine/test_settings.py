"""The pricing profile as an operator sets it."""

import json

import pytest
from pydantic import ValidationError

from bet_intel.ev_engine.domain.profile import STARTING, Bookmaker, Category, Profile
from bet_intel.ev_engine.settings import EvEngineSettings
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
    assert profile.bookmaker("betfair_ex_uk") == Bookmaker(weight=1, commission=0.02)
    assert profile.bookmaker("pinnacle") == starting.bookmaker("pinnacle")
    assert profile.bounds[Category.PROP].stale_seconds == 120
    assert profile.bounds[Category.PROP].divergence == starting.bounds[Category.PROP].divergence
    assert profile.bounds[Category.MAIN] == starting.bounds[Category.MAIN]
    assert profile.take_ev == 0.03


@pytest.mark.parametrize(
    "wrong",
    [
        {"methods": "shin"},
        {"method": "median"},
        {"bookmakers": {"circa": {"weight": -1}}},
        {"bookmakers": {"circa": {"commission": 1}}},
        {"bounds": {"mains": {"stale_seconds": 1}}},
        {"bounds": {"main": {"stale_seconds": 0}}},
        {"take_ev": 4.5},
    ],
)
def test_what_cannot_be_meant_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: object) -> None:
    with pytest.raises(ValidationError):
        settings(monkeypatch, wrong)
