"""What readers ask for: one view that everybody wants, and 200 filtered ones, some of them more than others."""

from collections.abc import Sequence
from itertools import islice, product

HOT = "/v1/opportunities"
SHARED = f"{HOT}, as much for each gateway"
"""The title of runs in which each of several gateways has to do what one has by itself."""
ZIPF = "200 filtered views (Zipf)"
KILLED = "the same, a gateway killed in the middle"
ALONE = "200 filtered views, gateways keep nothing ready"
"""The title of the run in which Redis is the only cache."""
_VIEWS = 200
_EVS = ("0", "0.005", "0.01", "0.02", "0.03", "0.05")
_FORMATS = ("decimal", "american")
_ORDERS = ("ev", "starts", "price_age")
_LIMITS = ("20", "50", "100")
_PROFILES = ("consensus", "sharp")

Weighted = Sequence[tuple[float, str]]
"""Paths, and how often each is asked for."""


def hot() -> Weighted:
    return [(1.0, HOT)]


def zipf() -> Weighted:
    """The k-th most wanted view is asked for 1/k times as often as the first."""
    choices = product(_FORMATS, _PROFILES, _LIMITS, _ORDERS, _EVS)
    paths = [
        f"{HOT}?min_ev={ev}&limit={limit}&sort={sort}&odds_format={format_}&profile={profile}"
        for format_, profile, limit, sort, ev in islice(choices, _VIEWS)
    ]
    return [(1 / rank, path) for rank, path in enumerate(paths, 1)]
