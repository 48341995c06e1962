"""How sure it is that a price is better than fair."""

import math

_MAD_TO_SIGMA = 1.4826
_LEAST = 0.01
"""In log-odds: a pool is never known better than that, however much its bookmakers copy each other."""


def confidence(
    wins: float, net_price: float, band: tuple[float, float], dispersion: float, squared_shares: float, estimated: float
) -> float:
    """The probability that p·d' > 1, if the log-odds of p are normal around those of `wins`.

    The variance is the sum of what the bookmakers of the pool disagree by, (1.4826·MAD)²·Σshare², what the devig
    methods do, as if every p of the `band` were as likely (width²/12), and what the lines do that it was estimated
    from: `estimated` is half of what they are away, in log-odds.
    """
    lowest, highest = band
    width = math.log(highest / (1.0 - highest)) - math.log(lowest / (1.0 - lowest))
    variance = _LEAST**2 + (_MAD_TO_SIGMA * dispersion) ** 2 * squared_shares + width**2 / 12.0 + estimated**2
    apart = math.log(wins / (1.0 - wins)) + math.log(net_price - 1.0)
    return 0.5 * (1.0 + math.erf(apart / math.sqrt(2.0 * variance)))
