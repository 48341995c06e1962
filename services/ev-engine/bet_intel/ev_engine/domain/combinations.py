"""Bets on several outcomes that are worth more together: arbitrages, low holds and middles.

An arbitrage or a low hold covers every outcome of one market by the best fresh net prices, at a sum of their inverses
below 1, or a little above it. A middle backs both sides of a market at lines that leave a band between them, in which
both win. Every bet has its legs at two bookmakers or more: one that beats itself is in error.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import EventBoards, MarketStatus
from bet_intel.ev_engine.domain.priced import PricedMarket, Side
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.domain.tensors import Scopes
from bet_intel.odds import (
    Split,
    base_market,
    liability_step,
    settlement,
    stake_shares,
    survives_rounding,
    threshold,
    winning_band,
)

_OVER = "Over"


class Kind(StrEnum):
    EV = "ev"
    ARBITRAGE = "arbitrage"
    MIDDLE = "middle"
    LOW_HOLD = "low_hold"


class Leg(NamedTuple):
    """One bet of a combination; `outcome` and `bookmaker` index the market's.

    `net_price` is after commission and, of a lay, per unit of liability. `share` is that of the whole stake, a lay's
    being its liability; the stake is a multiple of `step`, a lay's being that of who backs it. Both are those of a
    combination, and said of no leg before there is one.
    """

    market: PricedMarket
    outcome: int
    bookmaker: int
    side: Side
    price: float
    net_price: float
    share: float = 0.0
    step: Decimal = Decimal(1)

    @property
    def limit(self) -> float:
        """The largest stake taken, NaN where it is not known."""
        return self.market.board.limit.item(self.outcome, self.bookmaker) if self.side is Side.BACK else np.nan

    @property
    def fair(self) -> float:
        """What the other bookmakers think of the bet's winning, NaN where nobody does."""
        fair, o, b = self.market.fair, self.outcome, self.bookmaker
        return fair.leave_one_out.item(o, b) if self.side is Side.BACK else 1.0 - fair.laid.item(o, b)

    @property
    def ev(self) -> float:
        """Per unit staked; where it is not known how often the line returns the stake, per unit that stands."""
        return self.market.fair.terms.standing.item(self.bookmaker) * (self.fair * self.net_price - 1.0)

    @property
    def won(self) -> float | None:
        """The probability that a bet to back it is won in full, None where its line's pushes are not known."""
        terms = self.market.fair.terms
        push = float(terms.push[self.bookmaker])
        if math.isnan(push) or math.isnan(self.fair):
            return None
        ways = settlement(self.fair, terms.splits[self.outcome] if terms.splits else Split.NONE, push)
        return None if ways is None else ways.won


class Window(NamedTuple):
    """The band in which both legs of a middle win in full: of the total, or of the home side's margin, from the half
    line below its lowest whole number to that above its highest."""

    low: float
    high: float
    probability: float


class Combination(NamedTuple):
    """`cost`: sum of the legs' inverse net prices. `ev` per unit staked in all: what an arbitrage is sure of, what a
    low hold is sure to lose (below 0), what a middle is worth by its legs' leave-one-out probabilities and pushes."""

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


def combinations(boards: EventBoards, scopes: Scopes, markets: Sequence[PricedMarket]) -> tuple[Combination, ...]:
    """What `markets` of one event offer at once, by fresh prices; nothing once the event has started."""
    if boards.as_of >= boards.event.commence_time:
        return ()
    found: list[Combination] = []
    by_line: defaultdict[tuple[str, str, str], list[PricedMarket]] = defaultdict(list)
    for market in markets:
        if market.offers is None or market.board.status is not MarketStatus.OPEN or market.fair.reason in _UNSOUND:
            continue
        if market.offers.covering:
            found += _covering(market, boards, scopes)
        if market.key.line is not None and len(market.board.outcomes) == 2:
            name = base_market(market.key.market)
            by_line[name, market.key.period, market.key.subject].append(market)
    for lines in by_line.values():
        if len(lines) > 1:
            found += _middles(lines, boards, scopes)
    return tuple(found)


_UNSOUND = frozenset({"not_mutually_exclusive"})


def _covering(market: PricedMarket, boards: EventBoards, scopes: Scopes) -> Iterator[Combination]:
    """Every way to cover the outcomes: all by backing, or one by backing and laying it."""
    outcomes = range(len(market.board.outcomes))
    if len(outcomes) == 2:
        ways = [[_either(market, 0), _either(market, 1)]]
    else:
        ways = [[_back(market, o) for o in outcomes]] + [[_back(market, o), _lay(market, o)] for o in outcomes]
    for way in ways:
        legs = [leg for leg in way if leg is not None]
        if len(legs) == len(way):
            combination = _covered(legs, boards, scopes)
            if combination is not None:
                yield combination


def _covered(legs: Sequence[Leg], boards: EventBoards, scopes: Scopes) -> Combination | None:
    if len({leg.bookmaker for leg in legs}) < 2:
        return None
    profile = scopes.profile
    cost = sum([1.0 / leg.net_price for leg in legs])
    if cost > 1.0 + profile.low_hold:
        return None
    shared = _placed(_shared(legs), boards, scopes)
    if cost < 1.0 and not _survives_rounding(shared, profile.stake):
        return None
    kind, ev = Kind.ARBITRAGE if cost < 1.0 else Kind.LOW_HOLD, 1.0 / cost - 1.0
    return Combination(kind, shared, cost, ev, _class(shared, ev, profile))


def _survives_rounding(legs: Sequence[Leg], stake: Decimal) -> bool:
    """Whether every outcome still wins when the stakes are rounded to what can be placed, within the limits."""
    limits = [leg.limit for leg in legs]
    steps = [liability_step(leg.step, leg.price) if leg.side is Side.LAY else leg.step for leg in legs]
    return survives_rounding([leg.net_price for leg in legs], stake, steps, limits)


def _middles(lines: Sequence[PricedMarket], boards: EventBoards, scopes: Scopes) -> Iterator[Combination]:
    """Pairs of lines t₁ < t₂ of the quantity that both are about, backed above t₁ and below t₂."""
    sides = [side for market in lines if (side := _upper_side(market, boards.event.home)) is not None]
    ordered = sorted(sides, key=lambda side: (side.threshold, side.market.key.market))
    for place, lower in enumerate(ordered):
        above = _back(lower.market, lower.upper)
        if above is None:
            continue
        for upper in ordered[place + 1 :]:
            below = _back(upper.market, 1 - upper.upper)
            if upper.threshold > lower.threshold and below is not None:
                middle = _middle(above, below, (lower.threshold, upper.threshold), boards, scopes)
                if middle is not None:
                    yield middle


class _UpperSide(NamedTuple):
    """Which outcome of a market wins above its threshold."""

    market: PricedMarket
    upper: int
    threshold: float


def _upper_side(market: PricedMarket, home: str) -> _UpperSide | None:
    line, outcomes = market.key.line, market.board.outcomes
    if line is None or threshold(line) is None:
        return None
    if _OVER in outcomes:
        return _UpperSide(market, outcomes.index(_OVER), line)
    # The home side wins a spread where its margin is above minus its point.
    return _UpperSide(market, outcomes.index(home), 0.0 - line) if home in outcomes else None


def _middle(
    above: Leg, below: Leg, lines: tuple[float, float], boards: EventBoards, scopes: Scopes
) -> Combination | None:
    profile = scopes.profile
    cost = 1.0 / above.net_price + 1.0 / below.net_price
    if cost > 1.0 + profile.middle_cost or _bookmaker(above) == _bookmaker(below):
        return None
    # Over 3 and under 3.5 lie apart, and no result wins both.
    band = winning_band(*lines)
    if band is None or (first := above.won) is None or (second := below.won) is None:
        return None
    legs = _shared([above, below])
    both = first + second - 1.0
    ev = sum(leg.share * leg.ev for leg in legs)
    if not (ev > 0 and both > 0):
        return None
    window = Window(band.lowest - 0.5, band.highest + 0.5, both)
    return Combination(Kind.MIDDLE, _placed(legs, boards, scopes), cost, ev, _class(legs, ev, profile), window)


def _class(legs: Sequence[Leg], ev: float, profile: Profile) -> str:
    """`suspect` where the whole, or one leg alone, is worth more than prices that are no mistake are."""
    plausible = min([profile.bounds[leg.market.category].plausible_ev for leg in legs])
    if max(ev, *[leg.ev for leg in legs]) > plausible:
        return "suspect"
    return "take" if ev >= profile.take_ev else "marginal" if ev > 0 else "no_ev"


def _bookmaker(leg: Leg) -> str:
    return leg.market.board.bookmakers[leg.bookmaker]


def _shared(legs: Sequence[Leg]) -> tuple[Leg, ...]:
    shares = stake_shares([leg.net_price for leg in legs])
    return tuple([Leg(*leg[:-2], share) for leg, share in zip(legs, shares, strict=True)])


def _placed(legs: Sequence[Leg], boards: EventBoards, scopes: Scopes) -> tuple[Leg, ...]:
    """With the step of each leg's bookmaker in its market."""
    return tuple([Leg(*leg[:-1], scopes.at(boards, leg.market.key).step(_bookmaker(leg))) for leg in legs])


def _either(market: PricedMarket, outcome: int) -> Leg | None:
    """The better way to win with one of two outcomes: backing it, or laying the other."""
    back, lay = _back(market, outcome), _lay(market, 1 - outcome)
    if back is None or lay is None:
        return back or lay
    return back if back.net_price >= lay.net_price else lay


def _back(market: PricedMarket, outcome: int) -> Leg | None:
    offers = market.offers
    if offers is None or math.isnan(net := offers.back.item(outcome)):
        return None
    bookmaker = offers.back_bookmaker.item(outcome)
    return Leg(market, outcome, bookmaker, Side.BACK, market.board.back.item(outcome, bookmaker), net)


def _lay(market: PricedMarket, outcome: int) -> Leg | None:
    offers = market.offers
    if offers is None or math.isnan(net := offers.lay.item(outcome)):
        return None
    bookmaker = offers.lay_bookmaker.item(outcome)
    return Leg(market, outcome, bookmaker, Side.LAY, market.board.lay.item(outcome, bookmaker), net)
