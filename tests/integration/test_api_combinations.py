"""Arbitrages, low holds, middles and explanations: from the engine's own message to what a client is answered."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.wire_settings import new_settings
from bet_intel.shared.messaging import Message, Queue
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on, served
from fixtures.api_messages import Market, odds_changed
from fixtures.combination_messages import ARBITRAGE, FAIR, LOW_HOLD, LOWER, SIX, UPPER, Engine
from fixtures.engine_boards import H2H, board, line
from fixtures.postgres import MakeDatabase
from fixtures.sse import streaming
from fixtures.waiting import until

__all__ = ["served"]

pytestmark = pytest.mark.integration


async def test_an_arbitrage_is_listed_with_stakes_that_can_be_placed(served: Gateway) -> None:
    await served.tell(Engine().tells({H2H: ARBITRAGE}))
    (one,) = (await served.get("/v1/arbitrage"))["data"]
    assert (one["kind"], one["profile"], one["opening"]) == ("arbitrage", "consensus", 1)
    assert one["cost"] == pytest.approx(1 / 2.06 + 1 / 2.08)
    assert [(leg["outcome"], leg["bookmaker"]["title"], leg["price"], leg["age_seconds"]) for leg in one["legs"]] == [
        ("Away", "Low", 2.06, 0.0),
        ("Home", "High", 2.08, 0.0),
    ]
    assert [leg["stake"] for leg in one["legs"]] == ["502.00", "498.00"]
    assert [leg["profit"] for leg in one["legs"]] == ["34.12", "35.84"]
    assert one["stakes"] == {"total": "1000.00", "step": "1.00", "worst_profit": "34.12", "reason": None}
    assert one["explanation"][-1] == "One leg always wins: +3.5 % of the stake is certain, before rounding."
    (coarse,) = (await served.get("/v1/arbitrage", stake=100, step=25))["data"]
    assert [leg["stake"] for leg in coarse["legs"]] == ["50.00", "50.00"]
    for profile in ("sharp", "conservative"):
        (other,) = (await served.get("/v1/arbitrage", profile=profile))["data"]
        assert other["profile"] == profile
        asked = [leg["explain"].replace("profile=consensus", f"profile={profile}") for leg in one["legs"]]
        assert other["legs"] == [leg | {"explain": path} for leg, path in zip(one["legs"], asked, strict=True)]
    assert (await served.get("/v1/middles"))["data"] == (await served.get("/v1/low-holds"))["data"] == []


async def test_the_price_of_each_leg_is_explained_where_it_says(served: Gateway) -> None:
    await served.tell(Engine().tells({line("totals", 8.5): LOWER, line("totals", 9.5): UPPER}))
    (middle,) = (await served.get("/v1/middles"))["data"]
    for leg in middle["legs"]:
        answer = await served.client.get(leg["explain"])
        assert answer.status_code == 200, answer.text
        price = answer.json()["working"]
        assert [price[name] for name in ("line", "outcome", "bookmaker")] == [
            leg["market"]["line"],
            leg["outcome"],
            leg["bookmaker"]["key"],
        ]
        assert (price["ev"], price["fair_probability"]) == pytest.approx((leg["ev"], leg["fair_probability"]))


async def test_stakes_that_rounding_turns_into_a_loss_make_no_arbitrage(served: Gateway) -> None:
    engine = Engine()
    await served.tell(engine.tells({H2H: ARBITRAGE}))
    assert (await served.get("/v1/arbitrage", stake=1))["data"] == []
    # One and two lose at one outcome, one and one win at both.
    (least,) = (await served.get("/v1/arbitrage", stake=3))["data"]
    assert (least["stakes"]["total"], least["stakes"]["worst_profit"]) == ("2.00", "0.06")
    assert len((await served.get("/v1/arbitrage", stake=3, step=0.01))["data"]) == 1
    # What wins less than half a cent wins.
    (small,) = (await served.get("/v1/arbitrage", stake=0.1, step=0.001))["data"]
    assert small["stakes"]["worst_profit"] == "0.00"
    # A middle may lose: it is listed with any stakes.
    await served.tell(engine.tells({line("totals", 8.5): LOWER, line("totals", 9.5): UPPER}))
    (middle,) = (await served.get("/v1/middles", stake=3))["data"]
    assert middle["stakes"]["worst_profit"].startswith("-")


async def test_the_steps_that_an_operator_sets_are_those_of_the_stakes_shown(make_database: MakeDatabase) -> None:
    heard: list[Message] = []

    async def hear(messages: Sequence[Message]) -> None:
        heard.extend(messages)

    settings = {
        "bookmakers": {"low": {"stake_step": "5"}, "hi*": {"stake_step": 0.5}},
        "overrides": [{"market": "totals", "stake_steps": {"low": "40"}}],
    }
    listen_on = {Queue("tests.pricing", "pricing.settings.changed.v1"): hear}
    async with gateway_on(await make_database(MIGRATIONS), access="local", listen_on=listen_on) as gateway:
        await gateway.tell(Engine(Profile()).tells({H2H: ARBITRAGE}))
        (plain,) = (await gateway.get("/v1/arbitrage"))["data"]
        assert [(leg["step"], leg["stake"]) for leg in plain["legs"]] == [("1.00", "502.00"), ("1.00", "498.00")]
        put = await gateway.client.put("/v1/admin/pricing/consensus", json=settings)
        assert put.status_code == 200, put.text
        await until(lambda: len(heard) == 1)
        engine = Engine(new_settings(heard[0]).settings.profile(Profile()))
        engine.revision = 1
        await gateway.tell(engine.tells({H2H: ARBITRAGE, line("totals", 8.5): ARBITRAGE}))
        listed = {one["legs"][0]["market"]["market"]: one for one in (await gateway.get("/v1/arbitrage"))["data"]}
        staked = {
            market: [(leg["bookmaker"]["key"], leg["step"], leg["stake"]) for leg in one["legs"]]
            for market, one in listed.items()
        }
        assert staked == {
            "h2h": [("low", "5.00", "500.00"), ("high", "0.50", "497.50")],
            "totals": [("low", "40.00", "480.00"), ("high", "0.50", "497.50")],
        }
        assert {market: one["stakes"] for market, one in listed.items()} == {
            "h2h": {"total": "997.50", "step": "5.00", "worst_profit": "32.50", "reason": None},
            "totals": {"total": "977.50", "step": "40.00", "worst_profit": "11.30", "reason": None},
        }
        assert listed["h2h"]["explanation"][-1] == "Stakes are multiples of 5 with Low; 0.5 with High."
        async with streaming(gateway.client) as stream:
            combined = (await stream.event()).data["combinations"]
            assert {one["id"]: one for one in combined} == {one["id"]: one for one in listed.values()}
        # What is asked for goes before what is set.
        for one in (await gateway.get("/v1/arbitrage", step=1))["data"]:
            assert [(leg["step"], leg["stake"]) for leg in one["legs"]] == [("1.00", "502.00"), ("1.00", "498.00")]


async def test_stakes_that_leave_a_leg_without_any_say_why(served: Gateway) -> None:
    limited = board({**FAIR, "low": {"Away": 1.98, "Home": 1.8}, "high": {"Away": 1.8, "Home": 1.98}})
    limited.limit[0, limited.bookmakers.index("low")] = 0.5
    await served.tell(Engine().tells({H2H: limited, line("totals", 8.5): LOWER, line("totals", 9.5): UPPER}))
    (low_hold,) = (await served.get("/v1/low-holds"))["data"]
    assert low_hold["stakes"] == {
        "total": None,
        "step": "1.00",
        "worst_profit": None,
        "reason": "Low takes at most 0.5 on Away, less than one step of 1: choose a smaller step",
    }
    assert [(leg["stake"], leg["profit"]) for leg in low_hold["legs"]] == [(None, None)] * 2
    (fine,) = (await served.get("/v1/low-holds", step=0.1))["data"]
    assert (fine["stakes"]["reason"], [leg["stake"] for leg in fine["legs"]]) == (None, ["0.50", "0.50"])
    (middle,) = (await served.get("/v1/middles", stake=1))["data"]
    assert middle["stakes"]["reason"] == (
        "nothing is left for Over with Low of 1 in all, within the limits and in whole steps: choose a smaller step, "
        "or a larger stake"
    )
    assert (middle["window"]["profit"], [leg["stake"] for leg in middle["legs"]]) == (None, [None, None])


@pytest.mark.parametrize("path", ["/v1/arbitrage", "/v1/low-holds", "/v1/middles"])
@pytest.mark.parametrize("query", ["stake=0.5&step=1", "step=1000.5"])
async def test_a_stake_of_less_than_one_step_is_refused(served: Gateway, path: str, query: str) -> None:
    problem = await served.problem(f"{path}?{query}", 400)
    assert problem["parameter"] == "stake"
    assert "Give a stake of one step or more, or a smaller step." in problem["detail"]


async def test_a_step_finer_than_any_currency_is_refused(served: Gateway) -> None:
    await served.tell(Engine().tells({H2H: ARBITRAGE}))
    (one,) = (await served.get("/v1/arbitrage", stake=10_000_000, step=0.0001))["data"]
    assert float(one["stakes"]["total"]) == pytest.approx(10_000_000)
    assert (await served.problem("/v1/arbitrage?step=1e-30", 400))["parameter"] == "step"


async def test_filters_choose_and_pages_go_on(served: Gateway) -> None:
    lines = {line("totals", point): LOW_HOLD for point in (6.5, 7.5, 8.5)}
    await served.tell(Engine().tells({H2H: LOW_HOLD, **lines}))
    every = (await served.get("/v1/low-holds"))["data"]
    assert len(every) == 4
    assert [one["class"] for one in every] == ["no_ev"] * 4
    assert len((await served.get("/v1/low-holds", market="totals"))["data"]) == 3
    assert len((await served.get("/v1/low-holds", bookmaker="low,nobody"))["data"]) == 4
    for nothing in ({"bookmaker": "a"}, {"min_ev": 0}, {"sport": "tennis"}, {"class": "take"}, {"event": "x"}):
        assert (await served.get("/v1/low-holds", **nothing))["data"] == []
    first = await served.get("/v1/low-holds", limit=3)
    rest = await served.get("/v1/low-holds", limit=3, cursor=first["next_cursor"])
    assert [one["id"] for one in first["data"] + rest["data"]] == [one["id"] for one in every]
    assert rest["next_cursor"] is None


async def test_a_middle_has_its_band(served: Gateway) -> None:
    await served.tell(Engine().tells({line("totals", 8.5): LOWER, line("totals", 9.5): UPPER}))
    (one,) = (await served.get("/v1/middles"))["data"]
    assert [(leg["outcome"], leg["market"]["line"]) for leg in one["legs"]] == [("Over", 8.5), ("Under", 9.5)]
    window = one["window"]
    assert (window["low"], window["high"], window["profit"]) == (8.5, 9.5, "920.00")
    assert window["probability"] == pytest.approx(sum(leg["fair_probability"] for leg in one["legs"]) - 1)
    assert one["stakes"]["worst_profit"] == "-40.00"


async def test_a_leg_on_the_away_side_has_its_own_point(served: Gateway) -> None:
    """The line is the home side's point."""
    home, away = "Harbour City", "Riverside"
    giving = {**{name: {home: 1.765, away: 2.158} for name in SIX}, "low": {home: 1.92, away: 1.9}}
    taking = {**{name: {home: 2.207, away: 1.734} for name in SIX}, "high": {home: 1.9, away: 1.92}}
    await served.tell(Engine().tells({line("spreads", -1.5): board(giving), line("spreads", -2.5): board(taking)}))
    (one,) = (await served.get("/v1/middles"))["data"]
    assert [(leg["outcome"], leg["market"]["line"]) for leg in one["legs"]] == [(home, -1.5), (away, -2.5)]
    assert f"Back {home} (-1.5) at 1.92 with Low" in one["explanation"][0]
    assert f"back {away} (+2.5) at 1.92 with High" in one["explanation"][0]


async def test_the_stream_tells_of_those_of_an_ev_and_when_they_leave_it(served: Gateway) -> None:
    """2.06 and 2.08 win 3.5 %; 2.06 and 1.98 win less than 1 %."""
    engine = Engine()
    worse = board({**FAIR, "low": {"Away": 2.06, "Home": 1.8}, "high": {"Away": 1.8, "Home": 1.98}})
    await served.tell(engine.tells({H2H: ARBITRAGE}))
    ev = (await served.get("/v1/arbitrage"))["data"][0]["ev"]
    kinds = "arbitrage.opened,arbitrage.updated,arbitrage.closed,odds.changed"
    async with (
        streaming(served.client, type=kinds, min_combined_ev=ev - 0.001) as few,
        streaming(served.client, type=kinds, min_combined_ev=ev + 0.001) as none,
    ):
        assert [len((await one.event()).data["combinations"]) for one in (few, none)] == [1, 0]
        await served.tell(engine.tells({H2H: worse}))
        await served.tell(engine.tells({H2H: LOW_HOLD}))
        # It has left the list, so that nothing is told of its end.
        (updated,) = await few.events(1)
        assert (updated.name, updated.data["ev"] < ev - 0.001) == ("arbitrage.updated", True)
        await served.tell(odds_changed(Market()))
        for one in (few, none):
            assert [event.name for event in await one.events(1)] == ["odds.changed"]


async def test_the_stream_begins_with_none_that_its_stakes_turn_into_a_loss_and_tells_of_none_that_opens(
    served: Gateway,
) -> None:
    """2.000 and 2.001 win one in 4000, which steps of 1 in 1000 take away; 2.06 and 2.08 win more."""
    engine = Engine(Profile(stake=Decimal(1_000_000)))
    thin = board({**FAIR, "low": {"Away": 2.0, "Home": 1.8}, "high": {"Away": 1.8, "Home": 2.001}})
    kinds = "arbitrage.opened,arbitrage.updated,arbitrage.closed"
    async with streaming(served.client, type=kinds) as early:
        assert (await early.event()).data["combinations"] == []
        await served.tell(engine.tells({H2H: thin}))
        assert (await served.get("/v1/arbitrage"))["data"] == []
        (fine,) = (await served.get("/v1/arbitrage", step=0.01))["data"]
        async with streaming(served.client, type=kinds) as late:
            assert (await late.event()).data["combinations"] == []
            await served.tell(engine.tells({H2H: ARBITRAGE}))
            await served.tell(engine.tells({H2H: thin}))
            await served.tell(engine.tells({H2H: ARBITRAGE}))
            for follower in (early, late):
                told = await follower.events(3)
                assert [one.name for one in told] == ["arbitrage.opened", "arbitrage.closed", "arbitrage.opened"]
                assert {one.data["id"] for one in told} == {fine["id"]}
                assert told[1].data["close_reason"] == "rounded_away"
                assert all(float(one.data["stakes"]["worst_profit"]) > 0 for one in (told[0], told[2]))


async def test_the_stream_tells_of_them(served: Gateway) -> None:
    engine = Engine()
    await served.tell(engine.tells({H2H: ARBITRAGE}))
    kinds = "opportunity.opened,odds.changed"
    async with streaming(served.client, type=kinds) as stream:
        assert (await stream.event()).data["combinations"] == []
    # Of arbitrage without being asked; of what else does not concern it here nothing is to come in between.
    async with streaming(served.client, min_ev=1) as stream:
        (snapshot,) = await stream.events(1)
        listed = (await served.get("/v1/arbitrage"))["data"]
        assert snapshot.data["combinations"] == listed
        better = board({**FAIR, "low": {"Away": 2.06, "Home": 1.8}, "high": {"Away": 1.8, "Home": 2.09}})
        await served.tell(engine.tells({H2H: better}))
        await served.tell(engine.tells({H2H: LOW_HOLD}))
        updated, closed = await stream.events(2)
        assert (updated.name, updated.data["id"], updated.data["legs"][1]["price"]) == (
            "arbitrage.updated",
            listed[0]["id"],
            2.09,
        )
        assert (closed.name, closed.data["id"], closed.data["close_reason"]) == (
            "arbitrage.closed",
            listed[0]["id"],
            "prices_moved",
        )
        assert [event.data["payload"] for event in (snapshot, updated, closed)] == ["snapshot", "delta", "delta"]
    assert (await served.get("/v1/arbitrage"))["data"] == []


async def test_any_price_is_explained(served: Gateway) -> None:
    message = Engine().tells({H2H: ARBITRAGE})
    await served.tell(message)
    path = f"/v1/events/{message.subject}/explain"
    good = await served.get(path, outcome="Home", bookmaker="high")
    assert (good["working"]["verdict"], good["working"]["class"]) == ("opportunity", "marginal")
    (item,) = (await served.get("/v1/opportunities", bookmaker="high"))["data"]
    detail = await served.get(f"/v1/opportunities/{item['id']}")
    assert detail["explanation"] == good["explanation"]
    american = await served.get(path, outcome="Home", bookmaker="high", odds_format="american")
    assert (good["working"]["price"], american["working"]["price"], american["odds_format"]) == (2.08, 108, "american")
    assert american["explanation"] == good["explanation"]
    poor = await served.get(path, outcome="Home", bookmaker="a")
    assert (poor["working"]["verdict"], poor["working"]["reason"]) == ("no_ev", "no_ev")
    assert "no opportunity" in poor["explanation"][-1]
    assert (await served.get(path, outcome="Home", bookmaker="a", profile="sharp"))["working"]["profile"] == "sharp"
    assert (await served.problem(f"{path}?bookmaker=a", 400))["parameter"] == "outcome"
    await served.problem(f"{path}?bookmaker=nobody&outcome=Home", 404)
    await served.problem("/v1/events/nothing/explain?bookmaker=a&outcome=Home", 404)


async def test_an_opportunity_and_its_price_are_explained_alike_by_a_careful_profile(served: Gateway) -> None:
    """By the low end of the band, of a bet on the away side; as well when it has closed."""
    fair = {name: {"Harbour City": 1.33, "Riverside": 3.35} for name in SIX}
    key, engine = line("spreads", -1.5), Engine()
    message = engine.tells({key: board({**fair, "low": {"Harbour City": 1.25, "Riverside": 4.0}})})
    await served.tell(message)
    asked: dict[str, str | float] = {
        "market": "spreads",
        "line": -1.5,
        "outcome": "Riverside",
        "bookmaker": "low",
        "profile": "conservative",
    }
    price = await served.get(f"/v1/events/{message.subject}/explain", **asked)
    (item,) = (await served.get("/v1/opportunities", profile="conservative", **{"class": "take,marginal,suspect"}))[
        "data"
    ]
    detail = await served.get(f"/v1/opportunities/{item['id']}")
    assert detail["explanation"] == price["explanation"]
    assert detail["working"]["worst_case"] is True
    assert "Low offers 4.00 on Riverside (spreads +1.5) in " in detail["explanation"][0]
    assert any(said.startswith("Pooled, by the low end of the band, that is") for said in detail["explanation"])
    await served.tell(engine.tells({key: board(fair)}))
    closed = await served.get(f"/v1/opportunities/{item['id']}")
    assert (closed["state"], closed["explanation"]) == ("closed", price["explanation"])


async def test_a_price_of_another_market_under_the_same_name_is_explained_as_one(served: Gateway) -> None:
    """Six bookmakers price a match without a draw, one with it."""
    message = Engine().tells({H2H: board({**FAIR, "low": {"Away": 2.1, "Draw": 60.0, "Home": 1.9}})})
    await served.tell(message)
    for outcome, price in (("Draw", 60.0), ("Home", 1.9)):
        told = await served.get(f"/v1/events/{message.subject}/explain", outcome=outcome, bookmaker="low")
        working = told["working"]
        assert (working["price"], working["verdict"], working["reason"]) == (price, "not_judged", "different_outcomes")
        assert told["explanation"][0].startswith(f"Low offers {price:.2f} on {outcome} (h2h) in ")
        assert told["explanation"][1].endswith("it is a price of another market (different_outcomes).")
    await served.problem(f"/v1/events/{message.subject}/explain?outcome=Neither&bookmaker=low", 404)
