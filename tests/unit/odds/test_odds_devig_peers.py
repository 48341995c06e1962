"""Devig against what public packages answer, recorded: shin 0.2.2, penaltyblog 1.13.1, goto-conversion 4.0.3.

`make bench ARGS=peers` compares with the packages themselves, which are not installed where the tests run.
"""

import numpy as np
import pytest

from bet_intel.odds import Method, devig

LONG_SHOTS = (1 / 0.87, 5.0, 10.0, 20.0, 50.0, 100.0)


@pytest.mark.parametrize(
    ("method", "odds", "recorded"),
    [
        # penaltyblog.implied.calculate_implied
        (Method.ADDITIVE, LONG_SHOTS, (0.82833, 0.15833, 0.05833, 0.00833, -0.02167, -0.03167)),
        (Method.POWER, LONG_SHOTS, (0.82575, 0.10940, 0.04219, 0.01627, 0.00462, 0.00178)),
        (Method.SHIN, LONG_SHOTS, (0.76879, 0.14749, 0.05897, 0.02002, 0.00377, 0.00097)),
        (Method.ODDS_RATIO, LONG_SHOTS, (0.78199, 0.11816, 0.05621, 0.02744, 0.01082, 0.00538)),
        (Method.LOGARITHMIC, LONG_SHOTS, (0.78199, 0.11816, 0.05621, 0.02744, 0.01082, 0.00538)),
        # goto_conversion.goto_conversion
        (Method.GOTO, (2.7, 2.3, 4.4), (0.3597574083515635, 0.4247271522431269, 0.2155154394053096)),
    ],
)
def test_recorded_answers(method: Method, odds: tuple[float, ...], recorded: tuple[float, ...]) -> None:
    found = devig(1.0 / np.array(odds)[:, np.newaxis], method).probability[:, 0]
    np.testing.assert_allclose(found, recorded, rtol=0, atol=5.1e-6)
