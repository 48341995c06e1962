"""Waking whoever follows something in a database as soon as it moves. Adapters: `InProcessWake`, `RedisWake`.

A wake may be lost or come for nothing: it only spares the wait for the next look. Who is woken looks for himself.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Wake(Protocol):
    def ring(self, topic: str) -> None:
        """Wake everybody who listens to `topic`, in every process. Does not wait and does not fail."""
        ...

    def listening(self, topic: str) -> AbstractContextManager[asyncio.Event]:
        """An event that is set with each ring while the block lasts; the listener clears it before he looks."""
        ...


class InProcessWake:
    """`Wake` among the tasks of one event loop."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def ring(self, topic: str) -> None:
        for woken in self._listeners[topic]:
            woken.set()

    @contextmanager
    def listening(self, topic: str) -> Iterator[asyncio.Event]:
        woken = asyncio.Event()
        self._listeners[topic].add(woken)
        try:
            yield woken
        finally:
            self._listeners[topic].discard(woken)
