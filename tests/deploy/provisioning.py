"""Checks of what Grafana is given at its start: it finds the source of its data, and the dashboards, which name it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from deploy.composing import configuration

_FOLDER = "compose/grafana/provisioning"
_READS = "/etc/grafana/provisioning"
_BESIDE = "compose/compose.observability.yaml"


def provisioning(root: Path) -> Sequence[str]:
    """Each file is where Grafana looks, of the version that it reads, and names what the compose files run."""
    try:
        services = configuration(root, _BESIDE)["services"]
    except ValueError as error:
        return [str(error)]
    mounted = {one["target"]: Path(one["source"]) for one in services["grafana"]["volumes"] if one["type"] == "bind"}
    if mounted.get(_READS) != root / _FOLDER:
        return [f"compose.observability.yaml: {_FOLDER} is not where Grafana looks, {_READS}"]
    return [*_sources(root, services), *_dashboards(root, mounted)]


def _sources(root: Path, services: Mapping[str, Any]) -> Iterator[str]:
    sources = list(_given(root, "datasources", "datasources"))
    for file, one in sources:
        if missing := {"name", "type", "uid", "url"} - one.keys():
            yield f"{file}: a source has no {', '.join(sorted(missing))}"
            continue
        address = urlsplit(one["url"])
        if address.scheme != "http" or address.hostname not in services:
            yield f"{file}: there is no {one['url']} in the compose files"
        elif f":{address.port}/" not in str(services[address.hostname].get("healthcheck")):
            yield f"{file}: {address.hostname} does not listen on {address.port}"
    if [bool(one.get("isDefault")) for _, one in sources].count(True) != 1:
        yield f"{_FOLDER}: not one source is the default"
    known = {(one.get("type"), one.get("uid")) for _, one in sources}
    for dashboard in sorted((root / "compose/grafana/dashboards").glob("*.json")):
        asked = {(each["datasource"]["type"], each["datasource"]["uid"]) for each in _panels(dashboard)}
        yield from (f"{dashboard.name} asks {uid} ({kind}), which is no source" for kind, uid in sorted(asked - known))


def _dashboards(root: Path, mounted: Mapping[str, Path]) -> Iterator[str]:
    providers = list(_given(root, "dashboards", "providers"))
    for file, one in providers:
        if one.get("type") != "file" or not one.get("name"):
            yield f"{file}: a provider has no name, or is not of files"
        folder = mounted.get(one.get("options", {}).get("path", ""))
        if folder is None or not list(folder.glob("*.json")):
            yield f"{file}: there are no dashboards in {one.get('options', {}).get('path')}"
    if not providers:
        yield f"{_FOLDER}: nobody provides dashboards"


def _given(root: Path, folder: str, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The entries of every file in a folder, with its name.

    A file of another version, or without entries of that kind, has a single one that lacks everything.
    """
    for file in sorted((root / _FOLDER / folder).glob("*.yaml")):
        document = yaml.safe_load(file.read_text("utf-8"))
        entries = document.get(kind) if document.get("apiVersion") == 1 else None
        yield from ((file.name, one) for one in entries or [{}])


def _panels(file: Path) -> Sequence[Mapping[str, Any]]:
    panels: Sequence[Mapping[str, Any]] = json.loads(file.read_text("utf-8"))["panels"]
    return panels
