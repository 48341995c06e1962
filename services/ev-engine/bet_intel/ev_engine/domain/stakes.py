"""How much of a bankroll an opportunity is worth: a part of the Kelly stake, within a cap for its event."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import MarketKey
from bet_intel.ev_engine.domain.priced import Priced, PricedMarket
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.domain.winners import winners
from bet_intel.odds import Split, kelly_exclusive, kelly_settled, scaled_stakes, settlement

SUSPECT = "suspect"


class Bet(NamedTuple):
    """One price of one market: `outcome` and `bookmaker` index the market's."""

    market: MarketKey
    outcome: int
    bookmaker: int


def stakes(markets: Iterable[PricedMarket], profile: Profile) -> dict[Bet, float]:
    """The share of the bankroll to stake on each opportunity of one event.

    Of each outcome the price with the highest p·d' is the one to take, and outcomes of one market are staked together:
    exactly one of them wins. `profile.kelly_fraction` of that, and all of an event reduced in proportion where together
    they exceed `profile.stake_cap`: its markets depend on each other. Another bookmaker's price of the same outcome is
    worth what it would be in that one's place; what is suspect is worth 0.
    """
    found = [(market, [one for one in market.opportunities if _sound(one)]) for market in markets]
    best = {market.key: _best(ones) for market, ones in found if ones}
    worth = {market.key: _together(market, list(best[market.key].values())) for market, ones in found if ones}
    taken = [stake for of_market in worth.values() for stake in of_market]
    factor = 1.0
    if taken and sum(taken) > 0.0:
        factor = sum(scaled_stakes(taken, profile.kelly_fraction, profile.stake_cap)) / sum(taken)
    result = {Bet(market.key, one.outcome, one.bookmaker): 0.0 for market, _ in found for one in market.opportunities}
    for market, ones in found:
        for one in ones:
            instead = {**best[market.key], one.outcome: one}
            full = _together(market, list(instead.values()))[list(instead).index(one.outcome)]
            bet = Bet(market.key, one.outcome, one.bookmaker)
            result[bet] = min(full * factor, profile.stake_cap)
    return result


def _sound(one: Priced) -> bool:
    return one.judgement.ev_class != SUSPECT


def _best(ones: Iterable[Priced]) -> Mapping[int, Priced]:
    """The price to take of each outcome."""
    best: dict[int, Priced] = {}
    for one in ones:
        known = best.get(one.outcome)
        if known is None or one.fair * one.net_price > known.fair * known.net_price:
            best[one.outcome] = one
    return best


def _together(market: PricedMarket, ones: list[Priced]) -> list[float]:
    """The full Kelly stakes of prices of different outcomes of one market."""
    if len(ones) == 1 or winners(market.key.market) > 1:
        # Outcomes that win together hold each other down less than exclusive ones; the cap of the event holds all.
        return [kelly_alone(market, one) for one in ones]
    # Each is judged without its own bookmaker: what different pools say may add up to more than 1.
    total = max(sum(one.fair for one in ones), 1.0)
    return kelly_exclusive([one.fair / total for one in ones], [one.net_price for one in ones])


def kelly_alone(market: PricedMarket, one: Priced) -> float:
    """The full Kelly stake of one opportunity."""
    split = market.terms.splits[one.outcome] if market.terms.splits else Split.NONE
    push = 0.0 if np.isnan(one.push) else one.push
    ways = settlement(one.fair, split if push else Split.NONE, push)
    # A push that is told leaves every line its results (`push_probability`).
    return 0.0 if ways is None else kelly_settled(ways, one.net_price)
