"""Which services of the compose files are ours."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_OURS = re.compile(r"bet-intel/(?P<service>[a-z-]+):")


def ours(services: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Name, `service.type` and definition of each of our processes."""
    for name, one in services.items():
        match = _OURS.match(one.get("image", ""))
        if match:
            yield name, f"{match['service']}.{one['command'][0]}", one
