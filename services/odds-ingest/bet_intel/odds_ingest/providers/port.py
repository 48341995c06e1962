"""The port every source of odds implements, and the errors it may raise."""

from typing import Protocol

from bet_intel.odds_ingest.domain.quotes import Answer


class ProviderError(Exception):
    """A provider did not answer. `retryable` tells whether asking again later can help."""

    kind = "transient"
    retryable = True


class TransientProviderError(ProviderError):
    """The provider or the way to it failed for now."""


class InvalidSourceError(ProviderError):
    """The source cannot be read at all (absent file, not a recording): only the operator can mend it."""

    kind = "validation"
    retryable = False


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

    async def fetch(self, position: int) -> Answer | None:
        """The answer at `position` (0 at first, then `Answer.position`), or None at the end of the source.

        Raises:
            ProviderError: of the kind that says what to do about it.
        """
        ...
