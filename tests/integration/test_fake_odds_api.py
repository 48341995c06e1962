"""The local The Odds API, asked as anybody would ask it."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bet_intel.odds_ingest.providers.the_odds_api.bookmakers import REGIONS
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from fixtures.fake_odds_api import BASKETBALL, GAME, LATER, MATCH, SOCCER, TWO_RESPONSES, Stand, fake_odds_api, write
from fixtures.odds_payloads import SHARED_DATA, bookmaker, event, market

ODDS = f"/v4/sports/{SOCCER}/odds"
EVENT_ODDS = f"/v4/sports/{SOCCER}/events/{MATCH}/odds"


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with fake_odds_api([write(tmp_path / "served.jsonl.gz", *TWO_RESPONSES)], speed=1.0, quota=100) as stand:
        yield stand


async def odds(stand: Stand, path: str = ODDS, **parameters: str) -> Any:
    answer = await stand.get(path, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def shown(payload: Any) -> dict[str, set[str]]:
    """Bookmaker → markets of the first event."""
    first = payload[0] if isinstance(payload, list) else payload
    return {book["key"]: {market["key"] for market in book["markets"]} for book in first["bookmakers"]}


async def test_regions_bookmakers_and_markets_choose_and_lay_comes_unasked(stand: Stand) -> None:
    assert shown(await odds(stand, regions="eu")) == {"pinnacle": {"h2h"}, "betfair_ex_eu": {"h2h", "h2h_lay"}}
    assert shown(await odds(stand, regions="us", markets="h2h,totals")) == {"draftkings": {"h2h", "totals"}}
    assert shown(await odds(stand, bookmakers="pinnacle", markets="totals")) == {"pinnacle": {"totals"}}
    both = await odds(stand, bookmakers="draftkings", regions="eu")
    assert shown(both) == {"draftkings": {"h2h"}}, "bookmakers go before regions"
    assert [one["id"] for one in await odds(stand, regions="uk")] == [MATCH, LATER], "events without prices are shown"


async def test_events_are_filtered_by_id_and_start(stand: Stand) -> None:
    assert [one["id"] for one in await odds(stand, regions="eu", eventIds=LATER)] == [LATER]
    assert await odds(stand, regions="eu", commenceTimeFrom="2026-01-31T15:00:01Z") == []
    within = {"commenceTimeFrom": "2026-01-31T14:00:00Z", "commenceTimeTo": "2026-01-31T15:00:00Z"}
    assert len(await odds(stand, regions="eu", **within)) == 2


async def test_upcoming_is_what_has_begun_and_the_next_eight_of_all_sports(tmp_path: Path) -> None:
    def game(number: int, sport: str, start: str, **members: Any) -> dict[str, Any]:
        book = bookmaker("pinnacle", market("h2h", ("Harbour City", 2.1), ("Northgate", 1.8)))
        return event(book, id=str(number), sport_key=sport, commence_time=start, **members)

    begun = game(0, BASKETBALL, "2026-01-31T09:00:00Z")
    later = [game(hour, (SOCCER, BASKETBALL)[hour % 2], f"2026-01-31T{13 + hour}:00:00Z") for hour in range(1, 11)]
    winner = game(99, "golf_made_up_winner", "2026-01-31T12:30:00Z", home_team=None, away_team=None)
    served = write(tmp_path / "served.jsonl.gz", [*reversed(later), winner, begun])
    async with fake_odds_api([served], speed=1.0, quota=100) as stand:
        answer = await stand.get("/v4/sports/upcoming/odds", regions="us,eu", markets="h2h,totals")
        games = answer.json()
        assert [one["id"] for one in games] == [str(number) for number in range(9)]
        assert games[0]["bookmakers"][0]["markets"][0]["outcomes"][0]["price"] == 2.1
        assert answer.headers["x-requests-last"] == "4"


async def test_formats_of_prices_and_times(stand: Stand) -> None:
    american = await odds(stand, bookmakers="pinnacle", oddsFormat="american", dateFormat="unix")
    assert american[0]["commence_time"] == int(datetime(2026, 1, 31, 15, tzinfo=UTC).timestamp())
    book = american[0]["bookmakers"][0]
    assert book["last_update"] == int(datetime(2026, 1, 31, 11, 59, tzinfo=UTC).timestamp())
    assert [outcome["price"] for outcome in book["markets"][0]["outcomes"]] == [110, 240, 250]
    decimal = await odds(stand, bookmakers="pinnacle")
    assert [outcome["price"] for outcome in decimal[0]["bookmakers"][0]["markets"][0]["outcomes"]] == [2.1, 3.4, 3.5]


async def test_american_recordings_are_served_as_decimal_with_two_places_that_pay(tmp_path: Path) -> None:
    recorded = event(bookmaker("fanduel", market("h2h", ("Harbour City", -50000), ("Northgate", 164), ("Draw", -178))))
    async with fake_odds_api([write(tmp_path / "american.jsonl.gz", [recorded])]) as stand:
        (served,) = await odds(stand, regions="us")
        prices = [outcome["price"] for outcome in served["bookmakers"][0]["markets"][0]["outcomes"]]
        assert prices == [1.002, 2.64, 1.56]


async def test_one_event_is_an_object_with_any_market_and_its_times_at_the_markets(stand: Stand) -> None:
    answer = await odds(stand, EVENT_ODDS, regions="us,eu", markets="player_shots,spreads_h1", includeBetLimits="true")
    assert shown(answer) == {"pinnacle": {"spreads_h1"}, "draftkings": {"player_shots"}}
    book = next(one for one in answer["bookmakers"] if one["key"] == "draftkings")
    assert "last_update" not in book
    assert book["markets"][0]["last_update"] == "2026-01-31T11:59:00Z"
    assert book["markets"][0]["outcomes"][0]["bet_limit"] == 200
    without = await odds(stand, EVENT_ODDS, regions="us", markets="player_shots")
    assert "bet_limit" not in without["bookmakers"][0]["markets"][0]["outcomes"][0]


@pytest.mark.parametrize(
    ("path", "parameters", "cost"),
    [
        ("/v4/sports", {}, 0),
        (f"/v4/sports/{SOCCER}/events", {}, 0),
        (ODDS, {"regions": "us,eu", "markets": "h2h,totals,spreads"}, 6),
        (ODDS, {"bookmakers": "pinnacle,draftkings", "markets": "h2h,totals"}, 2),
        (ODDS, {"bookmakers": ",".join(f"book{i}" for i in range(11)), "markets": "h2h"}, 2),
        (ODDS, {"regions": "eu", "commenceTimeFrom": "2030-01-01T00:00:00Z"}, 0),
        (EVENT_ODDS, {"regions": "us,eu", "markets": "h2h,player_shots,player_goals"}, 4),
        (EVENT_ODDS, {"regions": "eu", "markets": "player_goals"}, 0),
        (ODDS, {"regions": "nowhere"}, 0),
    ],
)
async def test_costs_are_in_the_headers_of_every_answer(
    stand: Stand, path: str, parameters: dict[str, str], cost: int
) -> None:
    headers = (await stand.get(path, **parameters)).headers
    assert headers["x-requests-last"] == str(cost)
    assert headers["x-requests-used"] == str(cost)
    assert headers["x-requests-remaining"] == str(100 - cost)


@pytest.mark.parametrize(
    ("path", "parameters", "status", "code"),
    [
        (ODDS, {"apiKey": ""}, 401, "MISSING_KEY"),
        (ODDS, {"apiKey": "invalid"}, 401, "INVALID_KEY"),
        (ODDS, {"apiKey": "deactivated"}, 401, "DEACTIVATED_KEY"),
        (ODDS, {"apiKey": "spent", "regions": "us"}, 401, "OUT_OF_USAGE_CREDITS"),
        ("/v4/sports/curling/odds", {"regions": "us"}, 404, "UNKNOWN_SPORT"),
        ("/v4/sports", {"all": "maybe"}, 422, "INVALID_ALL_SPORTS_PARAM"),
        (ODDS, {}, 422, "MISSING_REGION"),
        (ODDS, {"regions": "mars"}, 422, "INVALID_REGION"),
        (ODDS, {"bookmakers": "Bob's"}, 422, "INVALID_BOOKMAKERS"),
        (ODDS, {"regions": "us", "markets": "player_shots"}, 422, "INVALID_MARKET"),
        (ODDS, {"regions": "us", "markets": "outrights"}, 422, "INVALID_MARKET_COMBO"),
        (ODDS, {"regions": "us", "oddsFormat": "roman"}, 422, "INVALID_ODDS_FORMAT"),
        (ODDS, {"regions": "us", "dateFormat": "roman"}, 422, "INVALID_DATE_FORMAT"),
        (ODDS, {"regions": "us", "eventIds": "1,2"}, 422, "INVALID_EVENT_IDS"),
        (ODDS, {"regions": "us", "commenceTimeFrom": "now"}, 422, "INVALID_COMMENCE_TIME_FROM"),
        (ODDS, {"regions": "us", "commenceTimeTo": "now"}, 422, "INVALID_COMMENCE_TIME_TO"),
        (
            ODDS,
            {"regions": "us", "commenceTimeFrom": "2026-02-01T00:00:00Z", "commenceTimeTo": "2026-01-01T00:00:00Z"},
            422,
            "INVALID_COMMENCE_TIME_RANGE",
        ),
        (ODDS, {"regions": "us", "includeLinks": "1"}, 422, "INVALID_INCLUDE_LINKS"),
        (ODDS, {"regions": "us", "includeSids": "1"}, 422, "INVALID_INCLUDE_SIDS"),
        (ODDS, {"regions": "us", "includeBetLimits": "1"}, 422, "INVALID_INCLUDE_BET_LIMITS"),
        (EVENT_ODDS, {"regions": "us", "includeMultipliers": "1"}, 422, "INVALID_INCLUDE_MULTIPLIERS"),
        (f"/v4/sports/{SOCCER}/events/7/odds", {"regions": "us"}, 422, "INVALID_EVENT_ID"),
        (f"/v4/sports/{SOCCER}/events/{GAME}/odds", {"regions": "us"}, 404, "EVENT_NOT_FOUND"),
        (f"/v4/sports/{SOCCER}/scores", {}, 404, "NOT_FOUND"),
        (f"/v4/historical/sports/{SOCCER}/odds", {"regions": "us"}, 404, "NOT_FOUND"),
        ("/v4/sports/upcoming/odds", {}, 422, "MISSING_REGION"),
        ("/nowhere", {"apiKey": ""}, 401, "MISSING_KEY"),
    ],
)
async def test_what_is_wrong_gets_the_services_own_code(
    stand: Stand, path: str, parameters: dict[str, str], status: int, code: str
) -> None:
    answer = await stand.get(path, **parameters)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert answer.json()["message"]
    assert answer.json()["details_url"].endswith(code.lower().replace("_", "-"))
    assert answer.headers["x-requests-last"] == "0"


async def test_credits_run_out_and_nothing_is_charged_beyond(stand: Stand) -> None:
    for _ in range(33):
        await odds(stand, regions="us", markets="h2h,totals,spreads")
    spent = await stand.get(ODDS, regions="us", markets="h2h,totals")
    assert (spent.status_code, spent.json()["error_code"]) == (401, "OUT_OF_USAGE_CREDITS")
    assert spent.headers["x-requests-remaining"] == "1"
    assert len(await odds(stand, regions="us", markets="h2h")) == 2, "one credit is left"
    assert (await stand.get("/v4/sports")).status_code == 200, "free calls go on"


async def test_more_calls_a_second_than_allowed_are_refused(tmp_path: Path) -> None:
    async with fake_odds_api([write(tmp_path / "served.jsonl.gz", *TWO_RESPONSES)], rate=3) as stand:
        statuses = [(await stand.get("/v4/sports")).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        stand.ticker.seconds += 1.0
        assert (await stand.get("/v4/sports")).status_code == 200


async def test_the_time_is_the_recordings_and_goes_as_fast_as_asked(stand: Stand) -> None:
    first = await stand.get(ODDS, regions="us")
    assert first.headers["date"] == "Sat, 31 Jan 2026 12:00:00 GMT"
    assert [one["id"] for one in first.json()] == [MATCH, LATER]
    stand.ticker.seconds += 60
    second = await stand.get(ODDS, regions="us")
    assert second.headers["date"] == "Sat, 31 Jan 2026 12:01:00 GMT"
    assert [one["id"] for one in second.json()] == [MATCH]
    stand.ticker.seconds += 6000
    assert (await stand.get(ODDS, regions="us")).headers["date"] == "Sat, 31 Jan 2026 12:01:00 GMT", "it ends there"


async def test_sports_and_events_are_those_of_the_recordings(tmp_path: Path) -> None:
    winner = event(id="w", sport_key="golf_made_up_winner", home_team=None, away_team=None)
    recordings = [
        write(tmp_path / "one.jsonl.gz", *TWO_RESPONSES),
        write(tmp_path / "two.jsonl.gz", [winner], [], minute=1),
    ]
    async with fake_odds_api(recordings, speed=1.0) as stand:
        sports = {one["key"]: one for one in (await odds(stand, "/v4/sports", all="true"))}
        assert sports.keys() == {SOCCER, BASKETBALL, "golf_made_up_winner"}
        assert sports["golf_made_up_winner"]["has_outrights"]
        assert [one["id"] for one in await odds(stand, f"/v4/sports/{BASKETBALL}/events")] == [GAME]
        stand.ticker.seconds += 60
        keys = [one["key"] for one in await odds(stand, "/v4/sports")]
        assert keys == [BASKETBALL, SOCCER], "out of season"


async def test_answers_are_gzipped_for_those_who_take_it(stand: Stand) -> None:
    assert (await stand.get(ODDS, regions="us,eu")).headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("/nowhere/at-all.jsonl",), 1, "/nowhere/at-all.jsonl"),
        ((), 2, "name at least one recording"),
        (("RECORDING", "--speed", "fast"), 2, "--speed is 'fast'"),
        (("RECORDING", "--fail", "badly"), 2, "unknown fault 'badly'"),
        (("RECORDING", "--fail", "hang:0"), 2, "'hang:0'"),
        (("RECORDING", "--quota", "-1"), 2, "--quota"),
        (("RECORDING", "--port", "TAKEN"), 1, "is in use"),
    ],
)
def test_bad_options_are_refused_in_a_sentence(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    recording = write(tmp_path / "served.jsonl.gz", *TWO_RESPONSES)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        given = {"RECORDING": str(recording), "TAKEN": str(taken.getsockname()[1])}
        port = () if "--port" in arguments else ("--port", "0")
        refused = subprocess.run(
            [
                sys.executable,
                "-m",
                "bet_intel.compose.cli",
                "fake-odds-api",
                *(given.get(one, one) for one in arguments),
                *port,
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert refused.returncode == code
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


_WORLD = sorted(
    path
    for folder in ("odds_api_world_2026_04_16", "odds_api_v4_2021")
    for path in SHARED_DATA.glob(f"{folder}/**/*.json")
)


@pytest.mark.skipif(not _WORLD, reason="real odds are not here")
@pytest.mark.parametrize("recording", _WORLD, ids=lambda path: path.stem)
async def test_what_was_recorded_comes_through_the_adapter_as_it_was_recorded(recording: Path) -> None:
    """Every price, line, limit and time of every bookmaker, by HTTP and read directly."""
    recorded = await asyncio.to_thread(recording.read_bytes)
    direct = parse_response(recorded, provider="the_odds_api")
    (league,) = direct.leagues
    async with fake_odds_api([recording], quota=1000) as stand:
        provider = stand.provider(leagues=(league,), regions=tuple(REGIONS))
        answer = await provider.fetch(0)
    assert {odds.event.id: odds for odds in answer.events} == {odds.event.id: odds for odds in direct.events}
    assert answer.leagues == {league}
    assert [one.reason for one in answer.rejections] == [one.reason for one in direct.rejections]
