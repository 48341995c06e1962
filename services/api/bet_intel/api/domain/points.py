"""The point of a bet itself, of a market whose line is told from one side. Pure."""

_SPREAD = "spread"


def own_point(market: str, line: float | None, outcome: str, away: str | None) -> float | None:
    """The line as the bet on `outcome` has it: of a spread, whose line is the home side's point, the away side's is the
    opposite. None where the market has no line."""
    # 0 − line, for −line would be −0 at a line of nought.
    return 0.0 - line if line is not None and _is_spread(market) and outcome == away else line


def told_point(market: str, line: float, outcome: str, away: str | None) -> str:
    """The same in words: the points of a spread with their sign."""
    point = own_point(market, line, outcome, away)
    return f"{point:+g}" if _is_spread(market) else f"{point:g}"


def _is_spread(market: str) -> bool:
    return _SPREAD in market
