"""A simulated betting market: a pure function from a seed and a moment to a The Odds API v4 response."""

import math
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bet_intel.odds_ingest.providers.simulator.bookmakers import BOOKMAKERS, Bookmaker, on_ladder, quote
from bet_intel.odds_ingest.providers.simulator.fixtures import Fixture, Sport, fixtures
from bet_intel.odds_ingest.providers.simulator.noise import stream, uniform
from bet_intel.odds_ingest.providers.simulator.truth import truth

_POINTS_PER_LOGIT = 6.6  # of a basketball margin: a logistic distribution with a standard deviation of 12 points
_TOTAL_POINTS_PER_LOGIT = 9.5
_GOALS_PER_LOGIT = 1.05

_MISSED_UPDATE = 0.12  # chance that a bookmaker leaves out one confirmation of a match
_OUTAGE = 0.015  # chance that a bookmaker confirms nothing of a match for a whole outage window
_OUTAGE_SECONDS = 1200
_SUSPENSION = 0.01  # chance that a bookmaker offers nothing on a match for a suspension window
_SUSPENSION_SECONDS = 300
_BLUNDER_SECONDS = 240
_BLUNDER_IN_FAVOUR = 0.8  # of the punter: a price too long
_MOST_MISSED = 8


class _Outcome(NamedTuple):
    name: str
    probability: float
    point: float | None = None


def snapshot(seed: int, at: datetime) -> list[dict[str, Any]]:
    """The v4 response (decimal odds) that the simulated feed gives at `at`.

    Raises:
        ValueError: `at` has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"the time of a simulated response needs a time zone, but is {at.isoformat()}")
    moment = at.timestamp()
    times = _Times()
    streams = {bookmaker.key: stream(seed, "bookmaker", bookmaker.key) for bookmaker in BOOKMAKERS}
    return [_event(fixture, moment, streams, times) for fixture in fixtures(seed, moment)]


class _Times:
    """ISO texts of whole seconds; the same few come up hundreds of times in a response."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}

    def text(self, second: int) -> str:
        known = self._texts.get(second)
        if known is None:
            known = self._texts[second] = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return known


def _event(fixture: Fixture, moment: float, streams: dict[str, int], times: _Times) -> dict[str, Any]:
    bookmakers = []
    for bookmaker in BOOKMAKERS:
        key = fixture.key ^ streams[bookmaker.key]
        updated = _last_update(bookmaker, key, moment)
        if updated < fixture.listed_from + bookmaker.opens_after or _is_suspended(key, updated):
            continue
        time = times.text(updated)
        bookmakers.append(
            {
                "key": bookmaker.key,
                "title": bookmaker.title,
                "last_update": time,
                "markets": _markets(fixture, bookmaker, key, updated, time),
            }
        )
    return {
        "id": fixture.id,
        "sport_key": fixture.league.key,
        "sport_title": fixture.league.title,
        "commence_time": times.text(fixture.start),
        "home_team": fixture.home,
        "away_team": fixture.away,
        "bookmakers": bookmakers,
    }


def _last_update(bookmaker: Bookmaker, key: int, moment: float) -> int:
    """When the bookmaker last confirmed its prices of a match, in whole seconds since the epoch."""
    phase = int(bookmaker.interval * uniform(key, 3))
    tick = math.floor((moment - phase) / bookmaker.interval)
    for _ in range(_MOST_MISSED):
        if uniform(key ^ 4, tick) >= _MISSED_UPDATE:
            break
        tick -= 1
    updated = tick * bookmaker.interval + phase
    window = updated // _OUTAGE_SECONDS
    return window * _OUTAGE_SECONDS if uniform(key ^ 5, window) < _OUTAGE else updated


def _is_suspended(key: int, updated: int) -> bool:
    return uniform(key ^ 6, updated // _SUSPENSION_SECONDS) < _SUSPENSION


def _markets(fixture: Fixture, bookmaker: Bookmaker, key: int, updated: int, time: str) -> list[dict[str, Any]]:
    seen = truth(fixture, updated - bookmaker.lag)
    error = bookmaker.bias * (2.0 * uniform(key, 7) - 1.0)
    total_error = bookmaker.bias * (2.0 * uniform(key, 8) - 1.0)
    if fixture.league.sport is Sport.SOCCER:
        offers = [
            ("h2h", _three_way(fixture, seen.advantage + error)),
            ("totals", _total(seen.total + _GOALS_PER_LOGIT * total_error, _GOALS_PER_LOGIT, bookmaker.quarter_lines)),
        ]
    elif fixture.league.sport is Sport.BASKETBALL:
        advantage = seen.advantage + _POINTS_PER_LOGIT * error
        total = seen.total + _TOTAL_POINTS_PER_LOGIT * total_error
        offers = [
            ("h2h", _two_way(fixture, advantage / _POINTS_PER_LOGIT)),
            ("spreads", _spread(fixture, advantage)),
            ("totals", _total(total, _TOTAL_POINTS_PER_LOGIT, quarter_lines=False)),
        ]
    else:
        offers = [("h2h", _two_way(fixture, seen.advantage + error))]
    markets = []
    for index, (market, outcomes) in enumerate(offers):
        if bookmaker.is_exchange and market != "h2h":
            continue
        quoted = quote(bookmaker, [outcome.probability for outcome in outcomes])
        back = quoted.back
        _blunder(back, bookmaker, key ^ (16 + index), updated)
        markets.append(_market(market, outcomes, back, bookmaker, time))
        if quoted.lay:
            markets.append(_market(f"{market}_lay", outcomes, quoted.lay, bookmaker, time))
    return markets


def _market(
    name: str, outcomes: list[_Outcome], prices: list[float], bookmaker: Bookmaker, time: str
) -> dict[str, Any]:
    listed = []
    for outcome, price in zip(outcomes, prices, strict=True):
        entry: dict[str, Any] = {"name": outcome.name, "price": price}
        if outcome.point is not None:
            entry["point"] = outcome.point
        if bookmaker.limit is not None:
            entry["bet_limit"] = bookmaker.limit
        listed.append(entry)
    return {"key": name, "last_update": time, "outcomes": listed}


def _blunder(prices: list[float], bookmaker: Bookmaker, key: int, updated: int) -> None:
    """Now and then one price is off by 3 to 8 % for some minutes."""
    window = updated // _BLUNDER_SECONDS
    if uniform(key, window) >= bookmaker.blunder:
        return
    index = int(len(prices) * uniform(key ^ 8, window))
    size = 0.03 + 0.05 * uniform(key ^ 9, window)
    factor = 1.0 + size if uniform(key ^ 10, window) < _BLUNDER_IN_FAVOUR else 1.0 - size
    prices[index] = on_ladder(prices[index] * factor, bookmaker.ladder)


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def _two_way(fixture: Fixture, log_odds: float) -> list[_Outcome]:
    home = _logistic(log_odds)
    return [_Outcome(fixture.home, home), _Outcome(fixture.away, 1.0 - home)]


def _three_way(fixture: Fixture, log_odds: float) -> list[_Outcome]:
    """A draw is the likelier, the closer the teams are."""
    draw = 0.29 * math.exp(-0.25 * log_odds * log_odds)
    home = (1.0 - draw) * _logistic(1.3 * log_odds)
    return [_Outcome(fixture.home, home), _Outcome(fixture.away, 1.0 - draw - home), _Outcome("Draw", draw)]


def _spread(fixture: Fixture, advantage: float) -> list[_Outcome]:
    line = -(math.floor(advantage) + 0.5)
    home = _logistic((advantage + line) / _POINTS_PER_LOGIT)
    return [_Outcome(fixture.home, home, line), _Outcome(fixture.away, 1.0 - home, -line)]


def _total(expected: float, per_logit: float, quarter_lines: bool) -> list[_Outcome]:
    line = round(4.0 * expected) / 4.0 if quarter_lines else math.floor(expected) + 0.5
    over = _logistic((expected - line) / per_logit)
    return [_Outcome("Over", over, line), _Outcome("Under", 1.0 - over, line)]
