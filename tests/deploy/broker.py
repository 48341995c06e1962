"""Checks of RabbitMQ's files, by its own reader of them: those of compose, and the operator's on Kubernetes."""

import json
import re
import tempfile
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml

from bet_intel.compose.cluster.engines import VHOST
from bet_intel.compose.cluster.services import KINDS
from bet_intel.compose.servers.processes import ServerError
from bet_intel.compose.servers.programs import RABBITMQ
from bet_intel.compose.servers.rabbitmq import Permissions
from deploy.broker_files import ADMINISTRATOR, WATCHER, granted
from deploy.faults import CannotTellError, ran
from deploy.making_secrets import make_secrets
from deploy.plan import INSTANCES

_FOLDER = "compose/rabbitmq"
_CLUSTER = "compose/k8s/components/rabbitmq/cluster.yaml"
_MADE = "rabbitmq_definitions.json"
_SERVICES = sorted({kind.service for kind in KINDS.values()})
_TAGS = {ADMINISTRATOR: "administrator", WATCHER: "management", **dict.fromkeys(_SERVICES, "")}
_ADDRESSES = {
    ADMINISTRATOR: "broker_url",
    **{service: f"{service.replace('-', '_')}_broker_url" for service in _SERVICES},
}
_SHARE = 0.7
"""Of a node's memory that may be taken when publishers stop: what collects garbage needs room."""
_PLUGIN = re.compile(r"\w+")
# Settings of a newer RabbitMQ than the one that is installed here.
_NEWER = Path(__file__).with_name("rabbitmq_newer.schema")
# A queue that was made while nodes were away gets its members there (docs/adr/0100).
_GROWS = {
    "quorum_queue.continuous_membership_reconciliation.enabled": "true",
    "quorum_queue.continuous_membership_reconciliation.target_group_size": str(INSTANCES),
}
# What the operator enables of itself.
_OF_THE_OPERATOR = frozenset({"rabbitmq_management", "rabbitmq_prometheus", "rabbitmq_peer_discovery_k8s"})
_INSTALLED = ("/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins", "/opt/rabbitmq/plugins")
_READ = """
[File | Schemas] = init:get_plain_arguments(),
Fail = fun(Errors) -> [io:format("~ts~n", [cuttlefish_error:xlate(One)]) || {error, One} <- Errors], halt(1) end,
case cuttlefish_conf:file(File) of
    {errorlist, Errors} -> Fail(Errors);
    Said ->
        case cuttlefish_generator:map(cuttlefish_schema:files(Schemas), Said) of
            {error, _, {errorlist, Errors}} -> Fail(Errors);
            _ -> halt(0)
        end
end.
"""


def rabbitmq(root: Path) -> Sequence[str]:
    """A node would start with these files: it knows every setting and plugin, and finds the definitions where they are
    said to be. By these the virtual host has quorum queues, and each user the rights of what it does and no more."""
    installed = _plugins()
    with tempfile.TemporaryDirectory() as folder:
        failed = make_secrets(root, Path(folder))
        if failed:
            return failed
        secrets = Path(folder) / "secrets"
        return [*_of_compose(root, installed, secrets), *_of_kubernetes(root, installed, secrets), *_defined(secrets)]


def _plugins() -> Path:
    try:
        RABBITMQ.find("rabbitmq-server")
    except ServerError as error:
        raise CannotTellError(f"{error} or scripts/deploy-tools") from error
    found = sorted(one for pattern in _INSTALLED for one in Path("/").glob(pattern.removeprefix("/")))
    if not found:
        raise CannotTellError(f"RabbitMQ is not where it is looked for: {', '.join(_INSTALLED)}")
    return found[-1]


def _of_compose(root: Path, installed: Path, secrets: Path) -> Iterator[str]:
    said = (root / _FOLDER / "enabled_plugins").read_text("utf-8").strip()
    if not re.fullmatch(r"\[(\w+(,\s*\w+)*)?\]\.", said):
        yield f"enabled_plugins: {said} is no list of plugins as Erlang has it"
    plugins = set(_PLUGIN.findall(said))
    yield from (f"enabled_plugins: there is no {one}" for one in sorted(plugins - _known(installed)))
    text = (root / _FOLDER / "rabbitmq.conf").read_text("utf-8")
    node = yaml.safe_load((root / "compose/compose.yaml").read_text("utf-8"))["services"]["rabbitmq-1"]
    yield from _heeds_its_limit(text, node["deploy"]["resources"]["limits"]["memory"])
    given = [one["target"] for one in node["secrets"] if isinstance(one, dict) and one["source"] == _MADE]
    yield from (f"rabbitmq.conf: {fault}" for fault in _read(text, given, installed, plugins, secrets))


def _heeds_its_limit(text: str, limit: str) -> Iterator[str]:
    """Of a container's limit RabbitMQ knows nothing: it stops publishers where it is told to, or by the host's memory.
    On Kubernetes the operator tells it the limit."""
    told = re.search(r"^vm_memory_high_watermark\.absolute = (\d+)MiB$", text, re.M)
    most = re.fullmatch(r"(\d+)G", limit)
    if told is None or most is None:
        yield f"rabbitmq.conf: nobody can tell whether publishers stop below {limit}: no MiB are said to be too many"
    elif int(told[1]) > int(most[1]) * 1024 * _SHARE:
        yield f"rabbitmq.conf: publishers stop at {told[1]} MiB, more than {_SHARE:.0%} of the container's {limit}"


def _of_kubernetes(root: Path, installed: Path, secrets: Path) -> Iterator[str]:
    [cluster, *_] = yaml.safe_load_all((root / _CLUSTER).read_text("utf-8"))
    of_pod = cluster["spec"]["override"]["statefulSet"]["spec"]["template"]["spec"]
    mounted = {one["name"]: one["mountPath"] for each in of_pod["containers"] for one in each.get("volumeMounts", ())}
    given = [
        f"{mounted[volume['name']]}/{item['path']}"
        for volume in of_pod.get("volumes", ())
        for item in volume["secret"]["items"]
        if volume["name"] in mounted
    ]
    text = cluster["spec"]["rabbitmq"]["additionalConfig"]
    named = set(cluster["spec"]["rabbitmq"]["additionalPlugins"])
    yield from (f"cluster.yaml: there is no {one}" for one in sorted(named - _known(installed)))
    plugins = _OF_THE_OPERATOR | named
    yield from (f"cluster.yaml: {fault}" for fault in _read(text, given, installed, plugins, secrets))


def _known(installed: Path) -> set[str]:
    return {one.name.rpartition("-")[0] for one in installed.iterdir()}


def _read(text: str, given: Sequence[str], installed: Path, plugins: Set[str], secrets: Path) -> Iterator[str]:
    """What RabbitMQ says of a configuration, with the definitions where they are given."""
    lines = [line.partition(" = ") for line in text.splitlines() if line and not line.startswith("#")]
    loaded = [value for name, _, value in lines if name == "load_definitions"]
    if loaded != list(given):
        yield f"definitions are loaded from {', '.join(loaded) or 'nowhere'}, and given at {', '.join(given) or 'none'}"
    said_of = {name: value for name, _, value in lines}
    yield from (
        f"a queue gets no member on a node that joins later: {name} is {said_of.get(name, 'not set')}, not {wanted}"
        for name, wanted in _GROWS.items()
        if said_of.get(name) != wanted
    )
    file = secrets / "rabbitmq.conf"
    file.write_text(
        re.sub(r"^load_definitions = .*$", f"load_definitions = {secrets / _MADE}", text, flags=re.M), "utf-8"
    )
    schemas = [one for name in ("rabbit", *sorted(plugins)) for one in installed.glob(f"{name}-*/priv/schema/*.schema")]
    schemas.append(_NEWER)
    paths = [part for one in sorted(installed.glob("*/ebin")) for part in ("-pa", one)]
    code, said = ran("erl", "-noshell", "-noinput", *paths, "-eval", _READ, "-extra", file, *schemas)
    if code:
        yield said.strip()


def _defined(secrets: Path) -> Iterator[str]:
    try:
        made: dict[str, Any] = json.loads((secrets / _MADE).read_text("utf-8"))
    except ValueError as error:
        yield f"{_MADE}: {error}"
        return
    types = {one["name"]: one.get("metadata", {}).get("default_queue_type") for one in made["vhosts"]}
    if types.get(VHOST) != "quorum":
        yield f"{_MADE}: queues of {VHOST} are not quorum queues unless declared otherwise"
    tags = {one["name"]: one["tags"] for one in made["users"]}
    if tags != _TAGS:
        yield f"{_MADE}: the users and their tags are {tags}, not {_TAGS}"
    rights = {(one["user"], one["vhost"]): msgspec.convert(one, Permissions) for one in made["permissions"]}
    for user in _TAGS:
        if rights.pop((user, VHOST), None) != granted(user):
            yield f"{_MADE}: in {VHOST} {user} has other rights than what it does needs (docs/adr/0028)"
    yield from (f"{_MADE}: {user} has rights in {vhost}" for user, vhost in rights)
    passwords = {one["name"]: one["password"] for one in made["users"]}
    for user, file in _ADDRESSES.items():
        address = urlsplit((secrets / file).read_text("utf-8"))
        if (address.username, address.password, address.path) != (user, passwords.get(user), f"/{VHOST}"):
            yield f"secrets.sh: nobody can log in by {file}, which is to be the address of {user}"
    if len({*passwords.values()}) < len(passwords) or any(one.startswith("@") for one in passwords.values()):
        yield f"{_MADE}: users have no password of their own"
