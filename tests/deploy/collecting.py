"""Checks of the collector of traces: its parts, where it listens and sends, and its memory."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import yaml

# Of the parts that the file uses (https://opentelemetry.io/docs/collector/configuration/); it refuses any other.
_SCHEMA = Path(__file__).parent / "collector_schema.json"
_SERVICE = "otel-collector"
_GIVEN = re.compile(r"\$\{env:([A-Z_]+)\}")


def collector(root: Path) -> Sequence[str]:
    """Its file keeps the schema; every part that a pipeline names is there, every part that is there is used; it
    listens where traces are sent, sends them on where it is told to, and refuses them before its container is full."""
    configuration = yaml.safe_load((root / "compose/otel/collector.yaml").read_text("utf-8"))
    wrong = [
        f"collector.yaml: {'/'.join(str(part) for part in error.absolute_path)}: {error.message}"
        for error in jsonschema.Draft7Validator(json.loads(_SCHEMA.read_text("utf-8"))).iter_errors(configuration)
    ]
    if wrong:
        return wrong
    declared = tomllib.loads((root / "docs/architecture/dependencies.toml").read_text("utf-8"))["watched_from"]
    listens = configuration["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    if listens != f"0.0.0.0:{declared['traces']}":
        wrong.append(f"collector.yaml listens at {listens}, and traces are sent to port {declared['traces']}")
    service = yaml.safe_load((root / "compose/compose.observability.yaml").read_text("utf-8"))["services"][_SERVICE]
    wrong += _memory(configuration["processors"]["memory_limiter"], service["deploy"]["resources"]["limits"]["memory"])
    for exporter in configuration["exporters"].values():
        wrong += [
            f"{name} is given by nobody"
            for name in _GIVEN.findall(exporter["endpoint"])
            if name not in service["environment"]
        ]
    used: dict[str, set[str]] = {"receivers": set(), "processors": set(), "exporters": set()}
    for name, pipeline in configuration["service"]["pipelines"].items():
        for kind, parts in used.items():
            of_pipeline = set(pipeline.get(kind, ()))
            wrong += [f"pipeline {name}: no {kind} {one}" for one in of_pipeline - set(configuration.get(kind, {}))]
            parts |= of_pipeline
    used["extensions"] = set(configuration["service"].get("extensions", ()))
    for kind, parts in used.items():
        defined = set(configuration.get(kind, {}))
        wrong += [f"{kind} {one} is in no pipeline" for one in defined - parts]
    wrong += [f"extension {one} is not there" for one in used["extensions"] - set(configuration.get("extensions", {}))]
    return wrong


def _memory(limiter: Mapping[str, Any], most: str) -> Iterator[str]:
    """The program needs memory beside what it keeps of traces."""
    limit, refuses_at = int(most.removesuffix("M")), limiter["limit_mib"]
    if refuses_at >= limit:
        yield f"collector.yaml: its container's {limit} MiB are full before the {refuses_at} at which it refuses traces"
    if limiter.get("spike_limit_mib", 0) >= refuses_at:
        yield f"collector.yaml: a spike of {limiter['spike_limit_mib']} MiB leaves nothing of {refuses_at}"
