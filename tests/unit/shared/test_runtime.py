"""Signals, and work that is done again and again."""

import asyncio
import os
import signal

import pytest

from bet_intel.shared.runtime import every, until_signalled


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_waiting_and_is_named(number: signal.Signals) -> None:
    waiting = asyncio.ensure_future(until_signalled())
    await asyncio.sleep(0)
    os.kill(os.getpid(), number)
    async with asyncio.timeout(5):
        assert await waiting == number.name


async def test_when_the_waiting_is_over_signals_have_their_usual_effect_again() -> None:
    before = signal.getsignal(signal.SIGTERM)
    waiting = asyncio.ensure_future(until_signalled())
    await asyncio.sleep(0)
    assert signal.getsignal(signal.SIGTERM) is not before
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_a_tick_comes_at_once_and_again_until_one_raises() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 3:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        await every(0.001, tick)
    assert ticks == 3
