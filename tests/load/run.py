"""A cluster that plays a recording, and the load on it: bounded runs with one, two and three gateways, the filtered
views, and a gateway that is killed in the middle; the filtered views again on a cluster whose only cache is Redis."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx

from bet_intel.compose.cluster import control
from bet_intel.compose.cluster.engines import Sizes
from bet_intel.compose.cluster.fleet import answers
from bet_intel.compose.servers.nginx import Nginx
from drills.pacing import let_pass
from drills.recording import Recording
from drills.run import staged
from drills.stage import Stage, StageError
from load.gateways import Used, between, read
from load.seen import Log
from load.views import ALONE, HOT, KILLED, SHARED, ZIPF, Weighted, hot, zipf
from load.wrk import Summary, Wrk

GATEWAYS = (1, 2, 3)
_KIND = "api.serve"
_SIZES = Sizes(rabbitmq_nodes=1, postgres_replicas=1, redis_masters=3, redis_replicas=0)
_MINUTE = 60
_SNAPSHOT_SECONDS = 6
"""A snapshot of a minute every six seconds: ten times as often as a provider is asked."""
_AROUND_SECONDS = 20
"""Of each run, beside its own seconds: gateways come and go, nginx and they are warmed. It takes half of that."""
_READY_SECONDS = 60.0
_WARM_SECONDS = 2
_CONNECTIONS_EACH, _PAUSE_MS = 32, 4
"""What each gateway has to do in a run of its share: about half of what three can do together on two processors."""


_REDIS_ALONE = {"BET_INTEL_API_READY_ANSWERS": "0", "BET_INTEL_REDIS_NEAR_ANSWERS": "0"}
"""Settings of gateways that keep no answer themselves."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of wrk."""

    title: str
    gateways: int
    summary: Summary
    used: Used


@dataclass(frozen=True, slots=True)
class Load:
    """How much is asked for: seconds of each run, connections, and how often each number of gateways has its turn."""

    seconds: int = 10
    connections: int = 64
    rounds: int = 1
    pause: int = 0
    """Milliseconds that a connection rests on average before it asks again."""
    key: str = ""


def runs(load: Load, say: Callable[[str], None]) -> Iterator[Run]:
    """Each on a cluster with three gateways whose recording is being played, and has been shown already.

    Raises:
        ServerError: a cluster could not be started.
        StageError: it does not do what is asked of it, or its recording has ended before the load.
        WrkError: wrk could not be run.
    """
    number = len(GATEWAYS) * 2 * load.rounds + 2
    with _playing(snapshots(load, number, _SNAPSHOT_SECONDS), _SNAPSHOT_SECONDS, say) as stage:
        yield from _on_all_caches(stage, replace(load, key=_unlimited_key(stage)), say)
    # Odds move once while it is measured, however long the other runs are: a share of hits is of the time between.
    load = replace(load, seconds=_MINUTE)
    with _playing(snapshots(load, 1, _MINUTE), _MINUTE, say, _REDIS_ALONE) as stage:
        yield _measured(stage, replace(load, key=_unlimited_key(stage)), ALONE, zipf(), say)


def snapshots(load: Load, number: int, pace: int) -> int:
    """How many are played, one every `pace` seconds, for as long as so many runs take."""
    return math.ceil(number * (load.seconds + _AROUND_SECONDS) / pace) + 1


@contextmanager
def _playing(
    number: int, pace: int, say: Callable[[str], None], settings: Mapping[str, str] | None = None
) -> Iterator[Stage]:
    say("starting a cluster")
    counts = {_KIND: max(GATEWAYS), "ev-engine.consume": 1}
    with staged(_SIZES, counts, Recording(number), _MINUTE / pace, settings) as stage:
        stage.begin_play()
        stage.until(lambda: stage.number("api", "select count(*) from opportunity") > 0, _READY_SECONDS, "odds arrive")
        yield stage


def _on_all_caches(stage: Stage, load: Load, say: Callable[[str], None]) -> Iterator[Run]:
    """Numbers of gateways take turns, so that what else the machine does falls on all of them."""
    for turn in range(load.rounds):
        order = GATEWAYS if turn % 2 == 0 else tuple(reversed(GATEWAYS))
        for number in order:
            _scale(stage, number)
            yield _measured(stage, load, HOT, hot(), say)
            share = replace(load, connections=number * _CONNECTIONS_EACH, pause=_PAUSE_MS)
            yield _measured(stage, share, SHARED, hot(), say)
    _scale(stage, max(GATEWAYS))
    yield _measured(stage, load, ZIPF, zipf(), say)
    yield _measured(stage, load, KILLED, zipf(), say, lambda: _kill(stage, load))


def _measured(
    stage: Stage,
    load: Load,
    title: str,
    views: Weighted,
    say: Callable[[str], None],
    meanwhile: Callable[[], None] | None = None,
) -> Run:
    gateways = len(stage.members(_KIND))
    say(f"{title}, {gateways} gateway{'s' if gateways > 1 else ''}")
    log = Log.begin(stage.folder)
    Wrk(stage.url, _WARM_SECONDS, load.connections, load.key, load.pause).run(views)
    before = read(stage)
    log.news()
    summary = Wrk(stage.url, load.seconds, load.connections, load.key, load.pause).run(views, meanwhile)
    check_plays(stage)
    return Run(title, gateways, summary, between(before, read(stage), log.news()))


def check_plays(stage: Stage) -> None:
    """
    Raises:
        StageError: the recording has been played to its end: nothing has moved since.
    """
    if stage.position() >= stage.recording.snapshots:
        raise StageError("the recording has ended before the load")


def _unlimited_key(stage: Stage) -> str:
    """Of an account whose requests nobody counts."""
    operator = (stage.folder.path / "secrets/operator_token").read_text("utf-8")
    with httpx.Client(base_url=stage.url, trust_env=False) as client:
        client.headers["Authorization"] = f"Bearer {operator}"
        account = client.post("/v1/admin/accounts", json={"name": "load", "tier": "admin"}).raise_for_status().json()
        made = client.post(f"/v1/admin/accounts/{account['id']}/keys", json={}).raise_for_status().json()
        client.headers["Authorization"] = f"Bearer {made['key']}"
        stage.until(lambda: client.get("/v1/me").is_success, _READY_SECONDS, "the key is taken")
    return str(made["key"])


def _scale(stage: Stage, number: int) -> None:
    """Return when so many gateways run, and nginx stands before all of them."""
    control.scale(stage.folder.path, {_KIND: number})

    def settled() -> bool:
        nginx, members = Nginx.find(stage.folder), stage.members(_KIND)
        return nginx is not None and len(members) == number == len(nginx.gateways) and all(map(answers, members))

    stage.until(settled, _READY_SECONDS, f"{number} gateways answer")


def _kill(stage: Stage, load: Load) -> None:
    let_pass(load.seconds / 2)  # the readers have been served for as long before as after
    stage.kill(f"{_KIND}.2")
