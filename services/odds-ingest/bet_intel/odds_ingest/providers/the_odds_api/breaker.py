"""Not calling a provider while it is known to be futile.

Own, because purgatory (3.0) reads the wall clock itself, lets every waiting call through when it half-opens, and does
not tell how long it stays open; and because a spent quota, a rate limit and a dead key are the same to a caller: a time
before which no call should be made, and the reason.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from bet_intel.odds_ingest.providers.port import NotMadeError, ProviderError, TransientProviderError
from bet_intel.shared.times import Monotonic

_LONGEST_REST = 32


@dataclass(frozen=True, slots=True)
class _Hold:
    until: float
    error: Callable[[float], ProviderError]


class Breaker:
    """Opens after `threshold` transient failures in a row, for `rest` seconds, twice as long each time up to 32 times.

    Then one call may try, while the others are still refused: it closes the breaker, or opens it again.
    """

    STATES: ClassVar[tuple[str, ...]] = ("closed", "open", "half_open", "held")

    def __init__(self, threshold: int, rest: float, monotonic: Monotonic) -> None:
        self._threshold = threshold
        self._rest = rest
        self._monotonic = monotonic
        self._failures = 0
        self._opened = 0
        self._trying = False
        self._hold: _Hold | None = None

    @property
    def state(self) -> str:
        """`open` after many failures, `half_open` when one call may try, `held` for another reason, else `closed`."""
        waiting = self._hold is not None and self._hold.until > self._monotonic()
        if self._opened:
            return "open" if waiting else "half_open"
        return "held" if waiting else "closed"

    def hold(self, seconds: float, error: Callable[[float], ProviderError]) -> None:
        """Refuse every call for `seconds` with the error that is made of the seconds left."""
        self._hold = _Hold(self._monotonic() + seconds, error)

    @contextmanager
    def call(self) -> Generator[None]:
        """Make one call inside.

        Raises:
            ProviderError: no call should be made now; `retry_after` says until when.
        """
        trying = self._admit()
        try:
            yield
        except TransientProviderError as error:
            self._failed(str(error), trying=trying)
            raise
        except ProviderError:
            # It answered.
            self._recovered()
            raise
        else:
            self._recovered()
        finally:
            if trying:
                self._trying = False

    def _admit(self) -> bool:
        """Whether the call is the one that tries an open breaker."""
        if self._hold is not None:
            left = self._hold.until - self._monotonic()
            if left > 0:
                raise self._hold.error(left)
            self._hold = None
        if self._opened and self._trying:
            raise NotMadeError("The Odds API is being tried again after many failures", self._rest)
        self._trying = self._opened > 0
        return self._trying

    def _failed(self, reason: str, *, trying: bool) -> None:
        self._failures += 1
        if trying or (not self._opened and self._failures >= self._threshold):
            rest = self._rest * min(2**self._opened, _LONGEST_REST)
            failures = self._failures
            self._opened += 1
            self.hold(
                rest,
                lambda left: NotMadeError(
                    f"not asked after {failures} failures in a row, for another {left:.0f} s; the last: {reason}", left
                ),
            )

    def _recovered(self) -> None:
        self._failures = self._opened = 0
