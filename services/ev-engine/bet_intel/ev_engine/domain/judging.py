"""What beats the fair prices of a group of markets, market by market, as one profile judges it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import FloatArray, MarketStatus
from bet_intel.ev_engine.domain.confidence import confidence
from bet_intel.ev_engine.domain.estimates import estimates, half_points_worth
from bet_intel.ev_engine.domain.gates import Candidate, Judgement, judge
from bet_intel.ev_engine.domain.lines import Terms
from bet_intel.ev_engine.domain.pools import Pooled
from bet_intel.ev_engine.domain.priced import BoolArray, Estimate, Offers, Priced, PricedMarket, Refusal, Side
from bet_intel.ev_engine.domain.tensors import Entry, Group, Scopes
from bet_intel.odds import expected_value

_ALTERNATE = "alternate_"


class PricedGroup:
    """A group of markets for several profiles: those with the same weights and method have the same pools."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._pooled: list[Pooled] = []

    @property
    def entries(self) -> Sequence[Entry]:
        return self._group.entries

    def price(self, profile: Scopes) -> Iterator[PricedMarket]:
        stale = self._group.stale(profile)
        weight = np.where(stale | self._group.not_asked(profile, stale), 0.0, self._group.weight)
        judged = Judged(profile, self._pool(weight, stale, profile))
        return (judged.market(m) for m in range(len(self._group.entries)))

    def _pool(self, weight: FloatArray, stale: BoolArray, profile: Scopes) -> Pooled:
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
    judgement: Judgement


def _by_market(places: BoolArray) -> dict[int, list[tuple[int, int]]]:
    """The places (outcome, bookmaker) that are told, by market: in that order."""
    found: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    if places.any():
        for o, b, m in np.argwhere(places).tolist():
            found[m].append((o, b))
    return found


class Judged:
    """A group with its fair prices: what beats them, market by market."""

    def __init__(self, profile: Scopes, pooled: Pooled) -> None:
        self.group = group = pooled.group
        self.profile = profile.profile
        self.profiles = [profile.of(entry) for entry in group.entries]
        self.pooled = pooled
        self.fair = pooled.fair
        self.estimates = estimates(pooled, profile)
        self.without, self.lowest, self.highest = pooled.without, pooled.lowest, pooled.highest
        self.laid = pooled.laid
        self._estimated = {m for m, _ in self.estimates}
        if self.estimates:
            self._take_estimates()
        # What a price is judged by, and worth against it. A lay wins with 1 − p, per unit of liability.
        worst_case = self.profile.judges_by_the_worse_end
        self.judged_by = self.lowest if worst_case else self.without
        self.judged_by_lay = self.highest if worst_case else self.without
        self.worst = expected_value(self.lowest, group.net)
        self.ev = self.worst if worst_case else expected_value(self.without, group.net)
        # NaN where nobody takes a lay.
        self.worst_lay = self.ev_lay = group.net_lay
        if group.anybody_lays:
            self.worst_lay = expected_value(1.0 - self.highest, group.net_lay)
            self.ev_lay = self.worst_lay if worst_case else expected_value(1.0 - self.without, group.net_lay)
        self._beats = {Side.BACK: _by_market(self.ev > 0.0), Side.LAY: _by_market(self.ev_lay > 0.0)}
        unknown = np.isnan(self.without)
        self._unjudged = {
            Side.BACK: _by_market(unknown & group.has_back),
            Side.LAY: _by_market(unknown & group.has_lay),
        }
        self.covering = pooled.cost <= 1.0 + self.profile.low_hold

    def _take_estimates(self) -> None:
        """Judge by other lines what cannot be judged by its own."""
        self.without, self.lowest, self.highest = (each.copy() for each in (self.without, self.lowest, self.highest))
        for (m, b), one in self.estimates.items():
            self.without[:, b, m], self.lowest[:, b, m], self.highest[:, b, m] = one.fair, one.lowest, one.highest
        self.laid = self.highest if self.pooled.laid is self.pooled.highest else self.without

    def market(self, m: int) -> PricedMarket:
        entry, pooled = self.group.entries[m], self.pooled
        fair = pooled.market(m)
        if m in self._estimated:
            n = len(entry.board.bookmakers)
            fair = fair._replace(
                leave_one_out=self.without[:, :n, m],
                laid=self.laid[:, :n, m],
                estimates={b: one for (of, b), one in self.estimates.items() if of == m},
            )
        judged = [
            _Judged(o, b, side, self._judge(o, b, m, side, fair.terms))
            for side, beats in self._beats.items()
            for o, b in beats.get(m, ())
        ]
        return PricedMarket(
            key=entry.key,
            board=entry.board,
            category=entry.category,
            fair=fair,
            opportunities=tuple(self._priced(m, fair.terms, one) for one in judged if not one.judgement.refused),
            refused=self._refused(m, Side.BACK, judged),
            refused_lays=self._refused(m, Side.LAY, judged),
            refusals=tuple(
                Refusal(one.outcome, one.bookmaker, one.judgement, one.side) for one in judged if one.judgement.refused
            ),
            offers=Offers(
                pooled.back[:, m],
                pooled.back_bookmaker[:, m],
                pooled.lay[:, m],
                pooled.lay_bookmaker[:, m],
                bool(self.covering[m]),
            ),
        )

    def _refused(self, m: int, side: Side, judged: list[_Judged]) -> dict[tuple[str, str], str]:
        board = self.group.entries[m].board
        refused = {
            (board.outcomes[one.outcome], board.bookmakers[one.bookmaker]): one.judgement.refused
            for one in judged
            if one.side is side and one.judgement.refused
        }
        for o, b in self._unjudged[side].get(m, ()):
            reason = self.pooled.reason(m, (book for book in range(len(board.bookmakers)) if book != b))
            refused[board.outcomes[o], board.bookmakers[b]] = reason
        return refused

    def _judge(self, o: int, b: int, m: int, side: Side, terms: Terms) -> Judgement:
        group, entry, profile = self.group, self.group.entries[m], self.profiles[m]
        estimate = self.estimates.get((m, b))
        pool = self.fair.leave_one_out
        backs = side is Side.BACK
        fair = float((self.judged_by if backs else self.judged_by_lay)[o, b, m])
        priced = group.outcomes_backed if backs else group.outcomes_laid
        candidate = Candidate(
            seconds_to_start=(entry.boards.event.commence_time - entry.boards.as_of).total_seconds(),
            market_open=entry.board.status is MarketStatus.OPEN,
            outcomes=len(entry.board.outcomes),
            outcomes_priced=int(priced[b, m]),
            age=float(group.age[b, m]),
            behind_newest=float(group.behind[b, m]),
            references=int(pool.books_used[b, m]) if estimate is None else estimate.references,
            sharp_reference=bool(self.pooled.sharp[b, m]) if estimate is None else estimate.sharp,
            dispersion=float(pool.dispersion[b, m]) if estimate is None else estimate.dispersion,
            divergence=abs(fair - float(self.pooled.median[o, m])),
            fair=fair,
            wins=fair if backs else 1.0 - fair,
            ev=float((self.ev if backs else self.ev_lay)[o, b, m] * terms.standing[b]),
            # A lay of one of two outcomes is a bet on the other.
            implied=np.nan if estimate is None else float(estimate.implied[o if backs else 1 - o]),
            estimated=estimate is not None,
        )
        return judge(candidate, profile, profile.bounds[entry.category])

    def _priced(self, m: int, terms: Terms, one: _Judged) -> Priced:
        o, b, group = one.outcome, one.bookmaker, self.group
        board, pool = group.entries[m].board, self.fair.leave_one_out
        n = len(board.bookmakers)
        backs = one.side is Side.BACK
        estimate = self.estimates.get((m, b))
        fair = float((self.judged_by if backs else self.judged_by_lay)[o, b, m])
        net = float((group.net if backs else group.net_lay)[o, b, m])
        low, high = float(self.lowest[o, b, m]), float(self.highest[o, b, m])
        dispersion = float(pool.dispersion[b, m]) if estimate is None else estimate.dispersion
        shares = pool.share[b, :n, m]
        return Priced(
            outcome=o,
            bookmaker=b,
            price=float((board.back if backs else board.lay)[o, b]),
            net_price=net,
            limit=float(board.limit[o, b]) if backs else np.nan,
            fair=fair,
            band_low=low,
            band_high=high,
            ev=float((self.ev if backs else self.ev_lay)[o, b, m] * terms.standing[b]),
            ev_worst=float((self.worst if backs else self.worst_lay)[o, b, m] * terms.standing[b]),
            dispersion=dispersion,
            judgement=one.judgement,
            shares=shares,
            outliers=pool.outlier[b, :n, m],
            push=float(terms.push[b]),
            side=one.side,
            estimate=estimate,
            confidence=confidence(
                float(self.without[o, b, m]) if backs else 1.0 - float(self.laid[o, b, m]),
                net,
                (low, high),
                dispersion,
                float(np.add.reduce(shares * shares))
                if estimate is None
                else sum(s * s for s in estimate.shares.values()),
                0.0 if estimate is None else self._away(m, estimate) / 2.0,
            ),
        )

    def _away(self, m: int, estimate: Estimate) -> float:
        event, key = self.group.entries[m].boards.event, self.group.entries[m].key
        name = key.market.removeprefix(_ALTERNATE)
        return half_points_worth(estimate, self.profiles[m], event.sport, event.league, name)
