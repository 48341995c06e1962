"""The Odds API behind the port: each configured league in turn, every so many seconds."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass, replace

import structlog

from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.providers.call_metrics import CallMetrics
from bet_intel.odds_ingest.providers.port import (
    InvalidSourceError,
    NotFoundError,
    Quota,
    RefusedRequestError,
    SourceUsageError,
    TransientProviderError,
)
from bet_intel.odds_ingest.providers.the_odds_api.bookmakers import REGIONS
from bet_intel.odds_ingest.providers.the_odds_api.client import OddsApiClient, Sport
from bet_intel.odds_ingest.providers.the_odds_api.combine import event_answer, league_answer
from bet_intel.odds_ingest.providers.the_odds_api.plan import plan
from bet_intel.odds_ingest.providers.the_odds_api.requests import OUTRIGHTS, EventOddsRequest, OddsRequest
from bet_intel.odds_ingest.providers.the_odds_api.settings import REAL_URL, OddsApiSettings
from bet_intel.shared.times import Clock, Monotonic

NAME = "the_odds_api"
_CATALOGUE_SECONDS = 6 * 3600.0
_RETRY_SECONDS = 300.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Turn:
    """When a league is due (monotonic), and how often it has failed since it last answered."""

    due: float
    failures: int = 0


class OddsApiProvider:
    """Polls The Odds API. A position counts answers; the schedule starts anew with each run.

    A league that is unknown, or whose call the service refuses, is reported once and never asked for again; the others
    go on. One that is out of season waits. When a league has failed, those that are due as well go first.
    """

    def __init__(self, settings: OddsApiSettings, clock: Clock, monotonic: Monotonic) -> None:
        """
        Raises:
            SourceUsageError: there is no key.
            InvalidSourceError: there is nobody to ask for.
        """
        if not settings.key.get_secret_value():
            raise SourceUsageError("The Odds API needs a key: set BET_INTEL_ODDS_API_KEY (https://the-odds-api.com)")
        if not settings.regions and not settings.bookmakers:
            raise InvalidSourceError("set BET_INTEL_ODDS_API_REGIONS or BET_INTEL_ODDS_API_BOOKMAKERS")
        self._settings = settings
        self._monotonic = monotonic
        self._selections = plan(settings.bookmakers, settings.regions, REGIONS)
        self.call_metrics = CallMetrics(NAME, monotonic)
        self._client = OddsApiClient(settings, clock, monotonic, self.call_metrics)
        now = monotonic()
        self._turns = {league: _Turn(now) for league in settings.leagues}
        self._catalogue: dict[str, Sport] = {}
        self._catalogue_due = now

    @property
    def name(self) -> str:
        """Namespace of the event ids."""
        return NAME

    @property
    def total(self) -> None:
        """Odds have no end."""
        return

    @property
    def is_live(self) -> bool:
        """Another address may be a service that plays the past."""
        return self._settings.url == REAL_URL

    @property
    def polled_leagues(self) -> Collection[str]:
        """Those that are known to the service and in season: all of the settings before it was asked."""
        return self._in_season() if self._catalogue else list(self._turns)

    @property
    def quota(self) -> Quota | None:
        """The credits as the newest answer told them."""
        return self._client.quota

    async def aclose(self) -> None:
        await self._client.aclose()

    async def fetch(self, position: int) -> Answer:
        """The league whose turn it is.

        Raises:
            ProviderError: of the kind that says what to do about it.
        """
        asked = self._monotonic()
        await self._look_up_leagues(asked)
        league = self._next(asked)
        turn = self._turns[league]
        turn.failures += 1
        try:
            answer = await self.league(league)
        except RefusedRequestError:
            del self._turns[league]
            raise
        turn.failures = 0
        turn.due = asked + self._settings.interval
        due_in = max(0.0, min(self._turns[key].due for key in self._in_season()) - asked)
        return replace(answer, position=position + 1, due_in=due_in)

    async def league(self, league: str) -> Answer:
        """The featured markets of all events of a league, now."""
        sport = self._catalogue.get(league)
        markets = (OUTRIGHTS,) if sport and sport.has_outrights else self._settings.markets
        odds_format = self._settings.odds_format
        replies = [
            await self._client.odds(OddsRequest(league, selection, markets, odds_format))
            for selection in self._selections
        ]
        return league_answer(NAME, league, markets, odds_format, self._selections, replies)

    async def event(self, league: str, event_id: str, markets: tuple[str, ...]) -> Answer:
        """Any `markets` of one event, now; one that is not there is gone with all its markets."""
        odds_format = self._settings.odds_format
        try:
            replies = [
                await self._client.event_odds(EventOddsRequest(league, event_id, selection, markets, odds_format))
                for selection in self._selections
            ]
        except NotFoundError as error:
            return Answer(NAME, frozenset(), error.as_of, (), event_ids=frozenset({f"{NAME}:{event_id}"}))
        return event_answer(NAME, event_id, markets, odds_format, self._selections, replies)

    async def _look_up_leagues(self, now: float) -> None:
        """Learn from the free list of sports which leagues there are, and which of them have anything to show."""
        if now < self._catalogue_due:
            return
        try:
            sports = await self._client.sports()
        except TransientProviderError as error:
            if not self._catalogue:
                raise
            # Yesterday's list will do: odds may be had all the same.
            _log.warning("list of sports not refreshed", provider=NAME, reason=str(error))
            self._catalogue_due = now + _RETRY_SECONDS
            return
        self._catalogue = {sport.key: sport for sport in sports}
        self._catalogue_due = now + _CATALOGUE_SECONDS
        unknown = self._turns.keys() - self._catalogue.keys()
        if unknown:
            for league in unknown:
                del self._turns[league]
            raise RefusedRequestError(self._unknown(sorted(unknown)))

    def _unknown(self, leagues: list[str]) -> str:
        near = {league: difflib.get_close_matches(league, self._catalogue, n=1) for league in leagues}
        named = ", ".join(f"{league} (did you mean {like[0]}?)" if like else league for league, like in near.items())
        return f"The Odds API does not know {named}: correct BET_INTEL_ODDS_API_LEAGUES; its other leagues are polled"

    def _in_season(self) -> list[str]:
        return [league for league in self._turns if self._catalogue[league].active]

    def _next(self, now: float) -> str:
        """Of the leagues that are due the one that failed least, else the one that is due first."""
        if not self._turns:
            raise InvalidSourceError(
                "no league is left to ask The Odds API for: correct BET_INTEL_ODDS_API_LEAGUES "
                f"({', '.join(self._settings.leagues)})"
            )
        in_season = self._in_season()
        if not in_season:
            raise TransientProviderError(
                f"none of {', '.join(self._turns)} is in season at The Odds API", self._catalogue_due - now
            )

        def order(league: str) -> tuple[bool, int, float]:
            turn = self._turns[league]
            is_due = turn.due <= now
            return not is_due, turn.failures if is_due else 0, turn.due

        return min(in_season, key=order)
