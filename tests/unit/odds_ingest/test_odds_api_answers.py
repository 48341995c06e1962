"""Calls and what they cost, and what the headers and errors of an answer say."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from bet_intel.odds_ingest.domain.quotes import QuoteKey
from bet_intel.odds_ingest.providers.port import (
    AuthError,
    DeniedError,
    NotFoundError,
    ProviderError,
    QuotaError,
    RateError,
    RefusedRequestError,
    TransientProviderError,
)
from bet_intel.odds_ingest.providers.the_odds_api.answers import (
    AHEAD,
    BEHIND,
    error_of,
    in_order,
    next_reset,
    quota,
    taken_at,
)
from bet_intel.odds_ingest.providers.the_odds_api.client import Reply
from bet_intel.odds_ingest.providers.the_odds_api.combine import league_answer
from bet_intel.odds_ingest.providers.the_odds_api.odds_format import OddsFormat
from bet_intel.odds_ingest.providers.the_odds_api.plan import Selection
from bet_intel.odds_ingest.providers.the_odds_api.requests import EventOddsRequest, OddsRequest, events, sports

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
US_EU = Selection(regions=("us", "eu"))


@pytest.mark.parametrize(
    ("selection", "markets", "cost"),
    [
        (US_EU, ("h2h",), 2),
        (US_EU, ("h2h", "spreads", "totals"), 6),
        (Selection(bookmakers=tuple(f"b{i}" for i in range(10))), ("h2h", "spreads"), 2),
        (Selection(bookmakers=tuple(f"b{i}" for i in range(11))), ("h2h", "spreads"), 4),
    ],
)
def test_cost_is_markets_times_regions_and_ten_bookmakers_are_one(
    selection: Selection, markets: tuple[str, ...], cost: int
) -> None:
    assert OddsRequest("soccer_epl", selection, markets, OddsFormat.DECIMAL).call().cost == cost
    assert EventOddsRequest("soccer_epl", "1", selection, markets, OddsFormat.DECIMAL).call().cost == cost


def test_looking_around_is_free() -> None:
    assert sports().cost == events("soccer_epl").cost == 0


def test_a_call_says_all_it_asks_for_in_utc() -> None:
    request = OddsRequest(
        "soccer_epl",
        US_EU,
        ("h2h", "totals"),
        OddsFormat.AMERICAN,
        event_ids=("a", "b"),
        commence_from=AT.astimezone(timezone(timedelta(hours=5))),
        commence_to=AT + timedelta(days=1),
    )
    call = request.call()
    assert call.path == "/v4/sports/soccer_epl/odds"
    assert call.parameters == {
        "regions": "us,eu",
        "markets": "h2h,totals",
        "oddsFormat": "american",
        "dateFormat": "iso",
        "includeBetLimits": "true",
        "eventIds": "a,b",
        "commenceTimeFrom": "2026-01-31T12:00:00Z",
        "commenceTimeTo": "2026-02-01T12:00:00Z",
    }


def test_an_id_cannot_lead_to_another_path() -> None:
    call = EventOddsRequest("soccer_epl", "../../x?y", US_EU, ("h2h",), OddsFormat.DECIMAL).call()
    assert call.path == "/v4/sports/soccer_epl/events/..%2F..%2Fx%3Fy/odds"


def test_quota_of_the_headers() -> None:
    headers = {"x-requests-remaining": "17574", "x-requests-used": "2426.0", "x-requests-last": "6"}
    assert quota(headers) == (17574, 2426, 6)
    assert quota({"x-requests-used": "many"}) is None
    assert quota({"x-requests-remaining": "5"}) == (5, None, None)


@pytest.mark.parametrize("told", ["-6", "1e30", "9" * 40, "inf", "nan", ""])
def test_a_cost_that_no_call_has_is_not_told(told: str) -> None:
    assert quota({"x-requests-last": told, "x-requests-remaining": "5"}) == (5, None, None)


def test_a_plan_may_be_overdrawn_but_not_beyond_all_measure() -> None:
    assert quota({"x-requests-remaining": "-3"}) == (-3, None, None)
    assert quota({"x-requests-remaining": "-1e30", "x-requests-used": "1e30"}) is None


def test_time_is_the_services_own_where_it_says_it() -> None:
    assert dated(AT, AT + timedelta(hours=3)) == AT
    for date in ("yesterday", ""):
        assert taken_at({"date": date}, AT, may_be_old=False) is None


def dated(date: datetime, now: datetime, *, may_be_old: bool = False) -> datetime | None:
    return taken_at({"date": format_datetime(date, usegmt=True)}, now, may_be_old=may_be_old)


def test_a_time_that_no_live_service_has_gives_way_to_our_clock() -> None:
    assert dated(AT + AHEAD, AT) == AT + AHEAD
    assert dated(AT + AHEAD + timedelta(seconds=1), AT) is None
    assert dated(datetime(2099, 1, 1, tzinfo=UTC), AT) is None
    assert dated(AT - BEHIND, AT) == AT - BEHIND
    assert dated(AT - BEHIND - timedelta(seconds=1), AT) is None


def test_a_service_that_plays_the_past_is_believed_but_not_the_future() -> None:
    assert dated(AT, AT + timedelta(days=3000), may_be_old=True) == AT
    assert dated(datetime(2099, 1, 1, tzinfo=UTC), AT, may_be_old=True) is None


def test_machines_that_differ_by_a_second_do_not_turn_time_back() -> None:
    for back, expected in ((-9, AT + timedelta(seconds=9)), (0, AT), (1, AT), (5, AT), (6, AT - timedelta(seconds=6))):
        assert in_order(AT - timedelta(seconds=back), AT) == expected
    assert in_order(AT, None) == AT


def error(status: int, code: str = "", **headers: str) -> ProviderError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_of(status, named, f'{{"error_code": "{code}", "message": "Because"}}'.encode(), "/v4/x", AT)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "INVALID_KEY", AuthError),
        (401, "MISSING_KEY", AuthError),
        (401, "DEACTIVATED_KEY", AuthError),
        (401, "SOMETHING_NEW", DeniedError),
        (401, "", DeniedError),
        (407, "", DeniedError),
        (511, "", DeniedError),
        (401, "OUT_OF_USAGE_CREDITS", QuotaError),
        (404, "EVENT_NOT_FOUND", NotFoundError),
        (404, "UNKNOWN_SPORT", RefusedRequestError),
        (422, "INVALID_REGION", RefusedRequestError),
        (429, "EXCEEDED_FREQ_LIMIT", RateError),
        (500, "", TransientProviderError),
        (503, "", TransientProviderError),
        (404, "", TransientProviderError),
        (403, "", DeniedError),
        (403, "FORBIDDEN_REGION", RefusedRequestError),
        (302, "", TransientProviderError),
    ],
)
def test_errors_are_told_apart(status: int, code: str, kind: type[ProviderError]) -> None:
    raised = error(status, code)
    assert type(raised) is kind
    assert str(status) in str(raised)
    assert "Because" in str(raised)


def test_an_error_without_a_body_of_the_service_is_still_told() -> None:
    for body in (b"", b"<html>", b"[1]", b'{"message": 7}', b"\xff"):
        assert isinstance(error_of(502, {}, body, "/v4/x", AT), TransientProviderError)


def test_waits_are_read_from_both_spellings_and_bounded() -> None:
    assert error(429).retry_after == 2.0
    assert error(429, retry_after="7").retry_after == 7.0
    assert error(429, retry_after="Sat, 31 Jan 2026 12:00:09 GMT").retry_after == 9.0
    assert error(429, retry_after="9" * 400).retry_after == 3600.0
    assert error(503, retry_after="Sat, 31 Jan 2026 11:00:00 GMT").retry_after == 0.0


@pytest.mark.parametrize(
    ("at", "reset"),
    [
        (AT, datetime(2026, 2, 1, tzinfo=UTC)),
        (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_credits_come_back_with_the_month(at: datetime, reset: datetime) -> None:
    assert next_reset(at) == reset


def reply(at: datetime, **prices: float) -> Reply:
    bookmakers = ",".join(
        f'{{"key": "{key}", "last_update": "2026-01-31T11:59:00Z", "markets": [{{"key": "h2h", "outcomes":'
        f' [{{"name": "Home", "price": {price}}}]}}]}}'
        for key, price in prices.items()
    )
    event = (
        f'{{"id": "1", "sport_key": "soccer_epl", "commence_time": "2026-01-31T15:00:00Z", "home_team": "Home", '
        f'"away_team": "Away", "bookmakers": [{bookmakers}]}}'
    )
    return Reply(f"[{event}]".encode(), at, None)


def test_two_calls_become_one_answer_as_old_as_the_older() -> None:
    selections = (Selection(regions=("us",)), Selection(bookmakers=("pinnacle",)))
    replies = [reply(AT, draftkings=2.0, pinnacle=1.9), reply(AT - timedelta(seconds=2), pinnacle=1.95)]
    answer = league_answer("the_odds_api", "soccer_epl", ("h2h",), OddsFormat.DECIMAL, selections, replies)
    (odds,) = answer.events
    (board,) = odds.markets.values()
    assert {quote: price.decimal for quote, price in board.prices.items()} == {
        QuoteKey("draftkings", "Home"): 2.0,
        QuoteKey("pinnacle", "Home"): 1.95,
    }, "one that comes with a region too is taken from the call for it"
    assert answer.rejections == ()
    assert answer.as_of == AT - timedelta(seconds=2)


def test_prices_in_a_format_that_was_not_asked_for_are_not_taken() -> None:
    replies = [reply(AT, draftkings=150, fanduel=-120)]
    answer = league_answer("the_odds_api", "soccer_epl", ("h2h",), OddsFormat.DECIMAL, (US_EU,), replies)
    assert [odds.markets for odds in answer.events] == [{}]
    assert len(answer.rejections) == 2
