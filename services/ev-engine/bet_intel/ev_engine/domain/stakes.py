"""How much of a bankroll an opportunity is worth: a part of the Kelly stake, within a cap for its event."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import MarketKey
from bet_intel.ev_engine.domain.priced import Priced, PricedMarket, Side
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.domain.winners import winners
from bet_intel.odds import Split, kelly_exclusive, kelly_results, kelly_settled, scaled_stakes, settlement

SUSPECT = "suspect"


class Bet(NamedTuple):
    """One price of one market: `outcome` and `bookmaker` index the market's."""

    market: MarketKey
    outcome: int
    bookmaker: int
    side: Side = Side.BACK


def stakes(markets: Iterable[PricedMarket], profile: Profile) -> dict[Bet, float]:
    """The share of the bankroll to stake on each opportunity of one event.

    Of each outcome the price with the highest p·d' is the one to take to back it, and one to lay it. Those of one
    market are staked together: exactly one outcome wins. A lay of one of two is a bet on the other. Its stake is the
    liability. `profile.kelly_fraction` of that, and all of an event reduced in proportion where together they exceed
    `profile.stake_cap`: its markets depend on each other. Another bookmaker's price of the same outcome is worth what
    it would be in that one's place; what is suspect is worth 0.
    """
    found = [(market, [one for one in market.opportunities if _sound(one)]) for market in markets]
    best = {market.key: _best(market, ones) for market, ones in found if ones}
    worth = {market.key: _together(market, list(best[market.key].values())) for market, ones in found if ones}
    taken = [stake for of_market in worth.values() for stake in of_market]
    factor = 1.0
    if taken and sum(taken) > 0.0:
        factor = sum(scaled_stakes(taken, profile.kelly_fraction, profile.stake_cap)) / sum(taken)
    result = {
        Bet(market.key, one.outcome, one.bookmaker, one.side): 0.0
        for market, _ in found
        for one in market.opportunities
    }
    for market, ones in found:
        for one in ones:
            on = _on(market, one)
            instead = {**best[market.key], on: one}
            full = _together(market, list(instead.values()))[list(instead).index(on)]
            bet = Bet(market.key, one.outcome, one.bookmaker, one.side)
            result[bet] = min(full * factor, profile.stake_cap)
    return result


def _sound(one: Priced) -> bool:
    return one.judgement.ev_class != SUSPECT


class _On(NamedTuple):
    """What a bet wins by: one outcome, or any but one of more than two."""

    outcome: int
    any_but: bool


def _on(market: PricedMarket, one: Priced) -> _On:
    if one.side is Side.BACK:
        return _On(one.outcome, any_but=False)
    return _On(one.outcome, any_but=True) if len(market.board.outcomes) > 2 else _On(1 - one.outcome, any_but=False)


def _best(market: PricedMarket, ones: Iterable[Priced]) -> Mapping[_On, Priced]:
    """The price to take of everything that can be won by."""
    best: dict[_On, Priced] = {}
    for one in ones:
        on = _on(market, one)
        known = best.get(on)
        if known is None or one.wins * one.net_price > known.wins * known.net_price:
            best[on] = one
    return best


def _together(market: PricedMarket, ones: list[Priced]) -> list[float]:
    """The full Kelly stakes of prices of one market, no two of which win by the same."""
    if len(ones) < 2 or winners(market.key.market) > 1:
        # Outcomes that win together hold each other down less than exclusive ones; the cap of the event holds all.
        return [kelly_alone(market, one) for one in ones]
    if any(_on(market, one).any_but for one in ones):
        return _over_results(ones)
    # Each is judged without its own bookmaker: what different pools say may add up to more than 1.
    total = max(sum(one.wins for one in ones), 1.0)
    return kelly_exclusive([one.wins / total for one in ones], [one.net_price for one in ones])


def _over_results(ones: list[Priced]) -> list[float]:
    """Of bets that win by one outcome or by any but one, of more than two: the results are the outcomes that any of
    them is on, and another. What is backed and laid is as likely as its two pools say in the mean."""
    fair: defaultdict[int, list[float]] = defaultdict(list)
    for one in ones:
        fair[one.outcome].append(one.fair)
    likely = [sum(told) / len(told) for told in fair.values()]
    total = max(sum(likely), 1.0)
    results = [p / total for p in likely]
    results.append(max(1.0 - sum(results), 0.0))
    returned = np.zeros((len(ones), len(results)))
    for bet, one in zip(returned, ones, strict=True):
        place = list(fair).index(one.outcome)
        if one.side is Side.LAY:
            bet[:] = one.net_price
        bet[place] = 0.0 if one.side is Side.LAY else one.net_price
    return kelly_results(results, returned.tolist())


def kelly_alone(market: PricedMarket, one: Priced) -> float:
    """The full Kelly stake of one opportunity."""
    split = market.fair.terms.splits[one.outcome] if market.fair.terms.splits else Split.NONE
    if one.side is Side.LAY:
        split = split.other_side
    push = 0.0 if np.isnan(one.push) else one.push
    ways = settlement(one.wins, split if push else Split.NONE, push)
    # A push that is told leaves every line its results (`push_probability`).
    return 0.0 if ways is None else kelly_settled(ways, one.net_price)
