"""The legs of a combination: which prices are taken for its bets, so that they are at two bookmakers or more."""

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from bet_intel.ev_engine.domain.priced import PricedMarket, Side
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.odds import Split, settlement

_PLACEHOLDERS, _OUTLIER = "excessive_overround", "outlier_excluded"


class Leg(NamedTuple):
    """One bet of a combination; `outcome` and `bookmaker` index the market's.

    `net_price` is after commission and, of a lay, per unit of liability. `ev` is per unit staked; where it is not known
    how often the line returns the stake, per unit that stands; a price of the market may be worth up to `plausible`
    and be no mistake. `share` is that of the whole stake, a lay's being its liability; the stake is a multiple of
    `step`, a lay's being that of who backs it. The band is that of `fair`, NaN where nobody tells it; `refused`: why it
    is refused as a single bet, or "". What is from `share` on is said of no leg before there
    is a combination.
    """

    market: PricedMarket
    outcome: int
    bookmaker: int
    side: Side
    price: float
    net_price: float
    ev: float
    plausible: float
    share: float = 0.0
    step: Decimal = Decimal(1)
    band_low: float = math.nan
    band_high: float = math.nan
    refused: str = ""

    @property
    def key(self) -> str:
        """The bookmaker's."""
        return self.market.board.bookmakers[self.bookmaker]

    def house(self, profile: Profile) -> str:
        """Whom the bet is with: the bookmaker's key, or what those of one exchange begin with."""
        key = self.key
        return profile.exchange(key) or key

    @property
    def limit(self) -> float:
        """The largest stake taken, of a lay its liability; NaN where it is not known."""
        board = self.market.board
        if self.side is Side.LAY:
            return board.most_laid(self.outcome, self.bookmaker)
        return board.limit.item(self.outcome, self.bookmaker)

    @property
    def fair(self) -> float:
        """What the other bookmakers think of the bet's winning, NaN where nobody does."""
        return _wins(self.market, self.outcome, self.bookmaker, self.side)

    @property
    def is_sound(self) -> bool:
        """Whether nothing says that the price is a mistake. What an outlier offers is none where it is worth no more
        than is plausible: whoever is slow is far from the others, and is where most of these bets come from."""
        left_out = self.market.fair.left_out[self.bookmaker]
        if left_out == _PLACEHOLDERS or (left_out == _OUTLIER and math.isnan(self.ev)):
            return False
        return not self.ev > self.plausible

    @property
    def won(self) -> float | None:
        """The probability that a bet to back it is won in full, None where its line's pushes are not known."""
        terms = self.market.fair.terms
        push = float(terms.push[self.bookmaker])
        if math.isnan(push) or math.isnan(self.fair):
            return None
        ways = settlement(self.fair, terms.splits[self.outcome] if terms.splits else Split.NONE, push)
        return None if ways is None else ways.won


class Way(NamedTuple):
    """A bet on an outcome of a market, whose prices are worth `plausible` at most, and were confirmed at `since` (µs)
    or later."""

    market: PricedMarket
    plausible: float
    outcome: int
    side: Side
    since: int = 0


class Bet(NamedTuple):
    """What is to win, by one of `ways`. `best`: its highest price, None where there is none."""

    ways: tuple[Way, ...]
    best: Leg | None

    def ranked(self) -> list[Leg]:
        """Every fresh price, the highest first."""
        found = [leg for way in self.ways for leg in _every(*way)]
        found.sort(key=lambda leg: -leg.net_price)
        return found


def bet(*ways: Way) -> Bet:
    best = None
    for way in ways:
        leg = _best(*way)
        if leg is not None and (best is None or leg.net_price > best.net_price):
            best = leg
    return Bet(ways, best)


def cost_of(legs: Sequence[Leg], winning: int = 1) -> float:
    """What is paid of what is returned, where `winning` of the legs win."""
    return sum([1.0 / leg.net_price for leg in legs]) / winning


def choices(
    bets: Sequence[Bet], most: float, profile: Profile, winning: int = 1
) -> Iterator[tuple[Sequence[Leg], float]]:
    """The best prices of `bets` at two bookmakers or more, and what they cost: `most` at most. Where one of these may
    be in error, also the best of those that are not: it would hide what can really be had."""
    best = [leg for each in bets if (leg := each.best) is not None]
    # No others cost less.
    if len(best) < len(bets) or (cost := cost_of(best, winning)) > most:
        return
    if all(leg.is_sound for leg in best) and apart(best, profile):
        yield best, cost
        return
    ranked = [each.ranked() for each in bets]
    every = _cheapest(ranked, profile)
    if every is None or (cost := cost_of(every, winning)) > most:
        return
    yield every, cost
    if not all(leg.is_sound for leg in every):
        sound = _cheapest([[leg for leg in legs if leg.is_sound] for legs in ranked], profile)
        if sound is not None and (cost := cost_of(sound, winning)) <= most:
            yield sound, cost


def _cheapest(ranked: Sequence[Sequence[Leg]], profile: Profile) -> Sequence[Leg] | None:
    """The first leg of each bet; where all these are at one bookmaker, one is exchanged for the next best elsewhere."""
    if not all(ranked):
        return None
    best = [legs[0] for legs in ranked]
    if apart(best, profile):
        return best
    here = best[0].house(profile)
    found = [
        [*best[:place], other, *best[place + 1 :]]
        for place, legs in enumerate(ranked)
        if (other := next((leg for leg in legs if leg.house(profile) != here), None)) is not None
    ]
    return min(found, key=cost_of, default=None)


def apart(legs: Sequence[Leg], profile: Profile) -> bool:
    """Whether the legs are with two bookmakers or more."""
    here = legs[0].house(profile)
    return any(leg.house(profile) != here for leg in legs[1:])


def _best(market: PricedMarket, plausible: float, outcome: int, side: Side, since: int) -> Leg | None:
    offers, board = market.offers, market.board
    if offers is None:
        return None
    if side is Side.BACK:
        nets, whose, prices = offers.back, offers.back_bookmaker, board.back
    else:
        nets, whose, prices = offers.lay, offers.lay_bookmaker, board.lay
    if math.isnan(net := nets.item(outcome)):
        return None
    bookmaker = whose.item(outcome)
    if since and board.updated_us.item(bookmaker) < since:
        others = _every(market, plausible, outcome, side, since)
        return max(others, key=lambda leg: leg.net_price, default=None)
    ev = _worth(market, outcome, bookmaker, side, net)
    return Leg(market, outcome, bookmaker, side, prices.item(outcome, bookmaker), net, ev, plausible)


def _every(market: PricedMarket, plausible: float, outcome: int, side: Side, since: int) -> list[Leg]:
    offers, board = market.offers, market.board
    if offers is None:
        return []
    nets, prices = (offers.fresh, board.back) if side is Side.BACK else (offers.fresh_lay, board.lay)
    if nets is None:
        return []
    found = []
    for bookmaker, net in enumerate(nets[outcome].tolist()):
        if not math.isnan(net) and board.updated_us.item(bookmaker) >= since:
            ev = _worth(market, outcome, bookmaker, side, net)
            found.append(Leg(market, outcome, bookmaker, side, prices.item(outcome, bookmaker), net, ev, plausible))
    return found


def _worth(market: PricedMarket, outcome: int, bookmaker: int, side: Side, net: float) -> float:
    """The EV of a price that returns `net`."""
    standing = market.fair.terms.standing.item(bookmaker)
    return standing * (_wins(market, outcome, bookmaker, side) * net - 1.0)


def _wins(market: PricedMarket, outcome: int, bookmaker: int, side: Side) -> float:
    fair = market.fair
    if side is Side.BACK:
        return fair.leave_one_out.item(outcome, bookmaker)
    return 1.0 - fair.laid.item(outcome, bookmaker)
