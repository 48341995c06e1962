"""The notifier as a process of its own that hears of a subscription and a set, and kills itself where it is worst.

    python notifier_killed_at.py DSN KEY SUBSCRIPTION POINT N

SUBSCRIPTION is the message in base64; at the N-th passing of POINT it dies by SIGKILL. Without a point it ends when
every delivery has ended.
"""

import asyncio
import base64
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from bet_intel.notifier import delivery_store
from bet_intel.notifier.app import open_notifier
from bet_intel.notifier.channels.webhook import WebhookChannel
from bet_intel.notifier.settings import NotifierSettings
from bet_intel.shared.cache import InProcessCache
from bet_intel.shared.engines import Engines
from bet_intel.shared.heartbeat import HEARTBEAT
from bet_intel.shared.inprocess import InProcessBus, InProcessTasks
from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Database
from bet_intel.shared.resync import RESYNC_REQUESTED
from fixtures.engines import QUICK, KeptInMemory
from fixtures.opportunities import Open, message
from fixtures.waiting import running, until

OPPORTUNITIES = 24
POINTS: dict[str, tuple[Any, str]] = {
    "alerts stored, not committed": (Outbox, "_hand_over"),
    "before the request": (WebhookChannel, "send"),
    "answered, not stored": (delivery_store, "end_attempt"),
    "stored, not published": (Outbox, "_publish"),
    "published, not deleted": (Outbox, "_delete"),
}


def arm(point: str, count: int) -> None:
    owner, name = POINTS[point]
    original: Callable[..., Any] = getattr(owner, name)
    left = count

    def wrapped(*args: object, **kwargs: object) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, name, wrapped)


async def main(dsn: str, key: str, subscription: bytes) -> None:
    async def ignore(_messages: Sequence[Message]) -> None:
        pass

    bus, tasks = InProcessBus(random.Random(), QUICK), InProcessTasks(random.Random(), QUICK)
    bus.subscribe(Queue("tests.heartbeat", HEARTBEAT), ignore, KeptInMemory())
    bus.subscribe(Queue("tests.resync", RESYNC_REQUESTED), ignore, KeptInMemory())
    bus.subscribe(Queue("tests.deliveries", "delivery.updated.v1"), ignore, KeptInMemory())
    cache = InProcessCache(1, time.monotonic)
    engines = Engines(bus, tasks, cache, CollectorRegistry(), lambda: datetime.now(UTC), time.monotonic)
    settings = NotifierSettings(
        dsn=SecretStr(dsn),
        rules=(),
        retry_seconds=(0.01,) * 5,
        sweep_seconds=0.02,
        secrets_key=SecretStr(key),
        webhook_allow_loopback=True,
    )
    changed = Message("s", "subscription.changed.v1", "api", "s", datetime.now(UTC), 1, subscription)
    opportunities = [Open(str(number)) for number in range(OPPORTUNITIES)]
    async with (
        Database.open(dsn, name="tests") as database,
        open_notifier(settings, engines) as notifier,
        running(bus.run(), tasks.run(), notifier.run()),
    ):
        await bus.publish(changed)
        # At least once, as a bus does that has not heard that it was handled.
        await bus.publish(message(*opportunities))

        async def all_ended() -> bool:
            async with database.snapshot() as connection:
                return bool(
                    await connection.fetchval(
                        """
                        select (select count(*) from delivery where state = 'delivered') = $1
                            and not exists (select from delivery where state <> 'delivered')
                            and not exists (select from outbox)
                        """,
                        OPPORTUNITIES,
                    )
                )

        await until(all_ended, 30)


if __name__ == "__main__":
    if len(sys.argv) > 4:
        arm(sys.argv[4], int(sys.argv[5]))
    asyncio.run(main(sys.argv[1], sys.argv[2], base64.b64decode(sys.argv[3])))
