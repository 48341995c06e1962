"""`bet-intel cluster`: the system as many processes on this machine."""

import time
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter, validators

from bet_intel.compose.cluster import control
from bet_intel.compose.cluster.autoscale import Policy
from bet_intel.compose.cluster.engines import SMALL, Sizes
from bet_intel.compose.cluster.services import NORMAL, ONE_OF_EACH, Counts, Source
from bet_intel.compose.cluster.status import Line
from bet_intel.compose.cluster.supervisor import Plan
from bet_intel.compose.commands.errors import CommandError, UsageError
from bet_intel.compose.commands.output import print_json, print_table
from bet_intel.compose.data_folder import default_data_dir
from bet_intel.compose.effective_settings import effective_settings
from bet_intel.compose.servers.processes import ServerError
from bet_intel.odds_ingest.providers.port import InvalidSourceError, SourceUsageError
from bet_intel.odds_ingest.source import open_source
from bet_intel.shared.times import system_clock

_WIDTH = 140
_REPLAY = "replay:"


def up_command(
    *,
    small: Annotated[bool, Parameter(negative=())] = False,
    source: str | None = None,
    speed: str | None = None,
    seed: int | None = None,
    port: Annotated[int | None, Parameter(validator=validators.Number(gte=1, lte=65535))] = None,
    process: tuple[str, ...] = (),
    services: bool = True,
    rabbitmq_nodes: Literal[1, 3] | None = None,
    postgres_replicas: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=8))] | None = None,
    postgres_synchronous: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=8))] | None = None,
    redis_masters: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=16))] | None = None,
    redis_replicas: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=2))] | None = None,
    fsync: Annotated[bool, Parameter(negative=())] = False,
    data_dir: Path | None = None,
) -> None:
    """Start every server and every process of the services on its own, from the programs of this machine; they run on.

    Parameters
    ----------
    small:
        One of each kind, unless its number is given.
    source:
        What is read, as `bet-intel up` takes it: `the_odds_api`, `simulator`, or `replay:PATH`.
    speed:
        How fast a recording is played: 1 as recorded (the default), 60 a minute a second, max without pause.
    seed:
        Seed of the simulator (default 1).
    port:
        Port of nginx, which stands before the gateways (default: a free one).
    process:
        How many of one type of process (`api.serve=2`); `bet-intel cluster status` names them. May be repeated.
    services:
        Start the services too, not the servers alone.
    rabbitmq_nodes:
        Nodes of RabbitMQ (3).
    postgres_replicas:
        Replicas of PostgreSQL's primary (2).
    postgres_synchronous:
        How many of them must have a commit before it is acknowledged (0); one, and a promotion loses nothing.
    redis_masters:
        Masters of the Redis Cluster, one or at least three (3).
    redis_replicas:
        Replicas of each of these (1).
    fsync:
        PostgreSQL waits for the disk at every commit, as it must where data outlives a loss of power.
    data_dir:
        Folder of the cluster (default: `cluster` beside the data of `bet-intel up`). Its data ends with it.
    """
    asked = {
        "rabbitmq_nodes": rabbitmq_nodes,
        "postgres_replicas": postgres_replicas,
        "postgres_synchronous": postgres_synchronous,
        "redis_masters": redis_masters,
        "redis_replicas": redis_replicas,
    }
    given = {name: number for name, number in asked.items() if number is not None}
    sizes = msgspec.structs.replace(SMALL if small else Sizes(), fsync=fsync, **given)
    counts: Counts = {}
    if services:
        counts = {**(ONE_OF_EACH if small else NORMAL), **_counts(process)}
        # All of them before anything starts. Only what is wrong, never the value: it may be a secret.
        wrong = [f"{one.variable or one.service}: {one.problem}" for one in effective_settings().wrong]
        if wrong:
            raise CommandError("\n".join(wrong))
    try:
        plan = Plan(sizes, dict(counts), _source(source, speed, seed), port)
        control.up(_folder(data_dir), plan)
    except SourceUsageError as error:
        raise UsageError(str(error)) from error
    except (ServerError, InvalidSourceError) as error:
        raise CommandError(str(error)) from error
    status_command(data_dir=data_dir)


def status_command(*, data_dir: Path | None = None, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Show every process of the cluster, and what waits in its queues.

    Parameters
    ----------
    data_dir:
        Folder of the cluster.
    json:
        Print the answer as JSON.
    """
    try:
        status = control.status(_folder(data_dir))
    except ServerError as error:
        raise CommandError(str(error)) from error
    if json:
        print_json(status)
        return
    print_table(
        ("process", "kind", "role", "pid", "port", "memory", "queue", "restarts", ""),
        (_cells(one) for one in status.processes),
        right=("pid", "port", "memory", "queue", "restarts"),
        width=_WIDTH,
    )
    print(f"\nmemory of all: {_megabytes(sum(one.memory for one in status.processes))}")
    if status.url is not None:
        print(f"gateways: {status.url}")


def scale_command(*process: str, data_dir: Path | None = None) -> None:
    """Change how many processes of a type there are; new ones start, and those too many stop, within seconds.

    Parameters
    ----------
    process:
        `ev-engine.consume=4`; `bet-intel cluster status` names them.
    data_dir:
        Folder of the cluster.
    """
    counts = _counts(process)
    if not counts:
        raise UsageError("say what is to be scaled: ev-engine.consume=4")
    try:
        control.scale(_folder(data_dir), counts)
    except ServerError as error:
        raise CommandError(str(error)) from error


def autoscale_command(
    *process: str,
    least: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=16))] = 2,
    most: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=16))] = 8,
    messages: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 50,
    calm: Annotated[float, Parameter(validator=validators.Number(gte=0))] = 15.0,
    data_dir: Path | None = None,
) -> None:
    """Let the number of workers follow what waits in their queues, until Ctrl-C.

    Parameters
    ----------
    process:
        Which types (default: the workers of every service).
    least:
        Never fewer of each.
    most:
        Never more of each.
    messages:
        One process for so many messages that wait.
    calm:
        Seconds for which fewer must have been enough before one stops.
    data_dir:
        Folder of the cluster.
    """
    if least > most:
        raise UsageError(f"--least {least} is more than --most {most}")
    names = process or tuple(name for name in NORMAL if name.endswith(".worker"))
    try:
        control.autoscale(_folder(data_dir), names, Policy(least, most, messages, calm), _said)
    except ServerError as error:
        raise CommandError(str(error)) from error


def promote_command(replica: str | None = None, *, data_dir: Path | None = None) -> None:
    """Make a replica of PostgreSQL the primary, and the old primary its replica.

    Parameters
    ----------
    replica:
        Its name in `bet-intel cluster status` (default: the one that has received most).
    data_dir:
        Folder of the cluster.
    """
    try:
        new = control.promote(_folder(data_dir), replica)
    except ServerError as error:
        raise CommandError(str(error)) from error
    print(f"{new.name} is the primary")


def down_command(*, data_dir: Path | None = None) -> None:
    """End the cluster; its data is removed.

    Parameters
    ----------
    data_dir:
        Folder of the cluster.
    """
    try:
        control.down(_folder(data_dir))
    except ServerError as error:
        raise CommandError(str(error)) from error


def _said(sentence: str) -> None:
    print(sentence, flush=True)


def _cells(one: Line) -> tuple[str, ...]:
    return (
        one.name,
        one.kind,
        one.role,
        str(one.pid or "dead"),
        str(one.port),
        _megabytes(one.memory),
        "" if one.queue is None else str(one.queue),
        str(one.restarts or ""),
        one.detail,
    )


def _counts(asked: tuple[str, ...]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in asked:
        name, _, number = one.partition("=")
        if name not in NORMAL or not number.isdecimal():
            raise UsageError(f"{one!r} is no number of processes: write NAME=NUMBER with one of {', '.join(NORMAL)}")
        counts[name] = int(number)
    return counts


def _source(source: str | None, speed: str | None, seed: int | None) -> Source:
    """Checked before anything starts; other processes, in other folders, are to find a recording."""
    open_source(source, speed, seed, system_clock, time.monotonic)
    if source is not None and source.startswith(_REPLAY):
        source = _REPLAY + str(Path(source.removeprefix(_REPLAY)).expanduser().absolute())
    return Source(source, speed, seed)


def _folder(data_dir: Path | None) -> Path:
    return (data_dir or default_data_dir() / "cluster").expanduser().absolute()


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:.0f} MB"
