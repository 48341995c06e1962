"""Arbitrages and low holds in real odds are those that trying every pair of prices finds."""

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from bet_intel.compose.pricing.boards import price_answer
from bet_intel.ev_engine.domain.boards import EventBoards, MarketStatus
from bet_intel.ev_engine.domain.combinations import Kind
from bet_intel.ev_engine.domain.legs import Leg
from bet_intel.ev_engine.domain.priced import PricedMarket
from bet_intel.ev_engine.domain.pricing import PricedEvent, price
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.odds import Split, settlement
from bet_intel.odds_ingest.domain.answer_time import answer_time
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from fixtures.engine_boards import us
from fixtures.odds_payloads import SHARED_DATA

WORLD = SHARED_DATA / "odds_api_world_2026_04_16" / "v4_json_reconstructed"
FILES = sorted(WORLD.glob("*.json"))
PROFILE = Profile()

pytestmark = pytest.mark.skipif(not FILES, reason=f"no real odds in {WORLD}")


def events() -> Iterator[PricedEvent]:
    for path in FILES[:4]:
        parsed = parse_response(json.dumps(json.loads(path.read_text("utf-8"))).encode(), provider="the_odds_api")
        taken_at = answer_time(parsed.events)
        assert taken_at is not None
        yield from price_answer(parsed.events, taken_at, PROFILE)


def cheapest(event: PricedEvent, market: PricedMarket) -> float:
    """The least 1/d′ + 1/d″ that covers both outcomes, over all fresh pairs of bets at two bookmakers."""
    board, limit = market.board, PROFILE.bounds[market.category].stale_seconds
    age = (us(event.boards.as_of) - board.updated_us) / 1e6
    # Behind the newest that could be referred to; in these files that one is never older than a few seconds.
    fresh = [b for b in range(len(board.bookmakers)) if -300 <= age[b] <= limit and age[b] - max(min(age), 0) <= 300]
    # An exchange is one bookmaker under all of its keys.
    house = [PROFILE.exchange(key) or key for key in board.bookmakers]
    bets: list[list[tuple[float, str]]] = [[], []]
    for b in fresh:
        commission = PROFILE.bookmaker(board.bookmakers[b]).commission
        for o in (0, 1):
            if board.back[o, b] > 1:
                bets[o].append((1 + (board.back[o, b] - 1) * (1 - commission), house[b]))
            if board.lay[o, b] > 1:
                bets[1 - o].append((1 + (1 - commission) / (board.lay[o, b] - 1), house[b]))
    return min([1 / one + 1 / other for one, a in bets[0] for other, b in bets[1] if a != b], default=np.inf)


def test_what_covers_two_outcomes_is_found_at_its_least_cost() -> None:
    seen = 0
    for event in events():
        if event.boards.as_of >= event.boards.event.commence_time:
            assert event.combinations == ()
            continue
        covering = (Kind.ARBITRAGE, Kind.LOW_HOLD)
        # Beside one whose price may be a mistake stands another, which costs more.
        dearest_first = sorted(event.combinations, key=lambda one: -one.cost)
        found = {one.market.key: one for one in dearest_first if one.kind in covering}
        for market in event.markets:
            if len(market.board.outcomes) != 2 or market.board.status is not MarketStatus.OPEN:
                continue
            cost = cheapest(event, market)
            one = found.get(market.key)
            if one is None:
                # Of an arbitrage too small for the step nothing is left.
                assert cost > 1.02 or market.fair.reason == "not_mutually_exclusive" or 0.998 < cost < 1
                continue
            seen += 1
            assert one.cost == pytest.approx(cost, abs=1e-12)
            assert (one.kind is Kind.ARBITRAGE) == (cost < 1)
            standing = np.mean([market.fair.terms.standing[leg.bookmaker] for leg in one.legs])
            assert one.ev == pytest.approx((1 / cost - 1) * standing)
    assert seen > 20


def _worth(leg: Leg) -> float:
    """The EV of a leg by the ways it may end."""
    terms = leg.market.fair.terms
    split = terms.splits[leg.outcome] if terms.splits else Split.NONE
    ways = settlement(leg.fair, split, float(terms.push[leg.bookmaker]))
    assert ways is not None
    return ways.expected_value(leg.net_price)


def generous(event: PricedEvent) -> EventBoards:
    """The boards of an event with every other bookmaker offering 4 % more: as they are, these have no middle."""
    more = {
        key: replace(board, back=board.back * np.where(np.arange(len(board.bookmakers)) % 2, 1.04, 1.0))
        for key, board in event.boards.boards.items()
    }
    return replace(event.boards, boards=more)


def test_a_middle_is_worth_what_its_legs_are_worth() -> None:
    again = price([generous(event) for event in events()], PROFILE)
    middles = [one for event in again for one in event.combinations if one.kind is Kind.MIDDLE]
    for one in middles:
        assert one.window is not None
        assert one.window.low < one.window.high
        assert len({leg.market.board.bookmakers[leg.bookmaker] for leg in one.legs}) == 2
        assert sum(leg.share for leg in one.legs) == pytest.approx(1)
        assert one.ev == pytest.approx(sum(leg.share * _worth(leg) for leg in one.legs))
        assert 0 < one.window.probability < 1
        assert one.ev > 0
        assert one.cost <= 1.05
    assert middles
