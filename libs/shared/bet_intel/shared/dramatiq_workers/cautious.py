"""A consumer of tasks that begins with one at a time."""

from typing import Any

import pika.exceptions  # type: ignore[import-untyped]  # it has no types
from dramatiq.brokers.rabbitmq import _RabbitmqConsumer
from dramatiq.common import dq_name
from dramatiq.errors import ConnectionClosed

_LOST = (AssertionError, pika.exceptions.AMQPConnectionError, pika.exceptions.AMQPChannelError)
_Consumer: Any = _RabbitmqConsumer


class CautiousConsumer(_Consumer):  # type: ignore[misc]  # dramatiq's has no types
    """Takes one task at a time until one comes that nobody had before, or one is done: a task that ends the process
    counts against every task that the process had, and would take them along. Then it takes up to `prefetch`.

    Of the tasks that are to be tried later, none of which is run from where they wait, it takes as many at once.
    """

    def __init__(self, broker: Any, queue_name: str, prefetch: int, timeout: int) -> None:
        self._has_done = False
        self._is_wide = queue_name == dq_name(queue_name)
        super().__init__(broker, queue_name, prefetch if self._is_wide else 1, timeout)
        self._wide, self._timeout = prefetch, timeout

    def __next__(self) -> Any:
        message = super().__next__()
        if message is not None and not self._is_wide and (self._has_done or not message.redelivered):
            self._widen()
        return message

    def ack(self, message: Any) -> None:
        super().ack(message)
        self._has_done = True

    def _widen(self) -> None:
        # A consumer keeps the prefetch that it began with. While this one has a message in hand no other comes.
        try:
            self.channel.cancel()
            self.channel.basic_qos(prefetch_count=self._wide)
            self.iterator = self.channel.consume(self.queue_name, inactivity_timeout=self._timeout / 1000)
        except _LOST as error:
            lost: Any = ConnectionClosed
            raise lost(error) from None
        self._is_wide = True
