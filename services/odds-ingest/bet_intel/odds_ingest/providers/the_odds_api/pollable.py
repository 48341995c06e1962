"""The Odds API behind the port of providers that are asked league by league."""

from collections.abc import Sequence
from datetime import datetime

from bet_intel.odds_ingest.domain.budget import Usage
from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.providers.pollable import PolledLeague, Told
from bet_intel.odds_ingest.providers.port import InvalidSourceError, ProviderError, Quota
from bet_intel.odds_ingest.providers.the_odds_api.client import Reply
from bet_intel.odds_ingest.providers.the_odds_api.combine import league_answer
from bet_intel.odds_ingest.providers.the_odds_api.provider import NAME, OddsApiProvider
from bet_intel.odds_ingest.providers.the_odds_api.requests import OUTRIGHTS, OddsRequest


class PollableOddsApi(OddsApiProvider):
    """`OddsApiProvider` without a pace of its own: it answers for the league it is asked for."""

    async def leagues(self) -> Told[Sequence[PolledLeague]]:
        """The configured leagues that are in season.

        Raises:
            RefusedRequestError: some are unknown; they are left out from now on.
        """
        before = self.quota
        await self._look_up_leagues(self._monotonic())
        if not self._turns:
            raise InvalidSourceError("no league is left to ask The Odds API for: correct BET_INTEL_ODDS_API_LEAGUES")
        leagues = [PolledLeague(key, key.partition("_")[0]) for key in self._in_season()]
        return Told(leagues, self._told_since(before))

    async def starts(self, league: str) -> Told[Sequence[datetime]]:
        before = self.quota
        events = await self._client.events(league)
        return Told([event.commence_time for event in events], self._told_since(before))

    def _told_since(self, before: Quota | None) -> Usage:
        """What a free call told; nothing where none was made."""
        told = self.quota
        return Usage(last=0) if told is None or told is before else Usage(0, told.remaining, told.used)

    def cost(self, league: str) -> int:
        """Markets × regions (the guide of The Odds API)."""
        return len(self._markets(league)) * sum(selection.regions_charged for selection in self._selections)

    def _markets(self, league: str) -> tuple[str, ...]:
        sport = self._catalogue.get(league)
        return (OUTRIGHTS,) if sport and sport.has_outrights else self._settings.markets

    async def odds(self, league: str) -> Told[Answer]:
        markets, odds_format = self._markets(league), self._settings.odds_format
        replies: list[Reply] = []
        for selection in self._selections:
            try:
                replies.append(await self._client.odds(OddsRequest(league, selection, markets, odds_format)))
            except ProviderError as error:
                error.spent = self._cost_of(replies) or 0
                raise
        answer = league_answer(NAME, league, markets, odds_format, self._selections, replies)
        newest = replies[-1].quota
        cost = self._cost_of(replies)
        return Told(answer, Usage(cost, newest.remaining, newest.used) if newest else Usage(cost))

    def _cost_of(self, replies: Sequence[Reply]) -> int | None:
        """None where a reply did not tell."""
        costs = [reply.quota.last if reply.quota else None for reply in replies]
        return None if any(cost is None for cost in costs) else sum(cost or 0 for cost in costs)
