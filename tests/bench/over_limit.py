"""Who asks for four times his quota: how long those take that are let in, and that no more are than may be.

They ask for a list of 50 opportunities. Of four requests one has a token and three are refused. That is what a caller
meets who has asked so for longer than a window; here two accounts stand for him, so that no row lasts a minute: one
with tokens, and one that has none left.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from statistics import median

import uvloop

from bench.callers import caller
from bench.gateway import reading
from bench.http_load import body, p99, request
from bench.measure import Figure
from bench.paced import Answered, paced
from bench.system import System, system

_PATH = "/v1/opportunities"
_OPEN = 100
_QUOTA = 300
_RATE = 50.0
"""Requests with a token a second."""
_TIMES = 4
_WINDOW = 60.0
_UNCOUNTED = "bet_intel_rate_limit_uncounted_total{"
_STATUSES = frozenset({HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS})


def run(rounds: int) -> Iterable[Figure]:
    with system() as started, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield from runner.run(_measure(started, rounds))


async def _measure(started: System, rounds: int) -> Sequence[Figure]:
    _, port = started.start("api.serve")
    started.start("api.consume")
    await asyncio.to_thread(started.wait_for_consumers, "api.opportunities-updated", 1)
    async with reading(started, port) as fill:
        await fill(_OPEN)
        return await _figures(started, port, rounds)


async def _figures(started: System, port: int, rounds: int) -> Sequence[Figure]:
    spent, *fresh = [
        await caller(started, port, "basic", _QUOTA, f"bench {number}") for number in range(2 * rounds + 3)
    ]
    counted, uncounted = await _whole(port, spent)
    # What came first is not counted, and each round begins with the other way.
    ways: Mapping[bool, list[float]] = {True: [], False: []}
    for number in range(-1, rounds):
        for excess in (True, False) if number % 2 else (False, True):
            taken = await _turn(port, fresh.pop(), spent if excess else None)
            if number >= 0:
                ways[excess].append(p99(taken))
    alone = median(ways[False])
    told = f"{uncounted} more that nobody counted"
    detail = f"without the others {alone * 1e3:.1f} ms, ratio {median(ways[True]) / alone:.2f}"
    return [
        Figure(
            "p99 of those let in", median(ways[True]), 0.2, at_least=False, unit="s", detail=detail, is_latency=True
        ),
        Figure("let in and counted, of the quota", counted / _QUOTA, 1.0, at_least=False, detail=told),
    ]


async def _whole(port: int, key: Mapping[str, str]) -> tuple[int, int]:
    """How many of four times a quota are let in: with a token, and because Redis did not answer in time (nobody is
    refused then, and a metric tells of each)."""
    before, begin = await _uncounted(port), time.monotonic()
    answers = await paced(port, request(_PATH, **key), _TIMES * _QUOTA, _TIMES * _RATE)
    if time.monotonic() - begin > _WINDOW:
        raise RuntimeError("it took longer than a quota's window: some had their tokens twice")
    uncounted = await _uncounted(port) - before
    return len(_let_in(answers)) - uncounted, uncounted


async def _uncounted(port: int) -> int:
    lines = (await body(port, request("/metrics"))).decode().splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith(_UNCOUNTED))


async def _turn(port: int, key: Mapping[str, str], spent: Mapping[str, str] | None) -> Sequence[float]:
    """Seconds that those took who were let in: a third of a quota, while `spent` asks three times as often."""
    number = _QUOTA // 3
    loads = [paced(port, request(_PATH, **key), number, _RATE)]
    if spent is not None:
        loads.append(paced(port, request(_PATH, **spent), number * (_TIMES - 1), _RATE * (_TIMES - 1)))
    answers = await asyncio.gather(*loads)
    taken = _let_in(answers[0])
    # Of the last lease a few tokens may be lost.
    if len(taken) < number * 0.9:
        raise RuntimeError(f"{len(taken)} of {number} were let in, of whom nobody was to be refused")
    return taken


def _let_in(answers: Sequence[Answered]) -> Sequence[float]:
    strange = {one.status for one in answers} - _STATUSES
    if strange:
        raise RuntimeError(f"answers with status {sorted(strange)}")
    return [one.seconds for one in answers if one.status == HTTPStatus.OK]
