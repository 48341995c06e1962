"""Running a process: signals, and background work that nobody loses sight of."""

import asyncio
import signal
from collections.abc import Awaitable, Callable


async def until_signalled() -> str:
    """Wait for SIGINT or SIGTERM; returns its name. A second one then has its usual effect."""
    loop = asyncio.get_running_loop()
    received: asyncio.Future[str] = loop.create_future()

    def release() -> None:
        for handled in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(handled)

    def receive(number: signal.Signals) -> None:
        release()
        if not received.done():
            received.set_result(number.name)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, receive, number)
    try:
        return await received
    finally:
        # Also where the waiting was given up: nobody would hear the next signal.
        release()


async def every(seconds: float, tick: Callable[[], Awaitable[None]]) -> None:
    """Call `tick` now and again `seconds` after it has ended, until cancelled. A tick that raises ends the loop."""
    while True:
        await tick()
        await asyncio.sleep(seconds)
