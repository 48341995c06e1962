"""The port of a provider that is asked league by league, each call at a price: its schedule is ours."""

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from bet_intel.odds_ingest.domain.budget import Usage
from bet_intel.odds_ingest.domain.quotes import Answer

T = TypeVar("T")


class Told(NamedTuple, Generic[T]):
    """What a call told, and what its headers told of credits."""

    value: T
    usage: Usage = Usage()


class PolledLeague(NamedTuple):
    """A league that may be asked for, in the words of the domain."""

    key: str
    sport: str


@runtime_checkable
class PollableProvider(Protocol):
    """Every call raises a `ProviderError` of the kind that says what to do about it. One of kind `transient` may have
    been charged; of any other kind, it was charged no more than `ProviderError.spent`."""

    @property
    def name(self) -> str:
        """Namespace of the provider's event ids, such as `the_odds_api`."""
        ...

    @property
    def total(self) -> int | None:
        """None: it has no end."""
        ...

    async def leagues(self) -> Told[Sequence[PolledLeague]]:
        """The leagues to poll that are in season. Free."""
        ...

    async def starts(self, league: str) -> Told[Sequence[datetime]]:
        """When the league's events start that are live or to come. Free."""
        ...

    def cost(self, league: str) -> int:
        """The most credits that `odds` of the league can cost."""
        ...

    async def odds(self, league: str) -> Told[Answer]:
        """Every price of a league, as an answer that speaks for it. Its position is not used."""
        ...

    async def aclose(self) -> None:
        """Give back connections."""
        ...
