"""An absurd price, or one of unknown age, is no opportunity and makes none: value by value (`test_fuzz.py` draws)."""

from typing import Any

import msgspec
import pytest

from bet_intel.compose.pricing.boards import price_answer
from bet_intel.compose.pricing.report import Event, Opportunity
from bet_intel.compose.pricing.reporting import Wanted, event_report, outcomes
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.odds_ingest.domain.answer_time import answer_time
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from fixtures.fuzz import ABSURD
from fixtures.odds_payloads import AWAY, HOME, bookmaker, event, market

EVERYTHING = Wanted(-1.0, ("take", "marginal", "suspect"))


def opportunities(payload: list[Any]) -> dict[tuple[str, str], Opportunity]:
    """By outcome and bookmaker, those that are taken seriously: not those classed as suspect."""
    parsed = parse_response(payload, provider="x")
    taken_at = answer_time(parsed.events)
    if taken_at is None:
        return {}
    events: list[Event] = [event_report(one, EVERYTHING) for one in price_answer(parsed.events, taken_at, Profile())]
    assert b"NaN" not in msgspec.json.encode(events)
    return {
        (outcome.outcome, one.bookmaker): one
        for *_, outcome in outcomes(events)
        for one in outcome.opportunities
        if one.class_ != "suspect"
    }


SOUND = {
    "alpha": (1.95, 1.90),
    "beta": (1.93, 1.92),
    "gamma": (1.96, 1.89),
    "delta": (1.94, 1.91),
    "epsilon": (1.92, 1.93),
}


def match(prices: dict[str, tuple[Any, Any]]) -> list[dict[str, Any]]:
    return [event(*(bookmaker(key, market("h2h", (HOME, a), (AWAY, b))) for key, (a, b) in prices.items()))]


@pytest.mark.parametrize("value", [*ABSURD, 1.01, 3.5, 5.0, 30, 150, 1000, -250], ids=repr)
def test_an_absurd_price_makes_no_opportunity_of_any_price(value: Any) -> None:
    """Neither of itself, nor of a sound one by spoiling what it is judged against."""
    assert opportunities(match(SOUND)) == {}
    for prices in ((value, 1.90), (1.95, value), (value, value)):
        for key in SOUND:
            assert opportunities(match({**SOUND, key: prices})) == {}


@pytest.mark.parametrize("value", ABSURD, ids=repr)
def test_a_price_of_unknown_or_absurd_age_is_no_opportunity(value: Any) -> None:
    payload = match({**SOUND, "soft": (2.05, 1.80)})
    assert [key[-1] for key in opportunities(payload)] == ["soft"]
    payload[0]["bookmakers"][-1]["last_update"] = value
    assert opportunities(payload) == {}
