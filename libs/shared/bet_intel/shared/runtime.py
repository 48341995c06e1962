"""Running a process: signals, and background work that nobody loses sight of."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import structlog

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TURNS_SECONDS = 0.05

_log = structlog.get_logger(__name__)


@contextmanager
def stop_signals() -> Iterator["asyncio.Future[str]"]:
    """A future with the name of the first signal that asks the process to stop: SIGINT, SIGTERM, or SIGHUP where it is
    not ignored (as under nohup).

    Until the end of the block a further one changes nothing: what was started has to be stopped in order. One that
    came while they were held (`hold_stop_signals`) is received at once.
    """
    loop = asyncio.get_running_loop()
    received: asyncio.Future[str] = loop.create_future()
    handled = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        handled.append(signal.SIGHUP)

    def receive(number: signal.Signals) -> None:
        if not received.done():
            received.set_result(number.name)

    for number in handled:
        loop.add_signal_handler(number, receive, number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, handled)
    try:
        yield received
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


async def hold_stop_signals(received: "asyncio.Future[str]") -> bool:
    """Let signals that ask to stop wait, for the program that this process is about to be replaced by: the mask and
    what waits behind it outlive an `exec`. False where one was `received` before."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    # One that came just before is told by the loop in its next turns.
    await asyncio.wait({received}, timeout=_TURNS_SECONDS)
    return not received.done()


async def tell_who_is_left(stopped: "asyncio.Future[str]", seconds: float) -> None:
    """Log, every `seconds` after the process was asked to stop, what it still waits for, until cancelled."""
    await asyncio.wait({stopped})
    while True:
        await asyncio.sleep(seconds)
        me = asyncio.current_task()
        left = {task.get_name(): " > ".join(awaits(task)) for task in asyncio.all_tasks() if task is not me}
        _log.warning("still ending", tasks=left)


def awaits(task: "asyncio.Task[Any]") -> Iterator[str]:
    """Where a task waits: each coroutine and the line at which it waits for the next one."""
    one: Any = task.get_coro()
    while one is not None:
        # A coroutine, a generator, or an asynchronous generator: each has its own names for the same things.
        frame = next(
            (found for name in ("cr_frame", "gi_frame", "ag_frame") if (found := getattr(one, name, None))), None
        )
        if frame is None:
            yield type(one).__name__
            return
        yield f"{frame.f_code.co_qualname}:{frame.f_lineno}"
        one = next(
            (found for name in ("cr_await", "gi_yieldfrom", "ag_await") if (found := getattr(one, name, None))), None
        )


async def every(seconds: float, tick: Callable[[], Awaitable[None]]) -> None:
    """Call `tick` now and again `seconds` after it has ended, until cancelled. A tick that raises ends the loop."""
    while True:
        await tick()
        heed_cancellation()
        await asyncio.sleep(seconds)


class TaskGroup(asyncio.TaskGroup):  # noqa: TID251 - what is mended here
    """A group whose task is not left marked as being cancelled when a member fails while it waits for them.

    Before Python 3.13 `asyncio.TaskGroup` then cancels its own task and does not take it back (python/cpython#116720):
    whoever bears what was raised and goes on is taken, by `heed_cancellation` above all, for one that is to end.
    """

    if sys.version_info < (3, 13):
        _parent_cancel_requested: bool

        async def __aexit__(
            self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
        ) -> None:
            task = asyncio.current_task()
            taken_back = self._parent_cancel_requested
            try:
                await super().__aexit__(kind, error, traceback)
            finally:
                if self._parent_cancel_requested and not taken_back and task is not None:
                    task.uncancel()


def heed_cancellation(error: BaseException | None = None) -> None:
    """Where this task is being cancelled, end it although `error` has taken the cancellation's place, or nothing has.

    A driver that is cancelled in the middle of a call cleans up, and raises what it meets there: a connection that
    broke meanwhile. Taken for news of that connection, it would be tried again, and whoever asked the task to end would
    wait for ever. To be called wherever what a driver raises is given another name, or is borne; and in loops around
    calls of a driver that tries again by itself, which answers then as if nobody had asked.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error
