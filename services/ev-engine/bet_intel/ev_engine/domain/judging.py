"""What beats the fair prices of a group of markets, market by market, as one profile judges it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import MarketKey, MarketStatus
from bet_intel.ev_engine.domain.confidence import confidence
from bet_intel.ev_engine.domain.draws import Draws
from bet_intel.ev_engine.domain.estimates import estimates, half_points_worth
from bet_intel.ev_engine.domain.gates import Candidate, Judgement, judge
from bet_intel.ev_engine.domain.lines import Terms
from bet_intel.ev_engine.domain.pools import Pooled, by_market
from bet_intel.ev_engine.domain.priced import BoolArray, Estimate, Offers, Priced, PricedMarket, Refusal, Side
from bet_intel.ev_engine.domain.tensors import Entry, Group, Scopes
from bet_intel.odds import base_market

_NOBODY: Mapping[tuple[str, str], str] = MappingProxyType({})


class PricedGroup:
    """A group of markets for several profiles: those with the same weights and method have the same pools."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._pooled: list[Pooled] = []

    @property
    def entries(self) -> Sequence[Entry]:
        return self._group.entries

    def price(self, profile: Scopes, draws: Draws, asks: "Asks") -> Iterator[PricedMarket]:
        judged = Judged(profile, self.pooled(profile), draws)
        asks.judged.append(judged)
        return map(judged.market, range(len(self._group.entries)))

    def pooled(self, profile: Scopes) -> Pooled:
        """The fair prices by the profile's weights and method."""
        stale = self._group.stale(profile)
        weight = np.where(stale | self._group.not_asked(profile, stale), 0.0, self._group.weight)
        method = profile.profile.method
        for known in self._pooled:
            if (
                known.fair.method is method
                and np.array_equal(known.weight, weight)
                and np.array_equal(known.stale, stale)
            ):
                return known
        pooled = Pooled(self._group, weight, stale, method)
        self._pooled.append(pooled)
        return pooled


class _Judged(NamedTuple):
    """A price that beats its fair price."""

    outcome: int
    bookmaker: int
    side: Side
    fair: float
    ev: float
    dispersion: float
    judgement: Judgement


def _by_market(places: BoolArray) -> dict[int, list[tuple[int, int]]]:
    """The places (outcome, bookmaker) that are told, by market: in that order."""
    found: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    _, books, markets = places.shape
    for place in places.ravel().nonzero()[0].tolist():
        row, m = divmod(place, markets)
        found[m].append(divmod(row, books))
    return found


class Judged:
    """A group with its fair prices: what beats them, market by market."""

    def __init__(self, profile: Scopes, pooled: Pooled, draws: Draws) -> None:
        self.group = group = pooled.group
        self.profile = profile.profile
        self.profiles = [profile.of(entry) for entry in group.entries]
        self.pooled = pooled
        self._draws = draws
        self.fair = pooled.fair
        self.estimates = estimates(pooled, profile)
        self.without, self.lowest, self.highest = pooled.without, pooled.lowest, pooled.highest
        self.laid = pooled.laid
        self._estimated = {m for m, _ in self.estimates}
        if self.estimates:
            self._take_estimates()
        # What a price is judged by, and worth against it. A lay wins with 1 − p, per unit of liability. Not by
        # `expected_value`: prices and probabilities come from where they have been looked at.
        worst_case = self.profile.judges_by_the_worse_end
        self.judged_by = self.lowest if worst_case else self.without
        self.judged_by_lay = self.highest if worst_case else self.without
        self.ev = self.judged_by * group.net - 1.0
        unknown = np.isnan(self.without)
        self._beats = {Side.BACK: _by_market(self.ev > 0.0)}
        self._unjudged = {Side.BACK: _by_market(unknown & group.has_back)}
        self.ev_lay = group.net_lay  # NaN where nobody takes a lay
        if group.anybody_lays:
            self.ev_lay = (1.0 - self.judged_by_lay) * group.net_lay - 1.0
            self._beats[Side.LAY] = _by_market(self.ev_lay > 0.0)
            self._unjudged[Side.LAY] = _by_market(unknown & group.has_lay)
        self._to_start = [
            (entry.boards.event.commence_time - entry.boards.as_of).total_seconds() for entry in group.entries
        ]
        told = (self._estimated, *self._beats.values(), *self._unjudged.values())
        self._to_tell = {m for places in told for m in places}
        self._offers = list(
            map(
                Offers,
                by_market(pooled.back),
                by_market(pooled.back_bookmaker),
                by_market(pooled.lay),
                by_market(pooled.lay_bookmaker),
                (pooled.cost <= 1.0 + self.profile.low_hold).tolist(),
                by_market(pooled.fresh),
                repeat(None) if pooled.fresh_lay is None else by_market(pooled.fresh_lay),
            )
        )

    def _take_estimates(self) -> None:
        """Judge by other lines what cannot be judged by its own."""
        self.without, self.lowest, self.highest = (each.copy() for each in (self.without, self.lowest, self.highest))
        for (m, b), one in self.estimates.items():
            self.without[:, b, m], self.lowest[:, b, m], self.highest[:, b, m] = one.fair, one.lowest, one.highest
        self.laid = self.highest if self.pooled.laid is self.pooled.highest else self.without

    def market(self, m: int) -> PricedMarket:
        entry, pooled = self.group.entries[m], self.pooled
        fair = pooled.markets[m]
        if m in pooled.lines.on_draw:
            fair = fair._replace(terms=self._draws.terms(pooled, m, self.without[..., m]))
        elif m in self._estimated and fair.terms.splits:
            fair = fair._replace(terms=pooled.lines.terms(m, self.without[..., m]))
        if m not in self._to_tell:
            return PricedMarket(entry.key, entry.board, entry.category, fair, (), _NOBODY, (), self._offers[m], _NOBODY)
        if m in self._estimated:
            n = len(entry.board.bookmakers)
            fair = fair._replace(
                leave_one_out=self.without[:, :n, m],
                laid=self.laid[:, :n, m],
                estimates={b: one for (of, b), one in self.estimates.items() if of == m},
            )
        judged = [
            self._judge(o, b, m, side, fair.terms) for side, beats in self._beats.items() for o, b in beats.get(m, ())
        ]
        return PricedMarket(
            key=entry.key,
            board=entry.board,
            category=entry.category,
            fair=fair,
            opportunities=tuple([self._priced(m, fair.terms, one) for one in judged if not one.judgement.refused]),
            refused=self._refused(m, Side.BACK, judged),
            refused_lays=self._refused(m, Side.LAY, judged),
            refusals=tuple(
                [
                    Refusal(one.outcome, one.bookmaker, one.judgement, one.side)
                    for one in judged
                    if one.judgement.refused
                ]
            ),
            offers=self._offers[m],
        )

    def asked(self, m: int, terms: Terms, o: int, b: int, side: Side) -> Judgement:
        """What the gates say of any price of a market, whose bets are settled by `terms`."""
        return self._judge(o, b, m, side, terms).judgement

    def _refused(self, m: int, side: Side, judged: list[_Judged]) -> dict[tuple[str, str], str]:
        board = self.group.entries[m].board
        if side not in self._beats:
            return {}
        refused = {
            (board.outcomes[one.outcome], board.bookmakers[one.bookmaker]): one.judgement.refused
            for one in judged
            if one.side is side and one.judgement.refused
        }
        for o, b in self._unjudged[side].get(m, ()):
            reason = self.pooled.reason(m, (book for book in range(len(board.bookmakers)) if book != b))
            refused[board.outcomes[o], board.bookmakers[b]] = reason
        return refused

    def _judge(self, o: int, b: int, m: int, side: Side, terms: Terms) -> _Judged:
        group, entry, profile = self.group, self.group.entries[m], self.profiles[m]
        estimate = self.estimates.get((m, b))
        pool = self.fair.leave_one_out
        backs = side is Side.BACK
        fair = (self.judged_by if backs else self.judged_by_lay).item(o, b, m)
        ev = (self.ev if backs else self.ev_lay).item(o, b, m) * terms.standing.item(b)
        dispersion = pool.dispersion.item(b, m) if estimate is None else estimate.dispersion
        candidate = Candidate(
            seconds_to_start=self._to_start[m],
            market_open=entry.board.status is MarketStatus.OPEN,
            outcomes=len(entry.board.outcomes),
            outcomes_priced=(group.outcomes_backed if backs else group.outcomes_laid).item(b, m),
            age=group.age.item(b, m),
            behind_newest=group.behind.item(b, m) if estimate is None else estimate.behind_newest,
            references=pool.books_used.item(b, m) if estimate is None else estimate.references,
            sharp_reference=self.pooled.sharp.item(b, m) if estimate is None else estimate.sharp,
            dispersion=dispersion,
            divergence=abs(fair - self.pooled.median.item(o, m)),
            fair=fair,
            wins=fair if backs else 1.0 - fair,
            ev=ev,
            # A lay of one of two outcomes is a bet on the other.
            implied=np.nan if estimate is None else float(estimate.implied[o if backs else 1 - o]),
            estimated=estimate is not None,
        )
        return _Judged(o, b, side, fair, ev, dispersion, judge(candidate, profile, profile.bounds[entry.category]))

    def _priced(self, m: int, terms: Terms, one: _Judged) -> Priced:
        o, b, group = one.outcome, one.bookmaker, self.group
        board, pool = group.entries[m].board, self.fair.leave_one_out
        n = len(board.bookmakers)
        backs = one.side is Side.BACK
        estimate = self.estimates.get((m, b))
        net = (group.net if backs else group.net_lay).item(o, b, m)
        low, high = self.lowest.item(o, b, m), self.highest.item(o, b, m)
        return Priced(
            outcome=o,
            bookmaker=b,
            price=(board.back if backs else board.lay).item(o, b),
            net_price=net,
            limit=board.limit.item(o, b) if backs else board.most_laid(o, b),
            fair=one.fair,
            band_low=low,
            band_high=high,
            ev=one.ev,
            ev_worst=((low if backs else 1.0 - high) * net - 1.0) * terms.standing.item(b),
            dispersion=one.dispersion,
            judgement=one.judgement,
            shares=pool.share[b, :n, m],
            outliers=pool.outlier[b, :n, m],
            push=terms.push.item(b),
            side=one.side,
            estimate=estimate,
            confidence=confidence(
                self.without.item(o, b, m) if backs else 1.0 - self.laid.item(o, b, m),
                net,
                (low, high),
                one.dispersion,
                self.pooled.concentration.item(b, m)
                if estimate is None
                else sum(s * s for s in estimate.shares.values()),
                0.0 if estimate is None else self._away(m, estimate) / 2.0,
            ),
        )

    def _away(self, m: int, estimate: Estimate) -> float:
        event, key = self.group.entries[m].boards.event, self.group.entries[m].key
        name = base_market(key.market)
        return half_points_worth(estimate, self.profiles[m], event.sport, event.league, name)


class Asks:
    """The gates of a pass, for what is asked about prices once they are judged. No market keeps them: what they look at
    is larger than what is told, and is gone with the pass."""

    def __init__(self) -> None:
        self.judged: list[Judged] = []
        self._known: dict[tuple[str, MarketKey, int, int, Side], Judgement] = {}

    @cached_property
    def _places(self) -> Mapping[tuple[str, MarketKey], tuple[Judged, int]]:
        return {
            (entry.boards.event.id, entry.key): (judged, m)
            for judged in self.judged
            for m, entry in enumerate(judged.group.entries)
        }

    def of(self, event: str, market: PricedMarket, outcome: int, bookmaker: int, side: Side) -> Judgement:
        """What the gates say of a price, whether it beats its fair price or not."""
        price = event, market.key, outcome, bookmaker, side
        known = self._known.get(price)
        if known is None:
            judged, m = self._places[event, market.key]
            known = self._known[price] = judged.asked(m, market.fair.terms, outcome, bookmaker, side)
        return known

    def band(self, event: str, market: PricedMarket, outcome: int, bookmaker: int) -> tuple[float, float]:
        """Lowest and highest that the others think of an outcome, over methods."""
        judged, m = self._places[event, market.key]
        return judged.lowest.item(outcome, bookmaker, m), judged.highest.item(outcome, bookmaker, m)
