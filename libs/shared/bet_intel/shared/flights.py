"""What several want at the same time is made once, for all of them."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
Made = TypeVar("Made")


class Flights(Generic[KeyT, Made]):
    """What is being made now, by key."""

    def __init__(self) -> None:
        self._under_way: dict[KeyT, asyncio.Task[Made]] = {}

    def __contains__(self, key: KeyT) -> bool:
        return key in self._under_way

    async def get(self, key: KeyT, make: Callable[[], Coroutine[Any, Any, Made]]) -> Made:
        """What `make` makes, or what another is just making under the same key. Raises what `make` does."""
        flight = self._under_way.get(key)
        if flight is not None:
            return await asyncio.shield(flight)
        # A task of its own: who asked first may go away while others wait for the same.
        flight = asyncio.create_task(make(), name=f"make {key}")
        self._under_way[key] = flight
        flight.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(flight)

    def _landed(self, key: KeyT, flight: "asyncio.Task[Made]") -> None:
        del self._under_way[key]
        if not flight.cancelled():
            flight.exception()  # looked at, also where nobody waits any more
