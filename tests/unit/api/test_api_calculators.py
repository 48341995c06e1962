"""The calculators' properties, over whatever may be asked."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.api.domain.calculator import CalculationError
from bet_intel.api.domain.devigging import DevigBody, devigged
from bet_intel.api.domain.worth import PriceAnswer, PriceBody, ReferenceBook, worth
from bet_intel.odds import Method

decimal = st.floats(1.0001, 1_000_000)
american = st.one_of(st.integers(100, 1_000_000), st.integers(-1_000_000, -100)).map(float)
shares = st.floats(0, 0.999)


def finite(answer: PriceAnswer) -> bool:
    numbers = [answer.ev, answer.kelly, answer.stake_fraction, answer.breakeven_probability, answer.fair_probability]
    return all(map(math.isfinite, numbers))


@given(st.lists(decimal, min_size=2, max_size=30), st.integers(1, 3))
def test_any_market_is_devigged_or_refused(prices: list[float], winners: int) -> None:
    try:
        answer = devigged(DevigBody(prices=tuple(prices), winners=winners))
    except CalculationError:
        return
    for method in answer.methods:
        told = [one.fair_probability for one in method.outcomes]
        if method.status == "ok" and method.method != "worst_case":
            assert sum(p for p in told if p is not None) == pytest.approx(winners)
            for one, outcome in zip(method.outcomes, answer.outcomes, strict=True):
                assert one.fair_probability is not None
                assert outcome.band is None or (outcome.band.low or 0) - 1e-9 <= one.fair_probability
        assert all(p is None or math.isfinite(p) for p in told)


@given(st.lists(american, min_size=2, max_size=5))
def test_american_prices_come_back_as_they_were(prices: list[float]) -> None:
    try:
        answer = devigged(DevigBody(prices=tuple(prices), odds_format="american"))
    except CalculationError:
        return
    shown = [one.price for one in answer.outcomes]
    assert shown == [100 if price == -100 else price for price in prices]


@given(decimal, st.floats(0.000001, 0.9999), shares, st.sampled_from(["back", "lay"]), st.floats(0, 10))
def test_worth_is_finite_and_the_offers_have_the_ev(
    price: float, fair: float, commission: float, side: str, wanted: float
) -> None:
    asked = PriceBody(price=price, fair_probability=fair, commission=commission, side=side, wanted_ev=wanted)  # type: ignore[arg-type]
    answer = worth(asked)
    assert finite(answer)
    assert 0 <= answer.stake_fraction <= 0.05
    assert (answer.kelly > 0) == (answer.ev > 0) or abs(answer.ev) < 1e-9
    assert 0 < answer.breakeven_probability < 1
    if (back := answer.maker.back) is not None and back <= 1_000_000:
        again = worth(PriceBody(price=back, fair_probability=fair, commission=commission))
        assert again.ev >= wanted - 1e-6 * max(1.0, back)


@given(
    st.floats(0.05, 0.7),
    st.sampled_from(["push_probability", "half_won_probability", "half_lost_probability"]),
    st.floats(0.01, 0.25),
    st.floats(0, 0.2),
    st.floats(0, 0.2),
)
def test_every_line_has_offers_with_the_ev(fair: float, way: str, split: float, commission: float, ev: float) -> None:
    def asked(price: float, side: str = "back", wins: float = fair) -> PriceAnswer:
        ways = {way: split, "fair_probability": wins, "commission": commission}
        return worth(PriceBody(price=price, side=side, wanted_ev=ev, **ways))  # type: ignore[arg-type]

    maker = asked(2.0).maker
    assert maker.back is not None
    assert maker.lay is not None
    assert ev - 1e-12 <= asked(maker.back).ev <= ev + 1.1e-4
    # Who lays wins what the backer loses, but for the commission, of a liability of d − 1.
    at_no_commission = worth(PriceBody(price=maker.lay, fair_probability=fair, **{way: split}))  # type: ignore[arg-type]
    standing = 1 - split * (1 if way == "push_probability" else 0.5)
    wins = fair + (0.5 * split if way == "half_won_probability" else 0)
    assert at_no_commission.ev == pytest.approx(wins * maker.lay - standing)
    liability = maker.lay - 1
    laying = ((standing - wins) * (1 - commission) - wins * liability) / liability
    assert laying >= ev - 1e-12
    laid = asked(maker.lay, "lay")
    assert laid.ev == pytest.approx(laying)
    assert (laid.kelly > 0) == (laying > 0) or abs(laying) < 1e-9
    # At the probability of breaking even it is worth nothing.
    if 0.000001 <= laid.breakeven_probability <= 0.9999 - split:
        assert asked(maker.lay, "lay", laid.breakeven_probability).ev == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("way", "ev"),
    # Laid at 2.2, 1.2 of liability win .98: .5·.98 − .4·1.2 = .01, and with half of .1 of either .059 or −.05.
    [
        ({"push_probability": 0.1}, 0.01 / 1.2),
        ({"half_lost_probability": 0.1}, 0.059 / 1.2),
        ({"half_won_probability": 0.1}, -0.05 / 1.2),
    ],
)
def test_a_lay_may_be_returned_or_won_or_lost_by_half(way: dict[str, float], ev: float) -> None:
    asked = PriceBody(price=2.2, side="lay", fair_probability=0.4, commission=0.02, **way)  # type: ignore[arg-type]
    answer = worth(asked)
    assert answer.ev == pytest.approx(ev)
    assert answer.ev_per == "liability"
    assert answer.free_bet_ev is None
    # The fraction of the largest growth, of all that are tried.
    net, won, lost = 0.98 / 1.2, 0.5, 0.4
    half_won, half_lost = way.get("half_lost_probability", 0.0), way.get("half_won_probability", 0.0)
    tried = np.arange(0, 0.5, 0.0001)
    growth = won * np.log1p(tried * net) + half_won * np.log1p(tried * net / 2)
    growth += lost * np.log1p(-tried) + half_lost * np.log1p(-tried / 2)
    assert answer.kelly == pytest.approx(tried[growth.argmax()], abs=0.0001)


@given(st.lists(st.tuples(decimal, decimal), min_size=1, max_size=6), decimal, st.integers(0, 1))
def test_references_give_a_fair_price_or_are_refused(
    books: list[tuple[float, float]], price: float, outcome: int
) -> None:
    references = tuple(ReferenceBook(str(number), prices) for number, prices in enumerate(books))
    try:
        answer = worth(PriceBody(price=price, references=references, outcome=outcome))
    except CalculationError:
        return
    assert finite(answer)
    assert 0 < answer.fair_probability < 1
    assert sum(one.share for one in answer.references) == pytest.approx(1)


def priced_by(*books: tuple[float, ...], winners: int = 1, names: str = "abc") -> PriceAnswer:
    references = tuple(ReferenceBook(name, prices) for name, prices in zip(names, books, strict=False))
    return worth(PriceBody(price=2.0, references=references, winners=winners))


def test_a_reference_that_holds_its_place_has_no_say() -> None:
    answer, without = priced_by((1.95, 1.95), (2.0, 1.9), (1.01, 1.5)), priced_by((1.95, 1.95), (2.0, 1.9))
    assert [(one.status, one.share) for one in answer.references] == [
        ("ok", 0.5),
        ("ok", 0.5),
        ("excessive_overround", 0.0),
    ]
    assert answer.fair_probability == without.fair_probability
    assert answer.band == without.band
    with pytest.raises(CalculationError, match="a: excessive_overround"):
        priced_by((1.01, 1.5))


def test_what_a_reference_may_ask_grows_with_the_outcomes_as_in_the_engine() -> None:
    """30 % above one winner of three outcomes, 3 % more for each beyond."""
    for outcomes, most in ((2, 1.30), (3, 1.30), (5, 1.36)):
        for asked, status in ((most - 0.001, "ok"), (most + 0.001, "excessive_overround")):
            usual = (outcomes / 1.05,) * outcomes
            assert priced_by(usual, (outcomes / asked,) * outcomes).references[1].status == status


def test_of_several_winners_each_outcome_is_the_likelier() -> None:
    answer = priced_by((1.3, 1.3, 1.3), (1.4, 1.3, 1.25), winners=2)
    assert answer.fair_probability == pytest.approx(0.65, abs=0.02)
    assert priced_by((1.3, 1.3, 1.3), winners=2).fair_probability == pytest.approx(2 / 3)
    with pytest.raises(CalculationError, match="not_mutually_exclusive"):
        priced_by((1.3, 1.3, 1.3))
    with pytest.raises(CalculationError, match="winners is 3, and must be below the 3 outcomes"):
        priced_by((1.3, 1.3, 1.3), winners=3)


def test_one_bookmaker_has_one_say() -> None:
    with pytest.raises(CalculationError, match="A is given twice"):
        priced_by((1.95, 1.95), (2.0, 1.9), (2.1, 1.8), names="abA")


@given(st.floats(0.01, 0.98), shares, shares, shares)
def test_probabilities_that_exceed_one_are_refused(fair: float, push: float, half_won: float, half_lost: float) -> None:
    asked = PriceBody(
        price=2.0,
        fair_probability=fair,
        push_probability=push,
        half_won_probability=half_won,
        half_lost_probability=half_lost,
    )
    ways = sum(part > 0 for part in (push, half_won, half_lost))
    if ways > 1 or fair + push + half_won + half_lost > 1:
        with pytest.raises(CalculationError):
            worth(asked)
    else:
        assert finite(worth(asked))


@given(st.floats(0.02, 0.9), shares, st.floats(0, 1))
def test_by_the_worst_case_no_side_is_worth_more_than_at_its_end_of_the_band(
    p: float, commission: float, wanted: float
) -> None:
    book = ReferenceBook("alpha", (1 / (1.04 * p), 1 / (1.04 * (1 - p))))
    for side in ("back", "lay"):
        asked = PriceBody(
            price=1 / p,
            references=(book,),
            commission=commission,
            side=side,
            method=Method.WORST_CASE,
            wanted_ev=wanted,
        )
        try:
            answer = worth(asked)
        except CalculationError:
            return
        assert answer.ev == pytest.approx(answer.ev_worst, abs=1e-12)
        assert answer.band is not None
        assert answer.fair_probability == (answer.band.low if side == "back" else answer.band.high)
