"""Reads of the database that many ask for in the same moment, done once for all of them, and only so many at once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bet_intel.shared.postgres import DatabaseUnavailableError

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Reading(Generic[T]):
    """`asked` is the last question from before the read began: whoever asked by then takes its answer or its error."""

    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    asked: int = 0
    answer: T | None = None
    error: DatabaseUnavailableError | TimeoutError | None = None


class SharedReads(Generic[K, T]):
    """`read` answers a key. An answer is kept no longer than somebody waits for it."""

    def __init__(self, read: Callable[[K], Awaitable[T]], room: asyncio.Semaphore) -> None:
        """`room` is how many reads there are at once, of all keys and of whoever else shares it."""
        self._read = read
        self._room = room
        self._asked = 0
        self._readings: dict[K, _Reading[T]] = {}

    async def __call__(self, key: K) -> T:
        """The answer of a read that began after this was called. Where who reads for others leaves, the next of them
        reads.

        Raises:
            DatabaseUnavailableError, TimeoutError: `read` did, which is not tried again for those who waited for it.
        """
        self._asked += 1
        asked = self._asked
        reading = self._readings.setdefault(key, _Reading())
        reading.waiting += 1
        try:
            async with reading.one_at_a_time:
                if reading.asked < asked:
                    await self._begin(reading, key)
                if reading.error is not None:
                    raise reading.error
                return reading.answer  # type: ignore[return-value]  # T may have None in it: it was read
        finally:
            reading.waiting -= 1
            if not reading.waiting:
                del self._readings[key]

    async def _begin(self, reading: _Reading[T], key: K) -> None:
        async with self._room:
            asked = self._asked
            answer, error = None, None
            try:
                answer = await self._read(key)
            except (DatabaseUnavailableError, TimeoutError) as raised:
                error = raised
        reading.asked, reading.answer, reading.error = asked, answer, error
