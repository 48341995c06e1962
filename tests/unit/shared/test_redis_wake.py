"""Being woken by Redis: it ends when it is asked to, whatever the client meets in ending."""

import asyncio
from typing import Any, cast

import pytest
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import ConnectionError as LostConnectionError

from bet_intel.shared.rediscluster.wake import RedisWake


class _Subscription:
    """Hears nothing; its node is gone when it is closed."""

    def __init__(self) -> None:
        self.listening = asyncio.Event()

    async def ssubscribe(self, _channel: str) -> None:
        self.listening.set()

    async def get_sharded_message(self, **_named: Any) -> None:
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        raise LostConnectionError("the node is gone")


async def test_it_ends_though_the_node_is_lost_in_the_moment_of_its_end() -> None:
    subscription = _Subscription()

    class _Client:
        def pubsub(self) -> _Subscription:
            return subscription

    running = asyncio.create_task(RedisWake(cast("RedisCluster", _Client())).run())
    await subscription.listening.wait()
    running.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await running
