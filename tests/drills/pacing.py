"""Time that passes because time is what a drill asks for: the pace of its load, how long a fault lasts, how late a deed
comes. What can be looked at is waited for by a condition instead (`Stage.until`).
"""

import asyncio
import time


def let_pass(seconds: float) -> None:
    """Blocks."""
    time.sleep(seconds)


async def until_moment(moment: float) -> None:
    """Return at a moment of `time.monotonic`; at once where it is past."""
    await asyncio.sleep(max(0.0, moment - time.monotonic()))
