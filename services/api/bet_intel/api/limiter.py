"""How often one caller may ask for something costly: a token bucket for each, in this process."""

from collections import OrderedDict

from bet_intel.api.problems import TooManyRequestsError
from bet_intel.shared.times import Monotonic

_CALLERS = 10_000


class TokenBuckets:
    """`burst` at once, then one every `seconds`. Remembers the callers that asked last; a forgotten one begins with a
    full bucket."""

    def __init__(self, burst: int, seconds: float, monotonic: Monotonic, callers: int = _CALLERS) -> None:
        self._burst = burst
        self._seconds = seconds
        self._monotonic = monotonic
        self._callers = callers
        # When each bucket is full again.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, caller: str) -> None:
        """Take a token of `caller`.

        Raises:
            TooManyRequestsError: there is none; it says in how many seconds there will be.
        """
        now = self._monotonic()
        full_at = max(now, self._full_at.get(caller, now)) + self._seconds
        wait = full_at - self._burst * self._seconds - now
        if wait > 1e-9:
            raise TooManyRequestsError(wait)
        self._full_at[caller] = full_at
        self._full_at.move_to_end(caller)
        if len(self._full_at) > self._callers:
            self._full_at.popitem(last=False)
