"""A simulated betting market: a pure function from a seed and a moment to a The Odds API v4 response."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bet_intel.odds_ingest.providers.simulator.bookmakers import BOOKMAKERS, Bookmaker, on_ladder, quote
from bet_intel.odds_ingest.providers.simulator.fixtures import Fixture, fixtures
from bet_intel.odds_ingest.providers.simulator.markets import Offer, View, offers, props
from bet_intel.odds_ingest.providers.simulator.noise import stream, uniform
from bet_intel.odds_ingest.providers.simulator.truth import truth

_MISSED_UPDATE = 0.12  # chance that a bookmaker leaves out one confirmation of a match
_OUTAGE = 0.015  # chance that a bookmaker confirms nothing of a match for a whole outage window
_OUTAGE_SECONDS = 1200
_SUSPENSION = 0.01  # chance that a bookmaker offers nothing on a match for a suspension window
_SUSPENSION_SECONDS = 300
_BLUNDER_SECONDS = 240
_BLUNDER_IN_FAVOUR = 0.8  # of the punter: a price too long
_GROSS = 0.08  # chance that a blunder is far off, as by a slip of the finger
_PROP_BLUNDER = 0.5  # how often props are wrong, in relation to main markets
_PROP_MARKUP = 1.25  # on the margin of main markets
_PROPS_OPEN = 5400  # seconds before the start
_PROP_LIMIT = 0.1  # of that of main markets
_LIMITS = ((900, 1.0), (3600, 0.5))  # up to so many seconds before the start: share of the bookmaker's limit
_EARLY_LIMIT = 0.25
_MOST_MISSED = 8


def snapshot(seed: int, at: datetime) -> list[dict[str, Any]]:
    """The v4 response (decimal odds) that the simulated feed gives at `at`.

    Raises:
        ValueError: `at` has no time zone.
    """
    return Simulation(seed).snapshot(at)


class _Offered(NamedTuple):
    """A bookmaker's part of a response, which is the same until it confirms its prices again."""

    updated: int
    listing: dict[str, Any]


class Simulation:
    """The simulated feed of a seed. What it answers depends on the time alone; what it remembers only spares work.

    Of the fixtures it lists those for which `only` holds, all unless given. Parts of an answer are shared with the next
    one: they are to be read, not changed.
    """

    def __init__(self, seed: int, only: Callable[[Fixture], bool] | None = None) -> None:
        self._seed = seed
        self._only = only
        self._streams = {bookmaker.key: stream(seed, "bookmaker", bookmaker.key) for bookmaker in BOOKMAKERS}
        self._offered: dict[tuple[str, str], _Offered] = {}

    def snapshot(self, at: datetime) -> list[dict[str, Any]]:
        """The v4 response at `at`; raises as the function does."""
        if at.tzinfo is None:
            raise ValueError(f"the time of a simulated response needs a time zone, but is {at.isoformat()}")
        moment = at.timestamp()
        before, self._offered = self._offered, {}
        listed = filter(self._only, fixtures(self._seed, moment)) if self._only else fixtures(self._seed, moment)
        return [self._event(fixture, moment, before) for fixture in listed]

    def _event(self, fixture: Fixture, moment: float, before: Mapping[tuple[str, str], _Offered]) -> dict[str, Any]:
        bookmakers = []
        for bookmaker in BOOKMAKERS:
            key = fixture.key ^ self._streams[bookmaker.key]
            updated = _last_update(bookmaker, key, moment)
            if updated < fixture.listed_from + bookmaker.opens_after or _is_suspended(key, updated):
                continue
            place = (fixture.id, bookmaker.key)
            offered = before.get(place)
            if offered is None or offered.updated != updated:
                offered = _Offered(updated, _listing(fixture, bookmaker, key, updated))
            self._offered[place] = offered
            bookmakers.append(offered.listing)
        return {
            "id": fixture.id,
            "sport_key": fixture.league.key,
            "sport_title": fixture.league.title,
            "commence_time": _text(fixture.start),
            "home_team": fixture.home,
            "away_team": fixture.away,
            "bookmakers": bookmakers,
        }


def _text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _listing(fixture: Fixture, bookmaker: Bookmaker, key: int, updated: int) -> dict[str, Any]:
    time = _text(updated)
    return {
        "key": bookmaker.key,
        "title": f"{bookmaker.title} (simulated)",
        "last_update": time,
        "markets": _markets(fixture, bookmaker, key, updated, time),
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
    known = updated - bookmaker.lag
    view = View(
        truth(fixture, known),
        bookmaker.bias * (2.0 * uniform(key, 7) - 1.0),
        bookmaker.bias * (2.0 * uniform(key, 8) - 1.0),
        bookmaker.quarter_lines,
        key,
        known,
    )
    limit = _limit(fixture, bookmaker, updated)
    markets: dict[str, list[dict[str, Any]]] = {}
    for index, offer in enumerate(offers(fixture, view)):
        if bookmaker.is_exchange and offer.market != "h2h":
            continue
        quoted = quote(bookmaker, [outcome.probability for outcome in offer.outcomes])
        _blunder(quoted.back, bookmaker, bookmaker.blunder, key ^ (16 + index), updated)
        _list(markets, offer.market, offer, quoted.back, limit)
        if quoted.lay:
            _list(markets, f"{offer.market}_lay", offer, quoted.lay, limit)
    if bookmaker.props and updated >= fixture.start - _PROPS_OPEN:
        _add_props(markets, props(fixture, view), bookmaker, key, updated, max(10.0, _PROP_LIMIT * limit))
    return [{"key": name, "last_update": time, "outcomes": outcomes} for name, outcomes in markets.items()]


def _add_props(
    markets: dict[str, list[dict[str, Any]]],
    offered: Iterable[Offer],
    bookmaker: Bookmaker,
    key: int,
    updated: int,
    limit: float,
) -> None:
    for index, offer in enumerate(offered):
        quoted = quote(bookmaker, [outcome.probability for outcome in offer.outcomes], _PROP_MARKUP)
        _blunder(quoted.back, bookmaker, _PROP_BLUNDER * bookmaker.blunder, key ^ (64 + 16 * index), updated)
        _list(markets, offer.market, offer, quoted.back, limit)


def _limit(fixture: Fixture, bookmaker: Bookmaker, updated: int) -> float:
    """The largest stake, which grows as the start comes near."""
    left = fixture.start - updated
    return bookmaker.limit * next((share for seconds, share in _LIMITS if left <= seconds), _EARLY_LIMIT)


def _list(
    markets: dict[str, list[dict[str, Any]]], market: str, offer: Offer, prices: list[float], limit: float
) -> None:
    """Add outcomes to a market; those of several players are listed in one, as in the feed."""
    listed = markets.setdefault(market, [])
    for outcome, price in zip(offer.outcomes, prices, strict=True):
        entry: dict[str, Any] = {"name": outcome.name, "price": price, "bet_limit": limit}
        if outcome.point is not None:
            entry["point"] = outcome.point
        if outcome.subject is not None:
            entry["description"] = outcome.subject
        listed.append(entry)


def _blunder(prices: list[float], bookmaker: Bookmaker, chance: float, key: int, updated: int) -> None:
    """Now and then one price is off by 3 to 9 % for some minutes, and rarely by 15 to 30 %."""
    window = updated // _BLUNDER_SECONDS
    if uniform(key, window) >= chance:
        return
    index = int(len(prices) * uniform(key ^ 8, window))
    size = uniform(key ^ 9, window)
    off = 0.15 + 0.15 * size if uniform(key ^ 11, window) < _GROSS else 0.03 + 0.06 * size
    factor = 1.0 + off if uniform(key ^ 10, window) < _BLUNDER_IN_FAVOUR else 1.0 - off
    prices[index] = on_ladder(prices[index] * factor, bookmaker.ladder)
