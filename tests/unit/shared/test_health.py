"""What watches a process is told when its event loop hangs, and when it is not connected, by a thread beside it."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Gauge

from bet_intel.shared.health import Pulse, answering

_DEADLINE = 30.0


def asked(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=_DEADLINE) as answer:
            return answer.status, answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode().strip()


@contextmanager
def watched(pulse: Pulse, missing: str | None = None) -> Iterator[int]:
    registry = CollectorRegistry()
    Gauge("answers", "of this test", registry=registry).set(1)
    with pulse.beating(), answering("127.0.0.1", 0, registry, pulse, lambda: missing) as port:
        yield port


async def test_a_loop_that_hangs_is_told_until_it_turns_again() -> None:
    now = 100.0
    with watched(Pulse(lambda: now, longest=0.3)) as port:
        assert (await asyncio.to_thread(asked, port, "/health")) == (200, "ok")
        # These calls are made on the loop itself, which turns no more until the last of them returns.
        now += 0.4
        assert asked(port, "/health") == (503, "the event loop was last seen 0.4 s ago")
        assert asked(port, "/ready")[0] == 503
        assert asked(port, "/metrics")[1].endswith("answers 1.0")

        async def healthy() -> bool:
            return (await asyncio.to_thread(asked, port, "/health"))[0] == 200

        async with asyncio.timeout(_DEADLINE):
            while not await healthy():
                pass


async def test_ten_seconds_are_borne_and_no_more() -> None:
    now = 100.0
    pulse = Pulse(lambda: now)
    now = 110.0
    assert pulse.hangs() is None
    now = 112.5
    assert pulse.hangs() == "the event loop was last seen 12.5 s ago"
    with pulse.beating():
        await asyncio.sleep(0)
        assert pulse.hangs() is None


async def test_who_lacks_something_is_healthy_and_not_ready() -> None:
    with watched(Pulse(time.monotonic), "it is not connected to its broker") as port:
        assert await asyncio.to_thread(asked, port, "/health") == (200, "ok")
        assert await asyncio.to_thread(asked, port, "/ready") == (503, "it is not connected to its broker")
