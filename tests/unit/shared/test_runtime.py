"""Signals, and work that is done again and again."""

import asyncio
import os
import signal

import pytest

from bet_intel.shared.runtime import every, stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_the_first_signal_is_named_and_further_ones_change_nothing(number: signal.Signals) -> None:
    with stop_signals() as stopped:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            assert await stopped == number.name
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)
        assert stopped.result() == number.name


async def test_afterwards_signals_have_their_usual_effect_again() -> None:
    with stop_signals():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
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
