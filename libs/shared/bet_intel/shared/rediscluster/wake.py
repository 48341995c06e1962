"""Waking other processes by sharded publish/subscribe. A ring may be lost: whoever listens looks now and then too."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from redis.asyncio.cluster import RedisCluster

from bet_intel.shared.rediscluster.connection import LOST
from bet_intel.shared.runtime import TaskGroup, heed_cancellation

_log = structlog.get_logger(__name__)

_CHANNEL = "bet-intel:wake"
_PAUSE = 1.0
_LISTEN_SECONDS = 5.0
_SEND_SECONDS = 1.0


class RedisWake:
    """Rings and listens in every process while `run` works; without it, and without Redis, in this one."""

    def __init__(self, client: RedisCluster) -> None:
        self._client = client
        self._listeners: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._ringing: set[str] = set()
        self._rung = asyncio.Event()

    def ring(self, topic: str) -> None:
        """Wake everybody who listens to `topic`, in every process. Does not wait and does not fail."""
        self._wake(topic)
        self._ringing.add(topic)
        self._rung.set()

    @contextmanager
    def listening(self, topic: str) -> Iterator[asyncio.Event]:
        """An event that is set with each ring while the block lasts; the listener clears it before he looks."""
        woken = asyncio.Event()
        self._listeners[topic].add(woken)
        try:
            yield woken
        finally:
            self._listeners[topic].discard(woken)

    async def run(self) -> None:
        async with TaskGroup() as group:
            group.create_task(self._send(), name="wake others")
            group.create_task(self._listen(), name="be woken")

    def _wake(self, topic: str) -> None:
        for woken in self._listeners[topic]:
            woken.set()

    async def _send(self) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            # What was rung several times since is sent once.
            topics, self._ringing = self._ringing, set()
            for topic in topics:
                try:
                    async with asyncio.timeout(_SEND_SECONDS):
                        await self._client.spublish(_CHANNEL, topic)
                except LOST as error:
                    heed_cancellation(error)
                    _log.debug("others are not woken", topic=topic, reason=str(error))
                heed_cancellation()

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except LOST as error:
                heed_cancellation(error)
                _log.debug("nobody is heard", reason=str(error))
            # What was rung meanwhile is not heard.
            for topic in tuple(self._listeners):
                self._wake(topic)
            await asyncio.sleep(_PAUSE)

    async def _hear(self) -> None:
        pubsub = self._client.pubsub()
        try:
            await pubsub.ssubscribe(_CHANNEL)
            while True:
                message = await pubsub.get_sharded_message(ignore_subscribe_messages=True, timeout=_LISTEN_SECONDS)
                heed_cancellation()
                if message is not None:
                    self._wake(message["data"].decode())
        finally:
            await pubsub.aclose()
