"""Which markets are asked for of single events."""

import pytest
from pydantic import SecretStr, ValidationError

from bet_intel.odds_ingest.providers.the_odds_api.settings import OddsApiSettings


def settings(**given: object) -> OddsApiSettings:
    return OddsApiSettings.model_validate({"key": SecretStr("k"), **given})


def test_nothing_is_asked_for_unless_it_is_said() -> None:
    assert settings().event_markets_of("basketball_nba") == ()


def test_markets_of_every_league_of_a_sport_and_of_one_league() -> None:
    given = settings(
        event_markets="alternate_totals, basketball:player_points,basketball_nba:player_steals,baseball:h2h_h1"
    )
    assert given.event_markets_of("basketball_nba") == ("alternate_totals", "player_points", "player_steals")
    assert given.event_markets_of("basketball_euroleague") == ("alternate_totals", "player_points")
    assert given.event_markets_of("icehockey_nhl") == ("alternate_totals",)


@pytest.mark.parametrize("wrong", ["Player Points", "basketball:", "a:b:c"])
def test_what_is_no_market_is_refused_with_how_to_say_it(wrong: str) -> None:
    with pytest.raises(ValidationError, match="basketball:player_points"):
        settings(event_markets=wrong)


def test_a_market_that_the_league_is_asked_for_is_not_paid_for_twice() -> None:
    with pytest.raises(ValidationError, match="totals: asked for with the whole league already"):
        settings(event_markets="basketball:totals")
    assert settings(markets="h2h", event_markets="totals").event_markets_of("basketball_nba") == ("totals",)
