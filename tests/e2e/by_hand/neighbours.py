"""What the lines beside a line say of it: its probability where too few price it, and how often the stake returns.

Plain numbers, the roots by bisection; nothing of the project is imported.
"""

import math
from collections.abc import Mapping
from typing import Any

from e2e.by_hand.boards import LineKey, house
from e2e.by_hand.lines import Line
from e2e.by_hand.pooling import Pool

# What half a point is worth in log-odds, and over how many.
_SLOPES = {
    "basketball_nba": ({"spreads": 0.06, "totals": 0.05}, 6),
    "basketball_ncaab": ({"spreads": 0.07, "totals": 0.06}, 6),
    "icehockey_nhl": ({"spreads": 0.18, "totals": 0.15}, 4),
    "baseball_mlb": ({"spreads": 0.20, "totals": 0.12}, 4),
}


def pool_without(line: Line, book: str) -> Pool | None:
    """Without the bookmaker, or its exchange under another key."""
    same = next((other for other in (book, *line.pools) if other in line.pools and house(other) == house(book)), None)
    return line.consensus if same is None else line.pools[same]


def enough(pool: Pool | None) -> bool:
    return pool is not None and (len(pool.share) >= 3 or "pinnacle" in pool.share)


def by_other_lines(
    key: LineKey, book: str, lines: Mapping[LineKey, Line], event: Mapping[str, Any]
) -> tuple[float, list[Pool], float] | None:
    """The probability of the side that wins above the line, by the nearest lines, their pools, and the age of the
    newest opinion there."""
    market, line = key
    over = event["home_team"] if market == "spreads" else "Over"
    if line is None or len(lines[key].board.outcomes) != 2 or over not in lines[key].board.outcomes:
        return None
    slopes, reach = _SLOPES.get(event["sport_key"], ({}, 4))
    sign = -1 if market == "spreads" else 1
    beside: dict[float, Pool] = {}
    newest: dict[float, float] = {}
    for (name, other), one in lines.items():
        away = 0.0 if other is None else sign * (other - line) * 2
        pool = pool_without(one, book)
        two_way = len(one.board.outcomes) == 2 and over in one.board.outcomes
        alike = other is not None and _returns(sign * other, sign * line, event["sport_key"] in _SLOPES)
        if name == market and two_way and alike and 0 < abs(away) <= reach and pool is not None and enough(pool):
            beside[away], newest[away] = pool, one.newest
    lam = {away: math.log(pool.probability[over] / (1 - pool.probability[over])) for away, pool in beside.items()}
    low = max((away for away in lam if away < 0), default=None)
    high = min((away for away in lam if away > 0), default=None)
    if low is not None and high is not None:
        if lam[low] < lam[high]:
            return None
        value, near = (lam[low] * high - lam[high] * low) / (high - low), [low, high]
    elif (nearest := low if low is not None else high) is not None and market in slopes:
        value, near = lam[nearest] + nearest * slopes[market], [nearest]
    else:
        return None
    return 1 / (1 + math.exp(-value)), [beside[away] for away in near], min(newest[away] for away in near)


def _returns(one: float, other: float, rarely: bool) -> bool:
    """Whether two lines return the stake alike: halves never, wholes and quarters each in their way."""
    ways = {one % 1, other % 1}
    return len(ways) == 1 or (rarely and ways == {0.0, 0.5})


def push_of(key: LineKey, book: str, lines: Mapping[LineKey, Line], event: Mapping[str, Any]) -> float | None:
    """How often the whole number that a line is at, or beside, comes: by the half lines around it, without `book`.

    With Q the probability of the side that wins above the line where the stake stands, by other lines where too few
    price it, H and L those of the half lines above and below the whole number: whole Q = H/(1 − push); ¼ below it,
    where the whole number wins half, Q = (H + push/2)/(1 − push/2); ¼ above it, where it loses half,
    Q = H/(1 − push/2). L = H + push.
    """
    market, line = key
    pool = lines[key].pools[book]
    if line is None or line * 2 % 2 == 1:
        return 0.0
    home = event["home_team"]
    sign = -1 if market == "spreads" else 1
    side = home if market == "spreads" else "Over"
    at = sign * line
    whole = round(at)
    found = None if enough(pool) else by_other_lines(key, book, lines, event)
    if found is not None:
        own, *_ = found
    elif pool is not None:
        own = pool.probability[side]
    else:
        return None

    def beside(threshold: float) -> float | None:
        other = lines.get((market, sign * threshold))
        others = None if other is None else pool_without(other, book)
        if others is not None:
            return others.probability[side]
        return _by_match_odds(threshold, book, lines, home) if market == "spreads" and whole == 0 else None

    below, above = beside(whole - 0.5), beside(whole + 0.5)

    def by_the_curve(push: float, high: float) -> float:
        if at == whole:
            return high / (1 - push)
        return (high + (push / 2 if at < whole else 0)) / (1 - push / 2)

    if below is not None and above is not None:
        push = below - above
        if not 0 <= push < 1 or abs(by_the_curve(push, above) - own) > 0.05:
            return None
    elif above is None and below is None:
        return None
    else:
        # Of what is one half line the other is the push away: by bisection on what Q it would have.
        def off(push: float) -> float:
            high = above if above is not None else (below or 0.0) - push
            return by_the_curve(push, high) - own

        ends = off(0.0), off(1 - 1e-12)
        if ends[0] * ends[1] > 0:
            return None
        low, high = 0.0, 1 - 1e-12
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if off(middle) * ends[0] > 0 else (low, middle)
        push = low
    win = own * (1 - push * (1.0 if at == whole else 0.5))
    lose = (1 - own) * (1 - push * (1.0 if at == whole else 0.5))
    impossible = (at < whole and win < push / 2) or (at > whole and lose < push / 2)
    return None if impossible else push


def _by_match_odds(threshold: float, book: str, lines: Mapping[LineKey, Line], home: str) -> float | None:
    """That the home side's margin is above ½, as it is where it wins, or above −½, as it is on a draw too."""
    odds = lines.get(("h2h", None))
    pool = None if odds is None or "Draw" not in odds.board.outcomes else pool_without(odds, book)
    if pool is None or home not in pool.probability:
        return None
    return pool.probability[home] + (pool.probability["Draw"] if threshold < 0 else 0.0)


def is_whole(line: float | None) -> bool:
    return line is not None and line == math.floor(line)
