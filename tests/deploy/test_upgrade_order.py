"""In which order docs/operations/runbooks/upgrade.md replaces processes: who consumes an event before who publishes it,
and on Kubernetes everything is applied by one of the steps."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from bet_intel.compose.cluster.services import GATEWAY, KINDS
from bet_intel.shared.resync import RESYNC_REQUESTED
from deploy.faults import PROJECT
from deploy.kubernetes import built
from deploy.our_services import ours

_PAGE = (PROJECT / "docs/operations/runbooks/upgrade.md").read_text("utf-8")
_PARTS: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    (PROJECT / "docs/architecture/dependencies.toml").read_text("utf-8")
)["parts"]
_UP = re.compile(r"`docker compose -f \S+ up -d --wait --no-deps ([a-z -]+)`")
_APPLY = re.compile(r"`kubectl apply -k \S+ -l ('?)(\S+)\1`")
_COMPONENT = "app.kubernetes.io/component"

Steps = Sequence[set[str]]
"""Types of processes that are replaced together, in the order of the page."""


def _compose() -> Steps:
    services = yaml.safe_load((PROJECT / "compose/compose.yaml").read_text("utf-8"))["services"]
    kinds = {name: kind for name, kind, _ in ours(services)}
    # The gateways have a section of their own, below the table.
    return [*({kinds[name] for name in names.split()} for names in _UP.findall(_PAGE)), {GATEWAY.name}]


@pytest.fixture(scope="module")
def objects(tools: Path) -> Sequence[Mapping[str, Any]]:
    assert tools.is_dir()
    return list(yaml.safe_load_all(built(PROJECT / "compose/k8s/overlays/prod")))


def _applied(objects: Sequence[Mapping[str, Any]]) -> Sequence[Sequence[Mapping[str, Any]]]:
    """What each command of the page applies."""
    return [
        [one for one in objects if _selects(selector, one["metadata"].get("labels", {}))]
        for _, selector in _APPLY.findall(_PAGE)
    ]


def _selects(selector: str, labels: Mapping[str, str]) -> bool:
    for word in selector.split(","):
        key, equal, value = word.partition("=")
        if not (labels.get(key) == value if equal else key.removeprefix("!") not in labels):
            return False
    return True


def _heard(steps: Steps) -> Iterator[tuple[str, str]]:
    """Consumer and publisher of each event, where the consumer is not replaced before."""
    when = {name: number for number, step in enumerate(steps) for name in step}
    for consumer in (kind for kind in KINDS.values() if kind.queues.endswith(".")):
        for type_ in _PARTS[consumer.service]["queues"].values():
            for publisher in _publishers(type_):
                if type_ != RESYNC_REQUESTED and when[publisher] <= when[consumer.name] and publisher != consumer.name:
                    yield consumer.name, publisher


def _publishers(type_: str) -> Iterator[str]:
    """Of the api's processes the gateways: its consumers tell what they have missed, and that they are there."""
    for name, kind in KINDS.items():
        told = {*_PARTS[kind.service]["publishes"], *_PARTS[kind.service]["announces"]}
        if type_ in told and (kind.service != GATEWAY.service or kind == GATEWAY):
            yield name


def test_under_compose_who_consumes_an_event_is_replaced_before_who_publishes_it() -> None:
    steps = _compose()
    assert set().union(*steps) == set(KINDS)
    assert list(_heard(steps)) == []


def test_on_kubernetes_who_consumes_an_event_is_replaced_before_who_publishes_it(
    objects: Sequence[Mapping[str, Any]],
) -> None:
    named = {name.replace(".", "-"): name for name in KINDS}
    steps = [
        {named[one["metadata"]["name"]] for one in step if one["kind"] == "Deployment"} for step in _applied(objects)
    ]
    assert set().union(*steps) == set(KINDS)
    assert list(_heard(steps)) == []


def test_on_kubernetes_settings_are_there_first_and_schemas_before_processes(
    objects: Sequence[Mapping[str, Any]],
) -> None:
    steps = _applied(objects)
    kinds = [{one["kind"] for one in step} for step in steps]
    assert {"Namespace", "ConfigMap", "NetworkPolicy"} <= kinds[0]
    assert kinds[1] == {"Job"}
    assert {_name(one) for step in steps for one in step} == {_name(one) for one in objects}
    # What a second step applies again is what the first one did.
    assert [_name(one) for step in steps[2:] for one in step if one["kind"] == "ConfigMap"] == []


def _name(one: Mapping[str, Any]) -> str:
    return f"{one['kind']} {one['metadata']['name']}"
