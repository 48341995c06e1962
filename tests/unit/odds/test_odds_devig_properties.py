"""What every devig method owes every overround book."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds import MODELS, DevigStatus, FloatArray, Method, devig, devig_each

methods = st.sampled_from(list(MODELS))
always_fair = st.sampled_from([method for method in MODELS if method not in (Method.ADDITIVE, Method.GOTO)])


@st.composite
def books(draw: st.DrawFn, min_outcomes: int = 2, max_outcomes: int = 40) -> FloatArray:
    """One overround book (n, 1): fair chances from random strengths, a margin on the log-odds of each."""
    n = draw(st.integers(min_outcomes, max_outcomes))
    strength = np.array(draw(st.lists(st.floats(-3.0, 3.0), min_size=n, max_size=n)))
    fair = np.exp(strength) / np.exp(strength).sum()
    margin = np.array(draw(st.lists(st.floats(1e-4, 0.3), min_size=n, max_size=n)))
    implied: FloatArray = 1.0 / (1.0 + (1.0 / fair - 1.0) * np.exp(-margin))
    return implied[:, np.newaxis]


@given(books(), methods)
def test_probabilities_sum_to_the_target_and_a_bad_one_is_flagged(book: FloatArray, method: Method) -> None:
    result = devig(book, method)
    p = result.probability
    assert p.sum() == pytest.approx(1.0, abs=1e-12)
    inside = bool(((p > 0.0) & (p < 1.0)).all())
    assert result.status[0] == (DevigStatus.OK if inside else DevigStatus.NEGATIVE)


@given(books(), always_fair)
def test_methods_other_than_additive_and_goto_stay_between_zero_and_one(book: FloatArray, method: Method) -> None:
    assert devig(book, method).status[0] == DevigStatus.OK


@given(books(), methods)
def test_every_outcome_carries_some_of_the_margin(book: FloatArray, method: Method) -> None:
    assert (devig(book, method).probability <= book + 1e-15).all()


@given(books(), methods)
def test_a_larger_implied_probability_gives_a_larger_fair_one(book: FloatArray, method: Method) -> None:
    order = np.argsort(book[:, 0], kind="stable")
    p = devig(book, method).probability[order, 0]
    assert (np.diff(p) >= -1e-15).all()


@given(books(), methods, st.integers(0, 2**32 - 1))
def test_the_order_of_outcomes_does_not_matter(book: FloatArray, method: Method, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(book.shape[0])
    reordered = devig(book[order], method).probability
    np.testing.assert_allclose(reordered, devig(book, method).probability[order], atol=1e-13)


@given(st.lists(books(3, 3), min_size=1, max_size=6), methods)
def test_a_market_does_not_depend_on_its_neighbours(markets: list[FloatArray], method: Method) -> None:
    neighbours = [*markets, np.array([[0.3], [0.3], [0.3]]), np.array([[np.nan], [0.6], [0.6]])]
    batch = devig(np.concatenate(neighbours, axis=1), method)
    for index, market in enumerate(markets):
        alone = devig(market, method)
        np.testing.assert_array_equal(batch.probability[:, index], alone.probability[:, 0])
        np.testing.assert_array_equal(batch.parameter[index], alone.parameter[0])
        assert batch.status[index] == alone.status[0]


@pytest.mark.parametrize("outcomes", [2, 3])
@pytest.mark.parametrize("markets", [1, 40, 40_000])
def test_by_several_methods_at_once_each_gives_what_it_gives_alone(outcomes: int, markets: int) -> None:
    """With markets among them that are incomplete, underround or fair as they stand; 40,000 are several chunks."""
    rng = np.random.default_rng(markets)
    fair = rng.dirichlet(np.full(outcomes, 4.0), markets).T
    implied = np.clip(fair * rng.uniform(0.99, 1.10, markets), 1e-3, 0.999)
    implied[:, 5::40] = 1.0 / outcomes
    implied[0, 6::40] = np.nan
    for method, found in devig_each(implied, MODELS).items():
        alone = devig(implied, method)
        assert found.method is method
        np.testing.assert_array_equal(found.status, alone.status)
        for name in ("probability", "parameter", "overround"):
            np.testing.assert_array_equal(getattr(found, name), getattr(alone, name), err_msg=f"{method} {name}")


@pytest.mark.parametrize("outcomes", [3, 8, 9, 12, 20])
@pytest.mark.parametrize("method", [Method.POWER, Method.SHIN, Method.ODDS_RATIO, Method.PROBIT])
def test_what_takes_longer_than_the_others_is_solved_as_well(method: Method, outcomes: int) -> None:
    """Of thousands of books with great favourites some need another step, and are solved apart."""
    rng = np.random.default_rng(outcomes)
    fair = rng.dirichlet(np.full(outcomes, 1.0), 2_000).T
    implied = fair[:, fair.min(axis=0) > 1e-4] ** 0.95
    batch = devig(implied, method)
    assert (batch.status == DevigStatus.OK).all()
    for market in range(0, implied.shape[1], 7):
        alone = devig(implied[:, [market]], method)
        np.testing.assert_allclose(batch.probability[:, market], alone.probability[:, 0], rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("outcomes", [2, 3, 12])
@pytest.mark.parametrize("method", MODELS)
def test_how_the_prices_lie_in_memory_does_not_matter(method: Method, outcomes: int) -> None:
    rng = np.random.default_rng(outcomes)
    fair = rng.dirichlet(np.full(outcomes, 1.0), 300).T
    implied = np.clip(fair * rng.uniform(1.01, 1.10, 300), 1e-3, 0.99)
    expected = devig(implied, method)
    wider = np.full((2 * outcomes, 900), np.nan)
    wider[::2, ::3] = implied
    for laid_out in (np.asfortranarray(implied), wider[::2, ::3], implied.astype(">f8")):
        found = devig(laid_out, method)
        np.testing.assert_array_equal(found.status, expected.status)
        np.testing.assert_allclose(found.probability, expected.probability, rtol=0, atol=1e-15)


@given(books(3, 12), methods)
def test_a_margin_of_zero_is_the_limit_of_small_margins(book: FloatArray, method: Method) -> None:
    fair = book / book.sum()
    nearly = devig(fair * (1.0 + 1e-9), method).probability
    np.testing.assert_allclose(nearly, fair, atol=1e-8)


@given(books(4, 12), methods, st.floats(0.6, 0.95))
def test_another_target_is_met_too(book: FloatArray, method: Method, part: float) -> None:
    target = 2.0
    implied = np.minimum(2.0 * book, 0.97)
    reachable = part * float(implied.sum())
    target = min(target, reachable)
    result = devig(implied, method, target)
    if result.status[0] in (DevigStatus.OK, DevigStatus.NEGATIVE):
        assert result.probability.sum() == pytest.approx(target, abs=1e-11)
    else:
        assert method == Method.SHIN
        assert result.status[0] == DevigStatus.NOT_CONVERGED
