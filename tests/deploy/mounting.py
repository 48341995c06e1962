"""Whether what a container is told to read is there: the files of ours, and the secrets that it is given."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from bet_intel.compose.cluster.services import KINDS

_PATH = re.compile(r"(?:^|[\s=(\"])(/[\w./-]+)")
_SECRET = re.compile(r"/run/secrets/[\w.-]+")
_SERVICE = "${service}"
_SERVICES = sorted({kind.service.replace("-", "_") for kind in KINDS.values()})
_TEMPLATES = PurePosixPath("/etc/nginx/templates")
_INCLUDED = re.compile(r"include \$\{FOLDER\}/(\S+);")
# Where images look by themselves, or are told to by a file of ours, by their names.
_READ = {
    "postgres": ("/docker-entrypoint-initdb.d",),
    "nginx": (str(_TEMPLATES),),
    "rabbitmq": ("/etc/rabbitmq/conf.d", "/etc/rabbitmq/enabled_plugins"),
    "prom/prometheus": ("/etc/front-doors.yaml",),
    "grafana/grafana": ("/etc/grafana/provisioning", "/var/lib/grafana/dashboards"),
}
_PAGES = "docs/operations/runbooks"
# The kernel's, in every container.
_EVERYWHERE = "/dev"

Service = Mapping[str, Any]


def mounted(root: Path, services: Mapping[str, Service]) -> Iterator[str]:
    """Every path in a container's command, environment and check of health is one that something is put at, and
    whatever is put somewhere is read there, or a page types it; every secret that its files name is one of its own."""
    pages = "".join(page.read_text("utf-8") for page in sorted((root / _PAGES).glob("*.md")))
    for name, one in services.items():
        secrets = {secret["target"] for secret in one.get("secrets") or ()}
        for path in sorted(_told(one)):
            if path not in secrets and not _is_there(path, one):
                yield f"the compose files: {name} is told of {path}, which nobody puts there"
        for target in _targets(root, one):
            if not (_is_read(target, one) or f" {target}\n" in pages):
                yield f"the compose files: {name} is given {target}, which nobody reads"
        for file in _files(root, one):
            for secret in sorted(_named(file.read_text("utf-8")) - secrets):
                yield f"the compose files: {name} is not given {secret}, which {file.relative_to(root)} names"
        yield from (
            f"the compose files: {name} is given {source}, which is not there"
            for source in _sources(root, one)
            if not source.exists()
        )
    yield from _templates(services["nginx"])


def _told(one: Service) -> set[str]:
    health = one.get("healthcheck", {}).get("test") or ()
    said = [*(one.get("entrypoint") or ()), *(one.get("command") or ()), *health]
    said += [str(value) for value in (one.get("environment") or {}).values()]
    return {path for text in said for path in _PATH.findall(text)}


def _is_there(path: str, one: Service) -> bool:
    wanted = PurePosixPath(path)
    if wanted.is_relative_to(_EVERYWHERE):
        return True
    if any(wanted.is_relative_to(folder.partition(":")[0]) for folder in one.get("tmpfs") or ()):
        return True
    for volume in one.get("volumes") or ():
        if wanted.is_relative_to(volume["target"]):
            below = wanted.relative_to(volume["target"])
            return volume["type"] == "volume" or (Path(volume["source"]) / below).exists()
    return False


def _is_read(target: PurePosixPath, one: Service) -> bool:
    """What is told of, or lies where its image looks."""
    told = [PurePosixPath(path) for path in _told(one)]
    looked_at = _READ.get(str(one["image"]).rpartition(":")[0], ())
    return any(path.is_relative_to(target) for path in told) or any(target.is_relative_to(path) for path in looked_at)


def _ours(root: Path, one: Service) -> list[Mapping[str, Any]]:
    """What is ours of what is put into a container."""
    bound = [volume for volume in one.get("volumes") or () if volume["type"] == "bind"]
    return [volume for volume in bound if Path(volume["source"]).is_relative_to(root)]


def _sources(root: Path, one: Service) -> list[Path]:
    return [Path(volume["source"]) for volume in _ours(root, one)]


def _targets(root: Path, one: Service) -> list[PurePosixPath]:
    return [PurePosixPath(volume["target"]) for volume in _ours(root, one)]


def _files(root: Path, one: Service) -> Iterator[Path]:
    for source in _sources(root, one):
        yield from [source] if source.is_file() else (file for file in source.rglob("*") if file.is_file())


def _named(text: str) -> set[str]:
    texts = [text.replace(_SERVICE, service) for service in _SERVICES] if _SERVICE in text else [text]
    return {secret for one in texts for secret in _SECRET.findall(one)}


def _templates(nginx: Service) -> Iterator[str]:
    """The image fills in what ends in `.template`, and nginx reads its own file, and what that one includes."""
    environment = nginx["environment"]
    templates = {
        PurePosixPath(volume["target"]): Path(volume["source"])
        for volume in nginx["volumes"]
        if PurePosixPath(volume["target"]).is_relative_to(_TEMPLATES)
    }
    read = [nginx["command"][nginx["command"].index("-c") + 1]]
    for source in templates.values():
        if source.is_file():
            read += [f"{environment['FOLDER']}/{one}" for one in _INCLUDED.findall(source.read_text("utf-8"))]
    for target in templates:
        made = f"{environment['NGINX_ENVSUBST_OUTPUT_DIR']}/{target.stem}"
        if target.suffix != ".template" or not any(fnmatch(made, one) for one in read):
            yield f"the compose files: nginx does not read what is made of {target}"
