"""The Odds API behind the port of providers that are asked league by league."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from bet_intel.odds_ingest.domain.budget import Usage
from bet_intel.odds_ingest.domain.quotes import Answer, sport_of
from bet_intel.odds_ingest.providers.pollable import PolledEvent, PolledLeague, Told
from bet_intel.odds_ingest.providers.port import InvalidSourceError, NotFoundError, ProviderError, Quota
from bet_intel.odds_ingest.providers.the_odds_api.client import Reply
from bet_intel.odds_ingest.providers.the_odds_api.combine import event_answer, league_answer
from bet_intel.odds_ingest.providers.the_odds_api.plan import Selection
from bet_intel.odds_ingest.providers.the_odds_api.provider import NAME, OddsApiProvider
from bet_intel.odds_ingest.providers.the_odds_api.requests import OUTRIGHTS, EventOddsRequest, OddsRequest


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
        leagues = [PolledLeague(key, sport_of(key)) for key in self._in_season()]
        return Told(leagues, self._told_since(before))

    async def events(self, league: str) -> Told[Sequence[PolledEvent]]:
        before = self.quota
        events = await self._client.events(league)
        return Told([PolledEvent(event.id, event.commence_time) for event in events], self._told_since(before))

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
        replies = await self._ask(
            lambda selection: self._client.odds(OddsRequest(league, selection, markets, odds_format))
        )
        answer = league_answer(NAME, league, markets, odds_format, self._selections, replies)
        return Told(answer, _usage(replies))

    @property
    def event_within(self) -> timedelta:
        return timedelta(seconds=self._settings.event_within)

    def event_cost(self, league: str) -> int | None:
        """As if every market came back; those that do are charged."""
        sport = self._catalogue.get(league)
        markets = self._settings.event_markets_of(league)
        if not markets or (sport and sport.has_outrights):
            return None
        return len(markets) * sum(selection.regions_charged for selection in self._selections)

    async def event_odds(self, league: str, event_id: str) -> Told[Answer]:
        markets, odds_format = self._settings.event_markets_of(league), self._settings.odds_format
        try:
            replies = await self._ask(
                lambda selection: self._client.event_odds(
                    EventOddsRequest(league, event_id, selection, markets, odds_format)
                )
            )
        except NotFoundError as error:
            gone = Answer(NAME, frozenset(), error.as_of, (), event_ids=frozenset({f"{NAME}:{event_id}"}))
            return Told(gone, Usage(error.spent))
        answer = event_answer(NAME, event_id, markets, odds_format, self._selections, replies)
        return Told(answer, _usage(replies))

    async def _ask(self, call: Callable[[Selection], Awaitable[Reply]]) -> list[Reply]:
        """Every call of the plan; the error of one that fails tells what those before it have cost."""
        replies: list[Reply] = []
        for selection in self._selections:
            try:
                replies.append(await call(selection))
            except ProviderError as error:
                error.spent = _cost_of(replies)
                raise
        return replies


def _usage(replies: Sequence[Reply]) -> Usage:
    newest, cost = replies[-1].quota, _cost_of(replies)
    return Usage(cost, newest.remaining, newest.used) if newest else Usage(cost)


def _cost_of(replies: Sequence[Reply]) -> int | None:
    """None where a reply did not tell."""
    costs = [reply.quota.last if reply.quota else None for reply in replies]
    return None if any(cost is None for cost in costs) else sum(cost or 0 for cost in costs)
