"""The composition: devig per book, consensus, leave-one-out, band."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds import (
    DISTINCT_MODELS,
    MODELS,
    Band,
    DevigStatus,
    FairPrices,
    FloatArray,
    Method,
    Pool,
    consensus,
    devig,
    devigged_books,
    expected_value,
    fair_prices,
    fair_prices_of,
    leave_one_out,
)


def board(*books: tuple[float, ...]) -> FloatArray:
    """Implied probabilities (n, b, 1) of one market from each book's decimal odds."""
    return (1.0 / np.array(books, dtype=np.float64)).T[:, :, np.newaxis]


def ones(implied: FloatArray) -> FloatArray:
    return np.ones(implied.shape[1:])


@st.composite
def groups(draw: st.DrawFn) -> tuple[FloatArray, FloatArray, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """Implied (n, b, m) with missing quotes, underround books and mids; weights; which are mids."""
    n, b, m = draw(st.integers(2, 4)), draw(st.integers(1, 7)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    opinion = rng.normal(0.0, 1.2, (n, 1, m)) + rng.normal(0.0, 0.04, (n, b, m))
    fair = np.exp(opinion) / np.exp(opinion).sum(axis=0)
    implied = np.minimum(fair * rng.uniform(0.98, 1.10, (1, b, m)), 0.995)
    implied[rng.random((n, b, m)) < 0.05] = np.nan
    return implied, rng.choice([0.0, 1.0, 2.0, 3.0], (b, m)), rng.random((b, m)) < 0.15


def flat(result: FairPrices) -> dict[str, FloatArray]:
    """Every array of a result by dotted name."""
    arrays: dict[str, FloatArray] = {}
    for name, value in result._asdict().items():
        if isinstance(value, Pool | Band):
            arrays |= {f"{name}.{inner}": of for inner, of in value._asdict().items() if inner != "methods"}
        elif name != "method":
            arrays[name] = value
    return arrays


@given(groups(), st.sampled_from(list(MODELS)))
def test_a_batch_is_its_markets_one_by_one(
    group: tuple[FloatArray, FloatArray, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]], method: Method
) -> None:
    implied, weight, is_mid = group
    together = flat(fair_prices(implied, weight, is_mid=is_mid, method=method))
    for market in range(weight.shape[1]):
        one = slice(market, market + 1)
        alone = flat(fair_prices(implied[:, :, one], weight[:, one], is_mid=is_mid[:, one], method=method))
        for name, values in alone.items():
            np.testing.assert_allclose(together[name][..., one], values, rtol=1e-12, atol=1e-13, err_msg=name)


@given(groups(), st.sampled_from(list(MODELS)))
def test_the_band_holds_the_pooled_price_and_only_fair_numbers(
    group: tuple[FloatArray, FloatArray, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]], method: Method
) -> None:
    implied, weight, is_mid = group
    result = fair_prices(implied, weight, is_mid=is_mid, method=method)
    for pool, band in (
        (result.consensus, result.consensus_band),
        (result.leave_one_out, result.leave_one_out_band),
    ):
        there = ~np.isnan(pool.probability)
        assert (band.lowest[there] <= pool.probability[there]).all()
        assert (band.highest[there] >= pool.probability[there]).all()
        assert ((band.lowest[there] > 0.0) & (band.highest[there] < 1.0)).all()
        assert np.isnan(band.lowest[~there]).all()
        np.testing.assert_array_equal(band.methods_used[0], pool.books_used > 0)
        assert band.methods[0] == method
        assert sorted(band.methods) == sorted({*DISTINCT_MODELS, method})


def test_composition_is_devig_then_pool() -> None:
    implied = board((1.90, 1.95), (1.87, 2.00), (1.95, 1.91))
    weight = np.array([[3.0], [1.0], [1.0]])
    result = fair_prices(implied, weight, method=Method.SHIN, band_methods=())
    per_book = devig(implied[:, :, 0], Method.SHIN)
    np.testing.assert_array_equal(result.devigged[:, :, 0], per_book.probability)
    np.testing.assert_array_equal(result.overround[:, 0], per_book.overround)
    pool = consensus(per_book.probability[:, :, np.newaxis], weight)
    np.testing.assert_array_equal(result.consensus.probability, pool.probability)
    np.testing.assert_array_equal(result.consensus_band.lowest, result.consensus.probability)


@given(groups(), st.sampled_from(list(MODELS)))
def test_both_pools_at_once_are_those_of_one_after_the_other(
    group: tuple[FloatArray, FloatArray, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]], method: Method
) -> None:
    implied, weight, is_mid = group
    result = fair_prices(implied, weight, is_mid=is_mid, method=method)
    used = np.where(result.status == DevigStatus.OK, weight, 0.0)
    for found, expected in (
        (result.consensus, consensus(result.devigged, used)),
        (result.leave_one_out, leave_one_out(result.devigged, used)),
    ):
        for name, values in found._asdict().items():
            if name == "outlier":  # what leaves no margin is held against the pool, and is not in it
                unmargined = (result.status == DevigStatus.NO_OVERROUND) & (weight > 0.0)
                values = values & ~unmargined
            np.testing.assert_allclose(values, getattr(expected, name), rtol=1e-12, atol=1e-13, err_msg=name)


@given(groups(), st.sampled_from([*MODELS, Method.WORST_CASE]))
def test_books_devigged_once_serve_every_set_of_weights(
    group: tuple[FloatArray, FloatArray, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]], method: Method
) -> None:
    implied, weight, is_mid = group
    books = devigged_books(implied, is_mid=is_mid, method=method)
    for weights in (weight, weight[::-1], np.zeros_like(weight), weight):
        at_once = flat(fair_prices(implied, weights, is_mid=is_mid, method=method))
        for name, values in flat(fair_prices_of(books, weights, method=method)).items():
            np.testing.assert_array_equal(values, at_once[name], err_msg=name)


@given(groups())
def test_what_stands_for_a_book_is_left_out_with_it(
    group: tuple[FloatArray, FloatArray, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]],
) -> None:
    implied, weight, mid = group
    books = len(weight)
    weight = weight.copy()
    weight[0] = 0.0  # the last one stands for it
    counted_as = np.arange(books)[:, np.newaxis].repeat(weight.shape[1], axis=1)
    counted_as[0] = books - 1
    found = fair_prices(implied, weight, is_mid=mid, counted_as=counted_as)
    alone = fair_prices(implied, weight, is_mid=mid)
    ours, theirs = flat(found), flat(alone)
    for name in ("leave_one_out.probability", "leave_one_out.share", "leave_one_out_band.lowest"):
        np.testing.assert_array_equal(ours[name][0], theirs[name][books - 1])
        np.testing.assert_array_equal(ours[name][1:], theirs[name][1:])
    np.testing.assert_array_equal(found.consensus.probability, alone.consensus.probability)


def test_books_devigged_by_another_method_are_refused() -> None:
    implied = board((1.90, 1.95), (1.87, 2.00))
    with pytest.raises(ValueError, match="devigged by power"):
        fair_prices_of(devigged_books(implied), ones(implied), method=Method.SHIN)
    with pytest.raises(ValueError, match="weight must have the shape"):
        fair_prices_of(devigged_books(implied), np.ones((3, 1)))


def test_the_long_shot_that_one_method_calls_a_loss_and_another_a_bargain() -> None:
    implied = board((1.10, 8.00))
    band = fair_prices(implied, ones(implied)).consensus_band
    lowest, highest = float(band.lowest[1, 0]), float(band.highest[1, 0])
    assert lowest == pytest.approx(0.0992, abs=5e-5)
    assert highest == pytest.approx(0.1209, abs=5e-5)
    assert expected_value(lowest, 9.0) == pytest.approx(-0.107, abs=5e-4)
    assert expected_value(highest, 9.0) == pytest.approx(0.088, abs=5e-4)


def test_a_method_that_fails_for_one_book_of_the_pool_is_left_out_of_the_band() -> None:
    long_shots = (1 / 0.87, 5.0, 10.0, 20.0, 50.0, 100.0)
    implied = board(long_shots, (1.17, 6.2, 11.0, 21.0, 51.0, 101.0))
    band = fair_prices(implied, ones(implied)).consensus_band
    used = dict(zip(band.methods, band.methods_used[:, 0].tolist(), strict=True))
    assert used == {
        Method.POWER: True,
        Method.MULTIPLICATIVE: True,
        Method.ADDITIVE: False,
        Method.SHIN: True,
        Method.ODDS_RATIO: True,
        Method.PROBIT: True,
        Method.GOTO: False,
    }
    assert (band.lowest > 0.0).all()


def test_a_method_that_fails_only_for_the_book_left_out_stays_in_its_band() -> None:
    wide = (1.07, 8.0, 41.0)
    narrow = (1.10, 9.4, 55.0)
    implied = board(wide, narrow)
    status = devig(implied[:, :, 0], Method.ADDITIVE).status
    assert status.tolist() == [DevigStatus.NEGATIVE, DevigStatus.OK]
    band = fair_prices(implied, ones(implied)).leave_one_out_band
    additive = band.methods_used[band.methods.index(Method.ADDITIVE), :, 0]
    assert additive.tolist() == [True, False]


def test_a_book_without_overround_is_named_and_not_pooled() -> None:
    implied = board((1.90, 1.95), (2.10, 2.05), (1.87, 2.00))
    result = fair_prices(implied, ones(implied))
    assert result.status[:, 0].tolist() == [DevigStatus.OK, DevigStatus.NO_OVERROUND, DevigStatus.OK]
    assert result.overround[1, 0] < 0.0
    assert np.isnan(result.devigged[:, 1, 0]).all()
    assert result.consensus.share[:, 0].tolist() == [0.5, 0.0, 0.5]


@pytest.mark.parametrize("total", [0.97, 1.0, 1.04])
def test_the_mid_of_an_exchange_is_only_brought_to_the_target(total: float) -> None:
    mid = np.array([0.55, 0.45]) * total
    implied = np.concatenate([board((1.75, 2.15)), mid[:, np.newaxis, np.newaxis]], axis=1)
    is_mid = np.array([[False], [True]])
    for method in MODELS:
        result = fair_prices(implied, ones(implied), is_mid=is_mid, method=method)
        assert result.status[1, 0] == DevigStatus.OK
        np.testing.assert_allclose(result.devigged[:, 1, 0], [0.55, 0.45], atol=1e-15)
        assert result.overround[1, 0] == pytest.approx(total - 1.0)


def test_an_exchange_with_a_missing_side_is_incomplete() -> None:
    implied = np.array([[[0.52], [0.5]], [[0.53], [np.nan]]])
    result = fair_prices(implied, ones(implied), is_mid=np.array([[False], [True]]))
    assert result.status[:, 0].tolist() == [DevigStatus.OK, DevigStatus.INCOMPLETE]
    assert result.consensus.books_used[0] == 1


@given(
    st.lists(st.floats(-0.03, 0.03), min_size=4, max_size=9),
    st.floats(-2.0, -0.6),
    st.sampled_from(["longer by half", "sides swapped", "american as decimal", "placeholder"]),
    st.sampled_from([1.0, 3.0]),
)
def test_an_absurd_book_never_moves_the_consensus(
    noise: list[float], opinion: float, mistake: str, weight_of_the_absurd: float
) -> None:
    fair = 1.0 / (1.0 + np.exp(-(opinion + np.array([*noise, 0.0]))))
    odds = 1.0 / (np.stack([fair, 1.0 - fair]) * 1.05)
    is_mid = np.zeros((odds.shape[1], 1), dtype=np.bool_)
    if mistake == "longer by half":
        odds[0, -1] *= 1.5
    elif mistake == "sides swapped":
        odds[:, -1] = odds[::-1, -1]
    elif mistake == "american as decimal":
        profit = odds[:, -1] - 1.0
        odds[:, -1] = np.where(profit >= 1.0, profit * 100.0, 100.0 / profit)
    else:
        odds[:, -1] = 1.0 / 0.5
        is_mid[-1] = True
    implied = (1.0 / odds)[:, :, np.newaxis]
    weight = ones(implied)
    weight[-1] = weight_of_the_absurd
    result = fair_prices(implied, weight, is_mid=is_mid)
    named, gives_money_away = bool(result.consensus.outlier[-1, 0]), result.status[-1, 0] == DevigStatus.NO_OVERROUND
    # American odds, and most prices that are too long by half, leave no margin: such a book has no opinion at all.
    refused = named or (gives_money_away and mistake in ("longer by half", "american as decimal"))
    if not refused:
        # A long shot quoted half as long again may leave a thin but positive margin: devigged, it is near the others.
        log_odds = np.log(result.devigged / (1.0 - result.devigged))[0, :, 0]
        assert mistake == "longer by half"
        assert abs(log_odds[-1] - np.median(log_odds[:-1])) < 0.20 + 0.03
    assert (result.consensus.share[-1, 0] == 0.0) == refused
    moved = np.abs(result.consensus.probability - result.leave_one_out.probability[-1]).max()
    assert moved < (1e-15 if refused else 0.005)


def test_two_winners() -> None:
    implied = np.array([[0.82, 0.84], [0.63, 0.62], [0.42, 0.41], [0.24, 0.25]])[:, :, np.newaxis]
    result = fair_prices(implied, ones(implied), target=2.0)
    assert result.overround[:, 0].tolist() == pytest.approx([0.11, 0.12])
    for p in (result.devigged[:, 0, 0], result.consensus.probability[:, 0], result.leave_one_out.probability[0, :, 0]):
        assert p.sum() == pytest.approx(2.0, abs=1e-13)


def test_bad_input_is_refused_with_the_reason() -> None:
    implied = board((1.9, 1.9), (1.95, 1.85))
    with pytest.raises(ValueError, match="implied must have the shape"):
        fair_prices(implied[:, :, 0], np.ones(2))
    with pytest.raises(ValueError, match="weight must have the shape"):
        fair_prices(implied, np.ones((1, 2)))
    with pytest.raises(ValueError, match="weight must be finite"):
        fair_prices(implied, np.array([[1.0], [-1.0]]))
    with pytest.raises(ValueError, match="is_mid must have the shape"):
        fair_prices(implied, ones(implied), is_mid=np.zeros((2, 2), dtype=np.bool_))
    with pytest.raises(ValueError, match="target must lie between"):
        fair_prices(implied, ones(implied), target=2.5)


@given(groups())
def test_the_worst_case_judges_by_the_lower_end_of_the_band(
    group: tuple[FloatArray, FloatArray, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]],
) -> None:
    implied, weight, is_mid = group
    worst = fair_prices(implied, weight, is_mid=is_mid, method=Method.WORST_CASE)
    by_power = fair_prices(implied, weight, is_mid=is_mid)
    np.testing.assert_array_equal(worst.consensus.share, by_power.consensus.share)
    np.testing.assert_array_equal(worst.consensus.probability, by_power.consensus_band.lowest)
    np.testing.assert_array_equal(worst.leave_one_out.probability, by_power.leave_one_out_band.lowest)
    lower = worst.devigged <= by_power.devigged + 1e-15
    assert (lower | np.isnan(worst.devigged)).all()
