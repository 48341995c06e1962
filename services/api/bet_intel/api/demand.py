"""What callers ask for, told to the others every half minute, so that what is looked at is polled more often."""

from collections.abc import Iterable
from datetime import datetime
from uuid import uuid4

from bet_intel.api.wire import demand_observed
from bet_intel.shared.messaging import EventBus
from bet_intel.shared.runtime import every
from bet_intel.shared.times import Clock

_EVERY = 30.0


class Demand:
    """Collects what one gateway is asked for. `run` tells it until cancelled.

    Answers that are kept count only when they are made anew, which is at least once in `cache_seconds` while somebody
    asks.
    """

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        # Tells the gateways of one system apart.
        self._gateway = uuid4().hex
        self._everything = False
        self._sports: set[str] = set()
        self._leagues: set[str] = set()
        self._since: datetime = clock()

    def asked_for(self, sports: Iterable[str] = (), leagues: Iterable[str] = ()) -> None:
        """Somebody asked for these; for everything where both are empty."""
        sports, leagues = set(sports), set(leagues)
        # A league is the narrower filter of the two.
        if leagues:
            self._leagues |= leagues
        elif sports:
            self._sports |= sports
        else:
            self._everything = True

    async def run(self) -> None:
        await every(_EVERY, self.tell)

    async def tell(self) -> None:
        """Announce what was asked for since the last time, if anything was."""
        now = self._clock()
        if self._everything or self._sports or self._leagues:
            window = (now - self._since).total_seconds()
            self._bus.announce(
                demand_observed(self._gateway, now, window, self._everything, self._sports, self._leagues)
            )
        self._everything, self._since = False, now
        self._sports.clear()
        self._leagues.clear()
