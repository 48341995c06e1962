"""The cards every provider must pass: docs/providers/conformance.md says what each asks for, and why.

Cards 1 to 9 are played with every provider, cards 10 on with those that ask a service over a network, against a real
server on loopback.
"""

import itertools
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bet_intel.odds_ingest.domain.quotes import Answer, Side
from bet_intel.odds_ingest.providers.port import (
    AuthError,
    InvalidSourceError,
    OddsProvider,
    ProviderError,
    QuotaError,
    RateError,
    RefusedRequestError,
    TransientProviderError,
)
from bet_intel.odds_ingest.providers.replay.client import ReplayProvider
from bet_intel.odds_ingest.providers.simulator.client import SimulatorProvider
from fixtures.fake_odds_api import (
    BASKETBALL,
    FULL_MATCH,
    H2H,
    LATER,
    MATCH,
    NOW,
    SOCCER,
    TWO_RESPONSES,
    Stand,
    fake_odds_api,
    match,
    write,
)
from fixtures.odds_payloads import bookmaker

DOCUMENT = Path(__file__).parents[2] / "docs/providers/conformance.md"


def card(number: int) -> pytest.MarkDecorator:
    """The number under which the document describes a test."""
    return pytest.mark.card(number)


# --- Cards for every provider ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entrant:
    """A provider, opened on what `responses` hold where it can be told what to show."""

    open: Callable[[tuple[Any, ...]], Awaitable[OddsProvider]]
    shows_what_it_is_told: bool = True


async def _odds_api(stack: AsyncExitStack, folder: Path) -> Entrant:
    async def open_it(responses: tuple[Any, ...]) -> OddsProvider:
        stand = await stack.enter_async_context(fake_odds_api([write(folder / "served.jsonl.gz", *responses)]))
        return stand.provider(leagues=(SOCCER,))

    return Entrant(open_it)


async def _replay(stack: AsyncExitStack, folder: Path) -> Entrant:
    async def open_it(responses: tuple[Any, ...]) -> OddsProvider:
        return ReplayProvider(write(folder / "played.jsonl.gz", *responses))

    return Entrant(open_it)


async def _simulator(stack: AsyncExitStack, folder: Path) -> Entrant:
    async def open_it(responses: tuple[Any, ...]) -> OddsProvider:
        return SimulatorProvider(7, lambda: NOW, interval=1.0)

    return Entrant(open_it, shows_what_it_is_told=False)


ENTRANTS = {"the_odds_api": _odds_api, "replay": _replay, "simulator": _simulator}


@pytest.fixture(params=sorted(ENTRANTS))
async def entrant(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Entrant]:
    async with AsyncExitStack() as stack:
        yield await ENTRANTS[request.param](stack, tmp_path)


async def answers(provider: OddsProvider, count: int) -> list[Answer]:
    taken: list[Answer] = []
    position = 0
    for _ in range(count):
        answer = await provider.fetch(position)
        assert answer is not None
        position = answer.position
        taken.append(answer)
    await provider.aclose()
    return taken


def told(entrant: Entrant) -> None:
    if not entrant.shows_what_it_is_told:
        pytest.skip("it makes up its own odds, and none of them is wrong")


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


# --- Cards for providers that ask a service over a network -------------------------------------------------------


@pytest.fixture(params=["the_odds_api"])
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    recording = write(tmp_path / "served.jsonl.gz", *TWO_RESPONSES)
    async with fake_odds_api([recording], quota=1000) as stand:
        yield stand


async def failure(provider: OddsProvider) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        await provider.fetch(0)
    return raised.value


async def answered(provider: OddsProvider) -> Answer:
    answer = await provider.fetch(0)
    assert answer is not None
    return answer


@card(10)
@pytest.mark.parametrize(("key", "remedy"), [("invalid-1", "check"), ("deactivated-1", "renew")])
async def test_a_dead_key_stops_everything_and_says_what_to_do(stand: Stand, key: str, remedy: str) -> None:
    provider = stand.provider(key=key)
    error = await failure(provider)
    assert isinstance(error, AuthError)
    assert (error.kind, error.retryable, error.ends) == ("auth", False, True)
    assert remedy in str(error)
    assert "BET_INTEL_ODDS_API_KEY" in str(error)
    calls = await stand.calls()
    assert isinstance(await failure(provider), AuthError)
    assert await stand.calls() == calls, "a dead key is not tried again"


@card(10)
async def test_no_key_at_all_is_said_before_anything_starts(stand: Stand) -> None:
    with pytest.raises(InvalidSourceError, match="BET_INTEL_ODDS_API_KEY"):
        stand.provider(key="")
    assert await stand.calls() == 0


@card(11)
async def test_spent_credits_pause_the_asking_until_the_reset(stand: Stand) -> None:
    provider = stand.provider()
    await answered(provider)
    stand.faults.add("spent")
    error = await failure(provider)
    assert isinstance(error, QuotaError)
    assert (error.kind, error.retryable, error.ends) == ("quota", True, False)
    assert error.resets_at == datetime(2026, 2, 1, tzinfo=UTC), "of the month that the provider is in"
    assert "2026-02-01" in str(error)
    calls = await stand.calls()
    stand.ticker.seconds += 600
    assert isinstance(await failure(provider), QuotaError)
    assert await stand.calls() == calls, "nothing is asked in the pause"
    stand.ticker.seconds += 3600
    assert (await answered(provider)).events


@card(12)
async def test_too_many_calls_wait_as_long_as_they_are_told(stand: Stand) -> None:
    provider = stand.provider()
    await answered(provider)
    stand.faults.add("429")
    error = await failure(provider)
    assert isinstance(error, RateError)
    assert (error.kind, error.ends, error.retry_after) == ("rate", False, 3.0)
    calls = await stand.calls()
    stand.ticker.seconds += 2
    waiting = await failure(provider)
    assert waiting.retry_after == pytest.approx(1.0)
    assert await stand.calls() == calls
    stand.ticker.seconds += 1
    assert (await answered(provider)).events


@card(13)
async def test_a_refused_call_is_never_made_again_and_the_others_go_on(stand: Stand) -> None:
    provider = stand.provider(markets=("h2h", "player_shots"))
    stand.faults.add("422")
    # The free look at the list of sports comes first.
    first = await failure(provider)
    assert isinstance(first, RefusedRequestError)
    provider = stand.provider()
    await answered(provider)
    stand.faults.add("422")
    error = await failure(provider)
    assert isinstance(error, RefusedRequestError)
    assert (error.kind, error.retryable, error.ends) == ("validation", False, False)
    assert "INVALID_MARKET" in str(error)
    leagues: set[str] = set()
    for _ in range(4):
        stand.ticker.seconds += 60
        leagues |= (await answered(provider)).leagues
    assert leagues == {SOCCER}


@card(13)
async def test_unknown_leagues_are_named_and_the_others_go_on(stand: Stand) -> None:
    provider = stand.provider(leagues=("soccer_made_up_leage", SOCCER))
    error = await failure(provider)
    assert isinstance(error, RefusedRequestError)
    assert "soccer_made_up_leage (did you mean soccer_made_up_league?)" in str(error)
    assert (await answered(provider)).leagues == {SOCCER}
    nothing_left = stand.provider(leagues=("curling",))
    assert not (await failure(nothing_left)).ends
    assert (await failure(nothing_left)).ends


@card(13)
async def test_a_list_of_leagues_that_cannot_be_refreshed_holds_nothing_up(stand: Stand) -> None:
    provider = stand.provider(attempts=1)
    await answered(provider)
    stand.ticker.seconds += 7 * 3600
    stand.faults.add("500")
    assert (await answered(provider)).events
    assert not stand.faults.waiting()


@card(14)
async def test_an_error_of_the_service_is_tried_again_at_once_a_few_times_and_not_more(stand: Stand) -> None:
    provider = stand.provider(attempts=3)
    await answered(provider)
    stand.faults.add("503:2")
    assert (await answered(provider)).events
    calls = await stand.calls()
    stand.faults.add("500:always")
    error = await failure(provider)
    assert isinstance(error, TransientProviderError)
    assert (error.kind, error.retryable, error.ends) == ("transient", True, False)
    assert "500" in str(error)
    assert await stand.calls() == calls + 3


@card(15)
async def test_a_hanging_service_is_left(stand: Stand) -> None:
    provider = stand.provider(read_timeout=0.2)
    await answered(provider)
    stand.faults.add("hang")
    calls = await stand.calls()
    error = await failure(provider)
    assert isinstance(error, TransientProviderError)
    assert "time" in str(error)
    assert await stand.calls() == calls + 1, "a call that may have been charged is not made twice"
    assert (await answered(provider)).events


@card(16)
@pytest.mark.parametrize("fault", ["half", "cut-gzip", "not-json"])
async def test_a_damaged_answer_is_not_taken_for_an_answer(stand: Stand, fault: str) -> None:
    provider = stand.provider()
    await answered(provider)
    calls = await stand.calls()
    stand.faults.add(fault)
    error = await failure(provider)
    assert isinstance(error, TransientProviderError)
    assert await stand.calls() == calls + 1
    assert (await answered(provider)).events


@card(17)
@pytest.mark.parametrize("fault", ["huge", "endless"])
async def test_an_answer_without_measure_is_refused_at_the_limit(stand: Stand, fault: str) -> None:
    provider = stand.provider(body_limit=4_000_000)
    await answered(provider)
    stand.faults.add(fault)
    error = await failure(provider)
    assert isinstance(error, TransientProviderError)
    assert "larger than 4,000,000 bytes" in str(error)
    assert (await answered(provider)).events


@card(17)
async def test_fifty_megabytes_are_more_than_the_limit_as_it_is_set(stand: Stand) -> None:
    assert stand.settings().body_limit < 50_000_000
    provider = stand.provider()
    await answered(provider)
    stand.faults.add("huge")
    assert "larger than" in str(await failure(provider))


@card(18)
async def test_nobody_there_is_a_failure_for_now_that_names_the_address(stand: Stand) -> None:
    provider = stand.provider(url="http://127.0.0.1:9")
    error = await failure(provider)
    assert isinstance(error, TransientProviderError)
    assert "http://127.0.0.1:9" in str(error)


@card(18)
async def test_the_way_is_not_taken_from_the_environment(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await answered(stand.provider())).events


@card(18)
async def test_a_redirect_is_not_followed(stand: Stand) -> None:
    provider = stand.provider()
    await answered(provider)
    stand.faults.add("redirect")
    error = await failure(provider)
    assert isinstance(error, TransientProviderError)
    assert "BET_INTEL_ODDS_API_URL" in str(error)


@card(19)
async def test_after_many_failures_it_is_left_in_peace_and_tried_once_in_a_while(stand: Stand) -> None:
    provider = stand.provider(attempts=1, breaker_threshold=3, breaker_rest=30.0)
    await answered(provider)
    stand.faults.add("503:always")
    for _ in range(3):
        assert "503" in str(await failure(provider))
    calls = await stand.calls()
    refused = await failure(provider)
    assert isinstance(refused, TransientProviderError)
    assert refused.retry_after == pytest.approx(30.0)
    assert await stand.calls() == calls
    stand.ticker.seconds += 31
    assert "503" in str(await failure(provider))
    assert await stand.calls() == calls + 1, "one try"
    assert (await failure(provider)).retry_after == pytest.approx(60.0)
    stand.faults.clear()
    stand.ticker.seconds += 61
    assert (await answered(provider)).events


@card(20)
async def test_the_quota_is_known_after_every_answer_and_no_call_costs_more_than_it_said(stand: Stand) -> None:
    provider = stand.provider(regions=("us", "eu"), markets=("h2h", "totals"))
    await provider.event(SOCCER, MATCH, ("h2h", "player_shots", "player_goals"))
    assert provider.quota == (996, 4, 4), "two of three markets came back, of two regions"
    await answered(provider)
    assert provider.quota == (992, 8, 4)
    stand.faults.add("422")
    with pytest.raises(RefusedRequestError):
        await provider.event(SOCCER, MATCH, ("h2h",))
    assert provider.quota == (992, 8, 0)


@card(21)
async def test_an_answer_for_a_league_speaks_for_all_its_events_and_the_markets_asked_for(stand: Stand) -> None:
    provider = stand.provider(markets=("h2h", "totals"))
    answer = await answered(provider)
    assert answer.leagues == {SOCCER}
    assert answer.markets == frozenset({("h2h", "full"), ("totals", "full")})
    assert answer.event_ids == frozenset()


@card(21)
async def test_an_answer_for_an_event_speaks_for_that_event_and_those_markets(stand: Stand) -> None:
    provider = stand.provider()
    await answered(stand.provider(leagues=(BASKETBALL,), interval=0.0))
    answer = await provider.event(SOCCER, LATER, ("h2h",))
    assert not answer.leagues
    assert answer.event_ids == {f"{provider.name}:{LATER}"}
    assert answer.events == ()
    assert answer.markets is None, "an event that is not there has no market left"
    answer = await provider.event(SOCCER, MATCH, ("spreads_h1", "player_shots"))
    assert answer.markets == frozenset({("spreads", "h1"), ("player_shots", "full")})
    assert answer.leagues == frozenset()
    (odds,) = answer.events
    assert odds.event.id == f"{provider.name}:{MATCH}"


@card(21)
async def test_an_answer_of_which_nothing_can_be_read_withdraws_nothing(tmp_path: Path) -> None:
    recording = write(tmp_path / "unreadable.jsonl.gz", [FULL_MATCH], [match(commence_time="2026-13-45T00:00:00Z")])
    async with fake_odds_api([recording]) as stand:
        provider = stand.provider(leagues=(SOCCER,), interval=0.0)
        assert (await answered(provider)).leagues == {SOCCER}
        answer = await answered(provider)
        assert answer.rejections
        assert answer.leagues == frozenset()


@card(22)
async def test_one_league_that_fails_does_not_hold_up_the_others(stand: Stand) -> None:
    provider = stand.provider(attempts=1)
    stand.faults.clear()
    assert (await answered(provider)).leagues == {SOCCER}
    stand.ticker.seconds += 60
    stand.faults.add("500")
    await failure(provider)
    first, second = await answered(provider), await answered(provider)
    assert {*first.leagues, *second.leagues} == {SOCCER, BASKETBALL}
    assert second.due_in == pytest.approx(60.0)


def test_every_card_is_described_and_every_description_has_a_card(request: pytest.FixtureRequest) -> None:
    described = {int(number) for number in re.findall(r"^\| (\d+) \|", DOCUMENT.read_text(), re.MULTILINE)}
    source = Path(__file__).read_text() + Path(__file__).with_name("test_provider_secrets.py").read_text()
    played = {int(number) for number in re.findall(r"^@card\((\d+)\)", source, re.MULTILINE)}
    assert played == described == set(range(1, max(described) + 1))
