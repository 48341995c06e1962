"""Settings by which nothing could be judged or placed are refused, whatever of them is said and whatever is not: by the
gateway, which an operator hears, and by the engine, whatever tells it."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from bet_intel.api.domain import pricing
from bet_intel.api.domain.pricing import PROFILES, PricingSettings, Profile
from bet_intel.api.telling import pricing_settings_changed
from bet_intel.ev_engine.domain.profile import STARTING
from bet_intel.ev_engine.settings import EvEngineSettings
from bet_intel.ev_engine.wire_settings import NewSettings, new_settings
from bet_intel.shared.messaging import TerminalError

_AT = datetime(2026, 5, 2, tzinfo=UTC)
_ENGINE_PROFILES = {"consensus": "PROFILE", "sharp": "SHARP_PROFILE", "conservative": "CONSERVATIVE_PROFILE"}


def document(settings: dict[str, Any]) -> PricingSettings:
    return msgspec.convert(settings, PricingSettings)


def told(profile: Profile, settings: dict[str, Any]) -> NewSettings:
    return new_settings(pricing_settings_changed(profile, 7, document(settings), _AT))


def test_the_gateway_knows_the_engines_starting_values() -> None:
    assert {*PROFILES} == pricing.STARTING.keys() == STARTING.keys()
    for name, known in pricing.STARTING.items():
        assert known._asdict() == {field: getattr(STARTING[name], field) for field in known._fields}


def soccer(**settings: Any) -> dict[str, Any]:
    return {"sport": "soccer*", "market": "h2h", **settings}


EMPTYING: list[tuple[Profile, dict[str, Any], str]] = [
    (
        "consensus",
        {
            "overrides": [
                {"sport": "soccer", "lowest_probability": 0.5},
                {"market": "h2h", "highest_probability": 0.4},
                {"sport": "soccer", "market": "h2h", "weights": {"fanduel": 2}},
            ]
        },
        "overrides[0].lowest_probability 0.5 is not below overrides[1].highest_probability 0.4: no price",
    ),
    (
        "consensus",
        {"bookmakers": {"fanduel": {"stake_step": "2000"}}},
        (
            "stake 1000 (its starting value) is less than one "
            "bookmakers.fanduel.stake_step 2000: nothing could be placed there"
        ),
    ),
    (
        "consensus",
        {"overrides": [{"market": "h2h", "stake_steps": {"fanduel": "2000"}}]},
        (
            "stake 1000 (its starting value) is less than one "
            "overrides[0].stake_steps.fanduel 2000: nothing could be placed there"
        ),
    ),
    ("consensus", {"stake": "0.5"}, "stake 0.5 is less than one stake_step 1 (its starting value): nothing"),
    ("sharp", {"stake_step": "1000.01"}, "stake 1000 (its starting value) is less than one stake_step 1000.01: n"),
    ("consensus", {"stake": "4", "stake_step": "5"}, "stake 4 is less than one stake_step 5: nothing could be placed"),
    (
        "consensus",
        {"lowest_probability": 0.99},
        "lowest_probability 0.99 is not below highest_probability 0.98 (its starting value): no price would be judged",
    ),
    (
        "conservative",
        {"lowest_probability": 0.95},
        "lowest_probability 0.95 is not below highest_probability 0.95 (its starting value): no price",
    ),
    (
        "sharp",
        {"highest_probability": 0.02},
        "lowest_probability 0.02 (its starting value) is not below highest_probability 0.02: no price",
    ),
    (
        "consensus",
        {"overrides": [soccer(lowest_probability=0.99)]},
        "overrides[0].lowest_probability 0.99 is not below highest_probability 0.98 (its starting value)",
    ),
    (
        "consensus",
        {"highest_probability": 0.6, "overrides": [{}, soccer(lowest_probability=0.6)]},
        "overrides[1].lowest_probability 0.6 is not below highest_probability 0.6: no price",
    ),
    # What is said of all sports holds in each of them.
    (
        "consensus",
        {"overrides": [{"sport": "*", "highest_probability": 0.5}, soccer(lowest_probability=0.7)]},
        "overrides[1].lowest_probability 0.7 is not below overrides[0].highest_probability 0.5: no price",
    ),
]


@pytest.mark.parametrize(("profile", "settings", "said"), EMPTYING)
def test_the_gateway_says_what_contradicts_what(profile: Profile, settings: dict[str, Any], said: str) -> None:
    assert (document(settings).contradiction(profile) or "").startswith(said)


@pytest.mark.parametrize(("profile", "settings"), [(profile, settings) for profile, settings, _ in EMPTYING])
def test_the_engine_refuses_them_from_whomever(
    monkeypatch: pytest.MonkeyPatch, profile: Profile, settings: dict[str, Any]
) -> None:
    with pytest.raises(TerminalError, match=r"cannot be used: (stake|lowest_probability) .*: no"):
        told(profile, settings)
    monkeypatch.setenv("BET_INTEL_EV_ENGINE_DSN", "postgresql://nobody@/none")
    monkeypatch.setenv(f"BET_INTEL_EV_ENGINE_{_ENGINE_PROFILES[profile]}", json.dumps(settings))
    with pytest.raises(ValidationError, match=rf"profile {profile}: (stake|lowest_probability) .*: no"):
        EvEngineSettings()  # type: ignore[call-arg]  # the DSN comes from the environment


USABLE: list[tuple[Profile, dict[str, Any]]] = [
    ("consensus", {}),
    ("consensus", {"stake": "1"}),
    ("consensus", {"stake": "0.5", "stake_step": "0.01"}),
    ("consensus", {"stake_step": "1000"}),
    ("consensus", {"lowest_probability": 0.99, "highest_probability": 1.0}),
    ("consensus", {"lowest_probability": 0.96}),
    # The later one stands where both are of the same market, and each alone where they are not.
    ("consensus", {"overrides": [soccer(lowest_probability=0.99), soccer(lowest_probability=0.1)]}),
    ("consensus", {"overrides": [soccer(highest_probability=0.5), {"sport": "tennis", "lowest_probability": 0.7}]}),
    ("consensus", {"lowest_probability": 0.99, "overrides": [{"highest_probability": 0.995}]}),
]


@pytest.mark.parametrize(("profile", "settings"), USABLE)
def test_what_can_be_judged_and_placed_by_is_taken(profile: Profile, settings: dict[str, Any]) -> None:
    assert document(settings).contradiction(profile) is None
    assert told(profile, settings).profile == profile
