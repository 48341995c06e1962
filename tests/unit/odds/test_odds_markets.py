"""What the name of a market says of its bets."""

import pytest

from bet_intel.odds import base_market, is_alternate, returns_stake_on_draw


@pytest.mark.parametrize(
    ("told", "base"),
    [
        ("totals", "totals"),
        ("alternate_totals", "totals"),
        ("alternate_team_totals", "team_totals"),
        ("player_points", "player_points"),
        ("player_points_alternate", "player_points"),
        ("player_points_rebounds_assists_alternate", "player_points_rebounds_assists"),
        ("h2h", "h2h"),
    ],
)
def test_an_alternate_has_the_name_of_what_it_is_an_alternate_to(told: str, base: str) -> None:
    assert base_market(told) == base
    assert is_alternate(told) == (told != base)
    assert not is_alternate(base)


def test_draw_no_bet_returns_the_stake_and_match_odds_do_not() -> None:
    assert returns_stake_on_draw("draw_no_bet")
    assert not any(map(returns_stake_on_draw, ("h2h", "h2h_3_way", "double_chance", "totals")))
