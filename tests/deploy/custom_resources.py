"""Custom resources against the schemas of their operators, which lie in `schemas/`.

`python -m deploy.custom_resources CATALOGUE` derives those that are not ours anew, from a copy of the catalogue that
`schemas/README.md` names.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = Path(__file__).parent / "schemas"
DERIVED = (
    "keda.sh/scaledobject_v1alpha1.json",
    "keda.sh/triggerauthentication_v1alpha1.json",
    "monitoring.coreos.com/podmonitor_v1.json",
    "monitoring.coreos.com/prometheusrule_v1.json",
    "monitoring.coreos.com/servicemonitor_v1.json",
    "postgresql.cnpg.io/cluster_v1.json",
    "postgresql.cnpg.io/scheduledbackup_v1.json",
)
OURS = ("barmancloud.cnpg.io/objectstore_v1.json", "rabbitmq.com/rabbitmqcluster_v1beta1.json")
_UNUSED = frozenset({"description", "default", "format"})
_SHOWN = 300


def schema_faults(one: Mapping[str, Any]) -> Iterator[str]:
    """What the schema of a custom resource's kind has to say of it; that there is none is a fault as well."""
    name = f"{one['kind']} {one['metadata']['name']}"
    validator = _validator(schema_of(one))
    if validator is None:
        yield f"{name}: there is no schema {schema_of(one)} in tests/deploy/schemas"
        return
    for error in validator.iter_errors(one):
        where = "/".join(str(part) for part in error.absolute_path)
        yield f"{name}: {where}: {error.message[:_SHOWN]}"


def schema_of(one: Mapping[str, Any]) -> str:
    """The file of an object's kind, named as kubeconform looks for it."""
    group, _, version = one["apiVersion"].rpartition("/")
    return f"{group}/{one['kind'].lower()}_{version}.json"


@cache
def _validator(name: str) -> jsonschema.Draft7Validator | None:
    file = SCHEMAS / name
    return jsonschema.Draft7Validator(json.loads(file.read_text("utf-8"))) if file.is_file() else None


def derived(published: Mapping[str, Any]) -> dict[str, Any]:
    """A published schema without what no check reads, and without the state, which the operator writes."""
    schema: dict[str, Any] = _closed(published)
    schema["properties"].pop("status", None)
    return schema


def _closed(schema: Any) -> Any:
    """A schema that refuses what it does not know, as the API of Kubernetes does when it is strict."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {
        key: {name: _closed(one) for name, one in value.items()} if key == "properties" else _closed(value)
        for key, value in schema.items()
        if key not in _UNUSED and not key.startswith("x-kubernetes-")
    }
    if "properties" in closed and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed


def _text(schema: Mapping[str, Any]) -> str:
    """A line for each property of the specification: short enough to be read, long enough to be compared."""
    spec = schema["properties"]["spec"]
    lines = [f"{json.dumps(name)}: {_packed(one)}" for name, one in sorted(spec["properties"].items())]
    rest = _packed({**schema, "properties": {**schema["properties"], "spec": {**spec, "properties": "SPEC"}}})
    return rest.replace('"SPEC"', "{\n" + ",\n".join(lines) + "\n}") + "\n"


def _packed(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def derive(catalogue: Path, into: Path = SCHEMAS) -> None:
    """Write those that are derived from the published ones, which lie in the catalogue by the same names."""
    for name in DERIVED:
        published = json.loads((catalogue / name).read_text("utf-8"))
        (into / name).parent.mkdir(exist_ok=True)
        (into / name).write_text(_text(derived(published)), "utf-8")


if __name__ == "__main__":
    derive(Path(sys.argv[1]))
