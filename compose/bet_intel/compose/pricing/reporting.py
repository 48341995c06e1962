"""From priced events to the report of `bet-intel price`. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from bet_intel.compose.pricing.explaining import Price, explainer
from bet_intel.compose.pricing.report import (
    Band,
    Best,
    Event,
    Gate,
    Line,
    Market,
    NotComputable,
    Opportunity,
    Outcome,
    Reference,
    Refused,
    Summary,
)
from bet_intel.ev_engine.domain.boards import Board, EventBoards
from bet_intel.ev_engine.domain.lines import STAKE, STANDING_STAKE
from bet_intel.ev_engine.domain.priced import Priced, PricedMarket, Side, ev_per
from bet_intel.ev_engine.domain.pricing import PricedEvent
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.domain.stakes import Bet, kelly_alone, stakes
from bet_intel.odds import expected_value, lay_as_back, net_price
from bet_intel.shared.times import from_us, to_us

EXPLANATIONS = {
    "incomplete_market": "no bookmaker prices every outcome",
    "no_overround": "the prices of every bookmaker that has them all add up to less than 100 %: no margin to remove",
    "excessive_overround": "the prices of every bookmaker that has them all add up to more than any asks: placeholders",
    "reference_stale": "the prices of every bookmaker that has them all are too old",
    "reference_missing": "no bookmaker's prices give a fair price",
    "different_outcomes": "the bookmakers price different outcomes under this name: different markets",
    "not_mutually_exclusive": "more outcomes win than the market's name says: nobody knows what they add up to",
    "not_asked": "the profile asks sharper bookmakers alone, and none of these gives a fair price",
    "not_computable": "the method finds no probabilities between 0 and 1",
}


class Wanted(NamedTuple):
    """Which opportunities are listed, and whether each price listed or refused is explained in sentences."""

    min_ev: float
    classes: Collection[str]
    explained: bool = False


def event_report(priced: PricedEvent, wanted: Wanted) -> Event:
    """Everything about one event, its markets by name, period, subject and line; opportunities best first."""
    event = priced.boards.event
    told = explainer(priced) if wanted.explained else None
    worth = stakes(priced.markets, priced.profile)
    return Event(
        event.id,
        event.sport,
        event.league,
        event.league_title,
        event.commence_time,
        event.home or None,
        event.away or None,
        [
            Market(market, period, [_Line(priced, one, wanted, told, worth).report() for one in lines])
            for (market, period), lines in groupby(priced.markets, lambda one: (one.key.market, one.key.period))
        ],
    )


def summary(priced: Sequence[PricedEvent], events: Sequence[Event], rejections: int) -> Summary:
    markets = [market for event in priced for market in event.markets]
    return Summary(
        events=len(priced),
        prices=sum(_prices(board) for event in priced for _, board in event.boards.priced()),
        lines=len(markets),
        lines_priced=sum(not market.fair.reason for market in markets),
        not_computable=_counted(market.fair.reason for market in markets if market.fair.reason),
        opportunities={"take": 0, "marginal": 0, "suspect": 0}
        | Counter(one.judgement.ev_class for market in markets for one in market.opportunities),
        refused=_counted(
            reason for market in markets for reason in (*market.refused.values(), *market.refused_lays.values())
        ),
        shown=sum(len(outcome.opportunities) for _, _, _, outcome in outcomes(events)),
        rejections=rejections,
    )


def _prices(board: Board) -> int:
    return int((~np.isnan(board.back)).sum() + (~np.isnan(board.lay)).sum())


def outcomes(events: Sequence[Event]) -> Iterator[tuple[Event, Market, Line, Outcome]]:
    """Every outcome with what it belongs to."""
    for event in events:
        for market in event.markets:
            for line in market.lines:
                for outcome in line.outcomes:
                    yield event, market, line, outcome


def _counted(reasons: Iterator[str]) -> dict[str, int]:
    return dict(Counter(reasons).most_common())


class _Line:
    """The report of one market's line while it is being made."""

    def __init__(
        self,
        priced: PricedEvent,
        market: PricedMarket,
        wanted: Wanted,
        told: Callable[[Price], list[str]] | None,
        worth: Mapping[Bet, float],
    ) -> None:
        self.told = told
        board, profile = market.board, priced.profile
        self.boards: EventBoards = priced.boards
        self.profile: Profile = profile
        self.market = market
        self.wanted = wanted
        self.worth = worth
        commission = np.array([profile.bookmaker(key).commission for key in board.bookmakers])
        self.net = net_price(board.back, commission)
        self.ev = expected_value(market.fair.leave_one_out, self.net) * market.fair.terms.standing
        lay_net = lay_as_back(board.lay, commission)
        self.ev_lay = expected_value(1.0 - market.fair.laid, lay_net) * market.fair.terms.standing
        self.age = [(to_us(self.boards.as_of) - us) / 1e6 if us else None for us in board.updated_us.tolist()]

    def report(self) -> Line:
        market, key = self.market, self.market.key
        return Line(
            key.line,
            key.subject or None,
            market.category.value,
            market.fair.books_used,
            _number(market.fair.dispersion),
            [self._reference(b) for b in range(len(market.board.bookmakers))],
            [self._outcome(o) for o in range(len(market.board.outcomes))],
        )

    def _reference(self, b: int) -> Reference:
        key = self.market.board.bookmakers[b]
        us = int(self.market.board.updated_us[b])
        return Reference(
            key,
            self.boards.titles.get(key, key),
            from_us(us) if us else None,
            self.age[b],
            _number(self.market.fair.overround[b]),
            float(self.market.fair.share[b]),
            self.market.fair.left_out[b] or None,
        )

    def _outcome(self, o: int) -> Outcome:
        market, name = self.market, self.market.board.outcomes[o]
        fair = _number(market.fair.consensus[o])
        listed = [
            one
            for one in market.opportunities
            if one.outcome == o and one.ev >= self.wanted.min_ev and one.judgement.ev_class in self.wanted.classes
        ]
        return Outcome(
            name,
            fair,
            _odds(fair),
            None if fair is None else Band(float(market.fair.band_low[o]), float(market.fair.band_high[o])),
            market.fair.books_used,
            self._best(o),
            [self._opportunity(one) for one in sorted(listed, key=lambda one: -one.ev)],
            [
                self._refused(o, b, side, reason)
                for side, refused in ((Side.BACK, market.refused), (Side.LAY, market.refused_lays))
                for b, book in enumerate(market.board.bookmakers)
                if (reason := refused.get((name, book)))
            ],
            NotComputable(reason, EXPLANATIONS.get(reason, "")) if (reason := market.fair.reason) else None,
        )

    def _best(self, o: int) -> Best | None:
        stale_after = self.profile.bounds[self.market.category].stale_seconds
        fresh = [
            b
            for b, age in enumerate(self.age)
            if age is not None and age <= stale_after and not np.isnan(self.net[o, b])
        ]
        if not fresh:
            return None
        b = max(fresh, key=lambda book: float(self.net[o, book]))
        board = self.market.board
        refused = self.market.refused.get((board.outcomes[o], board.bookmakers[b]))
        passed = [
            one for one in self.market.opportunities if (one.outcome, one.bookmaker, one.side) == (o, b, Side.BACK)
        ]
        class_ = passed[0].judgement.ev_class if passed else "no_ev"
        judged = refused is None and not np.isnan(self.ev[o, b])
        return Best(**self._offer(o, b), class_=class_ if judged else None, refused=refused)

    def _offer(self, o: int, b: int) -> dict[str, Any]:
        board, key = self.market.board, self.market.board.bookmakers[b]
        us, fair = int(board.updated_us[b]), _number(self.market.fair.leave_one_out[o, b])
        push = _number(self.market.fair.terms.push[b])
        return {
            "bookmaker": key,
            "title": self.boards.titles.get(key, key),
            "price": round(float(board.back[o, b]), 4),
            "net_price": round(float(self.net[o, b]), 4),
            "limit": _number(board.limit[o, b]),
            "last_update": from_us(us) if us else None,
            "age_seconds": self.age[b],
            "leave_one_out_fair_probability": fair,
            "leave_one_out_fair_odds": _odds(fair),
            "ev": _number(self.ev[o, b]),
            "ev_per": STAKE if push is not None else STANDING_STAKE,
            "push_probability": push,
        }

    def _opportunity(self, one: Priced) -> Opportunity:
        offer = self._offer(one.outcome, one.bookmaker) | {
            "side": one.side.value,
            "price": round(one.price, 4),
            "net_price": round(one.net_price, 4),
            "limit": _number(one.limit),
            "leave_one_out_fair_probability": one.fair,
            "leave_one_out_fair_odds": _odds(one.fair),
            "ev": one.ev,
            "ev_per": ev_per(one),
        }
        return Opportunity(
            **offer,
            confidence=one.confidence,
            estimated_half_points=None if one.estimate is None else one.estimate.half_points,
            band=Band(one.band_low, one.band_high),
            ev_worst=one.ev_worst,
            kelly_fraction=kelly_alone(self.market, one),
            stake_fraction=self.worth[Bet(self.market.key, one.outcome, one.bookmaker, one.side)],
            class_=one.judgement.ev_class,
            books_used=int((one.shares > 0).sum()) if one.estimate is None else one.estimate.references,
            dispersion=one.dispersion,
            gates=[Gate(*verdict) for verdict in one.judgement.verdicts],
            explanation=self._explanation(one.outcome, one.bookmaker, one.side),
        )

    def _refused(self, o: int, b: int, side: Side, reason: str) -> Refused:
        board = self.market.board
        prices, evs = (board.back, self.ev) if side is Side.BACK else (board.lay, self.ev_lay)
        return Refused(
            board.bookmakers[b],
            side.value,
            round(float(prices[o, b]), 4),
            _number(evs[o, b]),
            reason,
            self._explanation(o, b, side),
        )

    def _explanation(self, o: int, b: int, side: Side) -> list[str]:
        if self.told is None:
            return []
        board = self.market.board
        return self.told(Price(self.market.key, board.outcomes[o], board.bookmakers[b], side.value))


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def _odds(probability: float | None) -> float | None:
    return None if probability is None else round(1.0 / probability, 4)
