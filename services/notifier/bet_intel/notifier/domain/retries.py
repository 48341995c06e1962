"""When a delivery that failed is tried again."""

from collections.abc import Sequence

_JITTER = 0.2
_LONGEST_ASKED = 86_400.0


def seconds_until_next(attempts: int, waits: Sequence[float], asked: float, chance: float) -> float | None:
    """Seconds from the `attempts`-th failure to the next attempt, None where that was the last.

    `waits` are those after the first failure, the second, and so on; one more or less at random by a fifth (`chance` in
    [0, 1)), so that what failed together does not come back together. Never sooner than the receiver `asked` for, up to
    a day.
    """
    if attempts > len(waits):
        return None
    spread = waits[attempts - 1] * (1 + _JITTER * (2 * chance - 1))
    return max(spread, min(asked, _LONGEST_ASKED))
