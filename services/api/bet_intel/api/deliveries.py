"""What the notifier tells of deliveries: kept as a log, and a receiver that is gone disables its subscription."""

from collections.abc import Sequence

from bet_intel.api import subscription_store as store
from bet_intel.api.domain.subscriptions import DeliveryReport
from bet_intel.api.telling import subscription_changed
from bet_intel.api.wire import WireError
from bet_intel.api.wire_deliveries import delivery_report
from bet_intel.shared.messaging import Message, TerminalError
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.times import Clock, to_us

_GONE = "its receiver answered 410 Gone"


class DeliveryLog:
    """Handles `delivery.updated`."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._outbox = outbox
        self._clock = clock

    async def updated(self, messages: Sequence[Message]) -> None:
        newest: dict[str, DeliveryReport] = {}
        gone: dict[str, DeliveryReport] = {}
        for message in messages:
            try:
                report = delivery_report(message.data)
            except WireError as error:
                raise TerminalError(str(error)) from error
            if report.id not in newest or report.revision > newest[report.id].revision:
                newest[report.id] = report
            if report.receiver_gone:
                gone[report.subscription_id] = report
        async with self._outbox.transaction() as unit:
            for id in sorted(gone):
                row = await store.lock_receiver(unit.connection, id, gone[id].subscription_revision)
                if row is not None:
                    now = self._clock()
                    revision = max(row.revision + 1, to_us(now))
                    disabled = row._replace(status="disabled", disabled_reason=_GONE, revision=revision, updated_at=now)
                    await store.put(unit.connection, disabled)
                    unit.append(subscription_changed(disabled, now))
            await store.put_deliveries(unit.connection, [newest[id] for id in sorted(newest)])
