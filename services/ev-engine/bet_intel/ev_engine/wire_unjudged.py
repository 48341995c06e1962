"""What a set tells of prices that no fair price is held against. Pure."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from bet_intel.ev_engine.domain.boards import Board, EventBoards
from bet_intel.ev_engine.domain.priced import PricedMarket
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.shared.columns import Strings, fill


def fill_unjudged(
    body: OpportunitiesUpdated, told: Sequence[PricedMarket], boards: EventBoards, strings: Strings
) -> None:
    """Of the markets whose pools are told, the references being all of theirs in this order: why a bookmaker's prices
    have no fair price, and the prices that are of another market than most bookmakers'."""
    reasons: list[tuple[int, str]] = []
    others: list[tuple[int, str, float, float]] = []
    first = 0
    for market in told:
        reasons += ((first + b, reason) for b, reason in _unjudged(market))
        board = boards.boards.get(market.key, market.board)
        others += ((first + b, outcome, back, lay) for b, outcome, back, lay in _left_off(board, market.board))
        first += len(market.board.bookmakers)
    fill(
        body.unjudged,
        reference=[reference for reference, _ in reasons],
        reason_s=strings.rows(reason for _, reason in reasons),
    )
    fill(
        body.other_prices,
        reference=[reference for reference, _, _, _ in others],
        outcome_s=strings.rows(outcome for _, outcome, _, _ in others),
        back=[back for _, _, back, _ in others],
        lay=[lay for _, _, _, lay in others],
    )


def _unjudged(market: PricedMarket) -> Iterator[tuple[int, str]]:
    """Bookmaker and reason: the same for each of its prices, to back or to lay."""
    # Where one outcome has no fair price, none has.
    for b, fair in enumerate(market.fair.leave_one_out[0].tolist()):
        if not math.isnan(fair):
            continue
        book = market.board.bookmakers[b]
        given = (
            refused.get((o, book)) for o in market.board.outcomes for refused in (market.refused, market.refused_lays)
        )
        reason = next(filter(None, given), None)
        if reason is not None:
            yield b, reason


def _left_off(whole: Board, kept: Board) -> Iterator[tuple[int, str, float, float]]:
    """Bookmaker, outcome, and the prices to back and to lay it that `kept` is without."""
    if whole is kept:
        return
    for o, outcome in enumerate(whole.outcomes):
        left = ~(np.isnan(whole.back[o]) & np.isnan(whole.lay[o]))
        if outcome in kept.outcomes:
            at = kept.outcomes.index(outcome)
            left &= np.isnan(kept.back[at]) & np.isnan(kept.lay[at])
        for b in np.flatnonzero(left).tolist():
            yield b, outcome, whole.back.item(o, b), whole.lay.item(o, b)
