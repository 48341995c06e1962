"""Cards 10 to 19, of providers that ask a service over a network: what fails, and what is done about it."""

from datetime import UTC, datetime

import pytest

from bet_intel.odds_ingest.providers.port import (
    AuthError,
    InvalidSourceError,
    QuotaError,
    RateError,
    RefusedRequestError,
    TransientProviderError,
)
from fixtures.fake_odds_api import SOCCER, Stand
from fixtures.provider_cards import answered, card, failure, stand

__all__ = ["stand"]


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
    stand.ticker.seconds += 299
    assert isinstance(await failure(provider), AuthError)
    assert await stand.calls() == calls, "a dead key is not tried again at once"
    stand.ticker.seconds += 1
    assert isinstance(await failure(provider), AuthError)
    assert await stand.calls() > calls, "the refusal may have been a passing one"


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
    assert not error.may_have_cost
    assert await stand.calls() == calls + 3


@card(14)
async def test_a_gateway_that_gave_up_waiting_does_not_know_what_a_call_has_cost(stand: Stand) -> None:
    provider = stand.provider(attempts=3)
    await answered(provider)
    calls = await stand.calls()
    stand.faults.add("504")
    error = await failure(provider)
    assert isinstance(error, TransientProviderError)
    assert error.may_have_cost
    assert await stand.calls() == calls + 1, "a call that may have been charged is not made twice"


@card(15)
async def test_a_hanging_service_is_left(stand: Stand) -> None:
    provider = stand.provider(read_timeout=0.2)
    await answered(provider)
    stand.faults.add("hang")
    calls = await stand.calls()
    error = await failure(provider)
    assert isinstance(error, TransientProviderError)
    assert "time" in str(error)
    assert error.may_have_cost
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
    assert error.may_have_cost
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
    assert not error.may_have_cost


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
    assert not refused.may_have_cost
    assert await stand.calls() == calls
    stand.ticker.seconds += 31
    assert "503" in str(await failure(provider))
    assert await stand.calls() == calls + 1, "one try"
    assert (await failure(provider)).retry_after == pytest.approx(60.0)
    stand.faults.clear()
    stand.ticker.seconds += 61
    assert (await answered(provider)).events
