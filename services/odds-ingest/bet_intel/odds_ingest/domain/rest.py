"""How long a provider is left alone after it failed."""

from datetime import datetime, timedelta
from typing import NamedTuple

_FIRST = timedelta(seconds=1)
_DOUBLINGS = 6


class Rest(NamedTuple):
    """After `failures` in a row nothing is asked for before `until` (aware UTC); None: it may be asked."""

    failures: int = 0
    until: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        return self.until is None or now >= self.until

    def after_failure(self, now: datetime, at_least: timedelta) -> "Rest":
        """A second, doubled with every failure in a row up to 64, and `at_least` as long as the provider wants.

        One that fails during a rest was under way when it began: it says nothing of how the provider is since.
        """
        if self.until is not None and now < self.until:
            return self._replace(until=max(self.until, now + at_least))
        wait = max(_FIRST * 2 ** min(self.failures, _DOUBLINGS), at_least)
        return Rest(self.failures + 1, now + wait)
