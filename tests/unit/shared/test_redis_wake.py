"""Being woken by Redis: it ends when it is asked to, whatever the client meets in ending."""

import asyncio
from contextlib import suppress
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


async def test_it_ends_though_the_client_tries_again_in_place_of_ending() -> None:
    """As redis-py does where closing the connection of a call that is cancelled fails."""
    sending = asyncio.Event()

    class _Client:
        def pubsub(self) -> _Subscription:
            return _Subscription()

        async def spublish(self, _channel: str, _topic: str) -> int:
            sending.set()
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return 1

    wake = RedisWake(cast("RedisCluster", _Client()))
    running = asyncio.create_task(wake.run())
    wake.ring("news")
    await sending.wait()
    running.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await running
