"""Composition root of the notifier."""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from bet_intel.notifier.alert import AlertOnSets
from bet_intel.notifier.channels.log import LogChannel
from bet_intel.notifier.channels.port import Channel
from bet_intel.notifier.channels.webhook import WEBHOOK, WebhookChannel
from bet_intel.notifier.counts import DeliveriesByState
from bet_intel.notifier.delivery_store import DELIVERIES
from bet_intel.notifier.hear import HearOfRequests, HearOfSubscriptions
from bet_intel.notifier.metrics import Metrics
from bet_intel.notifier.retention import NotifierRetention
from bet_intel.notifier.send import Sending, SendNotification
from bet_intel.notifier.settings import NotifierSettings
from bet_intel.notifier.store import has_no_sets
from bet_intel.notifier.subscription_store import has_none
from bet_intel.notifier.tasks import NOTIFICATIONS, SEND_NOTIFICATION, Sweeper
from bet_intel.notifier.wire import OPPORTUNITIES_UPDATED
from bet_intel.notifier.wire_subscriptions import DELIVERY_REQUESTED, SOURCE, SUBSCRIPTION_CHANGED
from bet_intel.shared.engines import Engines
from bet_intel.shared.heartbeat import Heart
from bet_intel.shared.messaging import Queue
from bet_intel.shared.migrate import migrations_of
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.partitions import DaysOf
from bet_intel.shared.postgres import Database, PostgresDeadLetters
from bet_intel.shared.resync import OPPORTUNITIES, SUBSCRIPTIONS, Resync
from bet_intel.shared.retention import keep
from bet_intel.shared.runtime import TaskGroup
from bet_intel.shared.secret_box import SecretBox
from bet_intel.shared.ticker import Ticker
from bet_intel.shared.times import Clock

_QUEUE = Queue("notifier.opportunities-updated", OPPORTUNITIES_UPDATED)
_SUBSCRIPTIONS = Queue("notifier.subscription-changed", SUBSCRIPTION_CHANGED)
_REQUESTS = Queue("notifier.delivery-requested", DELIVERY_REQUESTED)
# Beside the connection of each sending task: three consumers, the outbox (publishing, deleting, sweeping), the
# heartbeat, retention, the sweeper of deliveries.
_OTHER_CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Notifier:
    """The running service."""

    outbox: Outbox
    heart: Heart
    sweeper: Sweeper
    resync: Resync
    ticker: Ticker
    retention: NotifierRetention

    async def run(self) -> None:
        """Publish and beat until cancelled; sweep where this process leads."""
        async with TaskGroup() as group:
            group.create_task(self.outbox.run(sweeps=False), name="notifier outbox")
            group.create_task(self.heart.run(), name="notifier heartbeat")
            group.create_task(self.resync.run(), name="notifier resync")
            group.create_task(self.sweeper.run(), name="notifier deliveries that are due")
            group.create_task(self.ticker.run(), name="notifier ticker")


@asynccontextmanager
async def open_notifier(
    settings: NotifierSettings, engines: Engines, channels: Mapping[str, Channel] | None = None
) -> AsyncIterator[Notifier]:
    """Open the notifier. `channels` by the names that rules and deliveries use; by default `log` and `webhook`."""
    dsn, options = settings.dsn.get_secret_value(), settings.database(migrations_of("bet_intel.notifier"))
    options = replace(options, max_size=max(options.max_size, settings.concurrency + _OTHER_CONNECTIONS))
    async with (
        _channels(settings, engines.clock) as own,
        Database.open(dsn, name=SOURCE, options=options, metrics=engines.pools) as database,
    ):
        channels = own if channels is None else channels
        dead_letters = PostgresDeadLetters(database)
        outbox = Outbox(database, engines.bus, engines.tasks)
        metrics = Metrics(engines.registry)
        days = DaysOf(database, DELIVERIES)
        rules = [rule.rule() for rule in settings.rules]
        alert = AlertOnSets(outbox, days, rules, metrics, engines.messages, engines.clock)
        send = SendNotification(
            outbox,
            channels,
            Sending(settings.send_timeout, settings.retry_seconds),
            metrics,
            engines.clock,
            random.Random().random,  # noqa: S311 - spreads retries, keeps no secret
        )
        hear = HearOfSubscriptions(outbox, engines.messages)
        requests = HearOfRequests(outbox, days, engines.clock)
        engines.bus.subscribe(_QUEUE, engines.hops.after("alerted", alert.handle), dead_letters)
        engines.bus.subscribe(_SUBSCRIPTIONS, hear.changed, dead_letters)
        engines.bus.subscribe(_REQUESTS, requests.requested, dead_letters)
        engines.tasks.register(NOTIFICATIONS, {SEND_NOTIFICATION: send}, dead_letters, settings.concurrency)
        heart = Heart(SOURCE, engines.bus, dead_letters, outbox.backlog, engines.clock, engines.outboxes)
        # What an earlier run left unconfirmed goes first.
        await outbox.recover()
        sweeper = Sweeper(outbox, settings.sweep_seconds, engines.clock)
        kinds = {OPPORTUNITIES: has_no_sets, SUBSCRIPTIONS: has_none}
        resync = Resync(SOURCE, database, outbox, kinds, engines.clock, settings.resync_seconds)
        retention = NotifierRetention(database, settings)
        ticker = Ticker(SOURCE, database, metrics=engines.tickers)
        ticker.add("notifier sweeper", outbox.sweep)
        ticker.add("notifier retention", lambda: keep(retention, engines.clock))
        ticker.add("notifier counts", DeliveriesByState(database, engines.registry).run)
        yield Notifier(outbox, heart, sweeper, resync, ticker, retention)


@asynccontextmanager
async def _channels(settings: NotifierSettings, clock: Clock) -> AsyncIterator[Mapping[str, Channel]]:
    box = None if settings.secrets_key is None else SecretBox(settings.secrets_key.get_secret_value())
    async with WebhookChannel.open(
        box, clock, seconds=settings.send_timeout, allow_loopback=settings.webhook_allow_loopback
    ) as webhook:
        yield {"log": LogChannel(), WEBHOOK: webhook}
