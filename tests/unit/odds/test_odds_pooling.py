import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds import FloatArray, PoolingRule, consensus, leave_one_out
from unit.odds.scalar_pool import scalar_pool

RULE = PoolingRule()


def two_way(*p: float) -> FloatArray:
    """Books (2, b, 1) of a two-way market from the probability of the first outcome; NaN = absent."""
    first = np.array(p)
    return np.stack([first, 1.0 - first])[:, :, np.newaxis]


def equal_weights(probability: FloatArray) -> FloatArray:
    return np.ones(probability.shape[1:])


def sigmoid(x: FloatArray | float) -> FloatArray:
    return np.asarray(1.0 / (1.0 + np.exp(-np.asarray(x))))


@st.composite
def boards(draw: st.DrawFn, min_books: int = 1, spread: float = 0.6) -> tuple[FloatArray, FloatArray]:
    """Probabilities (n, b, m) around a common opinion, some books absent, and weights (b, m), some 0."""
    n, b, m = draw(st.integers(2, 4)), draw(st.integers(min_books, 8)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.floats(0.001, spread))
    opinion = rng.normal(0.0, 1.0, (n, 1, m)) + rng.normal(0.0, scale, (n, b, m))
    probability = np.exp(opinion) / np.exp(opinion).sum(axis=0)
    probability[:, rng.random((b, m)) < 0.15] = np.nan
    weight = rng.choice([0.0, 1.0, 1.0, 1.0, 2.0, 3.0, 7.5], (b, m))
    return probability, weight


def test_two_books_by_hand() -> None:
    # Log-odds of .5 and .6 are 0 and .405465; at weights 3 : 1 the mean is .101366, at equal weights .202733.
    p = two_way(0.5, 0.6)
    assert consensus(p, equal_weights(p)).probability[0, 0] == pytest.approx(0.5505103, abs=1e-7)
    assert consensus(p, np.array([[3.0], [1.0]])).probability[0, 0] == pytest.approx(0.5253198, abs=1e-7)


def test_dispersion_is_the_median_absolute_deviation_in_log_odds() -> None:
    p = two_way(*sigmoid(np.array([-0.1, 0.0, 0.3])))
    assert consensus(p, equal_weights(p)).dispersion[0] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ((8.0, 1.0, 1.0), (0.4, 0.3, 0.3)),
        ((10.0, 10.0, 1.0), (0.4, 0.4, 0.2)),
        ((9.0, 1.0), (0.9, 0.1)),
        ((6.0, 3.5, 0.5, 0.0), (0.4, 0.4, 0.2, 0.0)),
        ((2.0, 1.0, 1.0, 1.0), (0.4, 0.2, 0.2, 0.2)),
        ((0.0, 0.0), (0.0, 0.0)),
    ],
)
def test_no_book_holds_more_than_two_fifths_where_three_are_present(
    weights: tuple[float, ...], shares: tuple[float, ...]
) -> None:
    p = two_way(*([0.5] * len(weights)))
    pool = consensus(p, np.array(weights)[:, np.newaxis])
    np.testing.assert_allclose(pool.share[:, 0], shares, atol=1e-12)
    assert pool.books_used[0] == sum(share > 0 for share in shares)


@given(boards(min_books=3))
def test_shares_sum_to_one_under_the_ceiling(board: tuple[FloatArray, FloatArray]) -> None:
    probability, weight = board
    for pool in (consensus(probability, weight), leave_one_out(probability, weight)):
        total = pool.share.sum(axis=-2)
        np.testing.assert_allclose(total, np.where(pool.books_used > 0, 1.0, 0.0), atol=1e-12)
        capped = np.expand_dims(pool.books_used >= 3, -2)
        assert (np.where(capped, pool.share, 0.0) <= 0.40 + 1e-9).all()
        assert (np.isnan(pool.probability).any(axis=-2) == (pool.books_used == 0)).all()
        inside = np.isnan(pool.probability) | ((pool.probability > 0.0) & (pool.probability < 1.0))
        assert inside.all()


@given(boards())
def test_the_pool_of_each_market_is_the_one_written_out_with_floats(board: tuple[FloatArray, FloatArray]) -> None:
    probability, weight = board
    pool = consensus(probability, weight)
    for market in range(weight.shape[1]):
        there = np.flatnonzero((weight[:, market] > 0.0) & ~np.isnan(probability[0, :, market]))
        if there.size == 0:
            assert np.isnan(pool.probability[:, market]).all()
            assert np.isnan(pool.dispersion[market])
            continue
        books = probability[:, there, market].T.tolist()
        p, shares, outliers, dispersion = scalar_pool(books, weight[there, market].tolist(), RULE)
        np.testing.assert_allclose(pool.probability[:, market], p, atol=1e-12)
        np.testing.assert_allclose(pool.share[there, market], shares, atol=1e-12)
        assert pool.outlier[there, market].tolist() == outliers
        assert pool.dispersion[market] == pytest.approx(dispersion, abs=1e-12)


@given(boards(min_books=2), st.integers(0, 2**32 - 1))
def test_leave_one_out_never_depends_on_the_book_left_out(board: tuple[FloatArray, FloatArray], seed: int) -> None:
    probability, weight = board
    rng = np.random.default_rng(seed)
    before = leave_one_out(probability, weight)
    for book in range(weight.shape[0]):
        changed, changed_weight = probability.copy(), weight.copy()
        changed[:, book] = rng.uniform(0.001, 0.999, changed[:, book].shape)
        changed[:, book, rng.random(weight.shape[1]) < 0.3] = np.nan
        changed_weight[book] = rng.choice([0.0, 1.0, 50.0], weight.shape[1])
        after = leave_one_out(changed, changed_weight)
        for name in ("probability", "share", "outlier", "dispersion", "books_used"):
            np.testing.assert_array_equal(getattr(before, name)[book], getattr(after, name)[book], err_msg=name)


@given(boards(min_books=2))
def test_leaving_a_book_out_is_pooling_without_it(board: tuple[FloatArray, FloatArray]) -> None:
    probability, weight = board
    left_out = leave_one_out(probability, weight)
    for book in range(weight.shape[0]):
        without = weight.copy()
        without[book] = 0.0
        expected = consensus(probability, without)
        np.testing.assert_allclose(left_out.probability[book], expected.probability, atol=1e-13)
        np.testing.assert_allclose(left_out.share[book], expected.share, atol=1e-13)
        np.testing.assert_array_equal(left_out.outlier[book], expected.outlier)


@given(
    st.lists(st.floats(-0.03, 0.03), min_size=4, max_size=11),
    st.floats(-2.5, 2.5),
    st.floats(0.45, 6.0),
    st.sampled_from([-1.0, 1.0]),
    st.sampled_from([1.0, 2.0, 3.0, 50.0]),
)
def test_one_absurd_quote_among_five_books_is_named_and_does_not_move_the_pool(
    noise: list[float], opinion: float, error: float, side: float, weight_of_the_absurd: float
) -> None:
    honest = sigmoid(opinion + np.array(noise))
    p = two_way(*honest, float(sigmoid(opinion + side * error)))
    weight = equal_weights(p)
    weight[-1] = weight_of_the_absurd
    pool = consensus(p, weight)
    assert pool.outlier[:, 0].tolist() == [False] * len(noise) + [True]
    without = leave_one_out(p, weight).probability[-1]
    assert np.abs(pool.probability - without).max() < 0.005


def test_sides_swapped_in_a_market_near_even_are_no_further_off_than_opinions_and_pull_to_the_next_of_these() -> None:
    # Swapped it is .17 from the median in log-odds: a bookmaker that thinks so looks the same, and is not named.
    p = two_way(*sigmoid(np.array([-0.12, -0.10, -0.08, -0.06, 0.09])))
    for weight in (4.0, 50.0):
        weights = equal_weights(p)
        weights[-1] = weight
        pool = consensus(p, weights)
        assert not pool.outlier.any()
        assert pool.probability[0, 0] == pytest.approx(sigmoid(-0.06), abs=0.0025)


@given(
    st.lists(st.floats(-0.05, 0.05), min_size=4, max_size=11),
    st.floats(-0.4, 0.4),
    st.sampled_from([1.0, 4.0, 50.0]),
)
def test_a_quote_that_is_not_named_pulls_no_further_than_to_the_others_and_one_that_is_not_at_all(
    noise: list[float], error: float, weight: float
) -> None:
    p = two_way(*sigmoid(np.array(noise)), float(sigmoid(error)))
    weights = equal_weights(p)
    weights[-1] = weight
    pool, without = consensus(p, weights), leave_one_out(p, weights).probability[-1]
    moved = np.abs(pool.probability - without).max()
    furthest = np.abs(np.array(noise) - np.median(noise)).max()
    # In log-odds to the furthest of the others, and a twentieth of what makes an outlier beyond it.
    assert moved <= (0.0 if pool.outlier[-1, 0] else (furthest + 0.05 * 0.35) / 4) + 1e-12


@given(
    st.lists(st.floats(-0.01, 0.01), min_size=4, max_size=11),
    st.floats(-0.12, 0.12),
    st.sampled_from([1.0, 3.0, 50.0]),
)
def test_a_quote_too_near_to_be_named_moves_the_pool_little(noise: list[float], error: float, weight: float) -> None:
    # Between opinion and error (sides swapped in a market near even): whether named or not, its pull is bounded.
    p = two_way(*sigmoid(np.array(noise)), float(sigmoid(error)))
    weights = equal_weights(p)
    weights[-1] = weight
    moved = np.abs(consensus(p, weights).probability - leave_one_out(p, weights).probability[-1]).max()
    assert moved < 0.005


def test_two_absurd_quotes_of_six_are_both_named_also_when_one_is_the_heavy_book() -> None:
    p = two_way(0.30, 0.70, 0.70, 0.71, 0.69, 0.31)
    weight = equal_weights(p)
    weight[0] = 3.0
    pool = consensus(p, weight)
    assert pool.outlier[:, 0].tolist() == [True, False, False, False, False, True]
    assert pool.probability[0, 0] == pytest.approx(0.70, abs=0.003)


@pytest.mark.parametrize("p", [(0.5, 0.5, 0.6), (0.40, 0.50, 0.60), (0.5, 0.501, 0.7), (0.3, 0.5, 0.5)])
def test_books_that_disagree_in_a_pool_of_three_are_all_kept(p: tuple[float, ...]) -> None:
    board = two_way(*p)
    pool = consensus(board, equal_weights(board))
    assert not pool.outlier.any()
    np.testing.assert_allclose(pool.share[:, 0], 1 / 3)


def test_two_camps_of_equal_strength_are_both_kept() -> None:
    board = two_way(0.45, 0.45, 0.55, 0.55)
    pool = consensus(board, equal_weights(board))
    assert not pool.outlier.any()
    assert pool.probability[0, 0] == pytest.approx(0.5)
    assert pool.dispersion[0] == pytest.approx(np.log(0.55 / 0.45))


def test_an_absent_or_unused_book_is_judged_against_the_consensus() -> None:
    board = two_way(0.50, 0.52, np.nan, 0.70)
    weight = np.array([[1.0], [1.0], [3.0], [0.0]])
    pool, without = consensus(board, weight), leave_one_out(board, weight)
    assert pool.books_used[0] == 2
    for book in (2, 3):
        np.testing.assert_array_equal(without.probability[book], pool.probability)
    assert without.probability[0, 0, 0] == pytest.approx(0.52)


def test_a_single_book_leaves_nobody_to_judge_it() -> None:
    board = two_way(0.4)
    assert consensus(board, equal_weights(board)).probability[0, 0] == pytest.approx(0.4)
    alone = leave_one_out(board, equal_weights(board))
    assert np.isnan(alone.probability).all()
    assert np.isnan(alone.dispersion).all()
    assert alone.books_used.tolist() == [[0]]


def test_the_pool_sums_to_the_target_where_two_reach_the_final() -> None:
    board = np.array([[0.8, 0.78], [0.6, 0.63], [0.4, 0.37], [0.2, 0.22]])[:, :, np.newaxis]
    pool = consensus(board, equal_weights(board), target=2.0)
    assert pool.probability.sum() == pytest.approx(2.0, abs=1e-14)
    assert 0.78 < pool.probability[0, 0] < 0.80


def test_bad_input_is_refused_with_the_reason() -> None:
    board = two_way(0.4, 0.5)
    with pytest.raises(ValueError, match=r"weight must have the shape \(2, 1\)"):
        consensus(board, np.ones((3, 1)))
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="weight must be finite and 0 or more"):
            consensus(board, np.array([[1.0], [bad]]))
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        leave_one_out(two_way(0.4, 1.2), np.ones((2, 1)))
    with pytest.raises(ValueError, match="n_books >= 1"):
        consensus(np.empty((2, 0, 1)), np.empty((0, 1)))
    with pytest.raises(ValueError, match="the shares cannot reach 1"):
        PoolingRule(max_share=0.3)
    with pytest.raises(ValueError, match="outlier_from_books at least 3"):
        PoolingRule(outlier_from_books=2)
    with pytest.raises(ValueError, match="reach"):
        PoolingRule(reach=0.0)
    with pytest.raises(ValueError, match="overround must be above 0"):
        PoolingRule(overround=0.0)


def test_a_book_with_an_impossible_number_is_no_error_while_it_has_no_weight() -> None:
    board = two_way(0.4, 0.5, 1.2)
    pool = consensus(board, np.array([[1.0], [1.0], [0.0]]))
    assert pool.books_used[0] == 2
