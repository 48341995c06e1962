"""Notifications as lines of the log."""

import structlog

from bet_intel.notifier.channels.port import Notification

_log = structlog.get_logger(__name__)


class LogChannel:
    """`port.Channel` that writes the line at level info."""

    async def send(self, notification: Notification) -> None:
        _log.info(notification.text, subscription=notification.subscription_id, delivery=notification.delivery_id)
