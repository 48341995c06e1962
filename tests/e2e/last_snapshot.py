"""What a recording's last snapshot is worth by the kernel alone, one market at a time: the expectation of a replay.

Written from docs/domain.md without the engine's code: dictionaries, one market a time, gates as plain comparisons.
"""

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bet_intel.odds import FairPrices, Split, exchange_mid, fair_prices, push_probability, threshold
from bet_intel.odds_ingest.domain.quotes import Answer, EventOdds, MarketBoard, MarketKey, QuoteKey, Side
from bet_intel.odds_ingest.providers.replay.client import ReplayProvider

# The share of the stake that a push returns, by the quarters beyond the whole number.
_RETURNED = {0.0: 1.0, 1.0: 0.5, 2.0: 0.0, 3.0: 0.5}
EXCHANGES = {"smarkets": 0.02, "matchbook": 0.02, "prophetx": 0.02, "novig": 0.02}


@dataclass(frozen=True)
class Expected:
    """An opportunity the last snapshot should show."""

    price: float
    fair: float
    ev: float
    ev_class: str


OpportunityKey = tuple[str, MarketKey, str, str]  # event, market, outcome, bookmaker


def expected_opportunities(answer: Answer) -> dict[OpportunityKey, Expected]:
    """Every open opportunity after `answer`, by (event id, market, outcome, bookmaker)."""
    return dict(one for odds in answer.events for one in _of_event(odds, answer))


def _of_event(odds: EventOdds, answer: Answer) -> Iterator[tuple[OpportunityKey, Expected]]:
    if odds.event.commence_time <= answer.as_of:
        return
    main = _main_markets(odds, answer)
    lines = {
        key: one
        for key, board in odds.markets.items()
        if (one := _line(board, answer, is_main=key in main)) is not None
    }
    for key, line in lines.items():
        for (outcome, book), found in _of_line(line):
            push = _push(key, book, lines, odds.event.home or "")
            returned = 0.0 if math.isnan(push) else push * (0.0 if key.line is None else _RETURNED[key.line * 4 % 4])
            ev = (1 - returned) * found.ev
            ev_class = "suspect" if ev > line.plausible else "take" if ev >= 0.045 else "marginal"
            yield (odds.event.id, key, outcome, book), replace(found, ev=ev, ev_class=ev_class)


def _main_markets(odds: EventOdds, answer: Answer) -> set[MarketKey]:
    main = {key for key in odds.markets if key.line is None and not key.market.startswith("alternate_")}
    candidates = defaultdict(list)
    for key, board in odds.markets.items():
        if key.line is not None and not key.market.startswith("alternate_"):
            outcomes, books = _names(board)
            complete = [
                [1 / board.prices[QuoteKey(book, outcome)].decimal for outcome in outcomes]
                for book in books
                if all(QuoteKey(book, outcome) in board.prices for outcome in outcomes)
                and (answer.as_of - board.last_update[book]).total_seconds() <= 600
            ]
            balance = abs(np.mean([first / (first + second) for first, second in complete]) - 0.5) if complete else 1.0
            candidates[key.market, key.period].append((-len(complete), balance, key.line, key))
    return main | {min(lines)[3] for lines in candidates.values()}


def _names(board: MarketBoard) -> tuple[list[str], list[str]]:
    """The outcomes that most bookmakers price together, and the bookmakers that price no others."""
    offers = defaultdict(set)
    for quote in board.prices:
        if quote.side is Side.BACK:
            offers[quote.bookmaker].add(quote.outcome)
    sets = Counter(frozenset(outcomes) for outcomes in offers.values() if len(outcomes) > 1)
    if not sets:
        return [], []
    common = max(sets, key=lambda outcomes: (sets[outcomes], len(outcomes)))
    return sorted(common), sorted(book for book, outcomes in offers.items() if outcomes <= common)


def _has_margin(board: MarketBoard, book: str, outcomes: list[str]) -> bool:
    exchange = _commission(book) > 0 and any(QuoteKey(book, outcome, Side.LAY) in board.prices for outcome in outcomes)
    return exchange or sum(1 / board.prices[QuoteKey(book, outcome)].decimal for outcome in outcomes) > 1


def _commission(book: str) -> float:
    return 0.05 if book == "betfair" or book.startswith("betfair_ex_") else EXCHANGES.get(book, 0.0)


@dataclass(frozen=True)
class Line:
    """One market of the snapshot with its fair prices."""

    board: MarketBoard
    outcomes: list[str]
    books: list[str]
    fresh: set[str]
    fair: FairPrices
    divergence: float
    plausible: float

    def probability(self, outcome: str, without: str) -> float:
        """Of `outcome`, as everybody but the bookmaker `without` sees it."""
        row = self.outcomes.index(outcome)
        if without in self.books:
            return float(self.fair.leave_one_out.probability[self.books.index(without), row, 0])
        return float(self.fair.consensus.probability[row, 0])


def _line(board: MarketBoard, answer: Answer, *, is_main: bool) -> Line | None:
    outcomes, books = _names(board)
    if len(outcomes) < 2:
        return None
    stale_after, divergence, plausible = (600, 0.08, 0.10) if is_main else (900, 0.12, 0.20)
    age = {book: (answer.as_of - board.last_update[book]).total_seconds() for book in books}
    complete = [book for book in books if all(QuoteKey(book, outcome) in board.prices for outcome in outcomes)]
    newest = min((age[book] for book in complete if _has_margin(board, book, outcomes)), default=np.inf)
    fresh = {book for book in books if age[book] <= stale_after and age[book] - newest <= 300}
    return Line(board, outcomes, books, fresh, _fair(board, outcomes, books, fresh), divergence, plausible)


def _push(key: MarketKey, book: str, lines: dict[MarketKey, Line], home: str) -> float:
    """The probability that the whole number beside the line comes, NaN where the half lines around it do not tell."""
    if key.line is None or key.line * 2 % 2 == 1:
        return 0.0
    line = lines[key]
    side, sign = ("Over", 1) if "Over" in line.outcomes else (home, -1)
    split, whole = threshold(sign * key.line) or (Split.NONE, math.nan)

    def beside(at: float) -> float:
        other = lines.get(key._replace(line=sign * at))
        return math.nan if other is None else other.probability(side, book)

    return push_probability(split, line.probability(side, book), beside(whole - 0.5), beside(whole + 0.5), 0.05)


def _of_line(line: Line) -> Iterator[tuple[tuple[str, str], Expected]]:
    """Every opportunity with the EV of a stake that stands, and no class."""
    fair, board, outcomes = line.fair, line.board, line.outcomes
    usable = [b for b in range(len(line.books)) if fair.consensus.share[b, 0] > 0]
    for b, book in enumerate(line.books):
        references = int(fair.leave_one_out.books_used[b, 0])
        sharp = "pinnacle" in line.books and fair.leave_one_out.share[b, line.books.index("pinnacle"), 0] > 0
        complete = all(QuoteKey(book, outcome) in board.prices for outcome in outcomes)
        if not complete or book not in line.fresh or not (references >= 3 or sharp):
            continue
        if fair.leave_one_out.dispersion[b, 0] > 0.20:
            continue
        for o, outcome in enumerate(outcomes):
            price = board.prices[QuoteKey(book, outcome)].decimal
            p = float(fair.leave_one_out.probability[b, o, 0])
            ev = p * (1 + (price - 1) * (1 - _commission(book))) - 1
            median = float(np.median([fair.devigged[o, u, 0] for u in usable]))
            if ev > 0 and 0.02 <= p <= 0.98 and abs(p - median) <= line.divergence:
                yield (outcome, book), Expected(price, p, ev, "")


def _fair(board: MarketBoard, outcomes: list[str], books: list[str], fresh: set[str]) -> FairPrices:
    implied = np.full((len(outcomes), len(books), 1), np.nan)
    weight = np.zeros((len(books), 1))
    by_limit = _by_limit(board, outcomes, books)
    is_mid = np.zeros((len(books), 1), dtype=bool)
    for b, book in enumerate(books):
        exchange = _commission(book) > 0
        lays = [board.prices.get(QuoteKey(book, outcome, Side.LAY)) for outcome in outcomes]
        is_mid[b, 0] = exchange and any(lays)
        for o, outcome in enumerate(outcomes):
            back = board.prices.get(QuoteKey(book, outcome))
            lay = lays[o]
            if is_mid[b, 0]:
                if back and lay:
                    implied[o, b, 0] = exchange_mid(back.decimal, lay.decimal)
            elif back:
                implied[o, b, 0] = 1 / back.decimal
        if book in fresh:
            by_kind = 4.0 if book == "pinnacle" else 2.0 if exchange else 1.0
            weight[b, 0] = by_kind * by_limit[book]
            if exchange and not is_mid[b, 0]:
                weight[b, 0] = min(weight[b, 0], 1.0)
    # NaN where one is missing, which is above nothing.
    weight[implied.sum(axis=0) > 1.30 + 0.03 * max(0, len(outcomes) - 3)] = 0.0
    return fair_prices(implied, weight, is_mid=is_mid)


def _by_limit(board: MarketBoard, outcomes: list[str], books: list[str]) -> dict[str, float]:
    """What a bookmaker's limit, the least of its outcomes', makes of its weight: the root of how many times the median
    of all that are told it is, from a half to two."""
    limits = {}
    for book in books:
        told = [getattr(board.prices.get(QuoteKey(book, outcome)), "limit", None) for outcome in outcomes]
        known = [limit for limit in told if limit]
        if len(known) == len(outcomes):
            limits[book] = min(known)
    usual = float(np.median(list(limits.values()))) if limits else 1.0
    return {book: min(max(math.sqrt(limits.get(book, usual) / usual), 0.5), 2.0) for book in books}


def expected_board(answer: Answer) -> dict[tuple[str, MarketKey, QuoteKey], tuple[float, datetime]]:
    """Every price of `answer` with the time of its last update, by (event id, market, quote)."""
    return {
        (odds.event.id, key, quote): (price.decimal, board.last_update[quote.bookmaker])
        for odds in answer.events
        for key, board in odds.markets.items()
        for quote, price in board.prices.items()
    }


def last_answer(recording: Path) -> Answer:
    provider = ReplayProvider(recording)
    answer = asyncio.run(provider.fetch(provider.total - 1))
    assert answer is not None
    return answer


def board_shown(answer: Answer) -> dict[tuple[Any, ...], tuple[float, datetime]]:
    """`expected_board` by the keys of `fixtures.system.board`."""
    return {
        (event_id, *market, quote.outcome, quote.bookmaker, quote.side.name.lower()): (price, updated)
        for (event_id, market, quote), (price, updated) in expected_board(answer).items()
    }


def assert_opportunities(shown: dict[tuple[Any, ...], dict[str, Any]], answer: Answer) -> None:
    """The opportunities that a system shows are those of `answer`, to the last digit: all to back an outcome at a line
    that is judged by its own prices."""
    shown = {
        key: one for key, one in shown.items() if one["side"] == "back" and one.get("estimated_half_points") is None
    }
    expected = {
        (event_id, *market, outcome, bookmaker, "back"): one
        for (event_id, market, outcome, bookmaker), one in expected_opportunities(answer).items()
    }
    assert expected, "the recording should end with something to find"
    assert {key: one["class"] for key, one in shown.items()} == {key: one.ev_class for key, one in expected.items()}
    for key, one in expected.items():
        assert shown[key]["price"] == one.price
        assert shown[key]["fair_probability"] == pytest.approx(one.fair, abs=1e-12)
        assert shown[key]["ev"] == pytest.approx(one.ev, abs=1e-12)
