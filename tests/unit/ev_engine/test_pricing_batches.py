"""Many events priced in one pass are priced as each market is alone."""

import math
import random
import tracemalloc
from dataclasses import replace

import numpy as np

from bet_intel.ev_engine.domain.boards import Board, EventBoards, MarketKey
from bet_intel.ev_engine.domain.priced import Priced, PricedMarket
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Category
from fixtures.engine_boards import AS_OF, H2H, board, boards, found, line, only_market
from fixtures.engine_pricing import PROFILE, power


def random_event(rng: random.Random, id: int) -> dict[MarketKey, Board]:
    markets = {}
    for key in (H2H, line("totals", 8.5), line("totals", 9.0), line("spreads", -1.5), line("player_hits", 1.5, "X")):
        if rng.random() < 0.8:
            sides = 3 if key == H2H and id % 2 else 2
            fair = rng.uniform(0.3, 0.5)
            probabilities = [fair, (1 - fair) * 0.6, (1 - fair) * 0.4] if sides == 3 else [fair, 1 - fair]
            names = rng.sample(
                ["pinnacle", "smarkets", "betfair_ex_eu", *(f"book{n}" for n in range(8))], k=rng.randint(1, 9)
            )
            books = {name: power(*(p * rng.uniform(0.93, 1.04) for p in probabilities)) for name in names}
            if rng.random() < 0.3:
                books[names[0]].pop("A")
            lay = {name: {side: at * 1.03 for side, at in books[name].items()} for name in names if name == "smarkets"}
            ages = {name: rng.choice([5.0, 60.0, 400.0, 800.0]) for name in names}
            markets[key] = board(books, lay, ages=ages)
    return markets


def test_a_batch_prices_as_one_market_at_a_time() -> None:
    rng = random.Random(3)
    events = [boards(random_event(rng, id), str(id)) for id in range(12)]
    together = price(events, PROFILE)
    for event, batch in zip(events, together, strict=True):
        categories = {market.key: market.category for market in batch.markets}
        (alone,) = price([event], PROFILE)
        assert [market.key for market in alone.markets] == [market.key for market in batch.markets]
        for one, other in zip(batch.markets, alone.markets, strict=True):
            assert_same(one, other)
        for market in batch.markets:
            # A line taken out of its event is that market's main line: priced as what it was.
            bounds = dict.fromkeys(Category, PROFILE.bounds[categories[market.key]])
            single = replace(PROFILE, bounds=bounds)
            assert_same(
                market, only_market(price([replace(event, boards={market.key: market.board})], single)), kind=False
            )


def test_more_events_than_are_priced_together_come_in_their_order() -> None:
    rng = random.Random(4)
    events = [boards({H2H: random_event(rng, 0).get(H2H, board({}))}, str(id)) for id in range(520)]
    together = price(events, PROFILE)
    assert [priced.boards.event.id for priced in together] == [event.event.id for event in events]
    for place in (0, 255, 256, 511, 512, 519):
        (alone,) = price([events[place]], PROFILE)
        for one, other in zip(together[place].markets, alone.markets, strict=True):
            assert_same(one, other)


def test_one_market_of_many_bookmakers_makes_no_other_wide() -> None:
    """Its pools are as many numbers as the square of its bookmakers; those of the others stay theirs."""
    rng = random.Random(5)

    def of_books(count: int) -> Board:
        return board({f"book{n}": power(p := rng.uniform(0.45, 0.55), 1 - p) for n in range(count)})

    narrow = [boards({line("player_hits", 1.5, str(n)): of_books(4) for n in range(100)}, str(id)) for id in range(3)]
    wide = boards({line("totals", 8.5): of_books(60), line("totals", 9.5): of_books(4)}, "wide")
    together = price([*narrow, wide], PROFILE)
    for event, batch in zip([*narrow, wide], together, strict=True):
        (alone,) = price([event], PROFILE)
        for one, other in zip(batch.markets, alone.markets, strict=True):
            assert_same(one, other)
    assert most_memory([*narrow, wide]) <= 2 * most_memory(narrow) + most_memory([wide])


def most_memory(events: list[EventBoards]) -> int:
    tracemalloc.start()
    try:
        price(events, PROFILE)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def assert_same(one: PricedMarket, other: PricedMarket, *, kind: bool = True) -> None:
    for name in ("consensus", "band_low", "band_high", "devigged", "share", "overround", "dispersion"):
        np.testing.assert_allclose(getattr(one.fair, name), getattr(other.fair, name), rtol=0, atol=1e-12, err_msg=name)
    for name in ("reason", "left_out", "books_used"):
        assert getattr(one.fair, name) == getattr(other.fair, name)
    for name in ("key", "refused", *(["category"] if kind else [])):
        assert getattr(one, name) == getattr(other, name)
    assert found(one).keys() == found(other).keys()
    for place, priced_here in found(one).items():
        assert_same_price(priced_here, found(other)[place])


def assert_same_price(one: Priced, other: Priced) -> None:
    assert (one.outcome, one.bookmaker, one.judgement.ev_class) == (
        other.outcome,
        other.bookmaker,
        other.judgement.ev_class,
    )
    numbers = ("price", "net_price", "limit", "fair", "band_low", "band_high", "ev", "ev_worst", "dispersion")
    for name in (*numbers, "shares", "outliers"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=1e-12, err_msg=name)
    for here, there in zip(one.judgement.verdicts, other.judgement.verdicts, strict=True):
        assert (here.gate, here.passed, here.bound) == (there.gate, there.passed, there.bound)
        assert math.isclose(here.value, there.value, abs_tol=1e-12)


def test_no_events_give_no_prices() -> None:
    assert price([], PROFILE) == []
    (empty,) = price([boards({}, as_of=AS_OF)], PROFILE)
    assert empty.markets == []
