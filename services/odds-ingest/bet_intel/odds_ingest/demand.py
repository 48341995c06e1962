"""What somebody asked the gateways for within the last minutes. Kept in memory: it is told again every half minute."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from bet_intel.odds_ingest.domain.plan import DEMAND_LASTS
from bet_intel.odds_ingest.wire import demand_observed
from bet_intel.shared.messaging import Message


class Demand:
    """`changed` is set when something is asked for that was not before, so that a plan can follow at once."""

    def __init__(self) -> None:
        self._everything: datetime | None = None
        self._sports: dict[str, datetime] = {}
        self._leagues: dict[str, datetime] = {}
        self.changed = asyncio.Event()

    async def observed(self, messages: Sequence[Message]) -> None:
        """Handles demand.observed."""
        for message in messages:
            observed = demand_observed(message)
            if observed.everything:
                self._everything = _later(self._everything, observed.at)
            for known, names in ((self._sports, observed.sports), (self._leagues, observed.leagues)):
                for name in names:
                    known[name] = _later(known.get(name), observed.at)
        self._forget()
        self.changed.set()

    def _forget(self) -> None:
        """Anybody may ask for a league by any name: what was asked for long ago is not kept."""
        times = [*self._sports.values(), *self._leagues.values()]
        if times:
            oldest = max(times) - DEMAND_LASTS
            self._sports = {name: at for name, at in self._sports.items() if at >= oldest}
            self._leagues = {name: at for name, at in self._leagues.items() if at >= oldest}

    def asked_for_at(self, league: str, sport: str) -> datetime | None:
        """When somebody last asked for what a league is part of."""
        times = (self._everything, self._sports.get(sport), self._leagues.get(league))
        return max((time for time in times if time is not None), default=None)


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)
