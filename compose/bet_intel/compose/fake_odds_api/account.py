"""Keys and credits of the local service."""

from collections import defaultdict, deque
from collections.abc import Callable

from bet_intel.compose.fake_odds_api.problems import ApiError

_RATE_WINDOW = 1.0


class Accounts:
    """Every key has `quota` credits and may make `rate` calls a second (0: any number).

    All keys are known, but those that begin with `invalid`, `deactivated` or `spent`: these get the error of that name.
    """

    def __init__(self, quota: int, rate: int, monotonic: Callable[[], float]) -> None:
        self._quota = quota
        self._rate = rate
        self._monotonic = monotonic
        self._used: defaultdict[str, int] = defaultdict(int)
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)

    def enter(self, key: str) -> None:
        """Check the key and the rate of a call.

        Raises:
            ApiError: 401 or 429.
        """
        if not key:
            raise ApiError(401, "MISSING_KEY", "API key is missing")
        if key.startswith("invalid"):
            raise ApiError(401, "INVALID_KEY", f"API key is not valid: {key}")
        if key.startswith("deactivated"):
            raise ApiError(401, "DEACTIVATED_KEY", "API key has been deactivated")
        calls, now = self._calls[key], self._monotonic()
        while calls and calls[0] <= now - _RATE_WINDOW:
            calls.popleft()
        if self._rate and len(calls) >= self._rate:
            raise too_fast()
        calls.append(now)

    def check(self, key: str, cost: int) -> None:
        """Raises:
        ApiError: 401, there are not as many credits left.
        """
        if key.startswith("spent") or self._used[key] + cost > self._quota:
            raise ApiError(401, "OUT_OF_USAGE_CREDITS", "Usage quota has been reached")

    def charge(self, key: str, cost: int) -> None:
        self._used[key] += cost

    def used(self) -> int:
        """Credits of all keys together."""
        return sum(self._used.values())

    def headers(self, key: str, last: int) -> dict[str, str]:
        used = self._quota if key.startswith("spent") else self._used[key]
        return {
            "x-requests-remaining": str(self._quota - used),
            "x-requests-used": str(used),
            "x-requests-last": str(last),
        }


def too_fast(headers: dict[str, str] | None = None) -> ApiError:
    message = "Requests are too frequent. Please wait a second and try again"
    return ApiError(429, "EXCEEDED_FREQ_LIMIT", message, headers)
