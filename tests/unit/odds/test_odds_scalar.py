"""The scalar twin of devig says of one market what the arrays say of many."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bet_intel.odds import DevigStatus, Method, bands, devig, devig_market

ANY_PRICE = st.floats(1e-9, 0.995) | st.sampled_from([math.nan, 0.0, 1.0, 1.3, -0.2])


@st.composite
def overround(draw: st.DrawFn) -> tuple[list[float], float]:
    """A book of 2 to 40 outcomes with a margin, and how many of them win."""
    n = draw(st.integers(2, 40))
    target = draw(st.sampled_from([1.0, 1.0, 2.0, 3.0]).filter(lambda target: target < n))
    strength = np.exp(np.array(draw(st.lists(st.floats(-4.0, 4.0), min_size=n, max_size=n))))
    fair = np.minimum(target * strength / strength.sum(), 0.99)
    margin = np.array(draw(st.lists(st.floats(1e-4, 0.6), min_size=n, max_size=n)))
    return (1.0 / (1.0 + (1.0 / fair - 1.0) * np.exp(-margin))).tolist(), target


@given(overround(), st.sampled_from(list(Method)))
def test_it_agrees_with_the_arrays(book: tuple[list[float], float], method: Method) -> None:
    implied, target = book
    one, many = devig_market(implied, method, target), devig(np.array([implied]).T, method, target)
    assert one.status == many.status[0]
    np.testing.assert_allclose(one.probability, many.probability[:, 0], atol=1e-15, rtol=0)
    np.testing.assert_allclose(one.parameter, many.parameter[0], rtol=1e-9, atol=1e-12)
    assert one.overround == pytest.approx(many.overround[0], abs=1e-14)


@given(st.lists(ANY_PRICE, min_size=2, max_size=6), st.sampled_from(list(Method)))
@example([0.5, 0.5], Method.POWER)
@example([0.3, 0.3], Method.SHIN)
@example([0.97, 0.06, 0.02, 0.01], Method.ADDITIVE)
def test_a_bad_book_has_the_same_reason(implied: list[float], method: Method) -> None:
    one, many = devig_market(implied, method), devig(np.array([implied]).T, method)
    assert one.status == many.status[0]
    np.testing.assert_allclose(one.probability, many.probability[:, 0], atol=1e-15, rtol=0)
    assert math.isnan(one.overround) == np.isnan(many.overround[0])


def test_bands_are_over_what_is_fair() -> None:
    implied = [0.97, 0.06, 0.02, 0.01]
    found = [devig_market(implied, method) for method in (Method.ADDITIVE, Method.POWER, Method.SHIN)]
    assert found[0].status is DevigStatus.NEGATIVE
    for outcome, band in enumerate(bands(found)):
        fair = [one.probability[outcome] for one in found[1:]]
        assert band == (min(fair), max(fair))
    assert bands(found[:1]) == []


@pytest.mark.parametrize(("implied", "target"), [([0.9], 1.0), ([0.5, 0.6], 2.0), ([0.5, 0.6], 0.0)])
def test_what_is_no_market_is_refused(implied: list[float], target: float) -> None:
    with pytest.raises(ValueError, match="outcomes"):
        devig_market(implied, Method.POWER, target)
