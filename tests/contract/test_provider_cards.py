"""The cards every provider must pass: docs/providers/conformance.md says what each asks for, and why."""

import itertools
import math
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bet_intel.odds_ingest.domain.quotes import Side
from fixtures.fake_odds_api import FULL_MATCH, H2H, LATER, MATCH, NOW, TWO_RESPONSES, match
from fixtures.odds_payloads import bookmaker
from fixtures.provider_cards import Entrant, answers, card, entrant, told

__all__ = ["entrant"]

DOCUMENT = Path(__file__).parents[2] / "docs/providers/conformance.md"


@card(1)
async def test_ids_carry_the_provider(entrant: Entrant) -> None:
    provider = await entrant.open(TWO_RESPONSES)
    for answer in await answers(provider, 2):
        assert answer.provider == provider.name
        assert answer.events
        for odds in answer.events:
            assert odds.event.provider == provider.name
            assert odds.event.id.startswith(f"{provider.name}:")
        assert all(id.startswith(f"{provider.name}:") for id in answer.event_ids)


@card(2)
async def test_an_answer_shows_only_what_it_speaks_for(entrant: Entrant) -> None:
    for answer in await answers(await entrant.open(TWO_RESPONSES), 2):
        for odds in answer.events:
            assert odds.event.league in answer.leagues or odds.event.id in answer.event_ids
            if answer.markets is not None:
                assert {(key.market, key.period) for key in odds.markets} <= answer.markets


@card(3)
async def test_times_are_the_sources_own_and_aware(entrant: Entrant) -> None:
    provider = await entrant.open(TWO_RESPONSES)
    for answer in await answers(provider, 2):
        assert answer.as_of.tzinfo is UTC
        for odds in answer.events:
            assert odds.event.commence_time.tzinfo is UTC
            for board in odds.markets.values():
                assert all(at.tzinfo is UTC and at <= answer.as_of for at in board.last_update.values())
        if entrant.shows_what_it_is_told:
            assert answer.as_of.date() == datetime(2026, 1, 31).date()  # noqa: DTZ001 - a date, wherever
        elif provider.is_live:
            assert answer.as_of == NOW


@card(4)
async def test_prices_are_decimal_with_the_time_they_were_confirmed(entrant: Entrant) -> None:
    for answer in await answers(await entrant.open(TWO_RESPONSES), 2):
        for board in itertools.chain.from_iterable(odds.markets.values() for odds in answer.events):
            assert board.prices
            for quote, price in board.prices.items():
                assert math.isfinite(price.decimal)
                assert price.decimal > 1
                assert price.decimal == round(price.decimal, 4)
                assert price.limit is None or price.limit > 0
                assert quote.bookmaker in board.last_update
            assert {quote.bookmaker for quote in board.prices} == board.last_update.keys()


@card(5)
async def test_positions_advance_and_an_end_stays_the_end(entrant: Entrant) -> None:
    provider = await entrant.open(TWO_RESPONSES)
    taken = await answers(provider, 2)
    assert 0 < taken[0].position < taken[1].position
    assert taken[0].as_of <= taken[1].as_of
    if provider.total is not None:
        for _ in range(2):
            assert await provider.fetch(taken[1].position) is None
        await provider.aclose()


@card(6)
async def test_a_broken_piece_is_named_and_hides_nothing(entrant: Entrant) -> None:
    told(entrant)
    broken = match(bookmaker("bovada", {"key": "h2h", "outcomes": [{"name": "Draw", "price": "free"}]}), id=LATER)
    provider = await entrant.open(([FULL_MATCH, broken, {"id": 7}],))
    (answer,) = await answers(provider, 1)
    good = {odds.event.id: odds for odds in answer.events}[f"{provider.name}:{MATCH}"]
    assert {quote.bookmaker for board in good.markets.values() for quote in board.prices} >= {"pinnacle", "draftkings"}
    assert any("bovada" in rejection.where for rejection in answer.rejections)


@card(7)
async def test_nonsense_never_becomes_a_price(entrant: Entrant) -> None:
    told(entrant)
    nonsense: list[Any] = [0, 1, 0.5, -3, None, "2.0", [], 1e400]
    books = [
        bookmaker(f"book{number}", {"key": "h2h", "outcomes": [{"name": "Draw", "price": price}]})
        for number, price in enumerate(nonsense)
    ]
    provider = await entrant.open(([match(bookmaker("pinnacle", H2H), *books)],))
    (answer,) = await answers(provider, 1)
    (odds,) = answer.events
    assert {quote.bookmaker for board in odds.markets.values() for quote in board.prices} == {"pinnacle"}


@card(8)
async def test_back_and_lay_are_told_apart(entrant: Entrant) -> None:
    told(entrant)
    (answer,) = await answers(await entrant.open(TWO_RESPONSES), 1)
    h2h = next(
        board
        for odds in answer.events
        if odds.event.id.endswith(MATCH)
        for key, board in odds.markets.items()
        if key.market == "h2h"
    )
    prices = {
        (quote.outcome, quote.side): price.decimal
        for quote, price in h2h.prices.items()
        if quote.bookmaker == "betfair_ex_eu"
    }
    assert prices["Draw", Side.BACK] == 3.5
    assert prices["Draw", Side.LAY] == 3.6


@card(9)
async def test_closing_is_for_good_and_harmless_twice(entrant: Entrant) -> None:
    provider = await entrant.open(TWO_RESPONSES)
    await provider.fetch(0)
    await provider.aclose()
    await provider.aclose()


def test_every_card_is_described_and_every_description_has_a_card(request: pytest.FixtureRequest) -> None:
    described = {int(number) for number in re.findall(r"^\| (\d+) \|", DOCUMENT.read_text(), re.MULTILINE)}
    source = "".join(path.read_text() for path in sorted(Path(__file__).parent.glob("test_provider_*.py")))
    played = {int(number) for number in re.findall(r"^@card\((\d+)\)", source, re.MULTILINE)}
    assert played == described == set(range(1, max(described) + 1))
