"""The peer of row 13: Celery on quorum queues, which acknowledges what is done, as we do."""

import os
from typing import Any

from celery import Celery

from bench.handled import tell

QUEUE = "bench_celery"
TASK = "handle"
BROKER = "BENCH_BROKER"
"""Variable with the address of the broker."""

app = Celery("bench", broker=os.environ.get(BROKER, "amqp://"))
app.conf.update(
    task_default_queue=QUEUE,
    task_default_queue_type="quorum",
    task_acks_late=True,
    task_ignore_result=True,
    # As many as our consumer has in hand.
    worker_prefetch_multiplier=32,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
)


def _handle(payload: str) -> None:
    tell([payload.encode()])


handle: Any = app.task(name=TASK)(_handle)
