"""Whether each pod of ours is what it is called: the process of its label out of its service's image, with its own
service's secrets under the names that it reads them by, and with the time that it needs to end."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bet_intel.compose.cluster.services import GATEWAY, KINDS
from bet_intel.shared.process import ProcessSettings

Object = Mapping[str, Any]
Objects = Sequence[Object]

_PAGE = "docs/operations/kubernetes.md"
_NAME, _COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"
_TOPOLOGIES = frozenset({"kubernetes.io/hostname", "topology.kubernetes.io/zone"})
_CODE = re.compile(r"`([^`]+)`")
_IMAGE = re.compile(r"(?:\S+/)?bet-intel/(?P<service>[a-z-]+)(?::(?P<tag>[\w.-]+))?")
_READ = re.compile(r"/run/secrets/[\w.-]+")
_MIGRATE = "migrate"
_SERVICES = frozenset(kind.service for kind in KINDS.values())
_STOP = ProcessSettings.model_fields["stop_seconds"].default
_UNSEEN = 5
"""Seconds for which requests may still come to a pod that is asked to stop, at least: until all hear of it."""


def as_called(root: Path, objects: Objects) -> Iterator[str]:
    """What kustomize and the schemas of Kubernetes let pass, and no pod could live with."""
    keys = _keys(root)
    maps = {one["metadata"]["name"]: set(one.get("data", ())) for one in objects if one["kind"] == "ConfigMap"}
    texts = [text for one in objects if one["kind"] == "ConfigMap" for text in one.get("data", {}).values()]
    for one in objects:
        name = one["metadata"]["name"]
        yield from (f"{name} is spread by {key}, which no node has" for key in sorted(_spread(one) - _TOPOLOGIES))
        yield from (f"{name} {fault}" for fault in _named_keys(keys, one))
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            pod = one["spec"]["template"]["spec"]
            yield from (f"{name}: {fault}" for fault in _files(keys, maps, texts, pod))
            labels = one["spec"]["template"]["metadata"]["labels"]
            if labels[_NAME] in _SERVICES:
                yield from (f"{name}: {fault}" for fault in _ours(root, labels[_NAME], labels.get(_COMPONENT), pod))
        if one["kind"] == "Cluster":
            yield from (f"{name}: {fault}" for fault in _roles(one))


def _keys(root: Path) -> Mapping[str, set[str]]:
    """The keys of each Secret, as the page tells an operator to make them: of all in a row up to the first semicolon,
    then of the service that is named."""
    table = (root / _PAGE).read_text("utf-8").partition("| Secret | keys |")[2].partition("\n\n")[0]
    found: dict[str, set[str]] = {}
    for row in table.splitlines()[2:]:
        names, said = row.strip("| ").split(" | ")
        for_all, *of_one = said.split("; ")
        for name in _CODE.findall(names):
            found[name] = set(_CODE.findall(for_all))
            for words in of_one:
                if name.endswith(f"-{words.partition(' ')[0]}"):
                    found[name] |= set(_CODE.findall(words))
    return found


def _spread(value: Any) -> set[str]:
    """Every key that is spread by, anywhere below."""
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = {value["topologyKey"]} if isinstance(value, dict) and "topologyKey" in value else set()
    return own.union(*(_spread(one) for one in below))


def _named_keys(keys: Mapping[str, set[str]], value: Any) -> Iterator[str]:
    """`name` and `key` of a Secret together, or its items, anywhere below."""
    if isinstance(value, list):
        for one in value:
            yield from _named_keys(keys, one)
    elif isinstance(value, dict):
        secret = value.get("secretName") or value.get("name")
        asked = (
            [value["key"]] if "key" in value else [item["key"] for item in value.get("items") or () if "key" in item]
        )
        if isinstance(secret, str) and secret in keys:
            yield from (f"asks {secret} for {key}, which it has not" for key in asked if key not in keys[secret])
        for one in value.values():
            yield from _named_keys(keys, one)


def _files(
    keys: Mapping[str, set[str]], maps: Mapping[str, set[str]], texts: Sequence[str], pod: Object
) -> Iterator[str]:
    """What is told of in a variable, a command or a script that is mounted is a key of what is mounted there."""
    within: dict[str, set[str]] = {}
    for volume in pod.get("volumes", ()):
        if "secret" in volume:
            within[volume["name"]] = keys.get(volume["secret"]["secretName"], set())
        elif "configMap" in volume:
            within[volume["name"]] = maps.get(volume["configMap"]["name"], set())
    for container in pod["containers"]:
        mounted = {
            each["mountPath"]: within[each["name"]]
            for each in container.get("volumeMounts", ())
            if each["name"] in within
        }
        told = [str(each.get("value", "")) for each in container.get("env", ())] + list(container.get("command", ()))
        for probe in ("readinessProbe", "livenessProbe"):
            told += _READ.findall(" ".join(container.get(probe, {}).get("exec", {}).get("command", ())))
        if "/scripts" in mounted:
            told += [path for text in texts for path in _READ.findall(text)]
        for path in dict.fromkeys(told):
            folder, _, key = path.rpartition("/")
            if folder in mounted and key not in mounted[folder]:
                yield f"is told of {path}, and what is mounted there has no {key}"


def _ours(root: Path, service: str, component: str | None, pod: Object) -> Iterator[str]:
    [container] = pod["containers"]
    if container.get("args") != [component]:
        yield f"runs {container.get('args')}, and is called {component}"
    if component != _MIGRATE and f"{service}.{component}" not in KINDS:
        yield f"is called {service}.{component}, which there is not"
    yield from _image(root, service, container["image"])
    yield from _stops(f"{service}.{component}", pod)
    own = {f"bet-intel-{service}"} | ({f"bet-intel-{service}-owner"} if component == _MIGRATE else set())
    given = {volume["secret"]["secretName"] for volume in pod.get("volumes", ()) if "secret" in volume}
    if given != own:
        yield f"is given {', '.join(sorted(given)) or 'no Secret'}, not {', '.join(sorted(own))}"
    settings = [each["configMapRef"]["name"].partition("-settings-")[0] for each in container.get("envFrom", ())]
    if settings != [service]:
        yield f"has the settings of {', '.join(settings) or 'nobody'}"


def _image(root: Path, service: str, image: str) -> Iterator[str]:
    found = _IMAGE.fullmatch(image)
    if found is None or found["service"] != service:
        yield f"is made of {image}, not of {service}'s image"
    elif not (root / "services" / service / "Dockerfile").is_file():
        yield f"is made of {image}, which no Dockerfile is for"
    elif found["tag"] is None:
        yield f"is made of {image}, of whatever version: the overlay's `images` do not name it"


def _stops(kind: str, pod: Object) -> Iterator[str]:
    """Whoever stops ends what it has in hand within its time, after it has waited for the last requests to come."""
    [container] = pod["containers"]
    command = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ("sleep", "0"))
    waits, grace = int(command[-1]), pod["terminationGracePeriodSeconds"]
    if kind == GATEWAY.name and (command[0] != "sleep" or waits < _UNSEEN):
        yield f"waits {waits} s before it stops, and requests come for {_UNSEEN} s"
    if waits + _STOP >= grace:
        yield f"waits {waits} s before it stops, of {grace} s, and then takes up to {_STOP:g} s"


def _roles(cluster: Object) -> Iterator[str]:
    """Each role has the password of its name."""
    for role in cluster["spec"].get("managed", {}).get("roles", ()):
        wanted, found = f"postgres-{role['name'].replace('_', '-')}", role["passwordSecret"]["name"]
        if found != wanted:
            yield f"the role {role['name']} has the password of {found}, not of {wanted}"
