"""Devig against what public packages answer, recorded: shin 0.2.2, penaltyblog 1.13.1, goto-conversion 4.0.3, scipy
1.17.1.

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


TWO, THREE, LOPSIDED, FIELD = (1.87, 2.0), (2.7, 2.3, 4.4), (1.19, 7.0, 14.0), (1.4, 6.0, 11.0, 26.0, 41.0, 101.0)


@pytest.mark.parametrize(
    ("method", "odds", "recorded"),
    [
        # shin.calculate_implied_probabilities
        (Method.SHIN, TWO, (0.517379679144385, 0.482620320855615)),
        (Method.SHIN, THREE, (0.3593439195917606, 0.42324384818298505, 0.21741223222479197)),
        (Method.SHIN, LOPSIDED, (0.8156312179841925, 0.127091060366053, 0.057277721650052696)),
        (
            Method.SHIN,
            FIELD,
            (
                *(0.6974094727193549, 0.159066669424325, 0.08464483176007916),
                *(0.033259826581995, 0.01960238834673162, 0.0060168111675014836),
            ),
        ),
        # goto_conversion.goto_conversion
        (Method.GOTO, TWO, (0.5176927111730375, 0.4823072888269625)),
        (Method.GOTO, LOPSIDED, (0.830801162882656, 0.12076475353657248, 0.04843408358077141)),
        (
            Method.GOTO,
            FIELD,
            (
                *(0.7098400744350297, 0.15907429122114108, 0.08297911338493479),
                *(0.03030601898278953, 0.016175266629369002, 0.00162523534673591),
            ),
        ),
    ],
)
def test_recorded_answers_to_twelve_digits(
    method: Method, odds: tuple[float, ...], recorded: tuple[float, ...]
) -> None:
    found = devig(1.0 / np.array(odds)[:, np.newaxis], method).probability[:, 0]
    np.testing.assert_allclose(found, recorded, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("odds", "power", "shin", "odds_ratio", "probit"),
    [
        # scipy.optimize.elementwise.find_root of each method's equation (tests/bench/devig_speed.py)
        (TWO, 1.0518980699471516, 0.03476077073744331, 1.0721125348377945, 0.043619661395686855),
        (THREE, 1.0309132393159353, 0.016236442856292672, 1.0511691272931496, 0.030404689527745755),
        (LOPSIDED, 1.0967241802355663, 0.02883594916512012, 1.1868360484654914, 0.09162438541870975),
        (FIELD, 1.0458778210407185, 0.009637957917934538, 1.0953303417115168, 0.04923678661080029),
    ],
)
def test_recorded_roots(odds: tuple[float, ...], power: float, shin: float, odds_ratio: float, probit: float) -> None:
    roots = {Method.POWER: power, Method.SHIN: shin, Method.ODDS_RATIO: odds_ratio, Method.PROBIT: probit}
    for method, root in roots.items():
        found = devig(1.0 / np.array(odds)[:, np.newaxis], method).parameter[0]
        assert found == pytest.approx(root, abs=1e-9), method
