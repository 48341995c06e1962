"""Signals, and work that is done again and again."""

import asyncio
import os
import signal
import sys

import pytest

from bet_intel.shared.runtime import every, stop_signals

BEGINS_ANEW = """
import asyncio, os, signal, sys
from bet_intel.shared.runtime import hold_stop_signals, stop_signals

async def run(begun_anew):
    with stop_signals() as stopped:
        if begun_anew:
            return await stopped
        if "asked before" in sys.argv:
            os.kill(os.getpid(), signal.SIGTERM)
        return await hold_stop_signals(stopped)

answer = asyncio.run(run("anew" in sys.argv))
if answer is True:
    os.kill(os.getpid(), signal.SIGTERM)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:], "anew"])
print(answer)
"""


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


@pytest.mark.parametrize(("asked", "answer"), [("asked while it begins anew", "SIGTERM"), ("asked before", "False")])
async def test_a_process_that_begins_anew_hears_what_it_is_asked_meanwhile(asked: str, answer: str) -> None:
    beginning = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", BEGINS_ANEW, asked), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        said, _ = await beginning.communicate()
    assert (beginning.returncode, said.decode().strip()) == (0, answer)


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
