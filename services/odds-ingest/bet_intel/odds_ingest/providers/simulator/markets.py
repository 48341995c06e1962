"""The markets of a simulated match: their outcomes and lines, and the probabilities a bookmaker sees behind them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from bet_intel.odds_ingest.providers.simulator.fixtures import Fixture, Sport
from bet_intel.odds_ingest.providers.simulator.noise import smooth, uniform
from bet_intel.odds_ingest.providers.simulator.truth import Truth

_POINTS_PER_LOGIT = 6.6  # of a basketball margin: a logistic distribution with a standard deviation of 12 points
_TOTAL_POINTS_PER_LOGIT = 9.5
_GOALS_PER_LOGIT = 1.05
_RUNS_PER_LOGIT = 2.3
_TOTAL_RUNS_PER_LOGIT = 2.4
_RUN_LINE = 1.5
_PROP_DRIFT_SECONDS = 900.0
_OTHER_LINE = 0.12  # chance that a bookmaker's line of a prop is one away from that of the others


class Outcome(NamedTuple):
    """One outcome with its probability; `subject` is the player it is about."""

    name: str
    probability: float
    point: float | None = None
    subject: str | None = None


class Offer(NamedTuple):
    """Outcomes that exclude each other and exhaust the market (of one subject)."""

    market: str
    outcomes: Sequence[Outcome]


class View(NamedTuple):
    """How a bookmaker sees a match: the truth as it knows it, and its lasting errors in log-odds.

    `key` is its stream of random numbers for the match, `at` the time of what it knows.
    """

    seen: Truth
    error: float
    total_error: float
    quarter_lines: bool
    key: int
    at: float


class _Prop(NamedTuple):
    """What is counted of a player: the market, the role within each team, the mean, its half range over matches, its
    amplitude in time, and how many make one log-odds."""

    market: str
    role: str
    mean: float
    spread: float
    drift: float
    per_logit: float


_PROPS = {
    Sport.BASKETBALL: (
        _Prop("player_points", "Guard", 21.5, 5.0, 0.8, 3.3),
        _Prop("player_points", "Centre", 14.5, 4.0, 0.7, 2.9),
        _Prop("player_rebounds", "Centre", 9.5, 2.0, 0.35, 1.7),
    ),
    Sport.BASEBALL: (
        _Prop("pitcher_strikeouts", "Starter", 5.6, 1.4, 0.25, 1.25),
        _Prop("batter_total_bases", "Leadoff", 1.5, 0.3, 0.12, 0.9),
    ),
}


def offers(fixture: Fixture, view: View) -> list[Offer]:
    """The markets about the whole match."""
    seen, error, total_error = view.seen, view.error, view.total_error
    match fixture.league.sport:
        case Sport.SOCCER:
            total = _total(seen.total + _GOALS_PER_LOGIT * total_error, _GOALS_PER_LOGIT, view.quarter_lines)
            return [Offer("h2h", _three_way(fixture, seen.advantage + error)), Offer("totals", total)]
        case Sport.BASKETBALL:
            advantage = seen.advantage + _POINTS_PER_LOGIT * error
            total = _total(seen.total + _TOTAL_POINTS_PER_LOGIT * total_error, _TOTAL_POINTS_PER_LOGIT, False)
            return [
                Offer("h2h", _two_way(fixture, advantage / _POINTS_PER_LOGIT)),
                Offer("spreads", _spread(fixture, advantage, -(math.floor(advantage) + 0.5), _POINTS_PER_LOGIT)),
                Offer("totals", total),
            ]
        case Sport.BASEBALL:
            advantage = seen.advantage + _RUNS_PER_LOGIT * error
            total = _total(seen.total + _TOTAL_RUNS_PER_LOGIT * total_error, _TOTAL_RUNS_PER_LOGIT, False)
            line = -_RUN_LINE if fixture.favours_home else _RUN_LINE
            return [
                Offer("h2h", _two_way(fixture, advantage / _RUNS_PER_LOGIT)),
                Offer("spreads", _spread(fixture, advantage, line, _RUNS_PER_LOGIT)),
                Offer("totals", total),
            ]
        case Sport.TENNIS:
            return [Offer("h2h", _two_way(fixture, seen.advantage + error))]


def props(fixture: Fixture, view: View) -> Iterator[Offer]:
    """Over and under of what single players do; a player is named by team and role."""
    index = 0
    for prop in _PROPS.get(fixture.league.sport, ()):
        for team in (fixture.home, fixture.away):
            index += 1
            stream = fixture.key + 1_000_003 * index
            mean = prop.mean + prop.spread * (2.0 * uniform(stream, 1) - 1.0)
            line = math.floor(mean) + 0.5
            if uniform(view.key ^ stream, 2) < _OTHER_LINE:
                line += 1.0 if mean > line else -1.0
            expected = mean + prop.drift * smooth(stream, view.at / _PROP_DRIFT_SECONDS)
            error = 2.0 * view.total_error * (2.0 * uniform(view.key ^ stream, 3) - 1.0)
            over = _logistic((expected - line) / prop.per_logit + error)
            subject = f"{team} {prop.role}"
            yield Offer(
                prop.market,
                (Outcome("Over", over, line, subject), Outcome("Under", 1.0 - over, line, subject)),
            )


def has_props(sport: Sport) -> bool:
    return sport in _PROPS


def prop_markets() -> Iterable[str]:
    """The keys of all markets about players."""
    return {prop.market for of_sport in _PROPS.values() for prop in of_sport}


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def _two_way(fixture: Fixture, log_odds: float) -> list[Outcome]:
    home = _logistic(log_odds)
    return [Outcome(fixture.home, home), Outcome(fixture.away, 1.0 - home)]


def _three_way(fixture: Fixture, log_odds: float) -> list[Outcome]:
    """A draw is the likelier, the closer the teams are."""
    draw = 0.29 * math.exp(-0.25 * log_odds * log_odds)
    home = (1.0 - draw) * _logistic(1.3 * log_odds)
    return [Outcome(fixture.home, home), Outcome(fixture.away, 1.0 - draw - home), Outcome("Draw", draw)]


def _spread(fixture: Fixture, advantage: float, line: float, per_logit: float) -> list[Outcome]:
    home = _logistic((advantage + line) / per_logit)
    return [Outcome(fixture.home, home, line), Outcome(fixture.away, 1.0 - home, -line)]


def _total(expected: float, per_logit: float, quarter_lines: bool) -> list[Outcome]:
    line = round(4.0 * expected) / 4.0 if quarter_lines else math.floor(expected) + 0.5
    over = _logistic((expected - line) / per_logit)
    return [Outcome("Over", over, line), Outcome("Under", 1.0 - over, line)]
