"""How often an event wants to be looked at: the nearer its start, the more often.

At a distance of d seconds to the start, an event wishes a look every clamp(d / K, SHORTEST, LONGEST) seconds. The looks
wished within a span of time are the integral of 1 / interval, which has a closed form. Started events wish none: what
has started is not bet on any more.
"""

import math
from collections.abc import Sequence

K = 30.0
"""Looks wished while the distance shrinks by the factor e."""
SHORTEST = 60.0
"""Seconds between two looks shortly before the start (closer than K · SHORTEST = 30 minutes)."""
LONGEST = 21_600.0
"""Seconds between two looks at what is far off (further than K · LONGEST = 7.5 days)."""

_NEAR = K * SHORTEST
_FAR = K * LONGEST
_LOOKS_NEAR = _NEAR / SHORTEST
_LOOKS_TO_FAR = _LOOKS_NEAR + K * math.log(_FAR / _NEAR)


def wished_interval(distance: float) -> float:
    """Seconds between looks at `distance` seconds (≥ 0) before the start."""
    return min(max(distance / K, SHORTEST), LONGEST)


def looks_until_start(distance: float) -> float:
    """Looks wished from `distance` seconds before the start up to the start: ∫ 1 / wished_interval."""
    if distance <= 0:
        return 0.0
    if distance <= _NEAR:
        return distance / SHORTEST
    if distance <= _FAR:
        return _LOOKS_NEAR + K * math.log(distance / _NEAR)
    return _LOOKS_TO_FAR + (distance - _FAR) / LONGEST


def distance_of_looks(looks: float) -> float:
    """The inverse of `looks_until_start`, for looks ≥ 0."""
    if looks <= _LOOKS_NEAR:
        return looks * SHORTEST
    if looks <= _LOOKS_TO_FAR:
        return _NEAR * math.exp((looks - _LOOKS_NEAR) / K)
    return _FAR + (looks - _LOOKS_TO_FAR) * LONGEST


def looks_between(starts: Sequence[float], begin: float, end: float) -> float:
    """Looks wished from `begin` to `end` for events that start at `starts` (ascending): always those of the event that
    starts next."""
    looks = 0.0
    for start in starts:
        if start <= begin or begin >= end:
            continue
        until = min(start, end)
        looks += looks_until_start(start - begin) - looks_until_start(start - until)
        begin = until
    return looks


def time_of_looks(starts: Sequence[float], begin: float, looks: float) -> float | None:
    """When `looks` have been wished since `begin`; None where that many are not wished before the last start."""
    for start in starts:
        if start <= begin:
            continue
        here = looks_until_start(start - begin)
        if looks <= here:
            return max(begin, start - distance_of_looks(here - looks))
        looks -= here
        begin = start
    return None
