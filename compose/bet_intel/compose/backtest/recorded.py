"""A backtest on recordings: what would have been bet while it was played, and how it stood at the start.

Each answer is priced as the services price it, as of its own time. A market's opening is its first board, its closing
what the engine would tell (`closings`). A recording does not tell results: probabilities are scored against the
consensus at the start, which is the reference itself for the closing, so that only openings are scored.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from bet_intel.compose.backtest.closings import Closings
from bet_intel.compose.backtest.report import ValueBets
from bet_intel.compose.backtest.sample import CLOSING, Prices, Sample
from bet_intel.compose.backtest.scoring import IntArray
from bet_intel.compose.backtest.value_bets import Bets, summary
from bet_intel.compose.pricing.boards import price_answer
from bet_intel.ev_engine.domain.boards import Board, EventBoards, MarketKey
from bet_intel.ev_engine.domain.priced import PricedMarket, Side
from bet_intel.ev_engine.domain.pricing import PricedEvent, price
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.domain.winners import winners
from bet_intel.odds import FloatArray, Method
from bet_intel.odds_ingest.domain.quotes import Answer

_Market = tuple[str, MarketKey]
_SUSPECT = "suspect"


class _Bet(NamedTuple):
    outcome: str
    bookmaker: str
    side: Side
    price: float
    ev: float


@dataclass
class Recorded:
    """What was seen of every market before its start, answer by answer, in the order of their times. `starts`: of the
    events that are looked at, as told last; the others are left out."""

    profile: Profile
    min_ev: float
    starts: InitVar[Mapping[str, datetime]]
    first: dict[_Market, PricedMarket] = field(default_factory=dict)
    boards: dict[_Market, EventBoards] = field(default_factory=dict)
    """Of the event of each market, when this was first seen."""
    _bets: defaultdict[_Market, dict[tuple[str, str, Side], _Bet]] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self, starts: Mapping[str, datetime]) -> None:
        self._closings = Closings(starts)

    def take(self, answer: Answer) -> None:
        """An answer; what is told after its start is left out of it."""
        awaited = [odds for odds in answer.events if self._closings.awaits(odds.event.id, answer.as_of)]
        for event in price_answer(awaited, answer.as_of, self.profile):
            self.take_priced(event)
        self._closings.passed(answer)

    def take_priced(self, event: PricedEvent) -> None:
        """One event at or before its start, as the profile priced it."""
        self._closings.shown(event.boards)
        for market in event.markets:
            at = event.boards.event.id, market.key
            if at not in self.first:
                self.first[at], self.boards[at] = market, event.boards
            for one in market.opportunities:
                if one.ev >= self.min_ev and one.judgement.ev_class != _SUSPECT:
                    outcome, bookmaker = market.board.outcomes[one.outcome], market.board.bookmakers[one.bookmaker]
                    bet = _Bet(outcome, bookmaker, one.side, one.price, one.ev)
                    self._bets[at].setdefault((outcome, bookmaker, one.side), bet)

    @cached_property
    def last(self) -> Mapping[_Market, PricedMarket]:
        """Every market that closed; to be asked for when all answers are taken."""
        return self._closings.priced(self.profile)

    def samples(self) -> list[Sample]:
        """Markets that have a consensus at their start, by name and number of outcomes."""
        groups: defaultdict[tuple[str, int], list[_Market]] = defaultdict(list)
        seen: defaultdict[tuple[str, int], int] = defaultdict(int)
        for at, opening in self.first.items():
            kind = at[1].market, len(self._closings.outcomes(*at))
            seen[kind] += 1
            closing = self.last.get(at)
            if closing and not closing.fair.reason and closing.board.outcomes == opening.board.outcomes:
                groups[kind].append(at)
        return [self._sample(*kind, group, seen[kind] - len(group)) for kind, group in sorted(groups.items())]

    def _sample(self, market: str, outcomes: int, group: Sequence[_Market], unclosed: int) -> Sample:
        books = sorted({book for at in group for book in self.first[at].board.bookmakers})
        nothing = np.full((outcomes, len(group)), np.nan)
        opening = np.stack([_by_book(self.first[at].board, books) for at in group], axis=2)
        unjudged = Prices(np.full(opening.shape, np.nan), nothing, nothing)
        truth = np.stack([self.last[at].fair.consensus for at in group], axis=1)
        names = tuple(f"{place + 1}" for place in range(outcomes))
        return Sample(
            market,
            names,
            tuple(books),
            CLOSING,
            Prices(opening, nothing, nothing),
            unjudged,
            truth,
            winners(market),
            pool=partial(self._pooled, group, books),
            match=_numbers(at[0] for at in group),
            unclosed=unclosed,
        )

    def _pooled(
        self, group: Sequence[_Market], books: Sequence[str], by_book: FloatArray, profile: Profile
    ) -> FloatArray:
        """The consensus of each market at its opening, had bookmakers told the prices `by_book`: with the ages, limits
        and lay prices that they told."""
        told: dict[tuple[str, datetime], EventBoards] = {}
        for m, at in enumerate(group):
            event_id, key = at
            boards, board = self.boards[at], self.first[at].board
            name = event_id, boards.as_of
            known = told.get(name) or _of_market(boards, key.market, id=f"{event_id} {boards.as_of}")
            columns = [books.index(book) for book in board.bookmakers]
            told[name] = replace(known, boards={**known.boards, key: replace(board, back=by_book[:, columns, m])})
        found = {
            (event.boards.event.id, market.key): market
            for event in price(list(told.values()), profile)
            for market in event.markets
        }
        ids = {name: boards.event.id for name, boards in told.items()}
        markets = [found[ids[at[0], self.boards[at].as_of], at[1]] for at in group]
        return np.stack([_consensus(self.first[at], one) for at, one in zip(group, markets, strict=True)], axis=1)

    def bets(self, market: str, outcomes: int, resamples: int, seed: int) -> ValueBets:
        """Every opportunity at its first sighting, judged by the consensus of the others at the start."""
        made = [
            (at, bet)
            for at, bets in self._bets.items()
            if at[1].market == market and len(self._closings.outcomes(*at)) == outcomes
            for bet in bets.values()
        ]
        rows = [(bet.ev, *self._at_the_start(at, bet), math.nan) for at, bet in made]
        ev, closing_ev, raw_clv, profit = np.array(rows, dtype=np.float64).reshape(-1, 4).T
        rule = f"opportunities of profile {self.profile.name} with EV >= {self.min_ev:.1%}, at first sight"
        return summary(Bets(ev, closing_ev, raw_clv, profit, _numbers(at[0] for at, _ in made)), rule, resamples, seed)

    def _at_the_start(self, at: _Market, bet: _Bet) -> tuple[float, float]:
        """No-vig and raw CLV, NaN where the market or the bookmaker had gone."""
        closing = self.last.get(at)
        if closing is None or bet.outcome not in closing.board.outcomes:
            return math.nan, math.nan
        board = closing.board
        o = board.outcomes.index(bet.outcome)
        lays = bet.side is Side.LAY
        # A lay at d is a bet at d / (d − 1) that the outcome does not come.
        price = bet.price / (bet.price - 1.0) if lays else bet.price
        if bet.bookmaker not in board.bookmakers:
            worst = self.profile.method is Method.WORST_CASE
            p = float((closing.fair.band_high if lays and worst else closing.fair.consensus)[o])
            return price * (1.0 - p if lays else p) - 1.0, math.nan
        b = board.bookmakers.index(bet.bookmaker)
        p = float((closing.fair.laid if lays else closing.fair.leave_one_out)[o, b])
        last = float((board.lay if lays else board.back)[o, b])
        return price * (1.0 - p if lays else p) - 1.0, price / (last / (last - 1.0) if lays else last) - 1.0


def _of_market(boards: EventBoards, market: str, *, id: str) -> EventBoards:
    """All lines of a market, which say what is the main one, and nothing else of the event."""
    lines = {key: board for key, board in boards.boards.items() if key.market == market}
    return replace(boards, event=replace(boards.event, id=id), boards=lines)


def _numbers(event_ids: Iterable[str]) -> IntArray:
    """The same number for the same event."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(id, len(known)) for id in event_ids], dtype=np.int64)


def _consensus(opening: PricedMarket, told: PricedMarket) -> FloatArray:
    """(outcomes,) of `opening`; NaN where prices are missing, so that what was told is of other outcomes."""
    if told.board.outcomes != opening.board.outcomes:
        return np.full(len(opening.board.outcomes), np.nan)
    return told.fair.consensus


def _by_book(board: Board, books: Sequence[str]) -> FloatArray:
    """(outcomes, books)"""
    places: Mapping[str, int] = {book: place for place, book in enumerate(board.bookmakers)}
    columns = [
        board.back[:, places[book]] if book in places else np.full(len(board.outcomes), np.nan) for book in books
    ]
    return np.stack(columns, axis=1)
