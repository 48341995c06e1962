"""Whether PostgreSQL has room for what the processes of the compose files open, on one host or on several."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deploy.kubernetes_plan import BESIDE_POOL
from deploy.our_services import ours

_MAX_CONNECTIONS = re.compile(r"max_connections=(\d+)")


def connections(hosts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Every process is told how many of its service there are, and PostgreSQL has room for all of them.

    `hosts` are what Compose makes of the files on each of them: the services by their names.
    """
    processes = [
        (process.partition(".")[0], one["environment"], one["deploy"].get("replicas", 1))
        for services in hosts
        for _, process, one in ours(services)
        if not process.endswith(".migrate")
    ]
    number: Counter[str] = Counter()
    for service, _, times in processes:
        number[service] += times
    needed = 0
    for service, environment, times in processes:
        prefix = f"BET_INTEL_{service.upper().replace('-', '_')}"
        missing = [name for name in (f"{prefix}_POOL_SIZE", f"{prefix}_PROCESSES") if name not in environment]
        if missing:
            yield f"{service} is not told {', '.join(missing)}"
            continue
        needed += times * (int(environment[f"{prefix}_POOL_SIZE"]) + BESIDE_POOL)
        told = int(environment[f"{prefix}_PROCESSES"])
        if told < number[service]:
            yield f"{service} is told of {told} processes, and has {number[service]}"
    for services in hosts:
        for name, one in services.items():
            room = _MAX_CONNECTIONS.search(" ".join(one["command"] or ())) if name.startswith("postgres-") else None
            if room and int(room[1]) < needed:
                yield f"the processes may need {needed} connections, and {name} takes {room[1]}"
