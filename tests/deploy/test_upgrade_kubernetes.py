"""What docs/operations/runbooks/upgrade.md has an operator of Kubernetes type: in which order it reaches what kustomize
builds."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
import yaml

from deploy.faults import PROJECT
from deploy.kubernetes import built

_PAGE = PROJECT / "docs/operations/runbooks/upgrade.md"
_OVERLAY = "compose/k8s/overlays/prod"
_APPLY = re.compile(
    rf"kubectl apply -k {_OVERLAY}(?: --selector '(?P<label>\S+) (?P<how>in|notin) \((?P<values>[^)]+)\)')?`"
)
_BEFORE_THE_NEXT = ["kubectl -n bet-intel wait --for=condition=Complete", "kubectl -n bet-intel rollout status"]

Objects = Sequence[Mapping[str, Any]]


@pytest.fixture(scope="module")
def objects() -> Objects:
    return list(yaml.safe_load_all(built(PROJECT / _OVERLAY)))


def applied(objects: Objects) -> Iterator[set[str]]:
    """What each command of the page applies and none before it has."""
    seen: set[str] = set()
    for command in _APPLY.finditer(_PAGE.read_text("utf-8")):
        names = {f"{one['kind']} {one['metadata']['name']}" for one in objects if _selected(command, one)}
        yield names - seen
        seen |= names


def _selected(command: re.Match[str], one: Mapping[str, Any]) -> bool:
    """As Kubernetes selects: `notin` takes what has no such label, `in` does not."""
    if command["label"] is None:
        return True
    has = one["metadata"].get("labels", {}).get(command["label"])
    among = has in [value.strip() for value in command["values"].split(",")]
    return among if command["how"] == "in" else not among


def test_migrations_come_before_consumers_and_these_before_gateways(objects: Objects) -> None:
    migrate, consumers, gateways = applied(objects)

    deployments = {one["metadata"]["name"] for one in objects if one["kind"] == "Deployment"}
    others = {f"Deployment {name}" for name in deployments - {"api-serve"}}
    assert len(others) == 7
    assert consumers == others
    assert gateways == {"Deployment api-serve", "Service api"}
    # With what a migration reads.
    assert {one.partition(" ")[0] for one in migrate} >= {"Job", "ConfigMap", "ServiceAccount", "NetworkPolicy"}
    assert {one for one in migrate if one.startswith("Job") and one.endswith("-migrate")} == {
        f"Job {service}-migrate" for service in ("api", "ev-engine", "notifier", "odds-ingest")
    }


def test_each_step_has_ended_before_the_next_one() -> None:
    text = _PAGE.read_text("utf-8")
    ends = [command.end() for command in _APPLY.finditer(text)]
    for wait, (end, following) in zip(_BEFORE_THE_NEXT, pairwise(ends), strict=True):
        assert wait in text[end:following]
    # A Job that is done cannot be applied with another image.
    assert "delete job --selector app.kubernetes.io/component=migrate" in text[: ends[0]]
