"""`POST /v1/devig` and `/v1/price`."""

from typing import Any

import pytest

from fixtures.api_gateway import Gateway, served

__all__ = ["served"]

pytestmark = pytest.mark.integration


async def asked(gateway: Gateway, path: str, **body: Any) -> dict[str, Any]:
    response = await gateway.client.post(path, json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def refused(gateway: Gateway, path: str, **body: Any) -> str:
    response = await gateway.client.post(path, json=body)
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert response.json()["type"] == "/problems/invalid-body"
    return str(response.json()["detail"])


async def test_devig_by_every_method(served: Gateway) -> None:
    # 1.90 and 1.90: by symmetry every method says a half.
    even = await asked(served, "/v1/devig", prices=[1.9, 1.9])
    assert even["overround"] == pytest.approx(2 / 1.9 - 1)
    assert even["hold"] == pytest.approx(0.05)
    assert [one["method"] for one in even["methods"]] == [
        *("multiplicative", "additive", "power", "shin", "odds_ratio", "logarithmic", "probit", "goto", "worst_case")
    ]
    for method in even["methods"]:
        assert method["status"] == "ok"
        assert [one["fair_probability"] for one in method["outcomes"]] == pytest.approx([0.5, 0.5])
        assert [one["fair_odds"] for one in method["outcomes"]] == [2.0, 2.0]
    named = await asked(served, "/v1/devig", prices=[-110, -110], outcomes=["Over", "Under"], odds_format="american")
    assert [(one["outcome"], one["price"]) for one in named["outcomes"]] == [("Over", -110), ("Under", -110)]
    assert named["methods"][0]["outcomes"][0]["fair_odds"] == 100
    three = await asked(served, "/v1/devig", prices=[2.7, 3.3, 2.9], methods=["power"])
    (power,) = three["methods"]
    assert sum(one["fair_probability"] for one in power["outcomes"]) == pytest.approx(1.0)
    assert all(
        one["band"]["low"] <= fair["fair_probability"] <= one["band"]["high"]
        for one, fair in zip(three["outcomes"], power["outcomes"], strict=True)
    )
    two_win = await asked(served, "/v1/devig", prices=[1.4, 1.6, 2.2, 3.0], winners=2, methods=["multiplicative"])
    assert sum(one["fair_probability"] for one in two_win["methods"][0]["outcomes"]) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"prices": [2.1, 2.1]}, "there is no margin to remove"),
        ({"prices": [-110, 120]}, "American ones need odds_format american"),
        ({"prices": [1.9, 1.9], "odds_format": "american"}, "is it decimal?"),
        ({"prices": [1.9]}, "length >= 2"),
        ({"prices": [1.9, 1.9], "outcomes": ["Over"]}, "give a name for each"),
        ({"prices": [1.9, 1.9], "winners": 2}, "must be below the 2 outcomes"),
        ({"prices": [1.9, 1.9], "methods": ["astrology"]}, "Invalid enum value"),
        ({"prices": [1.9, "1.9"]}, "Expected `float`"),
        ({"prices": [1.9, 1.9], "odds": 1}, "unknown field"),
        ({}, "missing required field `prices`"),
    ],
)
async def test_devig_says_what_is_wrong(served: Gateway, body: dict[str, Any], says: str) -> None:
    assert says in await refused(served, "/v1/devig", **body)


async def test_price_against_a_fair_probability(served: Gateway) -> None:
    answer = await asked(served, "/v1/price", price=2.2, fair_probability=0.48, bankroll="1000", commission=0)
    assert answer["ev"] == pytest.approx(0.056)
    assert answer["kelly"] == pytest.approx(0.056 / 1.2)
    assert answer["stake_fraction"] == pytest.approx(0.25 * 0.056 / 1.2)
    assert answer["stake"] == "11.66"
    assert (answer["fair_odds"], answer["net_price"], answer["band"]) == (2.0833, 2.2, None)
    assert answer["breakeven_probability"] == pytest.approx(1 / 2.2)
    assert answer["free_bet_ev"] == pytest.approx(0.48 * 1.2)
    assert answer["maker"] == {"back": 2.0834, "lay": 2.0833}
    american = await asked(served, "/v1/price", price=120, fair_odds=108, odds_format="american")
    assert (american["price"], american["fair_odds"]) == (120, 108)
    assert american["ev"] == pytest.approx(2.2 / 2.08 - 1)


async def test_price_against_other_bookmakers(served: Gateway) -> None:
    references = [{"bookmaker": "a", "prices": [1.95, 1.95]}, {"bookmaker": "b", "prices": [1.95, 1.95], "weight": 2}]
    answer = await asked(served, "/v1/price", price=2.1, references=references)
    assert answer["fair_probability"] == pytest.approx(0.5)
    assert answer["ev"] == pytest.approx(0.05)
    assert answer["ev_worst"] == pytest.approx(0.05)
    assert [one["status"] for one in answer["references"]] == ["ok", "ok"]
    assert sum(one["share"] for one in answer["references"]) == pytest.approx(1)
    short, long = ({"bookmaker": "c", "prices": [1.3, 3.6]}, {"bookmaker": "d", "prices": [1.32, 3.5]})
    second = await asked(served, "/v1/price", price=3.9, outcome=1, references=[short, long])
    assert second["band"]["low"] < second["fair_probability"] < second["band"]["high"]
    assert second["ev_worst"] < second["ev"]


async def test_lays_pushes_and_halves(served: Gateway) -> None:
    lay = await asked(served, "/v1/price", price=2.0, side="lay", fair_probability=0.45, commission=0.02)
    assert (lay["ev_per"], lay["net_price"], lay["free_bet_ev"]) == ("liability", None, None)
    assert lay["ev"] == pytest.approx(0.55 * 0.98 - 0.45)
    push = await asked(served, "/v1/price", price=2.0, fair_probability=0.47, push_probability=0.1)
    assert push["ev"] == pytest.approx(0.47 - 0.43)
    half = await asked(served, "/v1/price", price=2.0, fair_probability=0.4, half_won_probability=0.25)
    assert half["ev"] == pytest.approx(0.4 + 0.125 - 0.35)
    # W = .525, L = .35: 1 + .35/.525.
    assert half["maker"] == {"back": 1.6667, "lay": 1.6666}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"price": 2.2}, "give one of fair_probability, fair_odds and references"),
        ({"price": 2.2, "fair_probability": 0.5, "fair_odds": 2.0}, "give one of"),
        ({"price": 1.0, "fair_probability": 0.5}, "no decimal price"),
        ({"price": 2.2, "fair_probability": 1.5}, "$.fair_probability"),
        ({"price": 2.2, "fair_probability": 0.6, "push_probability": 0.5}, "exceed probability 1"),
        ({"price": 2.2, "fair_probability": 0.5, "bankroll": "-1"}, "above 0"),
        ({"price": 2.2, "fair_probability": 0.5, "bankroll": "NaN"}, "above 0"),
        ({"price": 2.2, "references": [{"bookmaker": "a", "prices": [2.1, 2.1]}]}, "a: no_overround"),
        (
            {
                "price": 2.2,
                "references": [{"bookmaker": "a", "prices": [1.9, 1.9]}, {"bookmaker": "b", "prices": [2.0, 3.0, 4.0]}],
            },
            "b has 3 prices and a 2",
        ),
        ({"price": 2.2, "outcome": 2, "references": [{"bookmaker": "a", "prices": [1.9, 1.9]}]}, "have 0 to 1"),
        ({"price": 2.2, "references": [{"bookmaker": "a", "prices": [1.9, 1.9]}] * 2}, "a is given twice"),
        ({"price": 2.2, "references": [{"bookmaker": "a", "prices": [1.01, 1.5]}]}, "a: excessive_overround"),
        ({"price": 2.2, "winners": 2, "references": [{"bookmaker": "a", "prices": [1.9, 1.9]}]}, "winners is 2"),
        ({"price": 2.2, "side": "lay", "fair_probability": 0.6, "push_probability": 0.5}, "exceed probability 1"),
    ],
)
async def test_price_says_what_is_wrong(served: Gateway, body: dict[str, Any], says: str) -> None:
    assert says in await refused(served, "/v1/price", **body)


async def test_only_json_without_parameters(served: Gateway) -> None:
    plain = await served.client.post("/v1/devig", content="{}", headers={"Content-Type": "text/plain"})
    assert plain.status_code == 415
    assert (await served.client.post("/v1/devig?prices=1", json={"prices": [1.9, 1.9]})).status_code == 400
    assert (await served.client.post("/v1/price", json={"price": 2.0, "x": "y" * 70_000})).status_code == 413
