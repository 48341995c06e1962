"""The processes of odds-ingest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic_settings import BaseSettings, SettingsConfigDict

from bet_intel.odds_ingest.app import OddsIngest, open_odds_ingest
from bet_intel.odds_ingest.poll import Pace, Progress
from bet_intel.odds_ingest.providers.port import InvalidSourceError
from bet_intel.odds_ingest.providers.the_odds_api.settings import OddsApiSettings
from bet_intel.odds_ingest.settings import OddsIngestSettings
from bet_intel.odds_ingest.source import open_source
from bet_intel.shared.engines import Engines
from bet_intel.shared.entry import load, owner_dsn
from bet_intel.shared.migrate import migrations_of
from bet_intel.shared.process import Opened, ProcessType, Service, StartError

_CATCH_UP_SECONDS = 30.0


class SourceSettings(BaseSettings):
    """What is read, as `bet-intel up` takes it: `the_odds_api`, `simulator`, or `replay:PATH` with its speed."""

    model_config = SettingsConfigDict(env_prefix="BET_INTEL_ODDS_INGEST_")

    source: str | None = None
    """By default The Odds API where there is a key for it, else the simulator."""
    speed: str | None = None
    seed: int | None = None


@asynccontextmanager
async def _opened(engines: Engines) -> AsyncIterator[OddsIngest]:
    wanted = load(SourceSettings)
    try:
        source = await asyncio.to_thread(
            open_source, wanted.source, wanted.speed, wanted.seed, engines.clock, engines.monotonic
        )
    except InvalidSourceError as error:
        raise StartError(f"BET_INTEL_ODDS_INGEST_SOURCE: {error}") from error
    opened: list[OddsIngest] = []

    async def caught_up() -> None:
        # How far the consumers are, only they know: what is told is safe with the broker.
        await opened[0].outbox.drained(_CATCH_UP_SECONDS)

    try:
        pace = Pace(caught_up, _unwatched)
        async with open_odds_ingest(
            load(OddsIngestSettings), engines, source.provider, source.identity, pace
        ) as odds_ingest:
            opened.append(odds_ingest)
            yield odds_ingest
    finally:
        await source.provider.aclose()


def _unwatched(progress: Progress) -> None:
    """Progress is for a person at a terminal."""


@asynccontextmanager
async def _scheduling(engines: Engines) -> AsyncIterator[Opened]:
    async with _opened(engines) as odds_ingest:
        yield Opened(odds_ingest.run, [odds_ingest.outbox.redrive])


@asynccontextmanager
async def _answering(engines: Engines) -> AsyncIterator[Opened]:
    async with _opened(engines) as odds_ingest:
        yield Opened(odds_ingest.run_telling, [odds_ingest.outbox.redrive])


SERVICE = Service(
    "odds-ingest",
    [OddsIngestSettings, SourceSettings, OddsApiSettings],
    lambda: owner_dsn(OddsIngestSettings),
    migrations_of("bet_intel.odds_ingest"),
    {
        # What it hears of demand and of refreshes that are asked for decides when it asks.
        "schedule": ProcessType("decides what is asked for, and when", _scheduling, consumes=True),
        "worker": ProcessType("asks providers (queue data_refresh)", _answering, works=True),
    },
    lambda: load(OddsIngestSettings).database_wait,
)
