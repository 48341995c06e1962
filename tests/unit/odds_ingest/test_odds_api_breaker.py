"""When a provider is not called, and when it is tried again."""

import pytest

from bet_intel.odds_ingest.providers.port import ProviderError, RateError, RefusedRequestError, TransientProviderError
from bet_intel.odds_ingest.providers.the_odds_api.breaker import Breaker
from fixtures.fake_odds_api import Ticker


def call(breaker: Breaker, outcome: ProviderError | None = None) -> str:
    """What a call comes to: `ok`, or the error's text."""
    try:
        with breaker.call():
            if outcome:
                raise outcome
    except ProviderError as error:
        return str(error)
    return "ok"


FAILED = TransientProviderError("status 503")


@pytest.fixture
def ticker() -> Ticker:
    return Ticker()


@pytest.fixture
def breaker(ticker: Ticker) -> Breaker:
    return Breaker(3, 10.0, ticker)


def test_opens_after_failures_in_a_row_only(breaker: Breaker) -> None:
    for outcome in (FAILED, FAILED, None, FAILED, FAILED, RefusedRequestError("no such market"), FAILED, FAILED):
        call(breaker, outcome)
    assert call(breaker) == "ok"
    for _ in range(3):
        assert call(breaker, FAILED) == "status 503"
    assert "not asked after 3 failures" in call(breaker)
    assert "status 503" in call(breaker), "it says why"


def test_rests_twice_as_long_after_each_try_up_to_a_bound(breaker: Breaker, ticker: Ticker) -> None:
    for _ in range(3):
        call(breaker, FAILED)
    rests = []
    for _ in range(8):
        with pytest.raises(TransientProviderError) as refused, breaker.call():
            raise AssertionError("no call is made")
        rests.append(refused.value.retry_after)
        ticker.seconds += refused.value.retry_after or 0.0
        assert call(breaker, FAILED) == "status 503"
    assert rests == [10, 20, 40, 80, 160, 320, 320, 320]


def test_lets_one_call_try_while_the_others_wait(breaker: Breaker, ticker: Ticker) -> None:
    for _ in range(3):
        call(breaker, FAILED)
    ticker.seconds += 10
    with breaker.call():
        assert "being tried" in call(breaker)
    assert call(breaker) == "ok"
    assert [call(breaker, FAILED) for _ in range(3)] == ["status 503"] * 3, "it counts anew"


def test_a_try_that_is_cancelled_leaves_the_next_one_free(breaker: Breaker, ticker: Ticker) -> None:
    for _ in range(3):
        call(breaker, FAILED)
    ticker.seconds += 10
    with pytest.raises(KeyboardInterrupt), breaker.call():
        raise KeyboardInterrupt
    assert call(breaker) == "ok"


def test_holds_with_the_reason_for_as_long_as_it_is_told(breaker: Breaker, ticker: Ticker) -> None:
    breaker.hold(5.0, lambda left: RateError("too fast", left))
    ticker.seconds += 2
    with pytest.raises(RateError) as refused, breaker.call():
        raise AssertionError("no call is made")
    assert refused.value.retry_after == 3.0
    ticker.seconds += 3
    assert call(breaker) == "ok"
