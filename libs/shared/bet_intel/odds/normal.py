"""The standard normal distribution on arrays, to double precision and without SciPy.

Sources: Φ by the rational Chebyshev approximations of W. J. Cody, "Rational Chebyshev approximations for the error
function", Math. Comp. 23 (1969), but for the centre, where (Φ(x) − 1/2)/x is a rational function of x² that was
interpolated at Chebyshev nodes with 60 digits, within 1.3e-17 of it up to |x| = 1.5: so far most prices of two outcomes
lie, and one formula serves them; Φ⁻¹ by M. J. Wichura, "Algorithm AS 241: The percentage points of the normal
distribution", Applied Statistics 37 (1988), routine PPND16. Both are within a few units of the last place.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from bet_intel.odds.arrays import BoolArray, FloatArray

_ROOT_2_PI = math.sqrt(2.0 * math.pi)
_CENTRE = 1.5
_TAIL = math.sqrt(32.0)


def _constants(*coefficients: float) -> tuple[FloatArray, ...]:
    """As arrays without axes: a number of Python takes as long to become one as a few dozen products."""
    return tuple(np.array(coefficient) for coefficient in coefficients)


# Coefficients from the highest power down.
_CENTRE_TOP = _constants(
    4.304004467625727e-06,
    8.073785493102892e-05,
    0.004003865878907424,
    0.025129866450152635,
    0.39894228040143265,
)
_CENTRE_BOTTOM = _constants(
    6.33423711057262e-07,
    4.255313667885134e-05,
    0.0013225427817917113,
    0.02331252016130031,
    0.22965790044831924,
    1.0,
)
_MIDDLE_TOP = _constants(
    1.0765576773720192317e-8,
    0.39894151208813466764,
    8.8831497943883759412,
    93.506656132177855979,
    597.27027639480026226,
    2494.5375852903726711,
    6848.1904505362823326,
    11602.651437647350124,
    9842.7148383839780218,
)
_MIDDLE_BOTTOM = _constants(
    1.0,
    22.266688044328115691,
    235.38790178262499861,
    1519.377599407554805,
    6485.558298266760755,
    18615.571640885098091,
    34900.952721145977266,
    38912.003286093271411,
    19685.429676859990727,
)
_TAIL_TOP = _constants(
    0.02307344176494017303,
    0.21589853405795699,
    0.1274011611602473639,
    0.022235277870649807,
    0.001421619193227893466,
    2.9112874951168792e-5,
)
_TAIL_BOTTOM = _constants(
    1.0,
    1.28426009614491121,
    0.468238212480865118,
    0.0659881378689285515,
    0.00378239633202758244,
    7.29751555083966205e-5,
)

_QUANTILE_CENTRE_TOP = _constants(
    2.5090809287301226727e3,
    3.3430575583588128105e4,
    6.7265770927008700853e4,
    4.5921953931549871457e4,
    1.3731693765509461125e4,
    1.9715909503065514427e3,
    1.3314166789178437745e2,
    3.3871328727963666080e0,
)
_QUANTILE_CENTRE_BOTTOM = _constants(
    5.2264952788528545610e3,
    2.8729085735721942674e4,
    3.9307895800092710610e4,
    2.1213794301586595867e4,
    5.3941960214247511077e3,
    6.8718700749205790830e2,
    4.2313330701600911252e1,
    1.0,
)
_QUANTILE_MIDDLE_TOP = _constants(
    7.74545014278341407640e-4,
    2.27238449892691845833e-2,
    2.41780725177450611770e-1,
    1.27045825245236838258e0,
    3.64784832476320460504e0,
    5.76949722146069140550e0,
    4.63033784615654529590e0,
    1.42343711074968357734e0,
)
_QUANTILE_MIDDLE_BOTTOM = _constants(
    1.05075007164441684324e-9,
    5.47593808499534494600e-4,
    1.51986665636164571966e-2,
    1.48103976427480074590e-1,
    6.89767334985100004550e-1,
    1.67638483018380384940e0,
    2.05319162663775882187e0,
    1.0,
)
_QUANTILE_TAIL_TOP = _constants(
    2.01033439929228813265e-7,
    2.71155556874348757815e-5,
    1.24266094738807843860e-3,
    2.65321895265761230930e-2,
    2.96560571828504891230e-1,
    1.78482653991729133580e0,
    5.46378491116411436990e0,
    6.65790464350110377720e0,
)
_QUANTILE_TAIL_BOTTOM = _constants(
    2.04426310338993978564e-15,
    1.42151175831644588870e-7,
    1.84631831751005468180e-5,
    7.86869131145613259100e-4,
    1.48753612908506148525e-2,
    1.36929880922735805310e-1,
    5.99832206555887937690e-1,
    1.0,
)


def _polynomial(coefficients: Sequence[FloatArray], x: FloatArray) -> FloatArray:
    value = x * coefficients[0]
    value += coefficients[1]
    for coefficient in coefficients[2:]:
        value *= x
        value += coefficient
    return value


def normal_density(x: FloatArray) -> FloatArray:
    """φ(x), any shape."""
    density: FloatArray = np.square(x)
    density *= -0.5
    np.exp(density, out=density)
    density *= 1.0 / _ROOT_2_PI
    return density


def normal_cdf(x: FloatArray) -> FloatArray:
    """Φ(x), any shape, finite x."""
    return _by_region(np.abs(x) <= _CENTRE, _central_cdf, _outer_cdf, x)


def cdf_and_density(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Φ(x) and φ(x), any shape, finite x: one exponential serves both."""
    density = normal_density(x)
    return _by_region(np.abs(x) <= _CENTRE, _central_cdf, _outer_cdf, x, density), density


def _by_region(
    centre: BoolArray, central: Callable[..., FloatArray], outer: Callable[..., FloatArray], *arguments: FloatArray
) -> FloatArray:
    """`central` of the arguments where `centre`, else `outer`: the formula of most of them is computed for all, which
    costs less than to pick them out, and the others are put right."""
    if 2 * np.count_nonzero(centre) > centre.size:
        value, others, formula = central(*arguments), ~centre, outer
    else:
        value, others, formula = outer(*arguments), centre, central
    places = others.ravel().nonzero()[0]
    if places.size:
        value.put(places, formula(*(argument.take(places) for argument in arguments)))
    return value


def _central_cdf(x: FloatArray, _density: FloatArray | None = None) -> FloatArray:
    square = x * x
    cdf = _polynomial(_CENTRE_TOP, square)
    cdf /= _polynomial(_CENTRE_BOTTOM, square)
    cdf *= x
    cdf += 0.5
    return cdf


def _outer_cdf(x: FloatArray, density: FloatArray | None = None) -> FloatArray:
    tail = _mills_ratio(np.abs(x))
    tail *= normal_density(x) if density is None else density
    tail *= _ROOT_2_PI
    above = x > 0.0
    return np.subtract(1.0, tail, out=tail, where=above)


def _mills_ratio(y: FloatArray) -> FloatArray:
    """(1 − Φ(y))·exp(y²/2) for y above the centre."""
    ratio = _polynomial(_MIDDLE_TOP, y)
    ratio /= _polynomial(_MIDDLE_BOTTOM, y)
    far = y > _TAIL
    if far.any():
        far_y = y[far]
        inverse_square = 1.0 / (far_y * far_y)
        correction = inverse_square * _polynomial(_TAIL_TOP, inverse_square) / _polynomial(_TAIL_BOTTOM, inverse_square)
        ratio[far] = (1.0 / _ROOT_2_PI - correction) / far_y
    return ratio


def normal_quantile(p: FloatArray) -> FloatArray:
    """Φ⁻¹(p), any shape, 0 < p < 1."""
    return _by_region(np.abs(p - 0.5) <= 0.425, _central_quantile, _outer_quantile, p)


def _central_quantile(p: FloatArray) -> FloatArray:
    q = p - 0.5
    r = 0.180625 - q * q
    quantile = _polynomial(_QUANTILE_CENTRE_TOP, r)
    quantile /= _polynomial(_QUANTILE_CENTRE_BOTTOM, r)
    quantile *= q
    return quantile


def _outer_quantile(p: FloatArray) -> FloatArray:
    r = np.minimum(p, 1.0 - p)
    np.log(r, out=r)
    np.negative(r, out=r)
    np.sqrt(r, out=r)
    quantile = _by_region(r <= 5.0, _middle_quantile, _far_quantile, r)
    return np.negative(quantile, out=quantile, where=p < 0.5)


def _middle_quantile(r: FloatArray) -> FloatArray:
    s = r - 1.6
    return _polynomial(_QUANTILE_MIDDLE_TOP, s) / _polynomial(_QUANTILE_MIDDLE_BOTTOM, s)


def _far_quantile(r: FloatArray) -> FloatArray:
    s = r - 5.0
    return _polynomial(_QUANTILE_TAIL_TOP, s) / _polynomial(_QUANTILE_TAIL_BOTTOM, s)
