"""The processes of ev-engine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bet_intel.ev_engine.app import open_ev_engine
from bet_intel.ev_engine.settings import EvEngineSettings
from bet_intel.shared.engines import Engines
from bet_intel.shared.entry import load, owner_dsn
from bet_intel.shared.migrate import migrations_of
from bet_intel.shared.process import Opened, ProcessType, Service


@asynccontextmanager
async def _open(engines: Engines) -> AsyncIterator[Opened]:
    async with open_ev_engine(load(EvEngineSettings), engines) as engine:
        yield Opened(engine.run, [engine.outbox.redrive])


SERVICE = Service(
    "ev-engine",
    [EvEngineSettings],
    lambda: owner_dsn(EvEngineSettings),
    migrations_of("bet_intel.ev_engine"),
    {
        "consume": ProcessType("prices the boards that change", _open, consumes=True),
        "worker": ProcessType("prices stored boards anew (queue ev_calculation)", _open, works=True),
    },
    lambda: load(EvEngineSettings).database_wait,
)
