"""Bets on several outcomes that are worth more together: arbitrages, low holds and middles.

An arbitrage or a low hold covers every outcome of one market by the best fresh net prices, at a sum of their inverses
below 1, or a little above it; where several of the bets win, below their number. A middle backs both sides of a
market at lines that leave a band between them, in which both win. Every bet has its legs at two bookmakers or more: one
that beats itself is in error. Where one of the best prices looks like an error, the best of the others are looked at
too.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import product
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import EventBoards, MarketStatus
from bet_intel.ev_engine.domain.gates import NO_EV
from bet_intel.ev_engine.domain.judging import Asks
from bet_intel.ev_engine.domain.legs import Bet, Leg, Way, apart, bet, choices, cost_of
from bet_intel.ev_engine.domain.priced import Offers, PricedMarket, Side
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.domain.tensors import SECOND, Scopes, us
from bet_intel.odds import (
    ResultBand,
    base_market,
    is_alternate,
    liability_step,
    stake_shares,
    survives_rounding,
    threshold,
    winning_band,
)

_OVER = "Over"
_BACK, _LAY = Side.BACK, Side.LAY


class Kind(StrEnum):
    EV = "ev"
    ARBITRAGE = "arbitrage"
    MIDDLE = "middle"
    LOW_HOLD = "low_hold"


class Window(NamedTuple):
    """The band in which both legs of a middle win in full: of the total, or of the home side's margin, from the half
    line below its lowest whole number to that above its highest."""

    low: float
    high: float
    probability: float


class Combination(NamedTuple):
    """`cost`: what is paid of what is returned, the sum of the legs' inverse net prices by how many of them win. `ev`
    per unit staked in all: what an arbitrage wins, what a low hold loses (below 0), times the part of the stakes that
    is expected to stand, where that is known; what a middle is worth by its legs' leave-one-out probabilities and
    pushes."""

    kind: Kind
    legs: tuple[Leg, ...]
    cost: float
    ev: float
    ev_class: str
    window: Window | None = None

    @property
    def market(self) -> PricedMarket:
        """The market of its first leg, which it is shown under."""
        return self.legs[0].market


def combinations(
    boards: EventBoards, scopes: Scopes, markets: Sequence[PricedMarket], asks: Asks
) -> tuple[Combination, ...]:
    """What `markets` of one event offer at once, by fresh prices; nothing once the event has started."""
    if boards.as_of >= boards.event.commence_time:
        return ()
    event = _Event(boards, scopes, asks)
    found: list[Combination] = []
    by_line: defaultdict[tuple[str, str, str], list[_Told]] = defaultdict(list)
    for market in markets:
        if market.offers is None or market.board.status is not MarketStatus.OPEN or market.fair.reason in _UNSOUND:
            continue
        told = _Told(market, market.offers, scopes.at(boards, market.key).bounds[market.category].plausible_ev)
        if market.key.line is not None and len(market.board.outcomes) == 2:
            name = base_market(market.key.market)
            by_line[name, market.key.period, market.key.subject].append(told)
        elif market.offers.covering or _lays_cover(told, scopes.profile):
            found += _covering((told,), event)
    for lines in by_line.values():
        if len(lines) == 1:
            if lines[0].offers.covering:
                found += _covering(lines, event)
            continue
        for same in _same_line(lines):
            if same[0].offers.covering if len(same) == 1 else _may_cover(same, scopes.profile):
                found += _covering(same, event)
        found += _middles(lines, event)
    return tuple(found)


_UNSOUND = frozenset({"not_mutually_exclusive"})


class _Event(NamedTuple):
    boards: EventBoards
    scopes: Scopes
    asks: Asks

    def passes_gates(self, leg: Leg) -> bool:
        """Whether the gates refuse a price for nothing but its EV, which a combination need not have of each leg."""
        asked = self.asks.of(self.boards.event.id, leg.market, leg.outcome, leg.bookmaker, leg.side)
        return asked.refused in ("", NO_EV)


class _Told(NamedTuple):
    """A market that is open, what it offers, and what a price of it may be worth and be no mistake."""

    market: PricedMarket
    offers: Offers
    plausible: float

    def to(self, outcome: int, side: Side, since: int = 0) -> Way:
        return Way(self.market, self.plausible, outcome, side, since)


def _same_line(lines: Sequence[_Told]) -> Iterable[Sequence[_Told]]:
    """Each line with all the names that it is told under, its featured one first."""
    if len(lines) == 1:
        return [lines]
    by_line: defaultdict[tuple[float | None, frozenset[str]], list[_Told]] = defaultdict(list)
    # Of prices that are the same under both names the featured one is taken.
    for told in sorted(lines, key=lambda told: is_alternate(told.market.key.market)):
        by_line[told.market.key.line, frozenset(told.market.board.outcomes)].append(told)
    return by_line.values()


def _place(told: _Told, outcome: str) -> int:
    return told.market.board.outcomes.index(outcome)


def _may_cover(same: Sequence[_Told], profile: Profile) -> bool:
    """Whether the best prices of a line under all its names cover it: what `Offers.covering` is within one."""
    cost = 0.0
    for outcome in same[0].market.board.outcomes:
        offered = []
        for told in same:
            at = _place(told, outcome)
            offered += [told.offers.back.item(at), told.offers.lay.item(1 - at)]
        best = max([net for net in offered if not math.isnan(net)], default=0.0)
        cost += 1.0 / best if best else math.inf
    return cost <= 1.0 + profile.low_hold


def _lays_cover(told: _Told, profile: Profile) -> bool:
    """Whether the best lays of more than two outcomes cover them, of which `Offers.covering` says nothing."""
    if told.offers.fresh_lay is None or len(told.market.board.outcomes) == 2:
        return False
    cost: float = sum([1.0 / net for net in told.offers.lay.tolist()]) / _losing(told.market)
    return cost <= 1.0 + profile.low_hold  # not where a lay is missing


def _losing(market: PricedMarket) -> int:
    """How many outcomes do not come, whose lays win."""
    return len(market.board.outcomes) - market.fair.winning


def _covering(same: Sequence[_Told], event: _Event) -> Iterator[Combination]:
    """Every way to cover the outcomes of a market, of two by all its names: all by backing, all by laying,
    or one by backing and laying it."""
    market = same[0].market
    if len(market.board.outcomes) == 2:
        # Laying one is backing the other.
        since = _in_step_since(same, event.boards, event.scopes.profile) if len(same) > 1 else 0
        ways = [([bet(*_either(same, outcome, since)) for outcome in market.board.outcomes], 1)]
    else:
        (told,) = same
        outcomes = range(len(market.board.outcomes))
        back = [bet(told.to(o, _BACK)) for o in outcomes]
        lay = [bet(told.to(o, _LAY)) for o in outcomes]
        ways = [(back, market.fair.winning), (lay, _losing(market))] + [([back[o], lay[o]], 1) for o in outcomes]
    for bets, winning in ways:
        for legs, cost in choices(bets, 1.0 + event.scopes.profile.low_hold, event.scopes.profile, winning):
            combination = _covered(legs, cost, winning, event)
            if combination is not None:
                yield combination


def _either(same: Sequence[_Told], outcome: str, since: int) -> Iterator[Way]:
    for told in same:
        at = _place(told, outcome)
        yield told.to(at, _BACK, since)
        if told.offers.fresh_lay is not None:
            yield told.to(1 - at, _LAY, since)


def _in_step_since(same: Sequence[_Told], boards: EventBoards, profile: Profile) -> int:
    """When (µs) a price of a line was confirmed at the earliest that is in step with the newest under all its names:
    under each of them it is."""
    newest = 0
    for told in same:
        fresh = np.flatnonzero((told.offers.fresh > 0.0).any(axis=0))
        newest = max([newest, *told.market.board.updated_us[fresh].tolist()])
    return min(newest, us(boards.as_of)) - round(profile.behind_newest_seconds * SECOND)


def _covered(legs: Sequence[Leg], cost: float, winning: int, event: _Event) -> Combination | None:
    profile = event.scopes.profile
    if any(leg.market is not legs[0].market for leg in legs):
        # Listed under the name of its first leg: the featured one, where there is one.
        legs = sorted(legs, key=lambda leg: is_alternate(leg.market.key.market))
    staked = _staked(legs, stake_shares([leg.net_price for leg in legs]), event)
    if cost < 1.0 and not _survives_rounding(staked, profile.stake, winning):
        return None
    kind, ev = Kind.ARBITRAGE if cost < 1.0 else Kind.LOW_HOLD, _standing(legs) * (1.0 / cost - 1.0)
    return Combination(kind, staked, cost, ev, _class(legs, ev, profile))


def _standing(legs: Sequence[Leg]) -> float:
    """The part of the stakes on one line that is expected to be won or lost; 1 where nobody tells it."""
    known = [
        terms.standing.item(leg.bookmaker)
        for leg in legs
        if not math.isnan((terms := leg.market.fair.terms).push.item(leg.bookmaker))
    ]
    return sum(known) / len(known) if known else 1.0


def _survives_rounding(legs: Sequence[Leg], stake: Decimal, winning: int) -> bool:
    """Whether every outcome still wins when the stakes are rounded to what can be placed, within the limits."""
    limits = [leg.limit for leg in legs]
    steps = [liability_step(leg.step, leg.price) if leg.side is Side.LAY else leg.step for leg in legs]
    return survives_rounding([leg.net_price for leg in legs], stake, steps, limits, winning)


def _middles(lines: Sequence[_Told], event: _Event) -> Iterator[Combination]:
    """Pairs of lines t₁ < t₂ of the quantity that both are about, backed above t₁ and below t₂."""
    sides = [side for each in lines if (side := _sides(each, event.boards.event.home)) is not None]
    ordered = sorted(sides, key=lambda side: (side.threshold, side.market.key.market))
    most = 1.0 + event.scopes.profile.middle_cost
    for place, lower in enumerate(ordered):
        over = lower.above.best
        if over is None:
            continue
        for upper in ordered[place + 1 :]:
            under = upper.below.best
            # Of most pairs nothing is to be had: no other prices cost less.
            if under is None or 1.0 / over.net_price + 1.0 / under.net_price > most:
                continue
            if upper.threshold > lower.threshold:
                yield from _between(lower, upper, event)


def _between(lower: "_Sides", upper: "_Sides", event: _Event) -> Iterator[Combination]:
    """The middles of two lines, of prices that pass the gates and were there at about the same time."""
    # Over 3 and under 3.5 lie apart, and no result wins both.
    if (band := winning_band(lower.threshold, upper.threshold)) is None:
        return
    bets, profile = (lower.above, upper.below), event.scopes.profile
    most = 1.0 + profile.middle_cost
    hides_others = False
    told = []
    for legs, cost in choices(bets, most, profile):
        middle = _middle(legs, cost, band, event)
        if middle is None:
            continue
        if _in_step(legs, event) and all(map(event.passes_gates, legs)):
            told.append([leg.key for leg in legs])
            yield middle
        else:
            hides_others = True
    if hides_others and (found := _best_that_passes(bets, event)) is not None:
        cost = cost_of(found)
        middle = _middle(found, cost, band, event) if cost <= most else None
        if middle is not None and [leg.key for leg in found] not in told:
            yield middle


def _best_that_passes(bets: Sequence[Bet], event: _Event) -> Sequence[Leg] | None:
    above, below = [[leg for leg in each.ranked() if leg.is_sound and event.passes_gates(leg)] for each in bets]
    pairs = [legs for legs in product(above, below) if apart(legs, event.scopes.profile) and _in_step(legs, event)]
    return min(pairs, key=cost_of, default=None)


def _in_step(legs: Sequence[Leg], event: _Event) -> bool:
    """Whether none was confirmed long before another: of lines that move together one has moved since, perhaps."""
    latest = us(event.boards.as_of)
    confirmed = [min(leg.market.board.updated_us.item(leg.bookmaker), latest) for leg in legs]
    return max(confirmed) - min(confirmed) <= event.scopes.profile.behind_newest_seconds * SECOND


class _Sides(NamedTuple):
    """The bets that win above and below a market's threshold."""

    market: PricedMarket
    threshold: float
    above: Bet
    below: Bet


def _sides(told: _Told, home: str) -> _Sides | None:
    market = told.market
    line, outcomes = market.key.line, market.board.outcomes
    if line is None or threshold(line) is None:
        return None
    # The home side wins a spread where its margin is above minus its point.
    upper, at = (_OVER, line) if _OVER in outcomes else (home, 0.0 - line)
    if upper not in outcomes:
        return None
    above = outcomes.index(upper)
    back = [bet(told.to(o, _BACK)) for o in (above, 1 - above)]
    return _Sides(market, at, *back)


def _middle(legs: Sequence[Leg], cost: float, band: ResultBand, event: _Event) -> Combination | None:
    above, below = legs
    if (first := above.won) is None or (second := below.won) is None:
        return None
    both = first + second - 1.0
    shares = stake_shares([above.net_price, below.net_price])
    ev = sum([share * leg.ev for share, leg in zip(shares, legs, strict=True)])
    if not (ev > 0 and both > 0):
        return None
    window = Window(band.lowest - 0.5, band.highest + 0.5, both)
    staked = _staked(legs, shares, event)
    return Combination(Kind.MIDDLE, staked, cost, ev, _class(legs, ev, event.scopes.profile), window)


def _class(legs: Sequence[Leg], ev: float, profile: Profile) -> str:
    """`suspect` where the whole, or one leg alone, is worth more than prices that are no mistake are."""
    if max(ev, *[leg.ev for leg in legs]) > min([leg.plausible for leg in legs]):
        return "suspect"
    return "take" if ev >= profile.take_ev else "marginal" if ev > 0 else "no_ev"


def _staked(legs: Sequence[Leg], shares: Sequence[float], event: _Event) -> tuple[Leg, ...]:
    """With what is said of a leg alone: its share and step, its band, and why it would be refused."""
    staked = []
    for leg, share in zip(legs, shares, strict=True):
        step = event.scopes.at(event.boards, leg.market.key).step(leg.key)
        staked.append(Leg(*leg[:-5], share, step, *_said(leg, event)))
    return tuple(staked)


def _said(leg: Leg, event: _Event) -> tuple[float, float, str]:
    """The band of its fair probability, and why it is refused as a single bet: "" where it is not."""
    market, lays = leg.market, leg.side is Side.LAY
    refused = (market.refused_lays if lays else market.refused).get((market.board.outcomes[leg.outcome], leg.key), "")
    if math.isnan(leg.fair):
        return math.nan, math.nan, refused
    low, high = event.asks.band(event.boards.event.id, market, leg.outcome, leg.bookmaker)
    return (1.0 - high, 1.0 - low, refused) if lays else (low, high, refused)
