"""Checks of how containers begin again and end."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bet_intel.shared.process import ProcessSettings
from deploy.our_services import ours

Services = Mapping[str, Any]

_UNITS = {"h": 3600, "m": 60, "s": 1}
_PARTS = re.compile(r"(\d+)([hms])")
_MADE_ONCE = "redis-create"
_OWN_LIMIT = 0.8
"""Of its container's memory, for what a node of Redis keeps: the rest is its buffers'."""
_SIZE = re.compile(r"(\d+)mb")
_MIB = 1 << 20


def lived(services: Services) -> Iterator[str]:
    """Whatever ends is started again, but what has done its work; a process of ours is not killed before it has given
    back what it does."""
    done = {name for name, process, _ in ours(services) if process.endswith(".migrate")} | {_MADE_ONCE}
    for name, one in services.items():
        wanted = "on-failure" if name in done else "unless-stopped"
        if one.get("restart") != wanted:
            yield f"the compose files: {name} is started again {one.get('restart')}, not {wanted}"
    for name, _, one in ours(services):
        default = ProcessSettings.model_fields["stop_seconds"].default
        needed = float(one["environment"].get("BET_INTEL_STOP_SECONDS", default))
        given = sum(int(number) * _UNITS[unit] for number, unit in _PARTS.findall(one.get("stop_grace_period", "10s")))
        if given <= needed:
            yield f"compose.yaml: {name} is killed after {given} s, and may take {needed:g} s to end"


def kept(services: Services) -> Iterator[str]:
    """A node of Redis drops what it keeps before its container has no memory left."""
    for name, one in services.items():
        size = _SIZE.fullmatch((one.get("environment") or {}).get("MAXMEMORY", ""))
        if size and int(size[1]) * _MIB > _OWN_LIMIT * int(one["deploy"]["resources"]["limits"]["memory"]):
            yield f"compose.yaml: {name} keeps {size[0]}, too much for its container"
