"""Who was asked about a price, and who was not, whatever became of it."""

from dataclasses import replace

import pytest

from bet_intel.api.domain.explanation import explain
from bet_intel.api.domain.model import MarketKey
from bet_intel.api.domain.working import PriceWorking
from bet_intel.api.working import SetWorking
from bet_intel.ev_engine.domain.profile import STARTING, Bookmaker
from fixtures.combination_messages import FAIR, SIX, Engine
from fixtures.engine_boards import H2H, Prices, board, line

ABSURD = board({**FAIR, "low": {"Away": 2.06, "Home": 1.8}, "high": {"Away": 2.9, "Home": 2.86}})
"""What high asks for adds up to 69 %: two prices of half as much again."""


def working(outcome: str, bookmaker: str) -> PriceWorking:
    told = SetWorking(Engine().tells({H2H: ABSURD}).data)
    found = told.price(MarketKey(*H2H), outcome, bookmaker, "consensus")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("outcome", "bookmaker", "verdict"),
    [("Away", "low", "opportunity"), ("Home", "low", "no_ev"), ("Home", "a", "no_ev")],
)
def test_prices_without_margin_that_are_far_off_are_an_outlier_of_every_price(
    outcome: str, bookmaker: str, verdict: str
) -> None:
    found = working(outcome, bookmaker)
    assert found.verdict == verdict
    outliers = {one.bookmaker: one.left_out_reason for one in found.bookmakers if one.leave_one_out_outlier}
    assert outliers == {"high": "outlier_excluded"}
    assert "Not asked: High, because it is too far from the others." in explain(found)


def test_a_price_of_an_outlier_says_that_the_consensus_is_without_it() -> None:
    found = working("Away", "high")
    assert (found.verdict, found.class_) == ("opportunity", "suspect")
    (fair,) = (sentence for sentence in explain(found) if sentence.startswith("Pooled"))
    assert fair.endswith("the consensus is 50.0 %, also without High, because it is too far from the others.")


def test_who_is_set_to_weigh_nothing_is_not_asked_for_that() -> None:
    quiet = replace(STARTING["consensus"], bookmakers={"a": Bookmaker(weight=0.0)})
    told = SetWorking(Engine(quiet).tells({H2H: board(FAIR)}).data)
    found = told.price(MarketKey(*H2H), "Home", "b", "consensus")
    assert found is not None
    assert "Not asked: A, because by its settings it weighs nothing." in explain(found)


def test_who_was_not_asked_for_the_same_reason_is_named_together() -> None:
    """Each with its age where it is too old; of many the first."""
    old = {f"old {number:02}": 7200.0 + number for number in range(11)}
    ails = {"half": {"Home": 1.9}, "some": {"Away": 1.9}}
    one = board({**FAIR, **dict.fromkeys(old, FAIR["a"]), **ails}, ages=old)
    found = SetWorking(Engine().tells({H2H: one}).data).price(MarketKey(*H2H), "Home", "a", "consensus")
    assert found is not None
    named = ", ".join(f"old {number:02} ({7200 + number} s)" for number in range(8))
    assert (
        "Not asked: half and some, each because it does not price every outcome, or its book is too thin; "
        f"{named} and 3 more, each because its prices are too old."
    ) in explain(found)


def test_the_age_of_the_only_one_that_is_too_old_is_told() -> None:
    one = board(FAIR, ages={"b": 7200.0})
    found = SetWorking(Engine().tells({H2H: one}).data).price(MarketKey(*H2H), "Home", "a", "consensus")
    assert found is not None
    assert "Not asked: B (7200 s), because its prices are too old." in explain(found)


def test_the_reason_of_a_profile_is_told_once_of_all_whom_it_does_not_ask() -> None:
    prices = {**FAIR, "pinnacle": {"Away": 1.85, "Home": 2.03}}
    found = SetWorking(Engine().tells({H2H: board(prices)}).data).price(MarketKey(*H2H), "Home", "a", "sharp")
    assert found is not None
    assert "Not asked: B, C, D, E and F, because this profile asks sharper bookmakers alone." in explain(found)


def test_bookmakers_of_one_title_are_told_apart_by_their_keys() -> None:
    keys = ("betfair_ex_au", "betfair_ex_eu", "betfair_ex_uk")
    back, lay = {"Away": 1.97, "Home": 1.97}, {"Away": 2.02, "Home": 2.02}
    one = board({**FAIR, **dict.fromkeys(keys, back)}, dict.fromkeys(keys, lay), ages={keys[1]: 30.0, keys[2]: 60.0})
    told = SetWorking(Engine().tells({H2H: one}, dict.fromkeys(keys, "Betfair")).data)
    found, own = (told.price(MarketKey(*H2H), "Home", bookmaker, "consensus") for bookmaker in ("a", keys[1]))
    assert found is not None
    assert own is not None
    offered, asked, not_asked, *_ = explain(found)
    assert offered.startswith("A offers ")
    assert "Betfair (betfair_ex_au) 50.0 % (weight " in asked
    assert not_asked == (
        "Not asked: Betfair (betfair_ex_eu) and Betfair (betfair_ex_uk), each because its exchange counts once, by the "
        "newest prices under any of its keys."
    )
    assert explain(own)[0].startswith("Betfair (betfair_ex_eu) offers 1.97")


def test_a_price_of_a_clock_that_is_ahead_is_as_new_as_can_be() -> None:
    """Half a second and two seconds ahead."""
    told = SetWorking(Engine().tells({H2H: board(FAIR, ages={"a": -2.0, "b": -0.4, "c": 30.0})}).data)
    for asked, said in (("a", "B 50.0 % (weight 20.0 %, 0 s old)"), ("b", "A 50.0 % (weight 20.0 %, 0 s old)")):
        found = told.price(MarketKey(*H2H), "Home", asked, "consensus")
        assert found is not None
        sentences = explain(found)
        assert ", 0 s old as of " in sentences[0]
        assert said in sentences[1]
        assert "C 50.0 % (weight 20.0 %, 30 s old)" in sentences[1]


TWO_LINES = {
    line("totals", 8.5): board(
        {name: {"Over": 1.7, "Under": 2.2} for name in SIX} | {"far": {"Over": 4.0, "Under": 1.3}}
    ),
    line("totals", 9.5): board({name: {"Over": 1.91, "Under": 1.91} for name in SIX}),
}


@pytest.mark.parametrize(
    ("over", "price", "verdict"),
    # With a margin it is the median bookmaker of its line itself, without one nobody is.
    [(1.75, 2.05, "no_ev"), (1.25, 3.2, "refused"), (1.75, 3.2, "opportunity")],
)
def test_who_was_asked_about_other_lines_is_told_of_every_price(over: float, price: float, verdict: str) -> None:
    """9.0 is priced by one alone, and lies half way between lines that six price."""
    thin = board({"alone": {"Over": over, "Under": price}})
    told = SetWorking(Engine().tells({**TWO_LINES, line("totals", 9.0): thin}).data)
    found = told.price(MarketKey(*line("totals", 9.0)), "Under", "alone", "consensus")
    assert found is not None
    assert (found.verdict, found.estimated_lines) == (verdict, [8.5, 9.5])
    weights = {one.bookmaker: one.leave_one_out_weight for one in found.bookmakers}
    assert weights == pytest.approx({"alone": 0.0, "far": 0.0} | dict.fromkeys(SIX, 1 / 6))
    assert [one.bookmaker for one in found.bookmakers if one.leave_one_out_outlier] == ["far"]
    assert {one.age_seconds for one in found.bookmakers} == {0.0}
    said = " ".join(explain(found))
    assert "Asked, by the method power: A (weight 16.7 %, 0 s old); " in said
    assert "judged by other lines (8.5 and 9.5), the nearest 1 half points away." in said
    assert "inf" not in said


def test_how_far_a_price_is_behind_the_lines_that_judge_it_is_told() -> None:
    thin = board({"alone": {"Over": 1.75, "Under": 2.3}}, ages={"alone": 500.0})
    told = SetWorking(Engine().tells({**TWO_LINES, line("totals", 9.0): thin}).data)
    found = told.price(MarketKey(*line("totals", 9.0)), "Under", "alone", "consensus")
    assert found is not None
    assert (found.verdict, found.reason) == ("refused", "price_stale")
    assert "it is 500 s behind the newest price, at most 300 s are allowed" in explain(found)[-1]


def fair_sentence(thin: Prices, market: str = "totals", at: float = 9.0) -> str:
    key = line(market, at)
    told = SetWorking(Engine().tells({**TWO_LINES, key: board(thin)}).data)
    found = told.price(MarketKey(*key), "Under", "alone", "consensus")
    assert found is not None
    assert found.estimated_half_points is not None
    (said,) = (sentence for sentence in explain(found) if sentence.startswith("Pooled"))
    return said


def test_of_a_line_that_others_judge_it_is_told_what_its_own_other_bookmakers_say() -> None:
    """Not its consensus, which is that of the judged one as well; nothing where there is no other."""
    alone = {"alone": {"Over": 1.75, "Under": 2.05}}
    other, third = {"Over": 2.0, "Under": 1.8}, {"Over": 1.9, "Under": 1.9}
    assert fair_sentence(alone).endswith("over the methods.")
    assert fair_sentence({**alone, "b": other}).endswith("; at this line itself B alone says 52.9 %.")
    two = fair_sentence({**alone, "b": other, "c": third})
    assert two.endswith("; at this line itself 2 others say between 50.0 % and 52.9 %.")
    assert fair_sentence({**alone, "b": other}, "alternate_totals", 8.5).endswith(
        "; under this name B alone says 52.9 %."
    )
    # Who could not be referred to says nothing.
    assert fair_sentence({**alone, "half": {"Over": 2.0}}).endswith("over the methods.")


def test_of_many_who_were_asked_about_other_lines_the_rest_is_counted() -> None:
    names = [f"book {number:02}" for number in range(20)]
    lines = {
        line("totals", at): board({name: {"Over": over, "Under": under} for name in names})
        for at, over, under in ((8.5, 1.7, 2.2), (9.5, 1.91, 1.91))
    }
    thin = board({"alone": {"Over": 1.75, "Under": 2.05}})
    told = SetWorking(Engine().tells({**lines, line("totals", 9.0): thin}).data)
    found = told.price(MarketKey(*line("totals", 9.0)), "Under", "alone", "consensus")
    assert found is not None
    (asked,) = (sentence for sentence in explain(found) if sentence.startswith("Asked"))
    assert asked.count("(weight 5.0 %") == 8
    assert asked.endswith("; and 12 more with 60.0 % of the weight.")


def test_who_prices_a_line_is_not_asked_there_about_another_of_his_own() -> None:
    thin = board({"a": {"Over": 1.75, "Under": 2.05}})
    told = SetWorking(Engine().tells({**TWO_LINES, line("totals", 9.0): thin}).data)
    found = told.price(MarketKey(*line("totals", 9.0)), "Under", "a", "consensus")
    assert found is not None
    weights = {one.bookmaker: one.leave_one_out_weight for one in found.bookmakers}
    assert weights == pytest.approx({"a": 0.0, "far": 0.0} | dict.fromkeys(SIX[1:], 1 / 5))


def test_of_draw_no_bet_it_is_said_what_comes_back() -> None:
    """Of an opportunity how often; of another price that it may, since nothing more is told of it."""
    key, agreed = line("draw_no_bet", None), {"Harbour City": 1.9, "Riverside": 1.9}
    prices = dict.fromkeys(SIX, agreed) | {"soft": {"Harbour City": 2.12, "Riverside": 1.7}}
    three_way = {"Harbour City": 2.7, "Draw": 3.3, "Riverside": 2.7}
    told = SetWorking(Engine().tells({key: board(prices), H2H: board(dict.fromkeys(SIX, three_way))}).data)
    taken, other = (told.price(MarketKey(*key), "Harbour City", bookmaker, "consensus") for bookmaker in ("soft", "a"))
    assert taken is not None
    assert other is not None
    assert (taken.verdict, taken.ev_per) == ("opportunity", "stake")
    assert taken.push_probability == pytest.approx(0.29, abs=0.005)
    assert taken.push_probability is not None
    assert taken.ev == pytest.approx((1 - taken.push_probability) * 0.06, abs=1e-9)
    assert (other.verdict, other.ev_per, other.push_probability) == ("no_ev", "standing_stake", None)
