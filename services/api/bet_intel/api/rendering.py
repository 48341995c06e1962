"""A market's board as the gateway answers it. Pure."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from bet_intel.api.answers import Bookmaker, MarketOdds, OutcomeOdds, Price
from bet_intel.api.domain.model import MarketKey, Quote
from bet_intel.api.domain.odds_format import rendered, rendered_or_none
from bet_intel.api.domain.working import Band, FairMarket, FairOutcome, PriceWorking, Working
from bet_intel.api.query import OddsFormat
from bet_intel.shared.times import from_us

NOT_PRICED = "not_priced"


class MarketBoard(NamedTuple):
    """A stored board; `last_updates` maps a bookmaker to µs since the epoch (0 = unknown)."""

    key: MarketKey
    status: str
    changed_at: datetime
    quotes: Sequence[Quote]
    last_updates: Mapping[str, int]


def market_odds(
    board: MarketBoard,
    fair: FairMarket | None,
    titles: Mapping[str, str],
    as_of: datetime,
    bookmakers: Collection[str],
    odds_format: OddsFormat,
) -> MarketOdds:
    """`as_of` is the source time that ages are taken against; `bookmakers` whose prices are shown, all where empty."""
    shown = [quote for quote in board.quotes if not bookmakers or quote.bookmaker in bookmakers]
    consensus = {outcome.outcome: outcome for outcome in fair.outcomes} if fair else {}
    names = list(dict.fromkeys([*consensus, *(quote.outcome for quote in board.quotes)]))
    return MarketOdds(
        board.key.market,
        board.key.period,
        board.key.line,
        board.key.subject or None,
        fair.category if fair else None,
        board.status,
        board.changed_at,
        fair.method if fair else None,
        fair.books_used if fair else 0,
        fair.dispersion if fair else None,
        fair.not_computable if fair else NOT_PRICED,
        [
            _outcome(
                consensus.get(name) or FairOutcome(name, None, Band(None, None)),
                [_price(quote, board, titles, as_of, odds_format) for quote in shown if quote.outcome == name],
                odds_format,
            )
            for name in names
        ],
    )


def _outcome(fair: FairOutcome, prices: list[Price], odds_format: OddsFormat) -> OutcomeOdds:
    probability = fair.consensus_probability
    odds = None if probability is None else rendered(1.0 / probability, american=odds_format == "american")
    return OutcomeOdds(
        fair.outcome, fair.consensus_probability, fair.consensus_band, consensus_odds=odds, prices=prices
    )


def _price(
    quote: Quote, board: MarketBoard, titles: Mapping[str, str], as_of: datetime, odds_format: OddsFormat
) -> Price:
    us = board.last_updates.get(quote.bookmaker, 0)
    last_update = from_us(us) if us else None
    return Price(
        Bookmaker(quote.bookmaker, titles.get(quote.bookmaker, quote.bookmaker)),
        quote.side,
        rendered(quote.price, american=odds_format == "american"),
        quote.limit,
        last_update,
        None if last_update is None else (as_of - last_update).total_seconds(),
    )


Shown = TypeVar("Shown", Working, PriceWorking)


def in_format(working: Shown, odds_format: OddsFormat) -> Shown:
    """The working with every bookmaker's prices in the format asked for."""
    if odds_format == "decimal":
        return working
    outcomes = [
        replace(
            outcome,
            prices=[
                replace(
                    price,
                    back=rendered_or_none(price.back, american=True),
                    lay=rendered_or_none(price.lay, american=True),
                )
                for price in outcome.prices
            ],
        )
        for outcome in working.outcomes
    ]
    return replace(working, outcomes=outcomes)
