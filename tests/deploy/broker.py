"""Checks of RabbitMQ's files, by its own reader of them: those of compose, and the operator's on Kubernetes."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from bet_intel.compose.servers.processes import ServerError
from bet_intel.compose.servers.programs import RABBITMQ
from deploy.faults import CannotTellError, ran

_FOLDER = "compose/rabbitmq"
_CLUSTER = "compose/k8s/components/rabbitmq/cluster.yaml"
_SECRETS = "compose/secrets.sh"
_MADE = "rabbitmq_definitions.json"
_PLUGIN = re.compile(r"\w+")
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
    said to be; of these the virtual host that everybody is told of has quorum queues."""
    installed = _plugins()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(root / _SECRETS, folder)
        code, said = ran(Path(folder) / "secrets.sh", cwd=Path(folder))
        if code:
            return [f"secrets.sh: {said.strip()}"]
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
    given = [one["target"] for one in node["secrets"] if isinstance(one, dict) and one["source"] == _MADE]
    yield from (f"rabbitmq.conf: {fault}" for fault in _read(text, given, installed, plugins, secrets))


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
    file = secrets / "rabbitmq.conf"
    file.write_text(
        re.sub(r"^load_definitions = .*$", f"load_definitions = {secrets / _MADE}", text, flags=re.M), "utf-8"
    )
    schemas = [one for name in ("rabbit", *sorted(plugins)) for one in installed.glob(f"{name}-*/priv/schema/*.schema")]
    paths = [part for one in sorted(installed.glob("*/ebin")) for part in ("-pa", one)]
    code, said = ran("erl", "-noshell", "-noinput", *paths, "-eval", _READ, "-extra", file, *schemas)
    if code:
        yield said.strip()


def _defined(secrets: Path) -> Iterator[str]:
    try:
        definitions: dict[str, Any] = json.loads((secrets / _MADE).read_text("utf-8"))
    except ValueError as error:
        yield f"{_MADE}: {error}"
        return
    address = urlsplit((secrets / "broker_url").read_text("utf-8"))
    vhost = address.path.removeprefix("/")
    types = {one["name"]: one.get("metadata", {}).get("default_queue_type") for one in definitions["vhosts"]}
    if types.get(vhost) != "quorum":
        yield f"{_MADE}: queues of {vhost} are not quorum queues unless declared otherwise"
    if f"{address.username}@{vhost}" not in {f"{one['user']}@{one['vhost']}" for one in definitions["permissions"]}:
        yield f"{_MADE}: {address.username}, whom everybody logs in as, may do nothing in {vhost}"
