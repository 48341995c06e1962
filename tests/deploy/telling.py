"""Whether Alertmanager tells somebody of every alert: receivers have an address, and what is silenced is named."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

FILE = "compose/alertmanager/alertmanager.yaml"
_NAMED = re.compile(r'\s*alertname\s*=~?\s*"([A-Za-z|]+)"\s*')
"""A matcher of alerts by their names."""


def told(root: Path) -> Sequence[str]:
    return list(_untold(root))


def _untold(root: Path) -> Iterator[str]:
    configuration = yaml.safe_load((root / FILE).read_text("utf-8"))
    reached = {one["name"] for one in configuration["receivers"] if _has_address(one)}
    for name in sorted(set(_receivers(configuration["route"])) - reached):
        yield f"alertmanager.yaml: {name} has no address that anything is sent to"
    for rule in configuration.get("inhibit_rules", ()):
        for side in ("source", "target"):
            matchers = rule.get(f"{side}_matchers", ())
            if not any(map(_NAMED.fullmatch, matchers)):
                yield f"alertmanager.yaml: {', '.join(matchers) or 'nothing'} as a {side} names no alert: it is for all"


def _has_address(receiver: Mapping[str, Any]) -> bool:
    return any(entries for key, entries in receiver.items() if key.endswith("_configs"))


def _receivers(route: Mapping[str, Any]) -> Iterator[str]:
    """Of a route, and of those below it."""
    if "receiver" in route:
        yield route["receiver"]
    for one in route.get("routes", ()):
        yield from _receivers(one)
