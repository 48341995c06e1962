"""`bet-intel cluster`: the system as many processes on this machine."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter, validators

from bet_intel.compose.cluster import control
from bet_intel.compose.cluster.engines import SMALL, Sizes
from bet_intel.compose.commands.errors import CommandError
from bet_intel.compose.commands.output import print_json, print_table
from bet_intel.compose.data_folder import default_data_dir
from bet_intel.compose.servers.processes import ServerError

_WIDTH = 120


def up_command(
    *,
    small: Annotated[bool, Parameter(negative=())] = False,
    rabbitmq_nodes: Literal[1, 3] | None = None,
    postgres_replicas: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=8))] | None = None,
    redis_masters: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=16))] | None = None,
    redis_replicas: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=2))] | None = None,
    fsync: Annotated[bool, Parameter(negative=())] = False,
    data_dir: Path | None = None,
) -> None:
    """Start every server as a process of its own, from the programs of this machine; they run on.

    Parameters
    ----------
    small:
        One server of each kind, unless its number is given.
    rabbitmq_nodes:
        Nodes of RabbitMQ (3).
    postgres_replicas:
        Replicas of PostgreSQL's primary (2).
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
        "redis_masters": redis_masters,
        "redis_replicas": redis_replicas,
    }
    given = {name: number for name, number in asked.items() if number is not None}
    sizes = msgspec.structs.replace(SMALL if small else Sizes(), fsync=fsync, **given)
    try:
        control.up(_folder(data_dir), sizes)
    except ServerError as error:
        raise CommandError(str(error)) from error
    status_command(data_dir=data_dir)


def status_command(*, data_dir: Path | None = None, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Show every process of the cluster.

    Parameters
    ----------
    data_dir:
        Folder of the cluster.
    json:
        Print the answer as JSON.
    """
    try:
        lines = control.status(_folder(data_dir))
    except ServerError as error:
        raise CommandError(str(error)) from error
    if json:
        print_json({"processes": lines})
        return
    print_table(
        ("process", "kind", "role", "pid", "port", "memory", ""),
        (
            (one.name, one.kind, one.role, str(one.pid or "dead"), str(one.port), _megabytes(one.memory), one.detail)
            for one in lines
        ),
        right=("pid", "port", "memory"),
        width=_WIDTH,
    )


def promote_command(replica: str | None = None, *, data_dir: Path | None = None) -> None:
    """Make a replica of PostgreSQL the primary, and the old primary its replica.

    Parameters
    ----------
    replica:
        Its name in `bet-intel cluster status` (default: the first that runs).
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


def _folder(data_dir: Path | None) -> Path:
    return (data_dir or default_data_dir() / "cluster").expanduser().absolute()


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:.0f} MB"
