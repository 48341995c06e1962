"""Seeded noise that is a pure function of its arguments: the same seed and time give the same value in any process."""

import math
from hashlib import blake2b

_MASK = 0xFFFFFFFFFFFFFFFF
_UNIT = 1.0 / (1 << 64)


def stream(seed: int, *names: object) -> int:
    """An independent stream of random numbers per seed and name (64 bits)."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def uniform(key: int, index: int) -> float:
    """The `index`-th number of a stream, uniform in [0, 1).

    SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"), entered at any index.
    """
    z = (key + (index + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return (z ^ (z >> 31)) * _UNIT


def smooth(key: int, x: float) -> float:
    """Value noise in (−1, 1): uniform values at the whole numbers, joined with the smoothstep 3u² − 2u³."""
    cell = math.floor(x)
    u = x - cell
    left, right = uniform(key, cell), uniform(key, cell + 1)
    return 2.0 * (left + (right - left) * u * u * (3.0 - 2.0 * u)) - 1.0
