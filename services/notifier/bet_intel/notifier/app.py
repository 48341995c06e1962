"""Composition root of the notifier."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from bet_intel.notifier.alert import NOTIFICATIONS, SEND_NOTIFICATION, AlertOnSets
from bet_intel.notifier.channels.log import LogChannel
from bet_intel.notifier.channels.port import Channel
from bet_intel.notifier.metrics import Metrics
from bet_intel.notifier.retention import NotifierRetention
from bet_intel.notifier.send import SendNotification
from bet_intel.notifier.settings import NotifierSettings
from bet_intel.notifier.store import DELIVERIES
from bet_intel.notifier.wire import OPPORTUNITIES_UPDATED
from bet_intel.shared.engines import Engines
from bet_intel.shared.heartbeat import Heart
from bet_intel.shared.messaging import Queue
from bet_intel.shared.migrate import migrations_of
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.partitions import DaysOf
from bet_intel.shared.postgres import Database, PostgresDeadLetters
from bet_intel.shared.retention import keep
from bet_intel.shared.ticker import Ticker

SOURCE = "notifier"
_QUEUE = Queue("notifier.opportunities-updated", OPPORTUNITIES_UPDATED)
# Beside the connection of each sending task: the consumer, the outbox (publishing, deleting, sweeping), the heartbeat,
# retention.
_OTHER_CONNECTIONS = 5


@dataclass(frozen=True, slots=True)
class Notifier:
    """The running service."""

    outbox: Outbox
    heart: Heart
    ticker: Ticker
    retention: NotifierRetention

    async def run(self) -> None:
        """Publish and beat until cancelled; sweep where this process leads."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.outbox.run(sweeps=False), name="notifier outbox")
            group.create_task(self.heart.run(), name="notifier heartbeat")
            group.create_task(self.ticker.run(), name="notifier ticker")


@asynccontextmanager
async def open_notifier(
    settings: NotifierSettings, engines: Engines, channels: Mapping[str, Channel] | None = None
) -> AsyncIterator[Notifier]:
    """Open the notifier. `channels` by the names that rules and deliveries use; by default `log` alone."""
    dsn, options = settings.dsn.get_secret_value(), settings.database(migrations_of("bet_intel.notifier"))
    options = replace(options, max_size=max(options.max_size, settings.concurrency + _OTHER_CONNECTIONS))
    async with Database.open(dsn, name=SOURCE, options=options, metrics=engines.pools) as database:
        dead_letters = PostgresDeadLetters(database)
        outbox = Outbox(database, engines.bus, engines.tasks)
        metrics = Metrics(engines.registry)
        alert = AlertOnSets(
            outbox, DaysOf(database, DELIVERIES), [rule.rule() for rule in settings.rules], metrics, engines.clock
        )
        send = SendNotification(
            database,
            {"log": LogChannel()} if channels is None else channels,
            metrics,
            attempts=settings.attempts,
            timeout=settings.send_timeout,
        )
        engines.bus.subscribe(_QUEUE, alert.handle, dead_letters)
        engines.tasks.register(NOTIFICATIONS, {SEND_NOTIFICATION: send}, dead_letters, settings.concurrency)
        heart = Heart(SOURCE, engines.bus, dead_letters, outbox.backlog, engines.clock)
        # What an earlier run left unconfirmed goes first.
        await outbox.recover()
        retention = NotifierRetention(database, settings)
        ticker = Ticker(SOURCE, database, metrics=engines.tickers)
        ticker.add("notifier sweeper", outbox.sweep)
        ticker.add("notifier retention", lambda: keep(retention, engines.clock))
        yield Notifier(outbox, heart, ticker, retention)
