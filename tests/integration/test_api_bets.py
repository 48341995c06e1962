"""Bets over HTTP: kept once, matched or not, and judged whenever the closing lines come."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from fixtures.api_gateway import Gateway, served
from fixtures.api_messages import START, Market, Match, odds_changed
from fixtures.closing_messages import closing_line_fixed, h2h

__all__ = ["served"]

pytestmark = pytest.mark.integration

PATH = "/v1/bets"
PLACED = (START - timedelta(hours=3)).isoformat()
BET: dict[str, Any] = {
    "event_id": "made_up:1",
    "bookmaker": "alpha",
    "market": "h2h",
    "outcome": "home",
    "price": 2.1,
    "stake": "12.50",
    "placed_at": PLACED,
}
NAMED = {
    **{name: value for name, value in BET.items() if name != "event_id"},
    "league": "MLB",
    "home": "harbour city",
    "away": "Riverside",
    "commence_time": (START + timedelta(hours=2)).isoformat(),
}


async def placed(served: Gateway, body: dict[str, Any], status: int = 201, key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = await served.client.post(PATH, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer


async def test_a_bet_is_kept_listed_judged_and_forgotten(served: Gateway) -> None:
    await served.tell(odds_changed(Market()))
    answer = await placed(served, BET | {"returned": "0", "note": "late news"})
    made = answer.json()
    path = answer.headers["location"]
    assert path == f"{PATH}/{made['id']}"
    assert (made["outcome"], made["stake"], made["returned"]) == ("Harbour City", "12.50", "0")
    assert (made["home"], made["league"], made["clv"]["reason"]) == ("Harbour City", "baseball_mlb", "not_closed")
    assert (await served.get(path))["stake"] == "12.5000"

    await served.tell(closing_line_fixed(h2h(1.95, 0.5), revision=5))
    judged = (await served.get(path))["clv"]
    assert (judged["raw"], judged["no_vig"]) == (pytest.approx(2.1 / 1.95 - 1), pytest.approx(0.05))
    assert (judged["closing_price"], judged["closing_probability"], judged["closing_revision"]) == (1.95, 0.5, 5)
    await served.tell(closing_line_fixed(revision=6, voided=True))
    judged = (await served.get(path))["clv"]
    assert (judged["raw"], judged["no_vig"], judged["reason"]) == (None, None, "start_has_moved")

    assert [one["id"] for one in (await served.get(PATH))["data"]] == [made["id"]]
    assert (await served.get(PATH, status="unmatched"))["data"] == []
    document = await served.get("/openapi.json")
    for described, asked in ((PATH, PATH), (f"{PATH}/{{id}}", path), ("/v1/clv", "/v1/clv")):
        schema = document["paths"][described]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator(schema | {"components": document["components"]}).validate(await served.get(asked))
    assert (await served.client.delete(path)).status_code == 204
    for method in ("GET", "DELETE"):
        assert (await served.client.request(method, path)).status_code == 404


async def test_a_bet_that_is_entered_after_the_start_is_judged_at_once(served: Gateway) -> None:
    await served.tell(closing_line_fixed(h2h(1.95, 0.5)))
    made = (await placed(served, BET)).json()
    assert made["clv"]["no_vig"] == pytest.approx(0.05)


async def test_an_event_is_found_by_league_teams_and_start_or_the_bet_says_why_not(served: Gateway) -> None:
    again = Match("made_up:2", start=START + timedelta(days=1))
    await served.tell(odds_changed(Market()), odds_changed(Market(), match=again))
    found = (await placed(served, NAMED)).json()
    assert (found["event_id"], found["unmatched_reason"]) == ("made_up:1", None)
    assert found["commence_time"] == START.isoformat().replace("+00:00", "Z")
    unknown = (await placed(served, NAMED | {"away": "River"})).json()
    assert (unknown["event_id"], unknown["clv"]["reason"], unknown["away"]) == (None, "not_matched", "River")
    assert "no event of these teams" in unknown["unmatched_reason"]
    both = (await placed(served, NAMED | {"commence_time": (START + timedelta(hours=12)).isoformat()})).json()
    assert "several events" in both["unmatched_reason"]
    assert [one["id"] for one in (await served.get(PATH, status="unmatched"))["data"]] == sorted(
        [unknown["id"], both["id"]]
    )


async def test_an_id_that_is_nobodys_leaves_the_names_to_look_for(served: Gateway) -> None:
    early = (await placed(served, NAMED | {"event_id": "gone"})).json()
    assert (early["event_id"], "no event of this league" in early["unmatched_reason"]) == (None, True)
    await served.tell(odds_changed(Market()))
    assert (await placed(served, NAMED | {"event_id": "gone"})).json()["event_id"] == "made_up:1"
    assert (await served.get(f"{PATH}/{early['id']}"))["event_id"] == "made_up:1"
    refused = await placed(served, BET | {"event_id": "gone"}, 400)
    assert "there is no event 'gone'; give league, home, away and commence_time" in refused.json()["detail"]


async def test_an_event_that_has_gone_is_found_by_what_its_closing_lines_tell(served: Gateway) -> None:
    await served.tell(closing_line_fixed(h2h(1.95, 0.5)))
    found = (await placed(served, NAMED)).json()
    assert (found["event_id"], found["unmatched_reason"]) == ("made_up:1", None)
    assert found["clv"]["no_vig"] == pytest.approx(0.05)
    # One that is known as well is one event, not several; and where its start is known to have moved, it is not there.
    await served.tell(odds_changed(Market()))
    assert (await placed(served, NAMED)).json()["event_id"] == "made_up:1"
    await served.tell(odds_changed(Market(), match=Match(start=START + timedelta(days=2)), revision=9))
    assert "no event of this league" in (await placed(served, NAMED)).json()["unmatched_reason"]


async def test_of_two_games_of_one_day_that_is_taken_whose_start_is_the_bets(served: Gateway) -> None:
    second = Match("made_up:2", start=START + timedelta(hours=6))
    await served.tell(odds_changed(Market()), odds_changed(Market(), match=second))
    for match in (Match(), second):
        bet = NAMED | {"commence_time": match.start.isoformat()}
        assert (await placed(served, bet)).json()["event_id"] == match.id


async def test_a_bet_waits_for_its_event(served: Gateway) -> None:
    path = (await placed(served, NAMED | {"reference": "early"})).headers["location"]
    other = (await placed(served, NAMED | {"away": "Oldtown"})).headers["location"]
    elsewhen = NAMED | {"commence_time": (START + timedelta(days=1)).isoformat()}
    later = (await placed(served, elsewhen)).headers["location"]
    await served.tell(odds_changed(Market()))
    found = await served.get(path)
    assert (found["event_id"], found["unmatched_reason"], found["outcome"]) == ("made_up:1", None, "Harbour City")
    assert (found["commence_time"], found["clv"]["reason"]) == (START.isoformat().replace("+00:00", "Z"), "not_closed")
    assert [(await served.get(one))["event_id"] for one in (other, later)] == [None, None]
    await served.tell(closing_line_fixed(h2h(1.95, 0.5)))
    assert (await served.get(path))["clv"]["no_vig"] == pytest.approx(0.05)
    # The start of an event may come to be near a bet's as well.
    await served.tell(odds_changed(Market(), match=Match(start=START + timedelta(days=1)), revision=9))
    assert (await served.get(later))["event_id"] == "made_up:1"


async def test_a_bet_waits_for_closing_lines_of_an_event_that_nobody_told(served: Gateway) -> None:
    path = (await placed(served, NAMED)).headers["location"]
    await served.tell(closing_line_fixed(h2h(1.95, 0.5)))
    found = await served.get(path)
    assert (found["event_id"], found["clv"]["no_vig"]) == ("made_up:1", pytest.approx(0.05))


async def test_a_bet_that_waits_is_not_guessed_either(served: Gateway) -> None:
    start = (START + timedelta(hours=1)).isoformat()
    path = (await placed(served, NAMED | {"commence_time": start})).headers["location"]
    exact = (await placed(served, NAMED | {"commence_time": START.isoformat()})).headers["location"]
    second = Match("made_up:2", start=START + timedelta(hours=6))
    await served.tell(closing_line_fixed(), closing_line_fixed(match=second))
    # The first closing lines were all that there was within 12 hours.
    assert (await served.get(path))["event_id"] == (await served.get(exact))["event_id"] == "made_up:1"
    between = (await placed(served, NAMED | {"commence_time": start})).headers["location"]
    await served.tell(closing_line_fixed(match=second, revision=2))
    kept = await served.get(between)
    assert (kept["event_id"], kept["unmatched_reason"]) == (
        None,
        "several events of these teams start within 12 hours of it",
    )


SECOND = Match("made_up:2", start=START + timedelta(hours=6))


def at(start: datetime) -> dict[str, Any]:
    return NAMED | {"commence_time": start.isoformat()}


async def test_a_bet_on_the_second_game_of_a_day_waits_on_the_first_only_until_the_second_is_known(
    served: Gateway,
) -> None:
    await served.tell(odds_changed(Market()))
    exact = (await placed(served, at(SECOND.start))).headers["location"]
    first = (await placed(served, at(START + timedelta(hours=1)))).headers["location"]
    nearer = (await placed(served, at(SECOND.start - timedelta(hours=1)))).headers["location"]
    by_id = (await placed(served, BET | {"commence_time": SECOND.start.isoformat()})).headers["location"]
    assert (await served.get(exact))["event_id"] == "made_up:1"
    await served.tell(odds_changed(Market(), match=SECOND))
    moved = await served.get(exact)
    assert (moved["event_id"], moved["commence_time"]) == ("made_up:2", SECOND.start.isoformat().replace("+00:00", "Z"))
    assert [(await served.get(path))["event_id"] for path in (first, by_id)] == ["made_up:1", "made_up:1"]
    several = await served.get(nearer)
    assert (several["event_id"], several["clv"]["reason"]) == (None, "not_matched")
    assert "several events of these teams" in several["unmatched_reason"]
    # It waits on for what starts when it says.
    await served.tell(odds_changed(Market(), match=Match("made_up:3", start=SECOND.start - timedelta(hours=1))))
    assert (await served.get(nearer))["event_id"] == "made_up:3"
    await served.tell(closing_line_fixed(h2h(1.95, 0.5)), closing_line_fixed(h2h(1.8, 0.6), match=SECOND))
    assert [(await served.get(path))["clv"]["closing_price"] for path in (exact, first)] == [1.8, 1.95]


async def test_what_closing_lines_have_judged_moves_only_to_what_starts_when_it_says(served: Gateway) -> None:
    await served.tell(odds_changed(Market()))
    exact = (await placed(served, at(SECOND.start))).headers["location"]
    nearer = (await placed(served, at(SECOND.start - timedelta(hours=1)))).headers["location"]
    await served.tell(closing_line_fixed(h2h(1.95, 0.5)), closing_line_fixed(h2h(1.8, 0.6), match=SECOND))
    told = [await served.get(path) for path in (exact, nearer)]
    assert [bet["event_id"] for bet in told] == ["made_up:2", "made_up:1"]
    assert [bet["clv"]["closing_price"] for bet in told] == [1.8, 1.95]


async def test_what_is_sent_twice_is_kept_once(served: Gateway) -> None:
    await served.tell(odds_changed(Market()))
    first = await placed(served, BET, key="one")
    again = await placed(served, BET, key="one")
    assert again.json() == first.json()
    await placed(served, BET | {"reference": "slip 7"})
    taken = (await placed(served, BET | {"reference": "slip 7"}, 409)).json()
    assert "slip 7" in taken["detail"]
    assert await served.database.fetchval("select count(*) from bet") == 2


async def test_a_bet_that_is_sent_again_takes_what_it_was_not_told(served: Gateway) -> None:
    await served.tell(odds_changed(Market()))
    path = (await placed(served, NAMED | {"reference": "slip 7"})).headers["location"]
    settled = NAMED | {"reference": "slip 7", "returned": "26.25", "stake": "12.5000", "outcome": "HARBOUR CITY"}
    told = (await placed(served, settled, 200)).json()
    assert (told["returned"], told["note"], told["reference"]) == ("26.2500", "", "slip 7")
    assert (await placed(served, settled | {"returned": "0", "note": "late"}, 200)).json()["note"] == "late"
    # What is there is never replaced, and where there is nothing to add it is as it was.
    for again in (settled | {"returned": "0", "note": "early"}, NAMED | {"reference": "slip 7"}):
        assert (await placed(served, again, 409)).json()["type"] == "/problems/taken"
    kept = await served.get(path)
    assert (kept["returned"], kept["note"]) == ("26.2500", "late")
    assert (await served.get("/v1/clv"))["total"]["bets"] == 1


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"price": 2.2}, "price"),
        ({"stake": "10"}, "stake"),
        ({"bookmaker": "beta"}, "bookmaker"),
        ({"side": "lay"}, "side"),
        ({"outcome": "away"}, "outcome"),
        ({"away": "Oldtown"}, "event"),
        ({"event_id": "made_up:2", "league": None, "home": None, "away": None, "commence_time": None}, "event"),
    ],
)
async def test_a_reference_is_of_one_bet_and_another_takes_nothing_of_it(
    served: Gateway, other: dict[str, Any], said: str
) -> None:
    await served.tell(odds_changed(Market()), odds_changed(Market(), match=Match("made_up:2")))
    named = NAMED | {"commence_time": START.isoformat(), "reference": "slip 7"}
    path = (await placed(served, BET | {"reference": "slip 7"})).headers["location"]
    refused = (await placed(served, named | other | {"returned": "0"}, 409)).json()
    assert (refused["type"], f"its {said} is another" in refused["detail"]) == ("/problems/other-bet", True)
    assert (await served.get(path))["returned"] is None


async def test_a_bet_is_known_when_its_event_has_gone(served: Gateway) -> None:
    await served.tell(odds_changed(Market()))
    bet = BET | {"reference": "slip 7"}
    await placed(served, bet)
    await served.database.execute("delete from sporting_event")
    assert (await placed(served, bet | {"returned": "0"}, 200)).json()["returned"] == "0.0000"
    assert (await placed(served, bet, 409)).json()["type"] == "/problems/taken"


async def test_pages_and_groups(served: Gateway) -> None:
    await served.tell(odds_changed(Market()), closing_line_fixed(h2h(1.95, 0.5)))
    for number, (bookmaker, price, stake) in enumerate(
        (("alpha", 2.1, "10"), ("alpha", 1.9, "30"), ("beta", 2.0, "5"))
    ):
        at = (START - timedelta(hours=number)).isoformat()
        await placed(served, BET | {"bookmaker": bookmaker, "price": price, "stake": stake, "placed_at": at})
    await placed(served, NAMED | {"league": "unknown", "returned": "25.5"})
    pages, cursor = [], ""
    while True:
        page = (await served.client.get(f"{PATH}?limit=3{cursor}")).json()
        pages.append([one["price"] for one in page["data"]])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert pages == [[2.1, 1.9, 2.0], [2.1]]
    answer = await served.get("/v1/clv")
    total = answer["total"]
    assert (total["bets"], total["matched"], total["staked"], total["returned"]) == (4, 3, "57.5000", "25.5000")
    assert (total["no_vig_bets"], total["no_vig"]) == (3, pytest.approx((0.05 - 0.05 + 0) / 3))
    assert total["no_vig_by_stake"] == pytest.approx((0.05 * 10 - 0.05 * 30) / 45)
    assert total["beat_the_close"] == pytest.approx(1 / 3)
    assert {one["name"]: one["bets"] for one in answer["groups"]["bookmaker"]} == {"alpha": 3, "beta": 1}
    assert {one["name"]: one["bets"] for one in answer["groups"]["sport"]} == {"baseball": 3, None: 1}
    assert {one["name"] for one in answer["groups"]["month"]} == {"2026-04"}
    assert list((await served.get("/v1/clv", by="market"))["groups"]) == ["market"]
    assert (await served.get("/v1/clv", until="2020-01-01T00:00:00Z"))["total"] is None


@pytest.mark.parametrize(
    ("body", "risk"),
    [
        ({"price": 1.0001, "stake": "0.1"}, "0 in 4 places"),
        ({"price": 1.0001, "stake": "0.4999"}, "0 in 4 places"),
        ({"price": 1.0001, "stake": "0.5"}, "0.0001"),
        ({"price": -1_000_000, "odds_format": "american", "stake": "0.1"}, "0 in 4 places"),
    ],
)
async def test_a_lay_risks_something(served: Gateway, body: dict[str, Any], risk: str) -> None:
    await served.tell(odds_changed(Market()), closing_line_fixed(h2h(1.95, 0.5)))
    if risk == "0.0001":
        await placed(served, BET | body | {"side": "lay"})
        total = (await served.get("/v1/clv"))["total"]
        assert (total["staked"], total["no_vig_by_stake"]) == (risk, pytest.approx(total["no_vig"]))
    else:
        assert risk in (await placed(served, BET | body | {"side": "lay"}, 400)).json()["detail"]


async def test_bets_that_risked_nothing_have_a_mean_and_none_by_their_stakes(served: Gateway) -> None:
    await served.tell(odds_changed(Market()), closing_line_fixed(h2h(1.95, 0.5)))
    made = (await placed(served, BET | {"side": "lay"})).json()
    # One that was kept while it was not refused.
    await served.database.execute("update bet set price = 1.0001, stake = 0.1 where id = $1", made["id"])
    total = (await served.get("/v1/clv"))["total"]
    assert (total["staked"], total["no_vig_bets"], total["no_vig_by_stake"]) == ("0.0000", 1, None)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event_id": "nobody"},
        {"price": 1.0},
        {"stake": "0"},
        {"stake": "-1"},
        {"stake": "1.00001"},
        {"stake": "NaN"},
        {"stake": "much"},
        {"returned": "-1"},
        {"line": 1e9},
        {"line": 1.5},
        {"side": "against"},
        {"placed_at": "2026-01-01T00:00:00"},
        {"event_id": None, "league": "MLB"},
    ],
)
async def test_what_is_no_bet(served: Gateway, body: dict[str, Any]) -> None:
    await served.tell(odds_changed(Market()))
    answer = await served.client.post(PATH, json=BET | body if body else {})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert await served.database.fetchval("select count(*) from bet") == 0


async def test_odds_and_times_as_they_are_written_elsewhere(served: Gateway) -> None:
    body = {
        "league": "nowhere",
        "home": "A",
        "away": "B",
        "bookmaker": "alpha",
        "market": "h2h",
        "outcome": "home",
        "price": -110,
        "odds_format": "american",
        "stake": "10",
        "placed_at": 1776362400,
        "commence_time": 1776366000,
    }
    made = await served.client.post("/v1/bets", json=body)
    assert made.status_code == 201, made.text
    bet = made.json()
    assert (bet["price"], bet["odds_format"]) == (-110, "american")
    assert (bet["placed_at"], bet["commence_time"]) == ("2026-04-16T18:00:00Z", "2026-04-16T19:00:00Z")
    assert (await served.get(f"/v1/bets/{bet['id']}"))["price"] == 1.9091
    (listed,) = (await served.get("/v1/bets", odds_format="american"))["data"]
    assert (listed["id"], listed["price"]) == (bet["id"], -110)
    for wrong in ({"price": 1.9}, {"price": 50}, {"odds_format": "decimal"}, {"placed_at": -1}, {"placed_at": 1e300}):
        assert (await served.client.post("/v1/bets", json=body | wrong)).status_code == 400


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00Z", "0001-01-01T06:00:00Z", "9999-12-31T12:00:00Z"])
async def test_a_start_at_an_end_of_the_calendar_is_refused(served: Gateway, start: str) -> None:
    refused = await placed(served, NAMED | {"commence_time": start}, 400)
    assert "cannot be used" in refused.json()["detail"]
