"""Signals, and work that is done again and again."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import pytest
import structlog

from bet_intel.shared.inprocess import InProcessBus
from bet_intel.shared.messaging import Message, UnavailableError
from bet_intel.shared.runtime import TaskGroup, every, heed_cancellation, stop_signals, tell_who_is_left
from fixtures.engines import ODDS_QUEUE, KeptInMemory
from fixtures.waiting import running, until

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


@pytest.mark.parametrize("error", [UnavailableError("the server is gone"), ValueError("half-way"), TimeoutError()])
async def test_a_consumer_that_is_ended_ends_whatever_its_handler_meets_meanwhile(error: Exception) -> None:
    begun = asyncio.Event()

    async def handle(messages: Sequence[Message]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise error from None

    bus = InProcessBus(random.Random(1))
    bus.subscribe(ODDS_QUEUE, handle, KeptInMemory())
    run = asyncio.ensure_future(bus.run())
    bus.announce(Message("1", ODDS_QUEUE.type, "tests", "s", datetime(2026, 5, 1, tzinfo=UTC), 1, b""))
    await begun.wait()
    run.cancel()
    done, _ = await asyncio.wait({run}, timeout=10)
    assert done
    assert run.cancelled()


async def test_a_timeout_of_ones_own_is_no_end() -> None:
    """What a driver raises when a time-out ends its call is told as the time-out that it is."""

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as cancelled:
            heed_cancellation(cancelled)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waits(), 0.01)


async def _fails() -> None:
    raise UnavailableError("gone")


async def _bears_a_failure() -> None:
    with suppress(ExceptionGroup):
        async with TaskGroup() as group:
            group.create_task(_fails())
            group.create_task(asyncio.Event().wait())


async def test_who_bears_the_failure_of_a_group_is_not_taken_for_one_that_is_to_end() -> None:
    await _bears_a_failure()
    heed_cancellation(UnavailableError("the next one"))


async def test_a_group_that_is_cancelled_while_a_member_fails_still_ends() -> None:
    cleaning, told = asyncio.Event(), asyncio.Event()

    async def cleans_up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaning.set()
            await told.wait()

    async def bears() -> None:
        with suppress(ExceptionGroup):
            async with TaskGroup() as group:
                group.create_task(_fails())
                group.create_task(cleans_up())
        heed_cancellation(UnavailableError("what was met meanwhile"))

    task = asyncio.create_task(bears())
    await cleaning.wait()
    task.cancel()
    told.set()
    await asyncio.wait({task}, timeout=10)
    assert task.cancelled()


async def test_a_process_that_does_not_end_tells_where_each_of_its_tasks_waits() -> None:
    loop = asyncio.get_running_loop()
    stopped, never = loop.create_future(), loop.create_future()

    async def read_the_answer() -> None:
        await never

    async def ask() -> None:
        await read_the_answer()

    asking = asyncio.create_task(ask(), name="asking")
    with structlog.testing.capture_logs() as logged:
        async with running(tell_who_is_left(stopped, 0.01)):
            await asyncio.sleep(0)
            assert not logged
            stopped.set_result("SIGTERM")
            await until(lambda: bool(logged))
    never.set_result(None)
    await asking
    assert logged[0]["event"] == "still ending"
    coroutines = [place.rpartition(":")[0].rpartition(".")[2] for place in logged[0]["tasks"]["asking"].split(" > ")]
    assert coroutines[:2] == ["ask", "read_the_answer"]
