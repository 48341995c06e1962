"""The notifier's processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bet_intel.notifier.app import open_notifier
from bet_intel.notifier.settings import NotifierSettings
from bet_intel.shared.engines import Engines
from bet_intel.shared.entry import load, owner_dsn
from bet_intel.shared.migrate import migrations_of
from bet_intel.shared.process import Opened, ProcessType, Service


@asynccontextmanager
async def _open(engines: Engines) -> AsyncIterator[Opened]:
    async with open_notifier(load(NotifierSettings), engines) as notifier:
        yield Opened(notifier.run, [notifier.outbox.redrive])


SERVICE = Service(
    "notifier",
    [NotifierSettings],
    lambda: owner_dsn(NotifierSettings),
    migrations_of("bet_intel.notifier"),
    {
        "consume": ProcessType("hears of opportunities, and makes deliveries of alerts", _open, consumes=True),
        "worker": ProcessType("sends notifications (queue notifications)", _open, works=True),
    },
    lambda: load(NotifierSettings).database_wait,
)
