"""The port every source of odds implements, and the errors it may raise."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple, Protocol

from bet_intel.odds_ingest.domain.quotes import Answer


class Quota(NamedTuple):
    """A provider's own account of the credits of this period, None where it does not tell.

    `remaining` and `used` are of the period, `last` is what the last call cost.
    """

    remaining: int | None
    used: int | None
    last: int | None


class ProviderError(Exception):
    """A provider did not answer. The message is for the operator and never holds a secret.

    `kind` says what to do about it, in the words of `provider.status`. `retryable` tells whether the same call may
    succeed later; `ends`, that no call of this provider can before the operator has acted. `retry_after` is the number
    of seconds before which asking again is futile, where that is known.
    """

    kind = "transient"
    retryable = True
    ends = False
    may_have_cost = False
    """Whether the call may have been charged although it failed."""
    spent: int | None = 0
    """Credits that earlier calls of the same question have cost, None where they did not tell: the call that failed is
    not counted in it."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TransientProviderError(ProviderError):
    """The provider or the way to it failed for now: back off and ask again."""

    may_have_cost = True


class NotTakenError(TransientProviderError):
    """The provider was not reached, or said that it failed: the call cost nothing and may be repeated at once."""

    may_have_cost = False


class DeniedError(TransientProviderError):
    """The call was turned away, by something on the way or for a reason that is not known: it cost nothing, and to
    repeat it at once is futile."""

    may_have_cost = False


class NotMadeError(NotTakenError):
    """The call was not even made: for now it would be futile."""


class AuthError(ProviderError):
    """The provider does not know our key, or no longer: stop, and tell the operator. A worker, which is stopped by who
    plans, asks again after a while."""

    kind = "auth"
    retryable = False
    ends = True


class QuotaError(ProviderError):
    """The credits of the period are spent: pause until `resets_at` (UTC), where that is known."""

    kind = "quota"

    def __init__(self, message: str, retry_after: float | None = None, resets_at: datetime | None = None) -> None:
        super().__init__(message, retry_after)
        self.resets_at = resets_at


class RateError(ProviderError):
    """Calls came too fast: wait for `retry_after`."""

    kind = "rate"


class RefusedRequestError(ProviderError):
    """The provider refuses this very call: a bug or a wrong setting of ours. It is never made again, others are."""

    kind = "validation"
    retryable = False


class NotFoundError(RefusedRequestError):
    """The event that was asked for is not there as of `as_of` (source time, UTC): it has ended, or never was."""

    def __init__(self, message: str, as_of: datetime) -> None:
        super().__init__(message)
        self.as_of = as_of


class InvalidSourceError(ProviderError):
    """The source cannot be read at all (absent file, not a recording): only the operator can mend it."""

    kind = "validation"
    retryable = False
    ends = True


class SourceUsageError(InvalidSourceError):
    """What was asked for is no source: no file and no service is to blame, asking otherwise helps."""


class OddsProvider(Protocol):
    """A source of complete answers (snapshots)."""

    @property
    def name(self) -> str:
        """Namespace of the provider's event ids, such as `the_odds_api`."""
        ...

    @property
    def total(self) -> int | None:
        """How many answers the source holds, where it is finite."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether source time goes with the wall clock. A recording's does not."""
        ...

    @property
    def polled_leagues(self) -> Collection[str]:
        """The leagues that an answer to come may speak for, as far as is known."""
        ...

    async def fetch(self, position: int) -> Answer | None:
        """The answer at `position` (0 at first, then `Answer.position`), or None at the end of the source.

        Raises:
            ProviderError: of the kind that says what to do about it.
        """
        ...

    async def aclose(self) -> None:
        """Give back files and connections."""
        ...
