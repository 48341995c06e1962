"""The port of a provider that is asked league by league, each call at a price: its schedule is ours."""

from collections.abc import Sequence
from datetime import datetime, timedelta
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


class PolledEvent(NamedTuple):
    """An event by the provider's own id, and when it starts (UTC)."""

    id: str
    starts: datetime


@runtime_checkable
class PollableProvider(Protocol):
    """Every call raises a `ProviderError` of the kind that says what to do about it. One that `may_have_cost` may have
    been charged in full; any other was charged no more than `ProviderError.spent`."""

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

    async def events(self, league: str) -> Told[Sequence[PolledEvent]]:
        """The league's events that are live or to come. Free."""
        ...

    def cost(self, league: str) -> int:
        """The most credits that `odds` of the league can cost."""
        ...

    async def odds(self, league: str) -> Told[Answer]:
        """Every price of a league, as an answer that speaks for it. Its position is not used."""
        ...

    @property
    def event_within(self) -> timedelta:
        """How long before its start an event is asked for by itself."""
        ...

    def event_cost(self, league: str) -> int | None:
        """The most credits that `event_odds` of an event of the league can cost; None: there is nothing to ask for."""
        ...

    async def event_odds(self, league: str, event_id: str) -> Told[Answer]:
        """The further prices of one event, as an answer that speaks for their markets alone. Its position is not
        used."""
        ...

    async def aclose(self) -> None:
        """Give back connections."""
        ...
