"""Prices that tell of more winners than the market's name."""

import numpy as np
import pytest

from bet_intel.odds import more_outcomes_win

ONE, TWO = (2.8, 2.8, 2.8), (1.3, 1.3, 1.3)
UNKNOWN = (1.3, 1.3, np.nan)


@pytest.mark.parametrize(
    ("books", "several"),
    [
        ((TWO, TWO, TWO, ONE), True),
        ((TWO, ONE), False),  # a half is no majority
        ((TWO,), True),
        ((TWO, TWO, UNKNOWN, UNKNOWN), True),
        ((ONE, ONE, TWO), False),
        ((UNKNOWN,), False),
        # 3/1.5 = 2 is one winner more to the last digit; 3/1.51 is not.
        (((1.5, 1.5, 1.5),), True),
        (((1.51, 1.51, 1.51),), False),
    ],
)
def test_a_majority_of_those_who_price_all_outcomes_says_it(
    books: tuple[tuple[float, ...], ...], several: bool
) -> None:
    implied = 1.0 / np.array(books).T[:, :, np.newaxis]
    assert more_outcomes_win(implied).tolist() == [several]
    assert more_outcomes_win(implied, target=2.0).tolist() == [False]


def test_each_market_is_told_by_its_own_books_and_who_is_not_asked_has_no_say() -> None:
    implied = 1.0 / np.array([[TWO, TWO], [TWO, ONE], [ONE, ONE]]).T.swapaxes(1, 2)  # (outcomes, books, markets)
    implied = np.ascontiguousarray(implied)
    assert more_outcomes_win(implied).tolist() == [True, False]
    unasked = np.array([[True, True], [True, False], [False, False]])
    assert more_outcomes_win(implied, unasked=unasked).tolist() == [False, False]
    assert more_outcomes_win(implied, unasked=~unasked).tolist() == [True, True]
