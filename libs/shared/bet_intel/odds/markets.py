"""What the name of a market says of its bets, in the words of The Odds API, which every provider is brought to."""

_BEFORE, _AFTER = "alternate_", "_alternate"
_RETURN_THE_STAKE_ON_A_DRAW = frozenset({"draw_no_bet"})


def base_market(market: str) -> str:
    """The name under which a bookmaker's featured line is told, whichever line this is: `totals` for `totals` and
    `alternate_totals`, `player_points` for `player_points_alternate`."""
    return market.removeprefix(_BEFORE).removesuffix(_AFTER)


def is_alternate(market: str) -> bool:
    """Whether the lines of a market were told as alternates."""
    return base_market(market) != market


def returns_stake_on_draw(market: str) -> bool:
    """Whether a market has no line, and its bets come back where neither side wins."""
    return market in _RETURN_THE_STAKE_ON_A_DRAW
