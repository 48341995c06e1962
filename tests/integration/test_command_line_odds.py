"""`bet-intel devig`, `ev` and `convert` as somebody in a shell meets them."""

from typing import Any

import pytest

from fixtures.command import bet_intel


@pytest.mark.parametrize(
    ("prices", "method", "expected", "parameter"),
    [
        ("2.6 2.4 4.3", "shin", (0.372994, 0.404779, 0.222227), ("z", 0.0169425)),
        ("1.5 2.74", "shin", (0.6508516, 0.3491484), ("z", 0.0317273)),
        ("2.7 2.3 4.4", "multiplicative", (0.358738, 0.421127, 0.220135), None),
        ("2.7 2.3 4.4", "power", (0.359171, 0.423731, 0.217098), ("k", 1.0309132)),
        ("2.7 2.3 4.4", "shin", (0.359344, 0.423244, 0.217412), ("z", 0.0162364)),
        ("2.7 2.3 4.4", "odds_ratio", (0.358810, 0.422561, 0.218628), ("c", 1.0511691)),
        ("2.7 2.3 4.4", "additive", (0.359562, 0.423974, 0.216464), None),
    ],
)
def test_devig_gives_the_published_examples(
    prices: str, method: str, expected: tuple[float, ...], parameter: tuple[str, float] | None
) -> None:
    ran = bet_intel("devig", *prices.split(), "--method", method, "--json")

    assert (ran.code, ran.err) == (0, "")
    assert [one["fair_probability"] for one in ran.answer["outcomes"]] == pytest.approx(expected, abs=5e-7)
    assert ran.answer["overround"] == pytest.approx(sum(1 / float(price) for price in prices.split()) - 1)
    if parameter:
        assert ran.answer["parameter"]["name"] == parameter[0]
        assert ran.answer["parameter"]["value"] == pytest.approx(parameter[1], abs=5e-8)
    for one in ran.answer["outcomes"]:
        assert one["fair_odds"] == pytest.approx(1 / one["fair_probability"], abs=5e-5)
        assert one["band"]["low"] <= one["fair_probability"] <= one["band"]["high"]


def test_devig_reads_american_prices_and_shows_a_table() -> None:
    ran = bet_intel("devig", "-110", "+150", "-200", "--winners", "2")
    assert ran.code == 1
    assert "no margin" in ran.err
    ran = bet_intel("devig", "-110", "-110")
    assert ran.code == 0
    assert "1.909" in ran.out
    assert "+100" in ran.out
    assert "overround +4.8 %" in ran.out


def test_additive_below_zero_is_flagged_and_shown() -> None:
    prices = [str(1 / r) for r in (0.87, 0.2, 0.1, 0.05, 0.02, 0.01)]
    ran = bet_intel("devig", *prices, "--method", "additive", "--json", "--odds-format", "decimal")
    assert ran.code == 1
    assert ran.answer["status"] == "negative"
    assert ran.answer["outcomes"][-1]["fair_probability"] < 0
    assert ran.answer["outcomes"][-1]["fair_odds"] is None
    assert "--method" in ran.err
    k = bet_intel("devig", *prices, "--json", "--odds-format", "decimal").answer["parameter"]["value"]
    assert k == pytest.approx(1.3748383, abs=5e-8)


def test_ev_of_each_kind_of_bet() -> None:
    def ev(*arguments: str) -> Any:
        ran = bet_intel("ev", *arguments, "--json")
        assert ran.code == 0, ran.err
        return ran.answer

    back = ev("2.10", "--probability", "50%")
    assert (back["ev"], back["kelly_fraction"]) == pytest.approx((0.05, 0.05 / 1.1))
    assert ev("+110", "--fair-odds", "+100", "--commission", "2%")["ev"] == pytest.approx(0.5 * (1 + 1.1 * 0.98) - 1)
    assert ev("1.95", "--probability", "0.5", "--push", "0.1")["ev"] == pytest.approx(0.5 * 0.95 - 0.4)
    assert ev("3", "--probability", "0.4", "--free-bet")["ev"] == pytest.approx(0.8)
    lay = ev("3.4", "--probability", "0.28", "--lay", "--commission", "0.05")
    assert lay["ev"] == pytest.approx((0.72 * 0.95 - 0.28 * 2.4) / 2.4)
    assert lay["per"] == "liability"
    for bet in (back, lay):
        kind = ["--lay", "--commission", "0.05"] if bet is lay else []
        even = ev(str(bet["price"]), "--probability", f"{bet['breakeven_probability']:.15f}", *kind)
        assert even["ev"] == pytest.approx(0, abs=1e-12)


def test_stakes_of_bets_that_come_back_in_part() -> None:
    def ev(*arguments: str) -> Any:
        ran = bet_intel("ev", *arguments, "--json")
        assert ran.code == 0, ran.err
        return ran.answer

    push = ev("2.1", "--probability", "0.45", "--push", "0.1")
    assert push["kelly_fraction"] == pytest.approx((0.5 * 2.1 - 1) / 1.1)
    assert push["stake_fraction"] == pytest.approx(push["kelly_fraction"] / 4)
    # Over 2.75: half at 2.5 and half at 3, three goals won by half.
    quarter = ev("1.95", "--probability", "0.42", "--half-won", "0.18", "--kelly", "1", "--cap", "0.02")
    assert quarter["ev"] == pytest.approx((0.6 * 0.95 - 0.4 + 0.42 * 0.95 - 0.4) / 2)
    assert quarter["stake_fraction"] == pytest.approx(0.02)
    even = ev("1.95", "--probability", f"{quarter['breakeven_probability']:.15f}", "--half-won", "0.18")
    assert even["ev"] == pytest.approx(0, abs=1e-12)
    lay = ev("3", "--probability", "0.3", "--lay")
    assert lay["kelly_fraction"] == pytest.approx(0.7 - 0.3 * 2)


def test_the_odds_of_a_maker() -> None:
    ran = bet_intel("maker", "--probability", "50%", "--ev", "2%", "--commission", "5%", "--json")
    assert ran.code == 0
    assert ran.answer["back"] == {"price": pytest.approx(1 + 1.04 / 2 / 0.475), "offer": 2.0948}
    assert ran.answer["lay"] == {"price": pytest.approx(1 + 0.475 / 0.52), "offer": 1.9134}
    back = bet_intel("ev", "2.0948", "--probability", "0.5", "--commission", "5%", "--json").answer
    lay = bet_intel("ev", "1.9134", "--probability", "0.5", "--commission", "5%", "--lay", "--json").answer
    assert 0.02 <= back["ev"] < 0.0201
    assert 0.02 <= lay["ev"] < 0.0201
    assert bet_intel("maker", "--fair-odds", "2", "--json").answer["back"]["offer"] == 2.0
    assert "no price" in bet_intel("maker", "--probability", "10%", "--ev=-20%").out


@pytest.mark.parametrize(("way", "back", "lay"), [("won", 1.8843, 1.7307), ("lost", 2.3685, 2.1309)])
def test_the_odds_of_a_maker_on_a_quarter_line(way: str, back: float, lay: float) -> None:
    of_line = (f"--half-{way}", "20%", "--commission", "5%", "--json")
    ran = bet_intel("maker", "--probability", "40%", "--ev", "2%", *of_line)
    assert (ran.answer[f"half_{way}_probability"], ran.answer["push_probability"]) == (0.2, 0)
    assert (ran.answer["back"]["offer"], ran.answer["lay"]["offer"]) == (back, lay)
    assert 0.02 <= bet_intel("ev", str(back), "--probability", "0.4", *of_line).answer["ev"] < 0.0201
    refused = bet_intel("maker", "--probability", "40%", "--push", "10%", "--half-lost", "10%")
    assert refused.code == 2
    assert "give one of --push, --half-won and --half-lost" in refused.err


def test_convert() -> None:
    values = bet_intel("convert", "2.5", "-110", "+150", "40%", "151", "--json").answer["values"]
    assert [one["read_as"] for one in values] == ["decimal", "american", "american", "probability", "american"]
    assert [one["decimal"] for one in values] == pytest.approx([2.5, 1 + 100 / 110, 2.5, 2.5, 2.51])
    assert [one["american"] for one in values] == [150, -110, 150, 150, 151]
    assert bet_intel("convert", "151", "--from", "decimal", "--json").answer["values"][0]["decimal"] == 151
