"""Redis goes, in part or as a whole: the cache is an accelerator, and nobody notices."""

import httpx

from drills.drill import Bound, Fault
from drills.stage import Stage

_BOUND = Bound(reads=3.0, writes=3.0, events=3.0)
_HIT = 'bet_intel_cache_requests_total{result="hit"}'
_PATH = "/v1/arbitrage"
"""An address whose answers the gateways share."""
_TRIES = 30


def _kill(stage: Stage) -> None:
    redis = stage.engines.redis
    redis.kill(redis.masters()[0])


def _kill_all(stage: Stage) -> None:
    stage.hold_supervisor()
    for node in stage.engines.redis.nodes:
        stage.engines.redis.kill(node)


def _bring_back(stage: Stage) -> None:
    stage.engines.redis.heal()
    stage.let_supervisor()


def _hits(stage: Stage) -> float:
    """Of all gateways together: how often an answer was in the cache."""
    total = 0.0
    for one in stage.members("api.serve"):
        text = httpx.get(f"http://127.0.0.1:{one.port}/metrics", trust_env=False).text
        total += sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(_HIT))
    return total


def _is_hit_again(stage: Stage) -> list[str]:
    before = _hits(stage)
    filling, hitting, *_ = stage.members("api.serve")
    for number in range(_TRIES):
        # What one gateway has put there another one finds; a gateway that is asked twice has its own answer ready.
        for one in (filling, hitting):
            address = f"http://127.0.0.1:{one.port}{_PATH}"
            httpx.get(address, params={"min_ev": f"{number / 1e6:.6f}"}, trust_env=False)
    hits = _hits(stage) - before
    return [] if hits >= _TRIES / 2 else [f"of {_TRIES} answers the cache had {hits:g}"]


FAULTS = (
    Fault("redis-kill", "kill -9 a Redis master", _BOUND, strike=_kill, judge=_is_hit_again),
    Fault(
        "redis-down",
        "the whole Redis Cluster down and back",
        _BOUND,
        strike=_kill_all,
        mend=_bring_back,
        hold=5.0,
        judge=_is_hit_again,
    ),
)
