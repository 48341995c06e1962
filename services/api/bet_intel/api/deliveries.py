"""What the notifier tells of deliveries: kept as a log, and a receiver that is gone disables its subscription."""

from collections.abc import Sequence

from bet_intel.api import subscription_store as store
from bet_intel.api.domain.subscriptions import DeliveryReport
from bet_intel.api.subscription_telling import views_of
from bet_intel.api.telling import subscription_changed
from bet_intel.api.wire import WireError
from bet_intel.api.wire_deliveries import delivery_report
from bet_intel.shared.message_metrics import OLD_REVISION, MessageMetrics
from bet_intel.shared.messaging import Message, TerminalError
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.revisions import newest_and_late
from bet_intel.shared.times import Clock, to_us

_GONE = "its receiver answered 410 Gone"


class DeliveryLog:
    """Handles `delivery.updated`."""

    def __init__(self, outbox: Outbox, clock: Clock, messages: MessageMetrics) -> None:
        self._outbox = outbox
        self._messages = messages
        self._clock = clock

    async def updated(self, messages: Sequence[Message]) -> None:
        """Log what is newer; the rest is ignored.

        Raises:
            TerminalError: a message does not keep its contract.
        """
        reports = [_decoded(message) for message in messages]
        newest, old = newest_and_late(reports, lambda report: report.id, lambda report: report.revision)
        gone = {report.subscription_id: report for report in reports if report.receiver_gone}
        async with self._outbox.transaction() as unit:
            for id in sorted(gone):
                row = await store.lock_receiver(unit.connection, id, gone[id].subscription_revision)
                if row is not None:
                    now = self._clock()
                    revision = max(row.revision + 1, to_us(now))
                    disabled = row._replace(status="disabled", disabled_reason=_GONE, revision=revision, updated_at=now)
                    await store.put(unit.connection, disabled)
                    views = await views_of(unit.connection, [row.account])
                    unit.append(subscription_changed(disabled, now, views[row.account]))
            late = await store.put_deliveries(unit.connection, list(newest.values()))
        old += [report for id, report in newest.items() if id in late]
        self._messages.ignored(messages[0].type, OLD_REVISION, [f"{report.id} {report.revision}" for report in old])


def _decoded(message: Message) -> DeliveryReport:
    try:
        return delivery_report(message.data)
    except WireError as error:
        raise TerminalError(str(error)) from error
